// Lines of text files: where each begins, and the fields of a TSV or JSONL line.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/file.h"
#include "quantbench/base/status.h"

namespace quantbench {

// A mapped file and where its lines begin; a byte order mark and empty lines are left out. Memory:
// the file is mapped, eight bytes a line.
class TextLines {
 public:
  static Result<TextLines> Open(const std::filesystem::path& path);

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(begins_.size()); }
  // Without its end (LF or CRLF). kMalformed for lines of more than 1 MB.
  [[nodiscard]] Result<std::string_view> Line(std::int64_t index) const;
  // Of the line in the file, from 1.
  [[nodiscard]] std::int64_t Number(std::int64_t index) const;

 private:
  std::shared_ptr<const MappedFile> file_;
  std::vector<std::uint64_t> begins_;
};

// The tab-separated fields of a line.
std::vector<std::string_view> SplitTabs(std::string_view line);

}  // namespace quantbench
