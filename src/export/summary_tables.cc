// Sizes, what was quantized, hypotheses and findings.
#include "quantbench/base/format.h"

#include "export/tables.h"

namespace quantbench {
namespace {

ExportTable SizeExport() {
  TableOf<ArmSize> builder("sizes", "bytes of every arm");
  builder.Text("model", "id of the model", [](const ArmSize& row) -> Json { return row.model; })
      .Text("arm", "original, or id of the variant",
            [](const ArmSize& row) -> Json { return row.arm; })
      .Int("file_bytes", "the .onnx file",
           [](const ArmSize& row) -> Json { return row.size.file_bytes; })
      .Int("external_bytes", "external files in use",
           [](const ArmSize& row) -> Json { return row.size.external_bytes; })
      .Int("total_bytes", "both", [](const ArmSize& row) -> Json { return row.size.total_bytes(); })
      .Real("times_smaller", "bytes of the original over bytes of the arm",
            [](const ArmSize& row) -> Json { return row.ratio; })
      .Int("parameters", "numbers in float tensors and in integer ones of at most 8 bits",
           [](const ArmSize& row) -> Json { return row.size.parameters(); });
  return builder.From([](const ExportSource& source, const TableOf<ArmSize>::Visit& visit) {
    for (const ArmSize& row : source.analysis->sizes) visit(row);
  });
}

struct TypeRow {
  const ArmSize* arm;
  const std::string* type;
  const TypeShare* share;
};

ExportTable TypeExport() {
  TableOf<TypeRow> builder("size_types", "bytes of every arm by element type");
  builder
      .Text("model", "id of the model", [](const TypeRow& row) -> Json { return row.arm->model; })
      .Text("arm", "original, or id of the variant",
            [](const TypeRow& row) -> Json { return row.arm->arm; })
      .Text("type", "float32, int8, ...", [](const TypeRow& row) -> Json { return *row.type; })
      .Int("tensors", "initializers and constants of that type",
           [](const TypeRow& row) -> Json { return row.share->tensors; })
      .Int("elements", "numbers in them",
           [](const TypeRow& row) -> Json { return row.share->elements; })
      .Int("bytes", "of the numbers", [](const TypeRow& row) -> Json { return row.share->bytes; });
  return builder.From([](const ExportSource& source, const TableOf<TypeRow>::Visit& visit) {
    for (const ArmSize& arm : source.analysis->sizes) {
      for (const auto& [type, share] : arm.size.by_type) visit({&arm, &type, &share});
    }
  });
}

ExportTable QuantizeExport() {
  TableOf<QuantizeResult> builder("quantization", "how making every variant went");
  builder
      .Text("model", "id of the model", [](const QuantizeResult& row) -> Json { return row.model; })
      .Text("variant", "id of the variant",
            [](const QuantizeResult& row) -> Json { return row.variant; })
      .Text("outcome", "ok, failed, ...",
            [](const QuantizeResult& row) -> Json { return Json(Name(row.outcome)); })
      .Text("reason", "one line when not ok",
            [](const QuantizeResult& row) -> Json { return row.reason; })
      .Int("layers", "that could be quantized",
           [](const QuantizeResult& row) -> Json { return row.layers; })
      .Int("quantized", "of them", [](const QuantizeResult& row) -> Json { return row.quantized; })
      .Real("sqnr_db",
            "signal to quantization noise of the worst output; empty: not verified, or equal",
            [](const QuantizeResult& row) -> Json { return row.sqnr_db; })
      .Real("seconds", "that quantizing took",
            [](const QuantizeResult& row) -> Json { return row.seconds; })
      .Int("peak_bytes", "most memory of the process",
           [](const QuantizeResult& row) -> Json { return row.peak_bytes; });
  return builder.From([](const ExportSource& source, const TableOf<QuantizeResult>::Visit& visit) {
    for (const QuantizeResult& row : source.analysis->quantized) visit(row);
  });
}

struct LayerRow {
  const QuantizeResult* result;
  const LayerPlan* layer;
};

ExportTable LayerExport() {
  TableOf<LayerRow> builder("layers", "what became of every layer of every variant, and why");
  builder
      .Text("model", "id of the model",
            [](const LayerRow& row) -> Json { return row.result->model; })
      .Text("variant", "id of the variant",
            [](const LayerRow& row) -> Json { return row.result->variant; })
      .Text("layer", "its name", [](const LayerRow& row) -> Json { return row.layer->layer; })
      .Text("operator", "its type", [](const LayerRow& row) -> Json { return row.layer->op_type; })
      .Text("became", "the scheme",
            [](const LayerRow& row) -> Json { return Json(Name(row.layer->scheme)); })
      .Text("form", "the operators that are written",
            [](const LayerRow& row) -> Json { return row.layer->form; })
      .Text("weight_type", "element type of its weights afterwards; empty: it has none",
            [](const LayerRow& row) -> Json {
              return row.layer->weight.empty() ? Json() : Json(Name(row.layer->weight_type));
            })
      .Int("weight_axis", "of the scales per channel; empty: one a tensor",
           [](const LayerRow& row) -> Json { return Known(row.layer->weight_axis); })
      .Int("block", "weights a scale; 0: not in blocks",
           [](const LayerRow& row) -> Json { return row.layer->block; })
      .Int("weight_bytes_before", "of its weights",
           [](const LayerRow& row) -> Json { return row.layer->weight_bytes_before; })
      .Int("weight_bytes_after", "scales and zero points included",
           [](const LayerRow& row) -> Json { return row.layer->weight_bytes_after; })
      .Text("reason", "why nothing better became of it; empty for a first choice",
            [](const LayerRow& row) -> Json { return row.layer->reason; });
  return builder.From([](const ExportSource& source, const TableOf<LayerRow>::Visit& visit) {
    for (const QuantizeResult& result : source.analysis->quantized) {
      for (const LayerPlan& layer : result.plan.layers) visit({&result, &layer});
    }
  });
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

ExportTable HypothesisExport() {
  TableOf<HypothesisResult> builder("hypotheses", "every hypothesis with its verdict");
  builder
      .Text("hypothesis", "its id",
            [](const HypothesisResult& row) -> Json { return row.hypothesis.id; })
      .Text("text", "the claim in words",
            [](const HypothesisResult& row) -> Json { return row.hypothesis.text; })
      .Text("why", "the reason given beforehand",
            [](const HypothesisResult& row) -> Json { return row.hypothesis.why; })
      .Text("metric", "latency.ratio, size.ratio, accuracy, ...",
            [](const HypothesisResult& row) -> Json { return Json(Name(row.hypothesis.metric)); })
      .Text("arms", "what is compared, first with second",
            [](const HypothesisResult& row) -> Json { return Joined(row.hypothesis.arms); })
      .Text("expected", "bounds of the metric",
            [](const HypothesisResult& row) -> Json { return row.hypothesis.expect.text; })
      .Text("along", "what a slope or direction goes along; empty where there is none",
            [](const HypothesisResult& row) -> Json { return row.hypothesis.along; })
      .Real("confidence", "of its author that it is supported, 0 to 1",
            [](const HypothesisResult& row) -> Json {
              return row.hypothesis.confidence ? Json(*row.hypothesis.confidence) : Json();
            })
      .Flag("primary", "shares the error rate of the study",
            [](const HypothesisResult& row) -> Json { return row.hypothesis.primary; })
      .Text("verdict", "supported, refuted, inconclusive, not judged",
            [](const HypothesisResult& row) -> Json { return Json(Name(row.judgement)); })
      .Real("p", "of the verdict, before sharing; 0 where the value is known, 1 while open",
            [](const HypothesisResult& row) -> Json { return row.p; })
      .Text("because", "why, in words",
            [](const HypothesisResult& row) -> Json { return row.explanation; })
      .Flag("written_before", "frozen before the first measurement",
            [](const HypothesisResult& row) -> Json { return row.written_before; });
  return builder.From(
      [](const ExportSource& source, const TableOf<HypothesisResult>::Visit& visit) {
        for (const HypothesisResult& row : source.analysis->hypotheses) visit(row);
      });
}

ExportTable VerdictExport() {
  TableOf<Verdict> builder("verdicts", "every hypothesis at every place where it is claimed");
  builder.Text("hypothesis", "its id", [](const Verdict& row) -> Json { return row.hypothesis; })
      .Text("model", "id of the model; empty: over several",
            [](const Verdict& row) -> Json { return row.model; })
      .Text("place", "the cell in words; empty where the metric has none",
            [](const Verdict& row) -> Json { return row.where; })
      .Text("verdict", "supported, refuted, inconclusive, not judged",
            [](const Verdict& row) -> Json { return Json(Name(row.judgement)); })
      .Real("p", "two-sided, of the nearest border of the claim",
            [](const Verdict& row) -> Json { return row.p; })
      .Between("value", "the metric there",
               [](const Verdict& row) -> Interval { return row.value; })
      .Text("because", "one sentence", [](const Verdict& row) -> Json { return row.explanation; });
  return builder.From([](const ExportSource& source, const TableOf<Verdict>::Visit& visit) {
    for (const HypothesisResult& result : source.analysis->hypotheses) {
      for (const Verdict& verdict : result.verdicts) visit(verdict);
    }
  });
}

ExportTable FindingExport() {
  TableOf<Finding> builder("findings", "what a reader should know");
  builder
      .Text("level", "note or warning",
            [](const Finding& row) -> Json {
              return row.level == Finding::Level::kWarning ? "warning" : "note";
            })
      .Text("text", "the finding with its evidence",
            [](const Finding& row) -> Json { return row.text; });
  return builder.From([](const ExportSource& source, const TableOf<Finding>::Visit& visit) {
    for (const Finding& row : source.analysis->findings) visit(row);
  });
}

}  // namespace

std::vector<ExportTable> SummaryExports() {
  return {SizeExport(),       TypeExport(),    QuantizeExport(), LayerExport(),
          HypothesisExport(), VerdictExport(), FindingExport()};
}

}  // namespace quantbench
