// Folders that only the running command needs.
#include "quantbench/base/scratch_folder.h"

#include <cerrno>
#include <string>
#include <system_error>

#include <stdlib.h>

#include "quantbench/base/format.h"

namespace quantbench {

Result<ScratchFolder> ScratchFolder::Make() {
  std::error_code failed;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(failed);
  if (failed) return Error(ErrorCode::kIo, "no folder for temporary files: set TMPDIR");
  std::string path = folder / "quantbench-XXXXXX";  // mkdtemp puts letters for the Xs
  if (mkdtemp(path.data()) == nullptr) {
    return Error(ErrorCode::kIo, Format("{}: {}", path, std::generic_category().message(errno)));
  }
  return ScratchFolder(path);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace quantbench
