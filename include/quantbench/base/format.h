// Format: std::format until the compiler has it (GCC 12 has not); fmt stands in behind this header.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace quantbench {

template <typename... Args>
[[nodiscard]] std::string Format(fmt::format_string<Args...> pattern, Args&&... args) {
  return fmt::format(pattern, std::forward<Args>(args)...);
}

// Bytes for people: "26.5 kB", "4.20 MB" (powers of 1000, three digits).
[[nodiscard]] std::string FormatBytes(std::uint64_t bytes);
// A duration for people from nanoseconds: "812 ns", "1.24 ms", "3.5 s" (three digits).
[[nodiscard]] std::string FormatDuration(double nanoseconds);

// Text from a model, a data set or a record made safe to print on one line of a terminal: control
// characters, invalid UTF-8, what turns the direction of text and what cannot be seen become \xNN;
// longer than `limit` bytes is cut and marked with "...".
[[nodiscard]] std::string Printable(std::string_view text, std::size_t limit = 200);

// The entry of `known` nearest to `word` by edit distance, empty when none is near
// (distance > max(2, a third of the length)).
template <typename Range>
[[nodiscard]] std::string_view Nearest(std::string_view word, const Range& known);

// Levenshtein distance in bytes.
[[nodiscard]] std::size_t EditDistance(std::string_view a, std::string_view b);

template <typename Range>
std::string_view Nearest(std::string_view word, const Range& known) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    const std::size_t distance = EditDistance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace quantbench
