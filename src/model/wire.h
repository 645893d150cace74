// Wire: field numbers of onnx.proto and ropes of encoded bytes.   [ONNX 1.20 onnx.proto; protobuf
// encoding]
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/model.h"

namespace quantbench::wire {

namespace model {
enum : std::uint32_t { kIrVersion = 1, kProducerName = 2, kProducerVersion = 3, kGraph = 7,
                       kOpsetImport = 8, kMetadata = 14, kFunctions = 25 };
}
namespace graph {
enum : std::uint32_t { kNode = 1, kName = 2, kInitializer = 5, kInput = 11, kOutput = 12,
                       kValueInfo = 13, kSparseInitializer = 15 };
}
namespace node {
enum : std::uint32_t { kInput = 1, kOutput = 2, kName = 3, kOpType = 4, kAttribute = 5, kDomain = 7 };
}
namespace attribute {
enum : std::uint32_t { kName = 1, kF = 2, kI = 3, kS = 4, kT = 5, kG = 6, kFloats = 7, kInts = 8,
                       kStrings = 9, kTensors = 10, kGraphs = 11, kType = 20, kSparseTensor = 22,
                       kSparseTensors = 23 };
}
namespace tensor {
enum : std::uint32_t { kDims = 1, kDataType = 2, kSegment = 3, kFloatData = 4, kInt32Data = 5,
                       kStringData = 6, kInt64Data = 7, kName = 8, kRawData = 9, kDoubleData = 10,
                       kUint64Data = 11, kExternalData = 13, kDataLocation = 14 };
}
namespace sparse {
enum : std::uint32_t { kValues = 1, kIndices = 2 };
}
namespace function {
enum : std::uint32_t { kNode = 7 };
}
namespace value_info {
enum : std::uint32_t { kName = 1, kType = 2 };
}
namespace type_proto {
enum : std::uint32_t { kTensorType = 1 };
}
namespace tensor_type {
enum : std::uint32_t { kElementType = 1, kShape = 2 };
}
namespace shape {
enum : std::uint32_t { kDim = 1 };
}
namespace dimension {
enum : std::uint32_t { kValue = 1, kParam = 2 };
}
namespace opset {
enum : std::uint32_t { kDomain = 1, kVersion = 2 };
}
namespace entry {
enum : std::uint32_t { kKey = 1, kValue = 2 };
}

inline std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Bytes to be written one piece after the other: short ones gathered, long ones borrowed.
class Rope {
 public:
  void Varint(std::uint64_t value);
  void Tag(std::uint32_t field, std::uint32_t wire_type) { Varint(std::uint64_t{field} << 3U | wire_type); }
  void IntField(std::uint32_t field, std::int64_t value) {
    Tag(field, 0);
    Varint(static_cast<std::uint64_t>(value));
  }
  void FloatField(std::uint32_t field, float value);
  void TextField(std::uint32_t field, std::string_view text) {
    Tag(field, 2);
    Varint(text.size());
    Append(text);
  }
  // A length-delimited field whose content is borrowed.
  void BytesField(std::uint32_t field, const Bytes& bytes) {
    Tag(field, 2);
    Varint(bytes.size());
    Borrow(bytes);
  }
  void MessageField(std::uint32_t field, Rope message) {
    Tag(field, 2);
    Varint(message.size());
    Append(std::move(message));
  }
  void Append(std::string_view text);
  void Append(Rope rope);
  void Borrow(const Bytes& bytes);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  // The pieces; gathered text becomes owned buffers.
  [[nodiscard]] std::vector<Bytes> Take();

 private:
  struct Piece {
    std::string gathered;
    Bytes borrowed;  // when its owner or view is set, `gathered` is empty
    bool is_borrowed = false;
  };
  std::vector<Piece> pieces_;
  std::uint64_t size_ = 0;
};

}  // namespace quantbench::wire
