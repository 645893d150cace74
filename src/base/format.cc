// Formatting for people: bytes, durations, untrusted text, near misses.
#include "quantbench/base/format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace quantbench {
namespace {

// Three significant digits and a unit.
std::string Scaled(double value, const char* unit) {
  const double magnitude = std::fabs(value);
  if (magnitude >= 99.95) return Format("{:.0f} {}", value, unit);
  if (magnitude >= 9.995) return Format("{:.1f} {}", value, unit);
  return Format("{:.2f} {}", value, unit);
}

// Length of the valid UTF-8 sequence at the front of `text`, 0 when it is none [RFC 3629].
std::size_t SequenceLength(std::string_view text, std::uint32_t* code_point) {
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

bool IsHostile(std::uint32_t point) {
  const bool control = point < 0x20 || (point >= 0x7F && point < 0xA0);
  const bool separators = point == 0x2028 || point == 0x2029;
  const bool bidirectional = (point >= 0x200E && point <= 0x200F) ||
                             (point >= 0x202A && point <= 0x202E) ||
                             (point >= 0x2066 && point <= 0x2069);
  return control || separators || bidirectional;
}

}  // namespace

std::string FormatBytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  if (bytes < 1000) return Format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return Scaled(value, kUnits[unit]);
}

std::string FormatDuration(double nanoseconds) {
  constexpr std::array<const char*, 4> kUnits = {"ns", "us", "ms", "s"};
  std::size_t unit = 0;
  while (std::fabs(nanoseconds) >= 999.5 && unit + 1 < kUnits.size()) {
    nanoseconds /= 1000;
    ++unit;
  }
  return Scaled(nanoseconds, kUnits[unit]);
}

std::string Printable(std::string_view text, std::size_t limit) {
  std::string result;
  while (!text.empty()) {
    std::uint32_t point = 0;
    const std::size_t length = SequenceLength(text, &point);
    const std::size_t taken = std::max<std::size_t>(1, length);
    if (length == 0 || IsHostile(point)) {
      for (std::size_t i = 0; i < taken; ++i) {
        result += Format("\\x{:02x}", static_cast<unsigned char>(text[i]));
      }
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(taken);
    if (result.size() >= limit && !text.empty()) return result + "...";
  }
  return result;
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace quantbench
