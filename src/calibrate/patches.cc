// Rows of layer inputs: how a MatMul, Gemm or Conv reads its activation.
#include "calibrate/patches.h"

#include <algorithm>
#include <numeric>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr std::int64_t kLargestExtent = std::int64_t{1} << 31;

std::int64_t Product(std::span<const std::int64_t> dims) {
  return std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>());
}

// An attribute with one number a spatial axis, or `count` times the fallback where it is absent.
Result<std::vector<std::int64_t>> Spatial(const Node& node, std::string_view name,
                                          std::size_t count, std::int64_t fallback) {
  const Attribute* attribute = node.FindAttribute(name);
  if (attribute == nullptr) return std::vector<std::int64_t>(count, fallback);
  const bool fits = attribute->ints.size() == count &&
                    std::all_of(attribute->ints.begin(), attribute->ints.end(),
                                [](std::int64_t i) { return std::abs(i) < kLargestExtent; });
  if (!fits) {
    return Error(ErrorCode::kUnsupported,
                 Format("node \"{}\": its {} do not fit its weight", Printable(node.name), name));
  }
  return attribute->ints;
}

Result<InputReading> ReadingOfConv(const Node& node, const Shape& weight) {
  if (weight.size() < 3) {
    return Error(ErrorCode::kUnsupported, Format("node \"{}\": its weight has shape {}",
                                                 Printable(node.name), ToString(weight)));
  }
  const std::size_t axes = weight.size() - 2;
  InputReading reading;
  reading.patches = true;
  reading.groups = node.IntAttribute("group", 1);
  reading.kernel.assign(weight.begin() + 2, weight.end());
  QB_TRY(reading.strides, Spatial(node, "strides", axes, 1));
  QB_TRY(reading.dilations, Spatial(node, "dilations", axes, 1));
  QB_TRY(reading.pads, Spatial(node, "pads", 2 * axes, 0));
  const Attribute* auto_pad = node.FindAttribute("auto_pad");
  if (auto_pad != nullptr && auto_pad->s.starts_with("SAME")) reading.auto_pad = auto_pad->s;
  const auto positive = [](std::int64_t i) { return i > 0 && i < kLargestExtent; };
  const bool fits = reading.groups > 0 &&
                    std::all_of(reading.kernel.begin(), reading.kernel.end(), positive) &&
                    std::all_of(reading.strides.begin(), reading.strides.end(), positive) &&
                    std::all_of(reading.dilations.begin(), reading.dilations.end(), positive);
  if (fits) return reading;
  return Error(
      ErrorCode::kUnsupported,
      Format("node \"{}\": its strides, dilations or group are not above 0", Printable(node.name)));
}

Error DoesNotFit(std::span<const std::int64_t> shape) {
  return {ErrorCode::kMalformed, Format("its activation has shape {}, which the layer cannot read",
                                        ToString(Shape(shape.begin(), shape.end())))};
}

// Padding and positions along each axis [ONNX Conv-11].
bool PlacePatches(const InputReading& reading, RowLayout* layout) {
  const std::size_t axes = layout->size.size();
  for (std::size_t a = 0; a < axes; ++a) {
    const std::int64_t extent = (reading.kernel[a] - 1) * reading.dilations[a] + 1;
    std::int64_t positions = 0;
    std::int64_t begin = reading.pads[a];
    if (reading.auto_pad.empty()) {
      const std::int64_t room = layout->size[a] + begin + reading.pads[axes + a] - extent;
      positions = room < 0 ? 0 : room / reading.strides[a] + 1;
    } else {
      positions = (layout->size[a] + reading.strides[a] - 1) / reading.strides[a];
      const std::int64_t padding = std::max<std::int64_t>(
          0, (positions - 1) * reading.strides[a] + extent - layout->size[a]);
      begin = reading.auto_pad == "SAME_UPPER" ? padding / 2 : padding - padding / 2;
    }
    if (positions == 0) return false;
    layout->outputs.push_back(positions);
    layout->pads.push_back(begin);
  }
  return true;
}

// Where the taps of a patch lie within a channel, -1 for those in the padding.
std::vector<std::int64_t> TapOffsets(const InputReading& reading, const RowLayout& layout,
                                     std::span<const std::int64_t> origin) {
  const std::size_t axes = layout.size.size();
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(Product(reading.kernel)));
  std::vector<std::int64_t> tap(axes, 0);
  for (std::int64_t& offset : offsets) {
    bool inside = true;
    for (std::size_t a = 0; a < axes; ++a) {
      const std::int64_t at = origin[a] + tap[a] * reading.dilations[a];
      inside = inside && at >= 0 && at < layout.size[a];
      offset = offset * layout.size[a] + at;
    }
    if (!inside) offset = -1;
    for (std::size_t a = axes; a-- > 0;) {
      if (++tap[a] < reading.kernel[a]) break;
      tap[a] = 0;
    }
  }
  return offsets;
}

}  // namespace

Result<InputReading> ReadingOf(const Node& node, const Shape& weight) {
  if (node.Is("Conv")) return ReadingOfConv(node, weight);
  if (node.Is("MatMul")) return InputReading{};
  if (node.Is("Gemm") && node.IntAttribute("transA", 0) == 0) return InputReading{};
  return Error(ErrorCode::kUnsupported, Format("node \"{}\": {} is not read in rows",
                                               Printable(node.name), Printable(node.op_type)));
}

Result<RowLayout> LayOut(const InputReading& reading, std::span<const std::int64_t> shape) {
  RowLayout layout;
  if (!reading.patches) {
    if (shape.empty()) return DoesNotFit(shape);
    layout.depth = shape.back();
    layout.rows = Product(shape.first(shape.size() - 1));
    return layout;
  }
  if (shape.size() != reading.kernel.size() + 2) return DoesNotFit(shape);
  layout.batch = shape[0];
  layout.channels = shape[1];
  layout.groups = reading.groups;
  layout.size.assign(shape.begin() + 2, shape.end());
  if (layout.channels == 0 || layout.channels % reading.groups != 0) return DoesNotFit(shape);
  if (!PlacePatches(reading, &layout)) return DoesNotFit(shape);
  layout.depth = layout.channels / reading.groups * Product(reading.kernel);
  layout.rows = layout.batch * Product(layout.outputs);
  return layout;
}

void CopyRow(const InputReading& reading, const RowLayout& layout, std::span<const float> values,
             std::int64_t group, std::int64_t row, float* to) {
  if (!reading.patches) {
    std::copy_n(values.data() + row * layout.depth, layout.depth, to);
    return;
  }
  const std::size_t axes = layout.size.size();
  std::vector<std::int64_t> origin(axes);
  for (std::size_t a = axes; a-- > 0;) {
    const std::int64_t position = row % layout.outputs[a];
    row /= layout.outputs[a];
    origin[a] = position * reading.strides[a] - layout.pads[a];
  }
  const std::int64_t plane = Product(layout.size);
  const std::int64_t per_group = layout.channels / layout.groups;
  const std::int64_t first = row * layout.channels + group * per_group;  // row: now the sample
  const std::vector<std::int64_t> offsets = TapOffsets(reading, layout, origin);
  for (std::int64_t c = 0; c < per_group; ++c) {
    const float* channel = values.data() + (first + c) * plane;
    for (const std::int64_t offset : offsets) *to++ = offset < 0 ? 0.0F : channel[offset];
  }
}

}  // namespace quantbench
