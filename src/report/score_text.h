// Scores as text, each in the unit people know it in.
#pragma once

#include <string>

#include "quantbench/analyse.h"

namespace quantbench {

// "top-1 %", "perplexity", "mAP50 %".
std::string ScoreTitle(Score score);
// What a value is multiplied with to be shown: 100 for shares.
double ScoreUnit(Score score);
// "96.85", "5.462"; "-" where there is none.
std::string ShowScore(const ArmScore& score);
// "96.10 to 97.44".
std::string ShowScoreRange(const ArmScore& score);
// Points, of perplexity per cent: "-0.29 to +0.21"; "-" where there is none.
std::string ShowDifference(const ArmScore& score);

}  // namespace quantbench
