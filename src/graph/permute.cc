// Permuting: in blocks of the two axes that lie densest in the source and in the result.
#include "graph/permute.h"

#include <algorithm>
#include <cstring>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

namespace quantbench {
namespace {

struct Axis {
  std::int64_t length = 1;
  std::int64_t from = 0;  // strides in elements
  std::int64_t to = 0;
};

// The axes in the order of the result.
std::vector<Axis> AxesOf(const Shape& dims, std::span<const std::int64_t> order) {
  std::vector<std::int64_t> strides(dims.size(), 1);
  for (std::size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  std::vector<Axis> axes;
  for (const std::int64_t axis : order) {
    const auto i = static_cast<std::size_t>(axis);
    axes.push_back({dims[i], strides[i], 1});
  }
  for (std::size_t i = axes.size(); i-- > 1;) axes[i - 1].to = axes[i].to * axes[i].length;
  return axes;
}

// A plane of rows (dense in the source) and columns (dense in the result), in blocks that stay in
// the cache. Copied as bytes: the source may lie at an odd address.
template <std::size_t kBytes>
void CopyPlane(const Axis& rows, const Axis& columns, const std::byte* from, std::byte* to) {
  constexpr std::int64_t kBlock = 16;
  constexpr auto kWidth = static_cast<std::int64_t>(kBytes);
  const auto copy_row = [&](std::int64_t row, std::int64_t begin, std::int64_t end) {
    for (std::int64_t column = begin; column < end; ++column) {
      std::memcpy(to + (row * rows.to + column * columns.to) * kWidth,
                  from + (row * rows.from + column * columns.from) * kWidth, kBytes);
    }
  };
  for (std::int64_t r = 0; r < rows.length; r += kBlock) {
    for (std::int64_t c = 0; c < columns.length; c += kBlock) {
      const std::int64_t end = std::min(c + kBlock, columns.length);
      for (std::int64_t i = r; i < std::min(r + kBlock, rows.length); ++i) copy_row(i, c, end);
    }
  }
}

template <std::size_t kBytes>
void Permute(std::vector<Axis> axes, const std::byte* from, std::byte* to) {
  constexpr auto kWidth = static_cast<std::int64_t>(kBytes);
  const Axis columns = axes.back();
  axes.pop_back();
  Axis rows;
  const auto dense = std::find_if(
      axes.begin(), axes.end(), [](const Axis& axis) { return axis.from == 1 && axis.length > 1; });
  if (dense != axes.end()) {
    rows = *dense;
    axes.erase(dense);
  }
  std::vector<std::int64_t> index(axes.size(), 0);
  while (true) {
    std::int64_t read = 0;
    std::int64_t write = 0;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      read += index[i] * axes[i].from;
      write += index[i] * axes[i].to;
    }
    CopyPlane<kBytes>(rows, columns, from + read * kWidth, to + write * kWidth);
    std::size_t i = axes.size();
    while (i > 0 && ++index[i - 1] == axes[i - 1].length) index[--i] = 0;
    if (i == 0) return;
  }
}

Result<Tensor> PermutedNumbers(const Initializer& tensor, const Shape& order, const Shape& shape) {
  QB_TRY(Tensor result, Tensor::Make(tensor.type, shape));
  QB_TRY(const Bytes payload, PayloadOf(tensor));
  if (result.bytes.empty()) return result;
  if (shape.size() < 2) {
    std::copy(payload.view.begin(), payload.view.end(), result.bytes.begin());
  } else {
    const std::vector<Axis> axes = AxesOf(tensor.dims, order);
    switch (BitsPerElement(tensor.type)) {
      case 8: Permute<1>(axes, payload.view.data(), result.bytes.data()); break;
      case 16: Permute<2>(axes, payload.view.data(), result.bytes.data()); break;
      case 32: Permute<4>(axes, payload.view.data(), result.bytes.data()); break;
      default: Permute<8>(axes, payload.view.data(), result.bytes.data());
    }
  }
  payload.Release(payload.view);
  return result;
}

}  // namespace

Result<Initializer> Permuted(const Initializer& tensor, std::span<const std::int64_t> order,
                             std::string name) {
  const int bits = BitsPerElement(tensor.type);
  if (bits != 8 && bits != 16 && bits != 32 && bits != 64) {
    return Error(ErrorCode::kUnsupported, Format("elements of {} bits are not permuted", bits));
  }
  Shape shape;
  for (const std::int64_t axis : order) {
    shape.push_back(tensor.dims[static_cast<std::size_t>(axis)]);
  }
  return Initializer::Deferred(std::move(name), tensor.type, shape,
                               [tensor, axes = Shape(order.begin(), order.end()), shape] {
                                 return PermutedNumbers(tensor, axes, shape);
                               });
}

}  // namespace quantbench
