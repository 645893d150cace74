// IDX: the format of the MNIST files.
#include "data/idx.h"

#include <algorithm>
#include <cstring>

#include "quantbench/base/format.h"

#include "data/inflate.h"

namespace quantbench {
namespace {

std::int64_t BigEndian(const std::byte* bytes) {
  std::int64_t value = 0;
  for (int i = 0; i < 4; ++i) value = value * 256 + std::to_integer<std::int64_t>(bytes[i]);
  return value;
}

DataType TypeOf(std::byte code) {
  switch (std::to_integer<int>(code)) {
    case 0x08: return DataType::kUint8;
    case 0x09: return DataType::kInt8;
    case 0x0B: return DataType::kInt16;
    case 0x0C: return DataType::kInt32;
    case 0x0D: return DataType::kFloat32;
    case 0x0E: return DataType::kFloat64;
    default: return DataType::kUndefined;
  }
}

Result<Tensor> Parse(const std::vector<std::byte>& bytes) {
  const bool magic = bytes.size() >= 4 && bytes[0] == std::byte{0} && bytes[1] == std::byte{0};
  const DataType type = magic ? TypeOf(bytes[2]) : DataType::kUndefined;
  if (type == DataType::kUndefined) return Error(ErrorCode::kMalformed, "not an IDX file");
  const auto rank = std::to_integer<std::size_t>(bytes[3]);
  const std::size_t header = 4 + 4 * rank;
  if (rank == 0 || rank > 8 || bytes.size() < header) {
    return Error(ErrorCode::kMalformed, Format("IDX header with {} dimensions is not sound", rank));
  }
  Shape shape;
  for (std::size_t i = 0; i < rank; ++i) shape.push_back(BigEndian(bytes.data() + 4 + 4 * i));
  QB_TRY(Tensor tensor, [&]() -> Result<Tensor> {
    QB_TRY(const std::uint64_t wanted, ByteCount(type, shape));
    if (wanted != bytes.size() - header) {
      return Error(ErrorCode::kMalformed, Format("IDX array {} needs {} bytes, the file has {}",
                                                 ToString(shape), wanted, bytes.size() - header));
    }
    return Tensor::Make(type, shape);
  }());
  if (!tensor.bytes.empty()) {
    std::memcpy(tensor.bytes.data(), bytes.data() + header, tensor.bytes.size());
  }
  const auto width = static_cast<std::ptrdiff_t>(BitsPerElement(type) / 8);
  for (auto at = tensor.bytes.begin(); width > 1 && at != tensor.bytes.end(); at += width) {
    std::reverse(at, at + width);
  }
  return tensor;
}

}  // namespace

Result<Tensor> ReadIdx(const std::string& path) {
  QB_TRY(const std::vector<std::byte> bytes, ReadMaybeGzip(path));
  auto tensor = Parse(bytes);
  if (!tensor.ok()) return tensor.error().Within(path);
  return tensor;
}

}  // namespace quantbench
