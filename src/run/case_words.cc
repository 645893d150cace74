// What a study says of its cases while it runs.
#include "run/case_words.h"

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

std::string SpeedsIn(const CellResult& cell) {
  std::string text;
  for (const ArmLatency& arm : cell.arms) {
    if (arm.arm == kOriginal || arm.outcome != Outcome::kOk || !(arm.speedup.estimate > 0))
      continue;
    text += Format("{}{} {:.2f}", text.empty() ? "" : ", ", arm.arm, arm.speedup.estimate);
  }
  return text.empty() ? "" : text + " times as fast";
}

// The line of all sizes of the original comes first.
std::string NaturalIn(const std::vector<NaturalLatency>& rows) {
  const NaturalLatency& row = rows.front();
  if (!(row.real_to_synthetic.estimate > 0)) return "";
  return Format("real samples take {:.2f} times as long as synthetic ones",
                row.real_to_synthetic.estimate);
}

}  // namespace

std::string FoundIn(const Study& study, const Record& record) {
  if (record.outcome != Outcome::kOk) return "";
  const Analysis analysis = Analyse(study, {record}, nullptr);
  if (!analysis.cells.empty()) return SpeedsIn(analysis.cells.front());
  if (!analysis.natural.empty()) return NaturalIn(analysis.natural);
  if (!analysis.accuracies.empty()) {
    const ArmScore* main = analysis.accuracies.front().main();
    return main == nullptr ? "" : Format("{} {:.4g}", Name(main->score), main->value.estimate);
  }
  if (record.what.kind != CaseKind::kQuantize || analysis.sizes.empty()) return "";
  return Format("{:.2f} times smaller", analysis.sizes.back().ratio);
}

void CaseProgress::Update(std::string_view step, std::int64_t done, std::int64_t total) {
  outer_->Update(Format("{}: {}", name_, step), done, total);
}

}  // namespace quantbench
