// Zip archives: their directory, and where members lie. Nothing is inflated.
// [PKWARE APPNOTE 6.3.4]
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "quantbench/base/status.h"

namespace quantbench {

// One file in a zip archive, as the central directory describes it.
struct ZipMember {
  std::string_view name;         // views the archive; as written, any bytes
  std::uint64_t method = 0;      // 0: stored, 8: deflated
  std::uint64_t compressed = 0;  // bytes in the archive
  std::uint64_t size = 0;        // bytes once inflated
  std::uint64_t offset = 0;      // of its local header
  std::uint32_t crc = 0;
};

// All members, in the directory's order; archives beyond 4 GB (zip64) too. kMalformed when the
// directory is truncated or lies outside.
[[nodiscard]] Result<std::vector<ZipMember>> ReadZipDirectory(std::string_view zip);
// The member's bytes as they lie in the archive. kMalformed when they lie outside.
[[nodiscard]] Result<std::string_view> ZipMemberBytes(std::string_view zip,
                                                      const ZipMember& member);

}  // namespace quantbench
