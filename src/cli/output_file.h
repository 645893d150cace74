// The file that -o names; "-" is stdout.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "quantbench/base/scratch_folder.h"
#include "quantbench/base/status.h"

#include "cli/terminal.h"

namespace quantbench {

// Where a command writes JSON that may also go to stdout: a file in a folder of its own stands in
// for "-" until Print. Removed with the object.
class OutputFile {
 public:
  // kIo when there is no place for it.
  [[nodiscard]] static Result<OutputFile> For(const std::string& asked);
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] bool is_stdout() const { return folder_.has_value(); }
  // What was written, to stdout, as a terminal may have it; the exit code.
  [[nodiscard]] int Print(Terminal& terminal) const;

 private:
  explicit OutputFile(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
  std::optional<ScratchFolder> folder_;  // none: a file of the user's
};

// kInvalidArgument where `asked` is "-": what is written is no text.
[[nodiscard]] Status RefuseStdout(const std::string& asked, std::string_view what);

}  // namespace quantbench
