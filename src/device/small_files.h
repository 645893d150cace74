// Small files under /proc and /sys, read only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace quantbench {

// The first line; empty when it cannot be read.
[[nodiscard]] std::string FirstLineOf(const std::filesystem::path& path);
// The first number of the first line, in decimal; absent when there is none.
[[nodiscard]] std::optional<std::int64_t> FirstNumberOf(const std::filesystem::path& path);
// Processors in a list as the kernel writes them: "0-3,8" has 5; 0 for what is no list.
[[nodiscard]] int CountListed(const std::string& list);

}  // namespace quantbench
