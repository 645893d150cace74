// Gathering: records become the typed rows of an analysis.
#include "analyse/gather.h"

#include <algorithm>
#include <limits>
#include <map>

#include "quantbench/base/format.h"

#include "analyse/unknown.h"

namespace quantbench {
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
  row.operators = results["loaded"]["operators"].AsInt();
  row.conversions = results["loaded"]["conversions"].AsInt();
  row.activations = DenormalCount::FromJson(results["activations"]);
  row.outputs_original = DenormalCount::FromJson(results["outputs_original"]);
  row.outputs = DenormalCount::FromJson(results["outputs"]);
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

}  // namespace quantbench
