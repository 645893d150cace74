// Walking over every message of a model.
#include "model/survey.h"

#include <cstddef>
#include <iterator>

#include "quantbench/base/format.h"

#include "model/fields.h"

namespace quantbench {
namespace {

using wire::Kind;
using wire::Message;
using wire::WireError;

bool IsHidden(Message message) {
  return message == Message::kFunction || message == Message::kSparseTensor ||
         message == Message::kTraining;
}

// The field that names a message for people; 0 when there is none.
std::uint32_t NameField(Message message) {
  switch (message) {
    case Message::kNode: return wire::node::kName;
    case Message::kAttribute: return wire::attribute::kName;
    case Message::kTensor: return wire::tensor::kName;
    case Message::kValueInfo: return wire::value_info::kName;
    case Message::kFunction: return wire::function::kName;
    default: return 0;
  }
}

void ExpectType(const wire::Reader& reader, Message message, wire::Type type) {
  if (reader.type() == type) return;
  throw WireError{Format("field {} of a {} has wire type {}, not {}", reader.field(),
                         NameOf(message), static_cast<int>(reader.type()), static_cast<int>(type))};
}

// Floats and doubles of a repeated field that came packed.
void CheckPacked(const wire::Reader& reader, std::size_t width) {
  if (reader.Bytes().size() % width == 0) return;
  throw WireError{Format("field {} packs numbers of {} bytes into {}", reader.field(), width,
                         reader.Bytes().size())};
}

// Of a tensor's numbers only the last byte is looked at: it ends a number.
void CheckPayload(const wire::Reader& reader) {
  const std::string_view packed = reader.Bytes();
  if (!packed.empty() && (static_cast<unsigned char>(packed.back()) & 0x80U) != 0) {
    throw WireError{Format("field {} ends within a number", reader.field())};
  }
}

// A repeated field of numbers, packed or one by one.
void CheckNumbers(const wire::Reader& reader, Message message, Kind kind) {
  const bool packed = reader.type() == wire::Type::kBytes;
  switch (kind) {
    case Kind::kInts:
      if (!packed) ExpectType(reader, message, wire::Type::kVarint);
      return reader.ForEachVarint([](std::uint64_t) {});
    case Kind::kPayload:
      return packed ? CheckPayload(reader) : ExpectType(reader, message, wire::Type::kVarint);
    case Kind::kFloats:
      return packed ? CheckPacked(reader, sizeof(float))
                    : ExpectType(reader, message, wire::Type::kFixed32);
    default:
      return packed ? CheckPacked(reader, sizeof(double))
                    : ExpectType(reader, message, wire::Type::kFixed64);
  }
}

}  // namespace

void Survey::CountElement() {
  if (++elements_ > limits_.elements) {
    throw WireError{Format("more than the limit of {} messages and names", limits_.elements)};
  }
}

std::int64_t Survey::Count(Message message) {
  CountElement();
  if (message == Message::kNode && ++nodes_ > limits_.nodes) {
    throw WireError{Format("more than the limit of {} nodes", limits_.nodes)};
  }
  if (message == Message::kTensor && ++initializers_ > limits_.initializers) {
    throw WireError{Format("more than the limit of {} tensors", limits_.initializers)};
  }
  return message == Message::kNode ? nodes_ : initializers_;
}

void Survey::Visit(Message message, std::string_view bytes) {
  if (frames_.size() >= static_cast<std::size_t>(limits_.depth)) {
    throw WireError{Format("messages are nested deeper than {} levels", limits_.depth)};
  }
  frames_.push_back({message, Count(message), {}});
  if (IsHidden(message)) ++hidden_;
  std::uint64_t seen = 0;  // a bit for each single message
  for (wire::Reader reader(bytes); reader.Next();) {
    if (RuleOf(message, reader.field()).kind == Kind::kMessage) {
      const std::uint64_t bit = std::uint64_t{1} << reader.field();
      if ((seen & bit) != 0) {
        throw WireError{Format("field {} of a {} comes twice", reader.field(), NameOf(message))};
      }
      seen |= bit;
    }
    VisitField(message, reader);
  }
  if (message == Message::kTensor) CheckTensor(bytes);
  if (IsHidden(message)) --hidden_;
  frames_.pop_back();
}

void Survey::VisitField(Message message, const wire::Reader& reader) {
  const wire::FieldRule rule = RuleOf(message, reader.field());
  switch (rule.kind) {
    case Kind::kOther: return;
    case Kind::kInt: return ExpectType(reader, message, wire::Type::kVarint);
    case Kind::kFloat: return ExpectType(reader, message, wire::Type::kFixed32);
    case Kind::kInts:
    case Kind::kFloats:
    case Kind::kDoubles:
    case Kind::kPayload: return CheckNumbers(reader, message, rule.kind);
    case Kind::kText:
      CountElement();
      ExpectType(reader, message, wire::Type::kBytes);
      if (reader.Bytes().size() > limits_.name_bytes) {
        throw WireError{Format("a text of {} is longer than the limit of {}",
                               FormatBytes(reader.Bytes().size()),
                               FormatBytes(limits_.name_bytes))};
      }
      if (reader.field() == NameField(message)) frames_.back().name = reader.Bytes();
      return;
    case Kind::kMessage:
    case Kind::kMessages:
      ExpectType(reader, message, wire::Type::kBytes);
      return Visit(rule.message, reader.Bytes());
  }
}

void Survey::CheckTensor(std::string_view bytes) {
  const Initializer tensor = decoder_.ReadInitializer(bytes);
  if (hidden_ > 0 && tensor.storage == Storage::kExternal) ++hidden_external_;
}

std::string Survey::where() const {
  std::string inner;  // what follows the node
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
    const bool is_node = frame->message == Message::kNode;
    if (NameField(frame->message) == 0 || (frame->name.empty() && !is_node)) continue;
    const bool is_initializer =
        frame->message == Message::kTensor && std::next(frame)->message == Message::kGraph;
    const std::string_view kind = is_initializer ? "initializer" : NameOf(frame->message);
    const std::string name = frame->name.empty()
                                 ? Format("{} {}", kind, frame->index)
                                 : Format("{} \"{}\"", kind, Printable(frame->name));
    inner = inner.empty() ? name : Format("{}, {}", name, inner);
    if (is_node || is_initializer) break;
  }
  return inner;
}

}  // namespace quantbench
