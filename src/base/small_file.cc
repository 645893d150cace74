// Lines and numbers of small files.
#include "quantbench/base/small_file.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <system_error>

namespace quantbench {
namespace {

namespace fs = std::filesystem;

std::optional<std::int64_t> NumberOf(const std::string& text, int base) {
  char* end = nullptr;
  const std::int64_t value = std::strtoll(text.c_str(), &end, base);
  if (end == text.c_str()) return std::nullopt;
  return value;
}

}  // namespace

std::string FirstLineIn(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<std::int64_t> NumberIn(const fs::path& path, int base) {
  return NumberOf(FirstLineIn(path), base);
}

std::string ValueIn(const fs::path& path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t value = line.find_first_not_of(" \t:", key.size());
    const bool whole = value != key.size();  // the key ends there
    if (whole) return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

std::optional<std::int64_t> NumberAfter(const fs::path& path, std::string_view key) {
  return NumberOf(ValueIn(path, key), 10);
}

std::vector<fs::path> EntriesIn(const fs::path& folder, std::string_view prefix) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename().string().starts_with(prefix)) entries.push_back(entry->path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

}  // namespace quantbench
