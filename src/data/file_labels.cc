// Label files: what each file of a folder is.
#include "data/file_labels.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <system_error>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/base/json.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

std::string_view TrimField(std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

Status SetLabel(std::string_view label, bool texts, FileLabel* entry) {
  if (texts) {
    entry->text = label;
    return Ok();
  }
  const auto parsed = std::from_chars(label.data(), label.data() + label.size(), entry->label);
  if (parsed.ec != std::errc() || parsed.ptr != label.data() + label.size() || entry->label < 0) {
    return Error(ErrorCode::kMalformed,
                 Format("label \"{}\" is not a class number", Printable(label)));
  }
  return Ok();
}

Result<FileLabel> ParseCsvLine(std::string_view line, bool texts) {
  const std::size_t comma = texts ? line.find(',') : line.rfind(',');
  if (comma == std::string_view::npos) return Error(ErrorCode::kMalformed, "is not file,label");
  FileLabel entry;
  entry.file = TrimField(line.substr(0, comma));
  QB_OK(SetLabel(TrimField(line.substr(comma + 1)), texts, &entry));
  return entry;
}

// What every entry must be, whatever file it came from.
class EntryChecker {
 public:
  explicit EntryChecker(fs::path folder) : folder_(std::move(folder)) {}

  Status Check(const FileLabel& entry) {
    const std::string name = Printable(entry.file);
    const auto refuse = [&](std::string_view why) {
      return Error(ErrorCode::kMalformed, Format("\"{}\" {}", name, why));
    };
    if (!StaysInside(entry.file)) return refuse("lies outside the folder");
    std::error_code ignored;
    if (!fs::exists(folder_ / entry.file, ignored)) return refuse("does not exist");
    if (!seen_.insert(entry.file).second) return refuse("is listed twice");
    return Ok();
  }

 private:
  fs::path folder_;
  std::set<std::string> seen_;
};

Result<std::vector<FileLabel>> ReadCsvLabels(const fs::path& path, std::string_view rest,
                                             bool texts, EntryChecker* checker) {
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  std::vector<FileLabel> entries;
  for (std::int64_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = TrimField(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty()) continue;
    auto entry = ParseCsvLine(line, texts);
    const bool heading = number == 1 && (!entry.ok() || entry.value().file == "file");
    if (heading) continue;
    if (!entry.ok()) return entry.error().Within(Format("{}:{}", path.string(), number));
    if (auto sound = checker->Check(entry.value()); !sound.ok()) {
      return sound.error().Within(Format("{}:{}", path.string(), number));
    }
    entries.push_back(std::move(entry).value());
  }
  return entries;
}

Result<FileLabel> ReadJsonEntry(const std::string& file, const Json& label, bool texts) {
  FileLabel entry;
  entry.file = file;
  if (file.empty()) return Error(ErrorCode::kMalformed, "has no \"file\"");
  if (texts) {
    if (!label.is_string()) return Error(ErrorCode::kMalformed, "has no text");
    entry.text = label.AsString();
    return entry;
  }
  entry.label = label.is_integer() ? label.AsInt() : -1;
  if (entry.label < 0) {
    return Error(ErrorCode::kMalformed,
                 Format("label {} is not a class number", Printable(label.Dump(), 40)));
  }
  return entry;
}

Result<std::vector<FileLabel>> ReadJsonLabels(const fs::path& path, std::string_view text,
                                              bool texts, EntryChecker* checker) {
  auto json = Json::Parse(text);
  if (!json.ok()) return json.error().Within(path.string());
  std::vector<FileLabel> entries;
  const auto add = [&](std::string_view where, const std::string& file,
                       const Json& label) -> Status {
    const std::string place = Format("{}: {}", path.string(), Printable(where));
    auto entry = ReadJsonEntry(file, label, texts);
    if (!entry.ok()) return entry.error().Within(place);
    if (auto sound = checker->Check(entry.value()); !sound.ok()) return sound.error().Within(place);
    entries.push_back(std::move(entry).value());
    return Ok();
  };
  for (const auto& [file, label] : json.value().AsObject()) QB_OK(add(file, file, label));
  const Json::Array& list = json.value().AsArray();
  for (std::size_t i = 0; i < list.size(); ++i) {
    QB_OK(add(Format("element {}", i), list[i]["file"].AsString(),
              list[i][texts && list[i].Has("text") ? "text" : "label"]));
  }
  return entries;
}

}  // namespace

bool StaysInside(const std::string& file) {
  const fs::path path(file);
  if (file.empty() || path.is_absolute() || file.find('\0') != std::string::npos) return false;
  return std::find(path.begin(), path.end(), "..") == path.end();
}

Result<std::vector<FileLabel>> ReadFileLabels(const fs::path& folder, const fs::path& path,
                                              bool texts) {
  QB_TRY(const std::string text, ReadFile(path));
  EntryChecker checker(folder);
  if (path.extension() == ".json") return ReadJsonLabels(path, text, texts, &checker);
  return ReadCsvLabels(path, text, texts, &checker);
}

}  // namespace quantbench
