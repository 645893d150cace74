// Files: mapped reading, atomic writing, and opening what an untrusted model names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/status.h"

namespace quantbench {

// A read-only file mapped into memory; unmapped when the last copy of the pointer goes.
// The views it hands out live as long as it does.
class MappedFile {
 public:
  // kNotFound, or kIo with the reason. Directories, pipes and devices are refused. Empty files map
  // to an empty span.
  [[nodiscard]] static Result<std::shared_ptr<const MappedFile>> Open(
      const std::filesystem::path& path);
  // Opens `relative` strictly beneath `folder`: no absolute path, no "..", no symbolic link in any
  // component, a regular file with one hard link. kMalformed names the rule that was broken.
  [[nodiscard]] static Result<std::shared_ptr<const MappedFile>> OpenBeneath(
      const std::filesystem::path& folder, std::string_view relative);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  MappedFile(MappedFile&&) = delete;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(data_), size_};
  }
  // Gives the pages of that part, and of what lies with it in the same 2 MB, back to the kernel;
  // reading them again faults them in again.
  void Release(std::span<const std::byte> part) const;
  // Copies a part of bytes() to `to`, which has its size. Cheaper than reading the view where each
  // byte is wanted once: no page is mapped, so none has to be released.
  void Copy(std::span<const std::byte> part, std::byte* to) const;

 private:
  friend struct MappedFileAccess;
  MappedFile(const std::byte* data, std::size_t size, int fd) : data_(data), size_(size), fd_(fd) {}
  const std::byte* data_;
  std::size_t size_;
  int fd_;  // -1: not kept
};

// The whole of a small file (at most `limit` bytes, else kMalformed).
[[nodiscard]] Result<std::string> ReadFile(const std::filesystem::path& path,
                                           std::uint64_t limit = 256U << 20U);

// A file that is complete or absent: bytes go to a temporary name beside `path`; Commit syncs the
// file, renames it and syncs the folder. Destroyed without Commit, it leaves nothing behind; what a
// writer that was killed has left, the next one of the same file removes.
// Every error is kIo, names the path and, for a full disk, says so.
class AtomicFile {
 public:
  enum class IfExists : std::uint8_t { kReplace, kFail };
  // `kFail`: kInvalidArgument when `path` exists (checked again, atomically, at Commit).
  [[nodiscard]] static Result<AtomicFile> Create(const std::filesystem::path& path,
                                                 IfExists if_exists = IfExists::kReplace);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  // Asked before much work: kIo when the file system has fewer bytes left. One that does not tell
  // is believed to have them.
  [[nodiscard]] Status RequireSpace(std::uint64_t bytes) const;
  [[nodiscard]] Status Write(std::span<const std::byte> bytes);
  [[nodiscard]] Status Write(std::string_view text);
  // Gathers many pieces in one go (writev).
  [[nodiscard]] Status Write(std::span<const std::span<const std::byte>> pieces);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] Status Commit();

 private:
  AtomicFile(int fd, std::filesystem::path path, std::filesystem::path temporary,
             IfExists if_exists)
      : fd_(fd), path_(std::move(path)), temporary_(std::move(temporary)), if_exists_(if_exists) {}
  void StartWriteback();
  int fd_;
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  IfExists if_exists_;
  std::uint64_t size_ = 0;
  std::uint64_t started_ = 0;  // of which the kernel was asked to write them to the disk
};

// AtomicFile in one call.
[[nodiscard]] Status WriteFileAtomic(const std::filesystem::path& path, std::string_view text);

[[nodiscard]] Status MakeFolders(const std::filesystem::path& path);

// Lower-case hexadecimal SHA-256 [FIPS 180-4].
[[nodiscard]] std::string Sha256(std::string_view bytes);

}  // namespace quantbench
