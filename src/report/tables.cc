// The tables of a study.
#include <algorithm>
#include <cmath>
#include <limits>

#include "quantbench/base/format.h"
#include "quantbench/report.h"

#include "report/cells.h"
#include "report/lookup.h"
#include "report/score_text.h"

namespace quantbench {
namespace {

std::string Percent(double share) {
  return std::isnan(share) ? "-" : Format("{:.2f}", share * 100);
}

// "int8 72 %, float32 28 %": the weights by element type, largest first.
std::string TypeShares(const ModelSize& size) {
  std::uint64_t total = 0;
  std::vector<std::pair<std::uint64_t, std::string>> types;
  for (const auto& [name, share] : size.by_type) {
    total += share.bytes;
    types.emplace_back(share.bytes, name);
  }
  std::sort(types.rbegin(), types.rend());
  std::string text;
  for (const auto& [bytes, name] : types) {
    const double share =
        total > 0 ? 100.0 * static_cast<double>(bytes) / static_cast<double>(total) : 0;
    if (share < 0.5) continue;
    text += Format("{}{} {:.0f} %", text.empty() ? "" : ", ", name, share);
  }
  return text;
}

// Of the arm's output over the data, else as it was compared when it was made; NaN: not known.
double SqnrOf(const Analysis& analysis, const std::string& model, const std::string& arm) {
  const ArmAccuracy* accuracy = AccuracyOf(analysis, model, arm);
  if (accuracy != nullptr && !std::isnan(accuracy->sqnr_db)) return accuracy->sqnr_db;
  for (const QuantizeResult& row : analysis.quantized) {
    if (row.model == model && row.variant == arm) return row.sqnr_db;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

std::vector<std::string> SummaryRow(const Analysis& analysis, const std::string& model,
                                    const std::string& arm) {
  const ArmSize* size = SizeOf(analysis, model, arm);
  const ArmLatency* latency = LatencyOf(FirstCell(analysis, model), arm);
  const ArmAccuracy* accuracy = AccuracyOf(analysis, model, arm);
  const bool scored = accuracy != nullptr && accuracy->outcome == Outcome::kOk;
  std::vector<std::string> row = {model, arm};
  row.push_back(size == nullptr
                    ? "-"
                    : Format("{:.3f}", static_cast<double>(size->size.total_bytes()) * 1e-6));
  row.push_back(size == nullptr ? "-" : Number(size->ratio));
  row.push_back(latency == nullptr ? "-" : Number(latency->ms.mean));
  row.push_back(latency == nullptr ? "-" : Number(latency->ms.stddev));
  row.push_back(latency == nullptr ? "-" : Number(latency->speedup.estimate));
  row.push_back(latency == nullptr || arm == kOriginal ? "-" : Range(latency->speedup));
  const ArmScore* main = scored ? accuracy->main() : nullptr;
  if (main != nullptr) {
    row.insert(row.end(), {ScoreTitle(main->score), ShowScore(*main), ShowDifference(*main)});
  } else {  // nothing to score: how near the answers stay to the original's
    const double sqnr_db =
        arm == kOriginal ? std::numeric_limits<double>::quiet_NaN() : SqnrOf(analysis, model, arm);
    row.insert(row.end(), {std::isnan(sqnr_db) ? "-" : "SQNR dB", Number(sqnr_db), "-"});
  }
  row.push_back(scored ? Percent(accuracy->agreement.estimate) : "-");
  return row;
}

// "latency.ratio increases along batch, 70 % sure".
std::string ExpectedOf(const Hypothesis& hypothesis) {
  std::string text = Format("{} {}", Name(hypothesis.metric), hypothesis.expect.text);
  if (!hypothesis.along.empty()) text += Format(" along {}", hypothesis.along);
  if (hypothesis.confidence) text += Format(", {:.0f} % sure", 100 * *hypothesis.confidence);
  return text;
}

}  // namespace

Table SummaryTable(const Analysis& analysis) {
  Table table;
  table.title = "Summary";
  table.columns = {{"model", false}, {"arm", false}, {"MB"},           {"times smaller"},
                   {"mean ms"},      {"std ms"},     {"times faster"}, {"95 %", true},
                   {"score", false}, {"value"},      {"change, 95 %"}, {"agreement %"}};
  for (const StudyModel& model : analysis.study.models) {
    for (const std::string& arm : ArmsOf(analysis)) {
      if (arm != kOriginal && SizeOf(analysis, model.id, arm) == nullptr) continue;
      table.rows.push_back(SummaryRow(analysis, model.id, arm));
    }
  }
  return table;
}

Table SizeTable(const Analysis& analysis) {
  Table table;
  table.title = "Size";
  table.columns = {
      {"model", false},  {"arm", false},    {"bytes"},      {"MB"},
      {"MB of tensors"}, {"times smaller"}, {"parameters"}, {"weights by type", false}};
  for (const ArmSize& row : analysis.sizes) {
    const std::uint64_t bytes = row.size.total_bytes();
    std::uint64_t tensors = 0;  // the rest is code, names and the like
    for (const auto& [type, share] : row.size.by_type) tensors += share.bytes;
    const bool counted = !row.size.by_type.contains("unknown");  // TorchScript's is not
    table.rows.push_back({row.model, row.arm, Format("{}", bytes),
                          Format("{:.3f}", static_cast<double>(bytes) * 1e-6),
                          Format("{:.3f}", static_cast<double>(tensors) * 1e-6), Number(row.ratio),
                          counted ? Format("{}", row.size.parameters()) : "-",
                          TypeShares(row.size)});
  }
  return table;
}

Table PrecisionTable(const Analysis& analysis) {
  Table table;
  table.title = "Precision";
  table.columns = {{"model", false},
                   {"bits"},
                   {"weights before", false},
                   {"variant", false},
                   {"bits aimed at"},
                   {"weights after", false},
                   {"quantized, in the authors' words", false, true}};
  const auto bits = [](std::int64_t said) { return said == 0 ? "-" : Format("{}", said); };
  for (const ArmSize& row : analysis.sizes) {
    const StudyModel* model = analysis.study.FindModel(row.model);
    const StudyVariant* variant = analysis.study.FindVariant(row.arm);
    const ArmSize* original = SizeOf(analysis, row.model, std::string(kOriginal));
    if (model == nullptr || variant == nullptr || original == nullptr) continue;
    table.rows.push_back({row.model, bits(model->bits), TypeShares(original->size), row.arm,
                          bits(variant->bits), TypeShares(row.size), variant->quantizes});
  }
  return table;
}

std::string DescribeConfidence(const Analysis& analysis) {
  const ConfidenceScore score = ScoreOfConfidence(analysis.hypotheses);
  if (score.judged == 0) return "";
  return Format(
      "Confidence stated beforehand: {:.0f} % on average over {} hypotheses that were decided, of "
      "which {} were supported; Brier score {:.2f} (0 is perfect, 0.25 what saying 50 % gets)",
      100 * score.mean_confidence, score.judged, score.supported, score.brier);
}

Table HypothesisTable(const Analysis& analysis) {
  Table table;
  table.title = "Hypotheses";
  table.columns = {{"id", false},
                   {"claim", false, true},
                   {"reason given", false, true},
                   {"expected", false},
                   {"verdict", false},
                   {"because", false, true},
                   {"frozen before measuring", false}};
  for (const HypothesisResult& result : analysis.hypotheses) {
    table.rows.push_back({result.hypothesis.id, result.hypothesis.text, result.hypothesis.why,
                          ExpectedOf(result.hypothesis), std::string(Name(result.judgement)),
                          result.explanation, result.written_before ? "yes" : "no"});
  }
  return table;
}

Table QuantizationTable(const Analysis& analysis) {
  Table table;
  table.title = "Quantization";
  table.columns = {{"model", false},
                   {"variant", false},
                   {"layers"},
                   {"quantized"},
                   {"output SQNR dB"},
                   {"seconds"},
                   {"main reason for float", false, true},
                   {"remark", false, true}};
  for (const QuantizeResult& row : analysis.quantized) {
    const StudyVariant* variant = analysis.study.FindVariant(row.variant);
    const bool given = variant != nullptr && !variant->given.empty();
    const bool fine = row.outcome == Outcome::kOk && !given;
    const std::string reason =
        row.float_reasons.empty()
            ? ""
            : Format("{} × {}", row.float_reasons.front().second, row.float_reasons.front().first);
    table.rows.push_back({row.model, row.variant, fine ? Format("{}", row.layers) : "-",
                          fine ? Format("{}", row.quantized) : "-", Number(row.sqnr_db),
                          fine ? Number(row.seconds) : "-", reason,
                          given && row.outcome == Outcome::kOk
                              ? "made elsewhere"
                              : OutcomeText(row.outcome, row.reason)});
  }
  return table;
}

namespace {

// "int8 per channel (axis 0), 3 repaired", "int4 in blocks of 32", "float16"
std::string WeightsText(const LayerPlan& layer) {
  if (layer.weight.empty() || layer.scheme == Scheme::kKeepFloat) return "-";
  std::string type = Name(layer.weight_type);
  if (layer.block > 0) return Format("{} in blocks of {}", type, layer.block);
  if (IsFloatingPoint(layer.weight_type)) return type;
  const std::string scales =
      layer.weight_axis < 0 ? "per tensor" : Format("per channel (axis {})", layer.weight_axis);
  if (layer.repaired_channels == 0) return Format("{} {}", type, scales);
  return Format("{} {}, {} repaired", type, scales, layer.repaired_channels);
}

}  // namespace

Table PlanTable(const Plan& plan) {
  Table table;
  table.title = "Layers";
  table.columns = {{"layer", false}, {"operator", false}, {"became", false},
                   {"form", false},  {"weights", false},  {"bytes before"},
                   {"bytes after"},  {"why", false, true}};
  for (const LayerPlan& layer : plan.layers) {
    table.rows.push_back({layer.layer, layer.op_type, std::string(Name(layer.scheme)), layer.form,
                          WeightsText(layer), Format("{}", layer.weight_bytes_before),
                          Format("{}", layer.weight_bytes_after), layer.reason});
  }
  return table;
}

}  // namespace quantbench
