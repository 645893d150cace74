// Archives by libarchive: zip and tar.gz, written so that the same files make the same bytes, read
// as something that a stranger may have made.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "quantbench/base/file.h"
#include "quantbench/base/status.h"

struct archive;

namespace quantbench {

struct CloseArchive {
  void operator()(archive* opened) const;
};

// Writes regular files without owner or time into <path>; .zip, .tar.gz and .tgz.
class ArchiveWriter {
 public:
  // kInvalidArgument for another ending.
  [[nodiscard]] static Result<ArchiveWriter> Create(const std::filesystem::path& path);
  [[nodiscard]] Status Add(const std::string& name, std::string_view bytes);
  [[nodiscard]] Status Commit();

 private:
  struct Output;
  ArchiveWriter(std::shared_ptr<Output> output, archive* opened);
  std::shared_ptr<Output> output_;
  std::unique_ptr<archive, CloseArchive> archive_;
};

// The limits that an archive is read within.
struct ArchiveLimits {
  std::uint64_t files = 100'000;
  std::uint64_t ratio = 200;               // unpacked bytes over bytes of the archive
  std::uint64_t spare_bytes = 64U << 20U;  // that the ratio does not count
  std::uint64_t file_bytes = 4ULL << 30U;  // of one file, unpacked
};
// Hands every file over, one in memory at a time; nothing is unpacked to the disk. kMalformed
// names what is refused: names that are absolute, hold "..", "\\" or control characters, or stand
// there twice; links and devices; more than the limits allow; damage.
[[nodiscard]] Status ReadArchive(
    const std::filesystem::path& path, const ArchiveLimits& limits,
    const std::function<void(const std::string& name, std::string_view bytes)>& take);

}  // namespace quantbench
