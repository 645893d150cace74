// A folder for what only the running command needs.
#pragma once

#include <filesystem>
#include <utility>

#include "quantbench/base/status.h"

namespace quantbench {

// A new folder beneath the system's temporary folder, under a name that nobody had and closed to
// other users. It goes with the object, and all that was made in it; what is mapped stays mapped.
class ScratchFolder {
 public:
  // kIo: there is no temporary folder, or it cannot be written to.
  [[nodiscard]] static Result<ScratchFolder> Make();
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit ScratchFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;  // empty: moved from
};

}  // namespace quantbench
