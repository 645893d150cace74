// Why a layer cannot take a treatment, or is better off without it.
#include "quantbench/base/format.h"

#include "quantize/layer_choices.h"

namespace quantbench {
namespace {

// ONNX versions that brought the types. [ONNX DequantizeLinear-19, -21]
constexpr std::int64_t kFloat8Opset = 19;
constexpr std::int64_t kBlockOpset = 21;
// Below this a block form's node, names and scales weigh more than they save.
constexpr std::int64_t kMinBlockWeights = 1024;

std::string WhyNotDynamic(const Node& node, const WeightedLayer& layer, const Model& model) {
  if (node.Is("Gather")) return "";
  if (node.Is("LSTM")) return "";
  if (std::string reason = WhyNotOpset(model, kDynamicOpset); !reason.empty()) return reason;
  if (!node.Is("Conv")) return "";
  if (node.IntAttribute("group", 1) != 1) {
    return "grouped convolution: the engine has no dynamic integer kernel that pays";
  }
  if (layer.weight->dims.size() != 4) {
    return Format("{}-dimensional convolution: only two-dimensional ones are quantized dynamically",
                  layer.weight->dims.size() - 2);
  }
  return "";
}

// 4-bit weights of integer kernels.
std::string WhyNotNibbles(const Treatment& treatment, const Node& node,
                          const WeightedLayer& layer) {
  if (!treatment.per_channel) return "4-bit weights need a scale a channel";
  if (node.Is("Gather")) return "the engine has no 4-bit table of integer kernels";
  if (Elements(*layer.weight) < kMinBlockWeights) {
    return Format("fewer than {} weights: 4 bits would save nothing", kMinBlockWeights);
  }
  if (node.Is("Conv") && layer.weight->dims[1] == 1) {
    return "depthwise: few weights decide each output, 4 bits would cost more than they save";
  }
  return "";
}

std::string WhyNotStatic(const Treatment& treatment, const Node& node, const WeightedLayer& layer,
                         const Model& model) {
  if (node.Is("LSTM")) return "recurrent: the engine has no static integer form of it";
  if (treatment.weights == DataType::kInt4) {
    if (std::string reason = WhyNotNibbles(treatment, node, layer); !reason.empty()) return reason;
  }
  if (node.Is("Gather") || StaticOpset(model) > 0) return "";
  return WhyNotOpset(model, kOldestIntegers);
}

std::string WhyNotWeightOnly(const Treatment& treatment, const Node& node,
                             const WeightedLayer& layer, const Model& model) {
  if (!node.Is("MatMul") && !node.Is("Gemm") && !node.Is("Gather")) {
    return Format("the engine has no block form of {}", node.op_type);
  }
  if (treatment.block < 1) return "the recipe gives its blocks no size";
  if (Elements(*layer.weight) < kMinBlockWeights) {
    return Format("fewer than {} weights", kMinBlockWeights);
  }
  if (treatment.format == QuantFormat::kQdq && OnnxOpset(model) < kBlockOpset) {
    return Format("DequantizeLinear in blocks needs opset {}, the model has {}", kBlockOpset,
                  OnnxOpset(model));
  }
  return "";
}

std::string WhyNotFloat8(const Node& node, const Model& model) {
  if (node.Is("LSTM") || node.Is("Gather")) return Format("no float8 form of {}", node.op_type);
  if (OnnxOpset(model) >= kFloat8Opset) return "";
  return Format("float8 needs opset {}, the model has {}", kFloat8Opset, OnnxOpset(model));
}

}  // namespace

std::string WhyNot(const Treatment& treatment, const Node& node, const WeightedLayer& layer,
                   const Model& model) {
  switch (treatment.scheme) {
    case Scheme::kKeepFloat:
    case Scheme::kStored: return "";
    case Scheme::kDynamicInt8: return WhyNotDynamic(node, layer, model);
    case Scheme::kStaticInt8: return WhyNotStatic(treatment, node, layer, model);
    case Scheme::kWeightOnly: return WhyNotWeightOnly(treatment, node, layer, model);
    case Scheme::kFloat8: return WhyNotFloat8(node, model);
  }
  return "";
}

// [measured on AVX2 and AVX-512: ConvInteger 0.13 to 1.1 of the float kernel over whole networks]
std::string WhyNotWorth(const Treatment& treatment, const Node& node) {
  if (treatment.scheme == Scheme::kDynamicInt8 && node.Is("Conv")) {
    return "the engine's dynamic integer convolution is no faster than float: static-int8 is";
  }
  return "";
}

}  // namespace quantbench
