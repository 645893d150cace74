// analyse: what the records mean. Pure: records in, statements with intervals out; it never
// measures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quantbench/analyse/accuracy.h"
#include "quantbench/analyse/latency.h"
#include "quantbench/analyse/ratios.h"
#include "quantbench/analyse/scaling.h"
#include "quantbench/analyse/scenarios.h"
#include "quantbench/analyse/scores.h"
#include "quantbench/analyse/statistics.h"
#include "quantbench/analyse/trials.h"
#include "quantbench/analyse/variants.h"
#include "quantbench/analyse/verdicts.h"
#include "quantbench/results.h"
#include "quantbench/study.h"

namespace quantbench {

struct Analysis {
  Study study;
  std::vector<ArmSize> sizes;
  std::vector<CellResult> cells;
  std::vector<ArmAccuracy> accuracies;
  std::vector<NaturalLatency> natural;
  std::vector<ScenarioResult> scenarios;
  std::vector<TradeOff> trade_offs;  // arms with a score and a latency
  std::vector<QuantizeResult> quantized;
  std::vector<HypothesisResult> hypotheses;
  std::vector<Finding> findings;
  std::vector<Json> environments;  // distinct ones
  std::vector<std::string> used;   // keys of the records it came from
  std::int64_t records = 0;
  std::int64_t failed = 0;  // cases that failed, crashed, timed out or ran out of memory
};

// `frozen`: what `run` wrote before measuring ({"hypotheses": {id: hash}, "time"}); null when
// unknown. Records of models, arms or cells that the study no longer has are left out.
[[nodiscard]] Analysis Analyse(const Study& study, const std::vector<Record>& records,
                               const Json& frozen);

}  // namespace quantbench
