// Inflate: gzip files and deflated zip members, with a limit on what comes out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/status.h"

namespace quantbench {

// A gzip stream (all its members). kMalformed when it is corrupt, truncated or inflates beyond
// `limit`.
Result<std::vector<std::byte>> Gunzip(std::string_view bytes, std::uint64_t limit);
// A raw deflate stream of exactly `size` bytes.
Result<std::vector<std::byte>> InflateRaw(std::string_view bytes, std::uint64_t size);
[[nodiscard]] bool IsGzip(std::string_view bytes);

// CRC-32 as zip uses it.
[[nodiscard]] std::uint32_t Crc32(std::span<const std::byte> bytes);

// The file's content, gunzipped when it is a gzip file.
Result<std::vector<std::byte>> ReadMaybeGzip(const std::string& path);

inline constexpr std::uint64_t kMostInflated = std::uint64_t{8} << 30U;

}  // namespace quantbench
