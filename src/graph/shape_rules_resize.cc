// Shape rules of Resize and of Upsample, which it replaced.
#include "graph/shape_rules.h"

namespace quantbench {
namespace {

// floor(dim scale)   [ONNX Resize-11, without a region of interest]; absent for other scales.
std::optional<std::int64_t> Scaled(const Expr& dim, float scale) {
  const auto size = dim.constant();
  constexpr float kLargestScale = 1 << 16;
  if (!size || *size > Algebra::kLargestSize || !(scale > 0) || scale > kLargestScale)
    return std::nullopt;
  return static_cast<std::int64_t>(static_cast<float>(*size) * scale);
}

// Sizes that are given, or scales of constant dimensions.
void Resize(RuleContext* context) {
  const std::optional<Exprs>& data = context->Input(0).shape;
  if (!data) return;
  const std::optional<Exprs>& sizes = context->Input(3).elements;
  const bool plain = context->node.FindAttribute("axes") == nullptr &&
                     context->node.FindAttribute("keep_aspect_ratio_policy") == nullptr;
  Exprs dims = AnySizes(&context->algebra, data->size());
  const Attribute* attribute = context->node.FindAttribute("scales");  // of Upsample before 9
  const std::vector<float>& scales = attribute != nullptr
                                         ? attribute->floats
                                         : context->Input(context->opset >= 11 ? 2 : 1).floats;
  if (context->opset >= 11 && plain && sizes && sizes->size() == dims.size()) {
    dims = *sizes;
  } else if (plain && scales.size() == dims.size()) {
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (const auto scaled = Scaled((*data)[i], scales[i])) dims[i] = *scaled;
    }
  }
  context->SetShape(std::move(dims));
}

constexpr auto kResizeRules = std::to_array<ShapeRuleEntry>({
    {"Resize", Resize},
    {"Upsample", Resize},
});

}  // namespace

std::span<const ShapeRuleEntry> ResizeRules() {
  return kResizeRules;
}

}  // namespace quantbench
