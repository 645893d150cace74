// Gathering: records become the typed rows of an analysis.
#include "analyse/gather.h"

#include <algorithm>
#include <limits>
#include <map>

#include "quantbench/base/format.h"

#include "analyse/unknown.h"

namespace quantbench {
namespace {

// What two arms answered to the same rows.
void CompareAnswers(const Predictions& original, const Predictions& other, ArmAccuracy* row) {
  if (original.classes.size() != other.classes.size()) return;
  std::int64_t same = 0;
  std::int64_t gained = 0;
  std::int64_t lost = 0;
  const bool labelled = row->labelled && original.labels == other.labels;
  for (std::size_t i = 0; i < other.classes.size(); ++i) {
    same += other.classes[i] == original.classes[i] ? 1 : 0;
    if (!labelled) continue;
    const bool before = original.classes[i] == original.labels[i];
    const bool after = other.classes[i] == other.labels[i];
    gained += !before && after ? 1 : 0;
    lost += before && !after ? 1 : 0;
  }
  row->agreement = WilsonInterval(same, other.rows);
  if (labelled) row->difference = PairedDifference(gained, lost, other.rows);
}

}  // namespace

std::size_t OrderOf(const Study& study, const std::string& arm) {
  if (arm == kOriginal) return 0;
  for (std::size_t i = 0; i < study.variants.size(); ++i) {
    if (study.variants[i].id == arm) return i + 1;
  }
  return study.variants.size() + 1;
}

QuantizeResult GatherQuantize(const Record& record) {
  QuantizeResult row;
  row.model = record.what.model;
  row.variant = record.what.arm;
  row.outcome = record.outcome;
  row.reason = record.reason;
  row.sqnr_db = kNaN;
  if (record.outcome != Outcome::kOk) return row;
  const Json& results = record.results;
  if (results["exact"].AsBool()) {
    row.sqnr_db = std::numeric_limits<double>::infinity();
  } else if (results["verified"].AsBool()) {
    row.sqnr_db = results["sqnr_db"].AsDouble(kNaN);
  }
  row.seconds = results["seconds"].AsDouble();
  row.peak_bytes = static_cast<std::uint64_t>(results["peak_bytes"].AsInt());
  if (auto plan = Plan::FromJson(results["plan"]); plan.ok()) row.plan = std::move(plan).value();
  std::map<std::string, std::int64_t> reasons;
  for (const LayerPlan& layer : row.plan.layers) {
    ++row.layers;
    if (layer.scheme == Scheme::kKeepFloat) {
      ++reasons[layer.reason];
    } else {
      ++row.quantized;
    }
  }
  row.float_reasons.assign(reasons.begin(), reasons.end());
  std::stable_sort(row.float_reasons.begin(), row.float_reasons.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return row;
}

void GatherSizes(const Record& record, std::vector<ArmSize>* sizes) {
  if (record.outcome != Outcome::kOk) return;
  const auto before = ModelSize::FromJson(record.results["size_original"]);
  const auto after = ModelSize::FromJson(record.results["size"]);
  if (!before.ok() || !after.ok()) return;
  const auto known = std::any_of(sizes->begin(), sizes->end(), [&](const ArmSize& size) {
    return size.model == record.what.model && size.arm == kOriginal;
  });
  if (!known) sizes->push_back({record.what.model, std::string(kOriginal), before.value(), 1});
  const double ratio = static_cast<double>(before.value().total_bytes()) /
                       static_cast<double>(std::max<std::uint64_t>(1, after.value().total_bytes()));
  sizes->push_back({record.what.model, record.what.arm, after.value(), ratio});
}

std::vector<ArmAccuracy> GatherAccuracy(const Study& study,
                                        const std::vector<const Record*>& records) {
  std::map<std::string, Predictions> originals;
  for (const Record* record : records) {
    if (record->what.arm != kOriginal || record->outcome != Outcome::kOk) continue;
    auto predictions = Predictions::FromJson(record->results["predictions"]);
    if (predictions.ok()) originals[record->what.model] = std::move(predictions).value();
  }
  std::vector<ArmAccuracy> rows;
  for (const Record* record : records) {
    ArmAccuracy row;
    row.model = record->what.model;
    row.arm = record->what.arm;
    row.outcome = record->outcome;
    row.reason = record->reason;
    row.data = record->results["data"].AsString();
    row.top1 = row.difference = row.agreement = kUnknown;
    const auto predictions = Predictions::FromJson(record->results["predictions"]);
    if (record->outcome == Outcome::kOk && predictions.ok()) {
      const Predictions& answers = predictions.value();
      row.rows = answers.rows;
      row.labelled = !answers.labels.empty();
      row.correct = answers.Correct();
      if (row.labelled) row.top1 = WilsonInterval(row.correct, row.rows);
      const auto original = originals.find(row.model);
      if (original != originals.end() && row.arm != kOriginal) {
        CompareAnswers(original->second, answers, &row);
      }
    }
    rows.push_back(std::move(row));
  }
  std::stable_sort(rows.begin(), rows.end(), [&](const ArmAccuracy& a, const ArmAccuracy& b) {
    return OrderOf(study, a.arm) < OrderOf(study, b.arm);
  });
  return rows;
}

}  // namespace quantbench
