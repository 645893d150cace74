// Code points: reading UTF-8, and what must not reach a terminal or a page as it is.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace quantbench {

// Length of the valid UTF-8 sequence at the front of `text`, 0 when it is none [RFC 3629].
inline std::size_t SequenceLength(std::string_view text, std::uint32_t* code_point) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  std::size_t length = 0;
  std::uint32_t point = 0;
  if (lead < 0x80) {
    *code_point = lead;
    return 1;
  }
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
    point = lead & 0x1FU;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    point = lead & 0x0FU;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    point = lead & 0x07U;
  }
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
    point = (point << 6U) | (byte(i) & 0x3FU);
  }
  constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  if (point < kSmallest[length] || point > 0x10FFFF || surrogate) return 0;
  *code_point = point;
  return length;
}

// Controls, what turns the direction of text, what cannot be seen, and what is no character. The
// two joiners stay: emoji and Persian are written with them.
inline bool IsHostile(std::uint32_t point) {
  struct Range {
    std::uint32_t first;
    std::uint32_t last;
  };
  constexpr auto kHostile = std::to_array<Range>({{0x00, 0x1F},
                                                  {0x7F, 0x9F},
                                                  {0xAD, 0xAD},      // soft hyphen
                                                  {0x61C, 0x61C},    // Arabic letter mark
                                                  {0x200B, 0x200B},  // zero width space
                                                  {0x200E, 0x200F},  // marks of direction
                                                  {0x2028, 0x202E},  // line, paragraph, overrides
                                                  {0x2060, 0x206F},  // word joiner, isolates
                                                  {0xFDD0, 0xFDEF},  // no characters
                                                  {0xFEFF, 0xFEFF},  // byte order mark
                                                  {0xFFF9, 0xFFFB},  // annotations
                                                  {0xE0000, 0xE007F}});  // tags
  for (const Range& range : kHostile) {
    if (point >= range.first && point <= range.last) return true;
  }
  return (point & 0xFFFEU) == 0xFFFE;  // the last two of every plane are no characters
}

}  // namespace quantbench
