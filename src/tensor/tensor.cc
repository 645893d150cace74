// Shapes with checked arithmetic, and tensors of zeros.
#include "quantbench/tensor.h"

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr std::int64_t kMostElements = std::int64_t{1} << 62;
constexpr std::size_t kMostDims = 64;

}  // namespace

Result<std::int64_t> ElementCount(std::span<const std::int64_t> shape) {
  if (shape.size() > kMostDims) {
    return Error(ErrorCode::kMalformed,
                 Format("{} dimensions are more than the limit of {}", shape.size(), kMostDims));
  }
  // Zeros first: a shape with one is empty, whatever the other dimensions multiply to.
  std::int64_t count = 1;
  for (const std::int64_t dim : shape) {
    if (dim < 0) {
      return Error(ErrorCode::kMalformed, Format("shape {} has a negative size", ToString(shape)));
    }
    if (dim == 0) count = 0;
  }
  if (count == 0) return count;
  for (const std::int64_t dim : shape) {
    if (dim > kMostElements / count) {
      return Error(ErrorCode::kMalformed, Format("shape {} is too large", ToString(shape)));
    }
    count *= dim;
  }
  return count;
}

Result<std::uint64_t> ByteCount(DataType type, std::span<const std::int64_t> shape) {
  const int bits = BitsPerElement(type);
  if (bits == 0) {
    return Error(ErrorCode::kUnsupported, Format("elements of {} have no fixed size", Name(type)));
  }
  QB_TRY(const std::int64_t count, ElementCount(shape));
  const auto elements = static_cast<std::uint64_t>(count);
  if (bits >= 8) {
    if (count > kMostElements / (bits / 8)) {
      return Error(ErrorCode::kMalformed, Format("shape {} is too large", ToString(shape)));
    }
    return elements * static_cast<std::uint64_t>(bits / 8);
  }
  const auto per_byte = static_cast<std::uint64_t>(8 / bits);
  return (elements + per_byte - 1) / per_byte;
}

std::string ToString(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += Format("{}{}", i == 0 ? "" : ", ", shape[i]);
  }
  return text + "]";
}

Result<Tensor> Tensor::Make(DataType type, Shape shape) {
  QB_TRY(const std::uint64_t bytes, ByteCount(type, shape));
  return Tensor{type, std::move(shape), std::vector<std::byte>(bytes)};
}

std::int64_t Tensor::elements() const {
  const auto count = ElementCount(shape);
  QB_CHECK(count.ok(), "a tensor's shape is valid");
  return count.value();
}

}  // namespace quantbench
