// The file that -o names; "-" is stdout.
#include "cli/output_file.h"

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/base/json.h"

namespace quantbench {
namespace {

constexpr std::uint64_t kLargestPrinted = 1U << 30U;

}  // namespace

Result<OutputFile> OutputFile::For(const std::string& asked) {
  if (asked != "-") return OutputFile(asked);
  QB_TRY(ScratchFolder folder, ScratchFolder::Make());
  OutputFile output(folder.path() / "output");
  output.folder_.emplace(std::move(folder));
  return output;
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
