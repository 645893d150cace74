// The file that -o names; "-" is stdout.
#include "cli/output_file.h"

#include <cerrno>
#include <cstring>
#include <system_error>

#include <stdlib.h>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/base/json.h"

namespace quantbench {
namespace {

constexpr std::uint64_t kLargestPrinted = 1U << 30U;

}  // namespace

Result<OutputFile> OutputFile::For(const std::string& asked) {
  if (asked != "-") return OutputFile(asked, {});
  std::error_code ignored;
  std::string folder = std::filesystem::temp_directory_path(ignored) / "quantbench.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    return Error(ErrorCode::kIo, Format("{}: {}", folder, std::strerror(errno)));
  }
  return OutputFile(std::filesystem::path(folder) / "output", folder);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)), folder_(std::move(other.folder_)) {
  other.folder_.clear();
}

OutputFile::~OutputFile() {
  std::error_code ignored;
  if (is_stdout()) std::filesystem::remove_all(folder_, ignored);
}

int OutputFile::Print(Terminal& terminal) const {
  const auto text = ReadFile(path_, kLargestPrinted);
  if (!text.ok()) return terminal.Fail(text.error());
  const auto json = Json::Parse(text.value());
  if (!json.ok()) return terminal.Fail(json.error());
  return terminal.Print(json.value().Show(2) + "\n") ? kExitDone : kExitMachine;
}

Status RefuseStdout(const std::string& asked, std::string_view what) {
  if (asked != "-") return Ok();
  return Error(ErrorCode::kInvalidArgument,
               Format("-o -: {} does not go to stdout; name a file", what));
}

}  // namespace quantbench
