// Rope: encoded bytes in pieces; short runs are gathered, long ones borrowed from their owner.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "quantbench/model.h"

#include "model/piece.h"

namespace quantbench::wire {

class Rope {
 public:
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
  // A length-delimited field whose content is borrowed, or made later.
  void BytesField(std::uint32_t field, Piece content) {
    Tag(field, 2);
    Varint(content.size);
    Borrow(std::move(content));
  }
  void MessageField(std::uint32_t field, Rope message) {
    Tag(field, 2);
    Varint(message.size());
    Append(std::move(message));
  }
  // Bytes that are encoded already.
  void Append(std::string_view text);
  void Append(Rope rope);
  void Borrow(const Bytes& bytes) { Borrow(Piece::Of(bytes)); }
  void Borrow(Piece piece);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  // The pieces in order; gathered text becomes owned buffers. Leaves the rope empty.
  [[nodiscard]] std::vector<Piece> Take();

 private:
  struct Run {
    std::string gathered;
    Piece borrowed;
    bool is_borrowed = false;
  };
  void Varint(std::uint64_t value);
  void Tag(std::uint32_t field, std::uint32_t wire_type) {
    Varint(std::uint64_t{field} << 3U | wire_type);
  }

  std::vector<Run> runs_;
  std::uint64_t size_ = 0;
};

}  // namespace quantbench::wire
