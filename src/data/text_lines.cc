// Lines of text files.
#include "data/text_lines.h"

#include <algorithm>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr std::uint64_t kLongestLine = 1U << 20U;

}  // namespace

Result<TextLines> TextLines::Open(const std::filesystem::path& path) {
  TextLines lines;
  QB_TRY(lines.file_, MappedFile::Open(path));
  const std::string_view text = lines.file_->text();
  std::size_t begin = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    if (!line.empty() && line != "\r") lines.begins_.push_back(begin);
    begin = end + 1;
  }
  return lines;
}

Result<std::string_view> TextLines::Line(std::int64_t index) const {
  std::string_view line = file_->text().substr(begins_[static_cast<std::size_t>(index)]);
  line = line.substr(0, std::min(line.find('\n'), line.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > kLongestLine) {
    return Error(ErrorCode::kMalformed,
                 Format("a line of {} is longer than {}", FormatBytes(line.size()),
                        FormatBytes(kLongestLine)));
  }
  return line;
}

std::int64_t TextLines::Number(std::int64_t index) const {
  const std::string_view before = file_->text().substr(0, begins_[static_cast<std::size_t>(index)]);
  return 1 + std::count(before.begin(), before.end(), '\n');
}

std::vector<std::string_view> SplitTabs(std::string_view line) {
  std::vector<std::string_view> fields;
  for (;;) {
    const std::size_t tab = line.find('\t');
    fields.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return fields;
    line.remove_prefix(tab + 1);
  }
}

}  // namespace quantbench
