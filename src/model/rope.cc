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
  if (runs_.empty() || runs_.back().is_borrowed) runs_.emplace_back();
  runs_.back().gathered += text;
  size_ += text.size();
}

void Rope::Append(Rope rope) {
  for (Run& run : rope.runs_) {
    if (!run.is_borrowed) {
      Append(std::string_view(run.gathered));
    } else {
      size_ += run.borrowed.size;
      runs_.push_back(std::move(run));
    }
  }
}

void Rope::Borrow(Piece piece) {
  if (!piece.make && piece.size < kBorrowFrom) {
    Append(Text(piece.bytes.view));
    return;
  }
  size_ += piece.size;
  runs_.push_back({{}, std::move(piece), true});
}

std::vector<Piece> Rope::Take() {
  std::vector<Piece> pieces;
  pieces.reserve(runs_.size());
  for (Run& run : runs_) {
    if (run.is_borrowed) {
      pieces.push_back(std::move(run.borrowed));
      continue;
    }
    std::vector<std::byte> buffer(run.gathered.size());
    std::memcpy(buffer.data(), run.gathered.data(), buffer.size());
    pieces.push_back(Piece::Of(Bytes::Own(std::move(buffer))));
  }
  runs_.clear();
  size_ = 0;
  return pieces;
}

}  // namespace quantbench::wire
