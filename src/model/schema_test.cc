// The table of fields agrees with the descriptors that libonnx was generated from.
#include "model/schema.h"

#include <map>

#include <gtest/gtest.h>

#include "model/onnx_oracle.h"

namespace quantbench::wire {
namespace schema_test {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

Kind KindOf(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return field.is_repeated() ? Kind::kMessages : Kind::kMessage;
    case FieldDescriptor::CPPTYPE_FLOAT: return field.is_repeated() ? Kind::kFloats : Kind::kFloat;
    case FieldDescriptor::CPPTYPE_DOUBLE: return Kind::kDoubles;
    case FieldDescriptor::CPPTYPE_STRING: return Kind::kText;
    default: return field.is_repeated() ? Kind::kInts : Kind::kInt;
  }
}

// Follows every message field from `message` on; `seen` says which of ours each of theirs is.
void Compare(Message message, const Descriptor& oracle, std::map<std::string, Message>* seen) {
  if (!seen->emplace(oracle.full_name(), message).second) return;
  for (int i = 0; i < oracle.field_count(); ++i) {
    const FieldDescriptor& field = *oracle.field(i);
    SCOPED_TRACE(field.full_name());
    const FieldRule rule = RuleOf(message, static_cast<std::uint32_t>(field.number()));
    const Kind expected = KindOf(field);
    const bool is_payload = expected == Kind::kInts && rule.kind == Kind::kPayload;
    // Fields that nobody here reads may be left out when they nest and repeat nothing.
    const bool may_be_left_out = expected == Kind::kText || expected == Kind::kInt;
    if (rule.kind == Kind::kOther && may_be_left_out) continue;
    EXPECT_TRUE(rule.kind == expected || is_payload);
    if (field.message_type() != nullptr) Compare(rule.message, *field.message_type(), seen);
  }
}

TEST(Schema, KnowsEveryMessageAndEveryRepeatedNumberOfTheOracle) {
  std::map<std::string, Message> seen;
  Compare(Message::kModel, *onnx::ModelProto::descriptor(), &seen);
  EXPECT_EQ(seen.size(), 22U);
  EXPECT_EQ(seen["onnx.TensorProto"], Message::kTensor);
}

TEST(Schema, KnowsNothingOfOtherFields) {
  EXPECT_EQ(RuleOf(Message::kModel, 31).kind, Kind::kOther);
  EXPECT_EQ(RuleOf(Message::kModel, 1U << 28U).kind, Kind::kOther);
  EXPECT_EQ(RuleOf(Message::kTensor, 9).kind, Kind::kOther);  // raw_data
}

TEST(Schema, NamesEveryMessage) {
  for (int i = 0; i < static_cast<int>(Message::kCount); ++i) {
    EXPECT_FALSE(NameOf(static_cast<Message>(i)).empty()) << i;
  }
}

}  // namespace schema_test
}  // namespace quantbench::wire
