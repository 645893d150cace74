// Conversions between element types.
#include <bit>
#include <cmath>
#include <limits>

#include "quantbench/base/format.h"
#include "quantbench/tensor.h"

namespace quantbench {
namespace {

template <typename T>
void Widen(const Tensor& tensor, std::vector<double>* values) {
  for (const T value : tensor.As<T>()) values->push_back(static_cast<double>(value));
}

void WidenNibbles(const Tensor& tensor, bool is_signed, std::vector<double>* values) {
  const std::int64_t count = tensor.elements();
  for (std::int64_t i = 0; i < count; ++i) {
    const auto byte = static_cast<unsigned>(tensor.bytes[static_cast<std::size_t>(i / 2)]);
    const auto code = static_cast<int>((byte >> (i % 2 == 0 ? 0U : 4U)) & 0xFU);
    values->push_back(is_signed && code > 7 ? code - 16 : code);
  }
}

// The nearest integer, ties to even, saturated; NaN becomes 0.
template <typename T>
T Saturate(double value) {
  if (std::isnan(value)) return 0;
  const double rounded = std::nearbyint(value);
  if (rounded <= static_cast<double>(std::numeric_limits<T>::min())) {
    return std::numeric_limits<T>::min();
  }
  if (rounded >= static_cast<double>(std::numeric_limits<T>::max())) {
    return std::numeric_limits<T>::max();
  }
  return static_cast<T>(rounded);
}

template <typename T>
void NarrowIntegers(std::span<const double> values, Tensor* tensor) {
  const std::span<T> out = tensor->As<T>();
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = Saturate<T>(values[i]);
}

template <typename T>
void NarrowFloats(std::span<const double> values, Tensor* tensor) {
  const std::span<T> out = tensor->As<T>();
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = static_cast<T>(values[i]);
}

}  // namespace

float HalfToFloat(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16U;
  const std::uint32_t exponent = (half >> 10U) & 0x1FU;
  const std::uint32_t mantissa = half & 0x3FFU;
  if (exponent == 0) {  // zero and subnormals: mantissa * 2^-24
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return sign == 0 ? magnitude : -magnitude;
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000U | (mantissa << 13U));
  return std::bit_cast<float>(sign | ((exponent + 112) << 23U) | (mantissa << 13U));
}

std::uint16_t FloatToHalf(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16U) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U);   // NaN, quiet
  if (magnitude >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);  // >= 65520
  if (magnitude < 0x38800000U) {  // below 2^-14: subnormal; the addition rounds, ties to even
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U));
  }
  const std::uint32_t odd = (magnitude >> 13U) & 1U;
  const std::uint32_t rounded = magnitude + 0xFFFU + odd;
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000U) >> 13U));
}

float BfloatToFloat(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16U);
}

std::uint16_t FloatToBfloat(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16U) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

Result<std::vector<double>> ToDoubles(const Tensor& tensor) {
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(tensor.elements()));
  switch (tensor.type) {
    case DataType::kFloat32: Widen<float>(tensor, &values); break;
    case DataType::kFloat64: Widen<double>(tensor, &values); break;
    case DataType::kInt8: Widen<std::int8_t>(tensor, &values); break;
    case DataType::kUint8: Widen<std::uint8_t>(tensor, &values); break;
    case DataType::kInt16: Widen<std::int16_t>(tensor, &values); break;
    case DataType::kUint16: Widen<std::uint16_t>(tensor, &values); break;
    case DataType::kInt32: Widen<std::int32_t>(tensor, &values); break;
    case DataType::kUint32: Widen<std::uint32_t>(tensor, &values); break;
    case DataType::kInt64: Widen<std::int64_t>(tensor, &values); break;
    case DataType::kUint64: Widen<std::uint64_t>(tensor, &values); break;
    case DataType::kInt4: WidenNibbles(tensor, true, &values); break;
    case DataType::kUint4: WidenNibbles(tensor, false, &values); break;
    case DataType::kBool:
      for (const std::byte value : tensor.bytes) values.push_back(value == std::byte{0} ? 0 : 1);
      break;
    case DataType::kFloat16:
      for (const std::uint16_t half : tensor.As<std::uint16_t>()) {
        values.push_back(HalfToFloat(half));
      }
      break;
    case DataType::kBfloat16:
      for (const std::uint16_t bits : tensor.As<std::uint16_t>()) {
        values.push_back(BfloatToFloat(bits));
      }
      break;
    default:
      return Error(ErrorCode::kUnsupported, Format("{} has no conversion", Name(tensor.type)));
  }
  return values;
}

Result<Tensor> FromDoubles(DataType type, Shape shape, std::span<const double> values) {
  QB_TRY(Tensor tensor, Tensor::Make(type, std::move(shape)));
  QB_CHECK(tensor.elements() == static_cast<std::int64_t>(values.size()), "one value an element");
  switch (type) {
    case DataType::kFloat32: NarrowFloats<float>(values, &tensor); break;
    case DataType::kFloat64: NarrowFloats<double>(values, &tensor); break;
    case DataType::kInt8: NarrowIntegers<std::int8_t>(values, &tensor); break;
    case DataType::kUint8: NarrowIntegers<std::uint8_t>(values, &tensor); break;
    case DataType::kInt16: NarrowIntegers<std::int16_t>(values, &tensor); break;
    case DataType::kUint16: NarrowIntegers<std::uint16_t>(values, &tensor); break;
    case DataType::kInt32: NarrowIntegers<std::int32_t>(values, &tensor); break;
    case DataType::kUint32: NarrowIntegers<std::uint32_t>(values, &tensor); break;
    case DataType::kInt64: NarrowIntegers<std::int64_t>(values, &tensor); break;
    case DataType::kUint64: NarrowIntegers<std::uint64_t>(values, &tensor); break;
    case DataType::kBool:
      for (std::size_t i = 0; i < values.size(); ++i) {
        tensor.bytes[i] = values[i] == 0 ? std::byte{0} : std::byte{1};
      }
      break;
    case DataType::kFloat16:
      for (std::size_t i = 0; i < values.size(); ++i) {
        tensor.As<std::uint16_t>()[i] = FloatToHalf(static_cast<float>(values[i]));
      }
      break;
    case DataType::kBfloat16:
      for (std::size_t i = 0; i < values.size(); ++i) {
        tensor.As<std::uint16_t>()[i] = FloatToBfloat(static_cast<float>(values[i]));
      }
      break;
    default: return Error(ErrorCode::kUnsupported, Format("{} has no conversion", Name(type)));
  }
  return tensor;
}

}  // namespace quantbench
