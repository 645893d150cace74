// Figures: gnuplot scripts with their data beside them, drawn as PNG and SVG.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/analyse.h"
#include "quantbench/base/status.h"

namespace quantbench {

// "<kind>-<name>" as a file may be called: other bytes than letters, digits, "_", "-" and "."
// become
// "+" and two hexadecimal digits, so that no two names share a file; of long ones the end is a
// hash.
std::string FigureName(std::string_view kind, std::string_view name);

struct Figure {
  std::string name;  // file stem
  std::string title;
  std::string caption;  // made from the data
  std::string script;   // gnuplot commands without terminal and output
  std::string data;     // the file <name>.dat
};

// Size bars; latency against everything swept (sweep_figures.h), model by model; accuracy against
// latency; scenarios (scenario_figures.h).
std::vector<Figure> MakeFigures(const Analysis& analysis);

// Writes <name>.dat, <name>.gp and, when gnuplot is there, <name>.png and <name>.svg. Returns the
// pictures. `missing` says what to install when gnuplot is absent.
Result<std::vector<std::filesystem::path>> DrawFigures(const std::vector<Figure>& figures,
                                                       const std::filesystem::path& folder,
                                                       std::string* missing);

}  // namespace quantbench
