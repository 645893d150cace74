// Gathering and borrowing encoded bytes.
#include "model/rope.h"

#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "model/wire.h"

namespace quantbench::wire {
namespace {

constexpr std::size_t kBorrowFrom =
    512;  // shorter runs are cheaper to copy than to carry as a piece

}  // namespace

void Rope::Varint(std::uint64_t value) {
  std::array<char, 10> text{};
  std::size_t size = 0;
  while (value >= 0x80) {
    text[size++] = static_cast<char>((value & 0x7FU) | 0x80U);
    value >>= 7U;
  }
  text[size++] = static_cast<char>(value);
  Append(std::string_view(text.data(), size));
}

void Rope::FloatField(std::uint32_t field, float value) {
  Tag(field, 5);
  const auto bits = std::bit_cast<std::array<char, sizeof(float)>>(value);
  Append(std::string_view(bits.data(), bits.size()));
}

void Rope::Append(std::string_view text) {
  if (text.empty()) return;
  if (pieces_.empty() || pieces_.back().is_borrowed) pieces_.emplace_back();
  pieces_.back().gathered += text;
  size_ += text.size();
}

void Rope::Append(Rope rope) {
  for (Piece& piece : rope.pieces_) {
    if (!piece.is_borrowed) {
      Append(std::string_view(piece.gathered));
    } else {
      size_ += piece.borrowed.size();
      pieces_.push_back(std::move(piece));
    }
  }
}

void Rope::Borrow(const Bytes& bytes) {
  if (bytes.size() < kBorrowFrom) {
    Append(Text(bytes.view));
    return;
  }
  pieces_.push_back({{}, bytes, true});
  size_ += bytes.size();
}

std::vector<Bytes> Rope::Take() {
  std::vector<Bytes> bytes;
  bytes.reserve(pieces_.size());
  for (Piece& piece : pieces_) {
    if (piece.is_borrowed) {
      bytes.push_back(std::move(piece.borrowed));
      continue;
    }
    std::vector<std::byte> buffer(piece.gathered.size());
    std::memcpy(buffer.data(), piece.gathered.data(), buffer.size());
    bytes.push_back(Bytes::Own(std::move(buffer)));
  }
  pieces_.clear();
  size_ = 0;
  return bytes;
}

}  // namespace quantbench::wire
