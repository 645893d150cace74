// Average precision of detections.
#pragma once

#include <memory>

#include "quantbench/analyse.h"

namespace quantbench {

// Mean over the classes that occur, and over the first `overlaps` of 0.5, 0.55 ... 0.95, of the
// mean precision at the recalls 0, 0.01 ... 1. A detection matches the object of its class and
// image that it overlaps most and that no better detection took; one that matches only a crowd
// counts neither way.   [Lin et al. 2014; cocodataset.org, "Detection evaluation"]
std::unique_ptr<Scorer> MakePrecisionScorer(const Predictions& predictions, int overlaps);

}  // namespace quantbench
