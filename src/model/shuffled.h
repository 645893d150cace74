// For tests only: the same message written in another, equally lawful way.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/random.h"

#include "model/rope.h"
#include "model/schema.h"
#include "model/wire.h"

namespace quantbench {

inline std::string RopeText(wire::Rope rope) {
  std::string text;
  for (const Piece& piece : rope.Take()) text += wire::Text(piece.bytes.view);
  return text;
}

// Fields that no version of ONNX has, of every wire type.
inline std::string UnknownField(Random* random) {
  const auto field = static_cast<std::uint32_t>(100 + random->Below(900));
  wire::Rope rope;
  switch (random->Below(3)) {
    case 0: rope.IntField(field, static_cast<std::int64_t>(random->Next())); break;
    case 1: rope.FloatField(field, 1.25F); break;
    default: rope.TextField(field, std::string(random->Below(700), 'u'));
  }
  return RopeText(std::move(rope));
}

// The fields of `text` in another order, at every level; fields of one number keep theirs. With
// `unknown`, fields that ONNX does not have are strewn in.
inline std::string Shuffled(wire::Message message, std::string_view text, bool unknown,
                            Random* random) {
  std::map<std::uint32_t, std::vector<std::string>> fields;
  std::vector<std::uint32_t> order;
  for (wire::Reader reader(text); reader.Next();) {
    const wire::FieldRule rule = wire::RuleOf(message, reader.field());
    std::string encoded(reader.encoded());
    if (rule.kind == wire::Kind::kMessage || rule.kind == wire::Kind::kMessages) {
      wire::Rope rope;
      rope.TextField(reader.field(), Shuffled(rule.message, reader.Bytes(), unknown, random));
      encoded = RopeText(std::move(rope));
    }
    fields[reader.field()].push_back(std::move(encoded));
    order.push_back(reader.field());
  }
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random->Below(i)]);
  std::map<std::uint32_t, std::size_t> next;
  std::string shuffled;
  for (const std::uint32_t field : order) {
    if (unknown && random->Below(3) == 0) shuffled += UnknownField(random);
    shuffled += fields[field][next[field]++];
  }
  if (unknown) shuffled += UnknownField(random);
  return shuffled;
}

}  // namespace quantbench
