// Small files in which a system tells of itself (/proc, /sys), read only. What cannot be read is
// absent.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quantbench {

// Empty when it cannot be read.
[[nodiscard]] std::string FirstLineIn(const std::filesystem::path& path);
// The number that the first line begins with.
[[nodiscard]] std::optional<std::int64_t> NumberIn(const std::filesystem::path& path,
                                                   int base = 10);
// The value of the first "key : value" or "key value" line; empty when there is none.
[[nodiscard]] std::string ValueIn(const std::filesystem::path& path, std::string_view key);
// The number that such a value begins with.
[[nodiscard]] std::optional<std::int64_t> NumberAfter(const std::filesystem::path& path,
                                                      std::string_view key);
// Entries of a folder whose names begin with `prefix`, sorted.
[[nodiscard]] std::vector<std::filesystem::path> EntriesIn(const std::filesystem::path& folder,
                                                           std::string_view prefix);

}  // namespace quantbench
