// A folder for what only the running command needs.
#pragma once

#include <atomic>
#include <filesystem>
#include <system_error>

#include <unistd.h>

#include "quantbench/base/format.h"

namespace quantbench {

// The name of a folder of this process's own beneath the system's temporary folder; whatever was
// made there goes with the object.
class ScratchFolder {
 public:
  ScratchFolder()
      : path_(std::filesystem::temp_directory_path() /
              Format("quantbench-{}-{}", static_cast<int>(getpid()), Next())) {}
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ScratchFolder(ScratchFolder&&) = delete;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  static int Next() {
    static std::atomic<int> next = 0;
    return next++;
  }
  std::filesystem::path path_;
};

}  // namespace quantbench
