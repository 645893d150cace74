// The journal is one small JSON file, replaced as a whole after each process.
#include "run/cell_journal.h"

#include <system_error>

#include "quantbench/base/file.h"

namespace quantbench {
namespace {

constexpr std::string_view kJournalFormat = "quantbench unfinished cell 1";
constexpr std::uint64_t kLargestJournal = std::uint64_t{1} << 30U;

}  // namespace

CellJournal::CellJournal(std::filesystem::path path, std::string device)
    : path_(std::move(path)), device_(std::move(device)) {}

Json::Array CellJournal::Read() const {
  if (path_.empty()) return {};
  const auto text = ReadFile(path_, kLargestJournal);
  if (!text.ok()) return {};
  const auto json = Json::Parse(text.value());
  if (!json.ok() || json.value()["format"].AsString() != kJournalFormat ||
      json.value()["device"].AsString() != device_) {
    return {};
  }
  return json.value()["processes"].AsArray();
}

void CellJournal::Append(Json process) {
  if (path_.empty()) return;
  processes_.push_back(std::move(process));
  const Json whole = Json::MakeObject()
                         .Set("format", kJournalFormat)
                         .Set("device", device_)
                         .Set("processes", Json(processes_));
  if (!WriteFileAtomic(path_, whole.Dump()).ok()) path_.clear();
}

void CellJournal::Remove() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove(path_, ignored);
}

}  // namespace quantbench
