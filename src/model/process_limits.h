// For tests only: what this process may write, and how much memory it has used.
#pragma once

#include <csignal>
#include <cstdint>
#include <fstream>
#include <string>

#include <sys/resource.h>

namespace quantbench {

// Limits how large a file this process may write; beyond it write fails, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  FileSizeLimit(FileSizeLimit&&) = delete;
  FileSizeLimit& operator=(FileSizeLimit&&) = delete;
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

// The value of a line of /proc/self/status that gives kilobytes, in bytes.
inline std::uint64_t StatusBytes(const std::string& line) {
  std::ifstream file("/proc/self/status");
  std::string word;
  while (file >> word && word != line + ":") continue;
  std::uint64_t kilobytes = 0;
  file >> kilobytes;
  return kilobytes * 1024;
}

// The most memory this process had at once.
inline std::uint64_t PeakBytes() {
  return StatusBytes("VmHWM");
}

}  // namespace quantbench
