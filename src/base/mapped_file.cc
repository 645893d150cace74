// Mapped files, and opening what an untrusted model names.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "base/open_beneath.h"

namespace quantbench {

// Gives the mapping functions the private constructor.
struct MappedFileAccess {
  static std::shared_ptr<const MappedFile> Make(const std::byte* data, std::size_t size, int fd) {
    return std::shared_ptr<const MappedFile>(new MappedFile(data, size, fd));
  }
};

namespace {

Error SystemError(std::string_view what) {
  const ErrorCode code =
      errno == ENOENT || errno == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo;
  return {code, Format("{}: {}", Printable(what), std::strerror(errno))};
}

// Descriptors that mapped files keep. There may be thousands of files and few descriptors.
std::atomic<int> kept_descriptors{0};

// Keeps the descriptor of a large file while there are few such; else closes it and returns -1.
int KeepOrClose(int fd, std::size_t size) {
  constexpr std::size_t kLarge = 1U << 20U;
  constexpr int kMost = 64;
  if (size >= kLarge && kept_descriptors.fetch_add(1) < kMost) return fd;
  if (size >= kLarge) --kept_descriptors;
  close(fd);
  return -1;
}

// Maps the file; `fd` is kept with it or closed.
Result<std::shared_ptr<const MappedFile>> Map(int fd, std::string_view name, bool single_link) {
  struct stat info {};
  if (fstat(fd, &info) != 0) {
    const Error error = SystemError(name);
    close(fd);
    return error;
  }
  if (!S_ISREG(info.st_mode) || (single_link && info.st_nlink != 1)) {
    close(fd);
    return Error(ErrorCode::kMalformed, Format("{}: {}", Printable(name),
                                               S_ISREG(info.st_mode) ? "has more than one hard link"
                                                                     : "not a regular file"));
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  void* data = nullptr;
  if (size > 0) data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (size > 0 && data == MAP_FAILED) {
    const Error error = SystemError(name);
    close(fd);
    return error;
  }
  return MappedFileAccess::Make(static_cast<const std::byte*>(data), size, KeepOrClose(fd, size));
}

Error Refused(std::string_view relative, std::string_view rule) {
  return {ErrorCode::kMalformed, Format("\"{}\" {}", Printable(relative), rule)};
}

// What an untrusted path may not be, whatever lies there.
Status CheckRelative(std::string_view relative) {
  if (relative.empty()) return Refused(relative, "names no file");
  if (relative.front() == '/') return Refused(relative, "is an absolute path");
  if (relative.find('\0') != std::string_view::npos) return Refused(relative, "holds a NUL");
  std::string_view rest = relative;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    if (rest.substr(0, end) == "..")
      return Refused(relative, "leads out of the model's folder (..)");
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return Ok();
}

}  // namespace

int OpenBeneathByKernel(int folder, const char* relative) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(syscall(SYS_openat2, folder, relative, &how, sizeof(how)));
}

int OpenBeneathByComponents(int folder, const char* relative) {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW;
  int here = dup(folder);
  std::string_view rest = relative;
  while (here >= 0 && !rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string component(rest.substr(0, end));
    const bool last = end == rest.size();
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (component.empty() || component == ".") continue;
    const int next = openat(here, component.c_str(), last ? kFlags : (kFlags | O_DIRECTORY));
    const int error = errno;
    close(here);
    errno = error;
    here = next;
  }
  return here;
}

MappedFile::~MappedFile() {
  if (size_ > 0) munmap(const_cast<std::byte*>(data_), size_);
  if (fd_ < 0) return;
  close(fd_);
  --kept_descriptors;
}

Result<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return SystemError(path.string());
  return Map(fd, path.string(), false);
}

Result<std::shared_ptr<const MappedFile>> MappedFile::OpenBeneath(
    const std::filesystem::path& folder, std::string_view relative) {
  QB_OK(CheckRelative(relative));
  const std::string name(relative);
  const std::string base = folder.empty() ? "." : folder.string();
  const int root = open(base.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  if (root < 0) return SystemError(base);
  int fd = OpenBeneathByKernel(root, name.c_str());
  if (fd < 0 && (errno == ENOSYS || errno == EPERM))
    fd = OpenBeneathByComponents(root, name.c_str());
  const int error = errno;
  close(root);
  if (fd < 0 && (error == ELOOP || error == EXDEV)) {
    return Refused(relative, "goes through a symbolic link");
  }
  errno = error;
  if (fd < 0) return SystemError((folder / name).string());
  return Map(fd, relative, true);
}

void MappedFile::Release(std::span<const std::byte> part) const {
  // A kernel may map a large page whole where one byte of it is read: at the ends of neighbours
  // that are read and released one after the other, such pages would stay.
  constexpr std::size_t kLargePage = 2U << 20U;
  const auto address = reinterpret_cast<std::uintptr_t>(data_);
  const auto offset = static_cast<std::size_t>(part.data() - data_);
  const std::size_t begin = offset - std::min(offset, (address + offset) % kLargePage);
  const std::size_t rest = (address + offset + part.size()) % kLargePage;
  const std::size_t end =
      std::min(size_, offset + part.size() + (rest == 0 ? 0 : kLargePage - rest));
  if (begin < end) madvise(const_cast<std::byte*>(data_) + begin, end - begin, MADV_DONTNEED);
}

void MappedFile::Copy(std::span<const std::byte> part, std::byte* to) const {
  std::size_t done = 0;
  while (fd_ >= 0 && done < part.size()) {
    const auto offset = static_cast<off_t>(part.data() - data_) + static_cast<off_t>(done);
    const ssize_t count = pread(fd_, to + done, part.size() - done, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  if (done == part.size()) return;
  std::memcpy(to + done, part.data() + done, part.size() - done);
  Release(part);
}

Result<std::string> ReadFile(const std::filesystem::path& path, std::uint64_t limit) {
  QB_TRY(const auto file, MappedFile::Open(path));
  if (file->bytes().size() > limit) {
    return Error(ErrorCode::kMalformed,
                 Format("{}: {} is more than the limit of {}", path.string(),
                        FormatBytes(file->bytes().size()), FormatBytes(limit)));
  }
  return std::string(file->text());
}

}  // namespace quantbench
