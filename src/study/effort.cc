// What a study may take, told before it runs.
#include <cmath>
#include <system_error>

#include "quantbench/base/format.h"
#include "quantbench/study.h"

namespace quantbench {
namespace {

// Of one energy scenario: blocks of all arms, the control among them, and of idling, and a tenth
// before each.
double EnergySeconds(const Study& study) {
  const auto arms = static_cast<double>(study.variants.size() + 2);
  const double blocks = 2 * arms * static_cast<double>(study.scenario.rounds) + 1;
  return 1.1 * blocks * study.scenario.block_s * static_cast<double>(study.scenario.processes);
}

}  // namespace

std::string ExpectedEffort(const Study& study) {
  std::int64_t cells = 0;
  std::int64_t variants = 0;
  std::uint64_t bytes = 0;
  double sustained_s = 0;
  bool serves = false;
  for (const Case& work : Expand(study)) {
    const Scenario scenario = work.cell.scenario;
    if (scenario == Scenario::kSustained) sustained_s += study.scenario.duration_s;
    if (scenario == Scenario::kEnergy) sustained_s += EnergySeconds(study);
    serves = serves || scenario == Scenario::kServer;
    const bool like_cell = scenario == Scenario::kOffline || scenario == Scenario::kEndToEnd;
    if (work.kind == CaseKind::kMeasure || work.kind == CaseKind::kNatural || like_cell) ++cells;
    if (work.kind != CaseKind::kQuantize) continue;
    ++variants;
    std::error_code failed;
    const auto size = std::filesystem::file_size(study.FindModel(work.model)->path, failed);
    if (!failed) bytes += size;
  }
  const double seconds = static_cast<double>(study.latency.budget_ns) * 1e-9;
  const double minutes =
      std::ceil((static_cast<double>(cells) * seconds + sustained_s) / 60 - 1e-6);
  return Format(
      "{} cell{} of up to {:.3g} s: about {:.0f} min of measuring{}, beside quantizing {} "
      "variant{} "
      "(less "
      "than {}) and evaluating",
      cells, cells == 1 ? "" : "s", seconds, minutes, serves ? " and minutes more of serving" : "",
      variants, variants == 1 ? "" : "s", FormatBytes(bytes));
}

}  // namespace quantbench
