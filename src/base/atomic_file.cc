// Files that are complete or absent.
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

fs::path FolderOf(const fs::path& path) {
  return path.parent_path().empty() ? fs::path(".") : path.parent_path();
}

Error WriteError(const fs::path& path, int error) {
  if (error == ENOSPC || error == EDQUOT) {
    struct statvfs disk {};
    statvfs(FolderOf(path).c_str(), &disk);
    return {ErrorCode::kIo, Format("{}: no space left on the device ({} free)", path.string(),
                                   FormatBytes(std::uint64_t{disk.f_bavail} * disk.f_frsize))};
  }
  return {ErrorCode::kIo, Format("{}: cannot write: {}", path.string(), std::strerror(error))};
}

Error Exists(const fs::path& path) {
  return {ErrorCode::kInvalidArgument, Format("{}: exists already", path.string())};
}

// Renames without replacing; by link and unlink where the file system cannot.
int RenameNew(const fs::path& from, const fs::path& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  if (link(from.c_str(), to.c_str()) != 0) return -1;
  return unlink(from.c_str());
}

// Whether a file of this name is ".target.<process>.<count>.part".
bool IsTemporaryOf(std::string_view name, std::string_view target) {
  const std::string begin = Format(".{}.", target);
  constexpr std::string_view kEnd = ".part";
  if (name.size() <= begin.size() + kEnd.size()) return false;
  if (!name.starts_with(begin) || !name.ends_with(kEnd)) return false;
  const auto middle = name.substr(begin.size(), name.size() - begin.size() - kEnd.size());
  return middle.find_first_not_of("0123456789.") == std::string_view::npos;
}

// Removes what writers of `path` that were killed left beside it. Those that live hold a lock.
void RemoveLeftOvers(const fs::path& path) {
  const std::string target = path.filename().string();
  std::error_code failed;
  for (fs::directory_iterator entry(FolderOf(path), failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const fs::path& found = entry->path();
    if (!IsTemporaryOf(found.filename().string(), target)) continue;
    const int fd = open(found.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) continue;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) unlink(found.c_str());
    close(fd);
  }
}

void SyncFolder(const fs::path& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

}  // namespace

Result<AtomicFile> AtomicFile::Create(const fs::path& path, IfExists if_exists) {
  static std::atomic<int> counter{0};
  std::error_code ignored;
  if (if_exists == IfExists::kFail && fs::exists(path, ignored)) return Exists(path);
  RemoveLeftOvers(path);
  const fs::path temporary = FolderOf(path) / Format(".{}.{}.{}.part", path.filename().string(),
                                                     getpid(), counter.fetch_add(1));
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return WriteError(path, errno);
  flock(fd, LOCK_EX | LOCK_NB);  // where the file system knows no locks, left-overs stay
  // Before it was locked another writer may have taken it for a left-over.
  struct stat found = {};
  if (fstat(fd, &found) == 0 && found.st_nlink == 0) {
    close(fd);
    return Create(path, if_exists);
  }
  return AtomicFile(fd, path, temporary, if_exists);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      if_exists_(other.if_exists_),
      size_(other.size_),
      started_(other.started_) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(temporary_.c_str());
}

Status AtomicFile::RequireSpace(std::uint64_t bytes) const {
  struct statvfs disk {};
  if (fstatvfs(fd_, &disk) != 0 || disk.f_blocks == 0) return Ok();
  const std::uint64_t free = std::uint64_t{disk.f_bfree} * disk.f_frsize;
  if (bytes <= free) return Ok();
  return Error(ErrorCode::kIo, Format("{}: no space left on the device ({} needed, {} free)",
                                      path_.string(), FormatBytes(bytes), FormatBytes(free)));
}

Status AtomicFile::Write(std::span<const std::byte> bytes) {
  const std::array<std::span<const std::byte>, 1> one = {bytes};
  return Write(std::span<const std::span<const std::byte>>(one));
}

Status AtomicFile::Write(std::string_view text) {
  return Write(std::as_bytes(std::span(text.data(), text.size())));
}

Status AtomicFile::Write(std::span<const std::span<const std::byte>> pieces) {
  constexpr std::size_t kAtOnce = 512;  // below IOV_MAX
  std::size_t next = 0;
  std::size_t offset = 0;  // written of the piece `next`
  while (next < pieces.size()) {
    std::array<iovec, kAtOnce> vector{};
    std::size_t count = 0;
    for (std::size_t i = next; i < pieces.size() && count < kAtOnce; ++i) {
      const std::size_t skip = i == next ? offset : 0;
      vector[count++] = {const_cast<std::byte*>(pieces[i].data() + skip), pieces[i].size() - skip};
    }
    const ssize_t written = writev(fd_, vector.data(), static_cast<int>(count));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return WriteError(path_, errno);
    size_ += static_cast<std::uint64_t>(written);
    auto left = static_cast<std::size_t>(written);
    while (next < pieces.size() && left >= pieces[next].size() - offset) {
      left -= pieces[next].size() - offset;
      offset = 0;
      ++next;
    }
    offset += left;
  }
  StartWriteback();
  return Ok();
}

// The disk works while the next bytes are made, so that Commit has less to wait for.
void AtomicFile::StartWriteback() {
  constexpr std::uint64_t kStretch = 8U << 20U;
  if (size_ - started_ < kStretch) return;
  // What goes wrong shows when Commit syncs.
  sync_file_range(fd_, static_cast<off64_t>(started_), static_cast<off64_t>(size_ - started_),
                  SYNC_FILE_RANGE_WRITE);
  started_ = size_;
}

Status AtomicFile::Commit() {
  if (fsync(fd_) != 0) return WriteError(path_, errno);
  const int closed = close(std::exchange(fd_, -1));
  const int close_error = errno;
  const bool renamed = closed == 0 && (if_exists_ == IfExists::kFail
                                           ? RenameNew(temporary_, path_) == 0
                                           : rename(temporary_.c_str(), path_.c_str()) == 0);
  if (!renamed) {
    const int error = closed == 0 ? errno : close_error;
    unlink(temporary_.c_str());
    return error == EEXIST ? Exists(path_) : WriteError(path_, error);
  }
  SyncFolder(FolderOf(path_));
  return Ok();
}

Status WriteFileAtomic(const fs::path& path, std::string_view text) {
  QB_TRY(AtomicFile file, AtomicFile::Create(path));
  QB_OK(file.Write(text));
  return file.Commit();
}

Status MakeFolders(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    return Error(ErrorCode::kIo,
                 Format("{}: cannot make the folder: {}", path.string(), error.message()));
  }
  return Ok();
}

}  // namespace quantbench
