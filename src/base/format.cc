// Formatting for people: bytes, durations, untrusted text, near misses.
#include "quantbench/base/format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/code_points.h"

namespace quantbench {
namespace {

// Three significant digits and a unit.
std::string Scaled(double value, const char* unit) {
  const double magnitude = std::fabs(value);
  if (magnitude >= 99.95) return Format("{:.0f} {}", value, unit);
  if (magnitude >= 9.995) return Format("{:.1f} {}", value, unit);
  return Format("{:.2f} {}", value, unit);
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
