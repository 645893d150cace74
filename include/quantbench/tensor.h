// Tensor: ONNX element types, shapes with checked arithmetic, and numbers with a shape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/status.h"

namespace quantbench {

// The numbers are those of onnx.TensorProto.DataType [ONNX 1.20 onnx.proto].
enum class DataType : std::int32_t {
  kUndefined = 0,
  kFloat32 = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kFloat64 = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBfloat16 = 16,
  kFloat8E4M3FN = 17,
  kFloat8E4M3FNUZ = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2FNUZ = 20,
  kUint4 = 21,
  kInt4 = 22,
  kFloat4E2M1 = 23,
  kFloat8E8M0 = 24,
  kUint2 = 25,
  kInt2 = 26,
};

// "float32", "int8", "bfloat16", "float8e4m3fn", "uint4" ...; "type 99" for an unknown number.
[[nodiscard]] std::string Name(DataType type);
[[nodiscard]] Result<DataType> ParseDataType(std::string_view name);
// Bits of one element; 0 for strings, undefined and unknown types.
[[nodiscard]] int BitsPerElement(DataType type);
[[nodiscard]] inline bool IsKnown(DataType type) {
  return type >= DataType::kFloat32 && type <= DataType::kInt2;
}
[[nodiscard]] bool IsFloatingPoint(DataType type);  // every float type, float8 and float4 included
[[nodiscard]] bool IsInteger(DataType type);        // signed and unsigned, 2 to 64 bits; not bool

using Shape = std::vector<std::int64_t>;

// Product of the dimensions; 1 for rank 0. kMalformed for a negative dimension, a product beyond
// 2^62 or more than 64 dimensions.
[[nodiscard]] Result<std::int64_t> ElementCount(std::span<const std::int64_t> shape);
// Bytes of that many elements, packed as ONNX packs raw_data (sub-byte elements fill bytes, the
// last is padded). kMalformed as above; kUnsupported for strings and unknown types.
[[nodiscard]] Result<std::uint64_t> ByteCount(DataType type, std::span<const std::int64_t> shape);
[[nodiscard]] std::string ToString(std::span<const std::int64_t> shape);  // "[1, 3, 224, 224]"

// Owned numbers, row-major, little-endian, packed as ONNX raw_data. bytes.size() always equals
// ByteCount(type, shape).
struct Tensor {
  DataType type = DataType::kFloat32;
  Shape shape;
  std::vector<std::byte> bytes;

  // Zeros. Errors as ByteCount.
  [[nodiscard]] static Result<Tensor> Make(DataType type, Shape shape);
  // Values of a trivially copyable T whose size matches `type`; count must fit the shape.
  template <typename T>
  [[nodiscard]] static Tensor Of(DataType type, Shape shape, const std::vector<T>& values) {
    Tensor tensor{type, std::move(shape), std::vector<std::byte>(values.size() * sizeof(T))};
    if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
    return tensor;
  }
  [[nodiscard]] static Tensor OfFloats(Shape shape, const std::vector<float>& values) {
    return Of(DataType::kFloat32, std::move(shape), values);
  }

  [[nodiscard]] std::int64_t elements() const;
  // The elements as T; T's size must be that of the element type (checked).
  template <typename T>
  [[nodiscard]] std::span<const T> As() const {
    QB_CHECK(sizeof(T) * 8 == static_cast<std::size_t>(BitsPerElement(type)),
             "element size differs");
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  template <typename T>
  [[nodiscard]] std::span<T> As() {
    QB_CHECK(sizeof(T) * 8 == static_cast<std::size_t>(BitsPerElement(type)),
             "element size differs");
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

// IEEE binary16 [IEEE 754-2008]: subnormals kept, NaN stays NaN (quiet); overflow rounds to
// infinity, ties to even.
[[nodiscard]] float HalfToFloat(std::uint16_t half);
[[nodiscard]] std::uint16_t FloatToHalf(float value);
// bfloat16: the upper 16 bits of binary32, ties to even, NaN stays NaN.
[[nodiscard]] float BfloatToFloat(std::uint16_t bits);
[[nodiscard]] std::uint16_t FloatToBfloat(float value);

// Every element as double: all integer types (4-bit ones unpacked, low nibble first), bool,
// float16, bfloat16, float32, float64. kUnsupported for the rest.
[[nodiscard]] Result<std::vector<double>> ToDoubles(const Tensor& tensor);
// The nearest representable values of `type` (ties to even, saturating); the types of ToDoubles
// of at least 8 bits.
[[nodiscard]] Result<Tensor> FromDoubles(DataType type, Shape shape,
                                         std::span<const double> values);

}  // namespace quantbench
