// What a cell's processes measured, kept while the cell is not done: an interrupted study repeats
// the process that was running, not the cell.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "quantbench/base/json.h"

namespace quantbench {

// The folder of journals, in that of a study's results; gone when all is done.
constexpr std::string_view kUnfinished = "unfinished";

class CellJournal {
 public:
  // Empty `path`: keeps nothing. What another `device` wrote is not read.
  CellJournal(std::filesystem::path path, std::string device);

  // The processes of an interrupted call, in order; none where the file is missing or is not one.
  [[nodiscard]] Json::Array Read() const;
  // On disk when this returns. What cannot be written is only not there next time: a full disk is
  // told when the record is written.
  void Append(Json process);
  // The cell has its outcome.
  void Remove();

 private:
  std::filesystem::path path_;
  std::string device_;
  Json::Array processes_;
};

}  // namespace quantbench
