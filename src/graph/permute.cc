// Permuting: in blocks of the two axes that lie densest in the source and in the result.
#include "graph/permute.h"

#include <algorithm>
#include <cstring>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/mapped_pages.h"

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

// A plane of rows (dense in the source) and columns (dense in the result). Copied as bytes: the
// source may lie at an odd address.
template <std::size_t kBytes>
void CopyPlane(const Axis& rows, const Axis& columns, const std::byte* from, std::byte* to) {
  constexpr std::int64_t kBlock = 16;
  constexpr auto kWidth = static_cast<std::int64_t>(kBytes);
  for (std::int64_t r = 0; r < rows.length; r += kBlock) {
    const std::int64_t r_end = std::min(r + kBlock, rows.length);
    for (std::int64_t c = 0; c < columns.length; c += kBlock) {
      const std::int64_t c_end = std::min(c + kBlock, columns.length);
      for (std::int64_t i = r; i < r_end; ++i) {
        for (std::int64_t k = c; k < c_end; ++k) {
          std::memcpy(to + (i * rows.to + k * columns.to) * kWidth,
                      from + (i * rows.from + k * columns.from) * kWidth, kBytes);
        }
      }
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

Status PermuteBytes(int bits, const std::vector<Axis>& axes, const std::byte* from, std::byte* to) {
  switch (bits) {
    case 8: Permute<1>(axes, from, to); return Ok();
    case 16: Permute<2>(axes, from, to); return Ok();
    case 32: Permute<4>(axes, from, to); return Ok();
    case 64: Permute<8>(axes, from, to); return Ok();
    default:
      return Error(ErrorCode::kUnsupported, Format("elements of {} bits are not permuted", bits));
  }
}

}  // namespace

Result<Initializer> Permuted(const Model& model, const Initializer& tensor,
                             std::span<const std::int64_t> order, std::string name) {
  Shape shape;
  for (const std::int64_t axis : order) {
    shape.push_back(tensor.dims[static_cast<std::size_t>(axis)]);
  }
  QB_TRY(Tensor result, Tensor::Make(tensor.type, shape));
  QB_TRY(const Bytes payload, PayloadOf(tensor));
  if (!result.bytes.empty() && shape.size() < 2) {
    std::copy(payload.view.begin(), payload.view.end(), result.bytes.begin());
  } else if (!result.bytes.empty()) {
    const std::vector<Axis> axes = AxesOf(tensor.dims, order);
    QB_OK(
        PermuteBytes(BitsPerElement(tensor.type), axes, payload.view.data(), result.bytes.data()));
  }
  ReleasePages(model, payload.view);
  return Initializer::Of(std::move(name), std::move(result));
}

}  // namespace quantbench
