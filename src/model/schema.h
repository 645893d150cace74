// Schema: which fields of ONNX messages hold messages, numbers or text, for walks over all of them.
#pragma once

#include <cstdint>
#include <string_view>

namespace quantbench::wire {

enum class Message : std::uint8_t {
  kModel,
  kGraph,
  kNode,
  kAttribute,
  kTensor,
  kSegment,
  kSparseTensor,
  kValueInfo,
  kType,
  kTensorType,
  kNestedType,  // sequence or optional
  kMapType,
  kOpaqueType,
  kShape,
  kDimension,
  kOpset,
  kEntry,
  kFunction,
  kTraining,
  kAnnotation,
  kConfiguration,
  kNodeDevice,
  kSharding,
  kIntIntList,
  kShardedDim,
  kSimpleShard,
  kCount,
};
[[nodiscard]] std::string_view NameOf(Message message);  // "graph"

enum class Kind : std::uint8_t {
  kOther,     // not described here: any wire type
  kInt,       // one varint
  kInts,      // varints, packed or not
  kFloat,     // one float
  kFloats,    // floats, packed or not
  kDoubles,   // doubles, packed or not
  kPayload,   // varints, packed or not, that are a tensor's numbers: not looked at
  kText,      // strings
  kMessage,   // one message
  kMessages,  // messages
};

struct FieldRule {
  Kind kind = Kind::kOther;
  Message message = Message::kCount;  // of kMessage and kMessages
};
// What `message` may hold at field number `field`.
[[nodiscard]] FieldRule RuleOf(Message message, std::uint32_t field);

}  // namespace quantbench::wire
