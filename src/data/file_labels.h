// Label files: what each file of a folder is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/status.h"

namespace quantbench {

struct FileLabel {
  std::string file;         // relative to the folder, and inside it
  std::int64_t label = -1;  // class; -1: none
  std::string text;         // transcript
};

// A .csv with lines "file,label" (with or without a heading, BOM or CRLF), or a .json: an object of
// labels by file, or an array of {"file", "label"}. `texts`: the label is a transcript, and in a
// .csv everything after the first comma. Every file must exist and be listed once. kMalformed names
// the line or element.
Result<std::vector<FileLabel>> ReadFileLabels(const std::filesystem::path& folder,
                                              const std::filesystem::path& path, bool texts);

// Whether a relative name stays beneath its folder.
[[nodiscard]] bool StaysInside(const std::string& file);

}  // namespace quantbench
