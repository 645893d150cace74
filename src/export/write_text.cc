// Tables as CSV files, and as lines of JSON.
#include "quantbench/base/file.h"
#include "quantbench/report.h"

#include "export/tables.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = 1U << 20U;  // bytes that are written at once

// A file written piece by piece; the first error stays.
class TextFile {
 public:
  explicit TextFile(AtomicFile file) : file_(std::move(file)) {}
  void Add(std::string_view text) {
    buffer_ += text;
    if (buffer_.size() >= kPiece) Flush();
  }
  Status Commit() {
    Flush();
    return status_.ok() ? file_.Commit() : status_;
  }

 private:
  void Flush() {
    if (status_.ok()) status_ = file_.Write(buffer_);
    buffer_.clear();
  }
  AtomicFile file_;
  std::string buffer_;
  Status status_ = Ok();
};

std::string CsvValue(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return CsvField(value.AsString());
  const std::string text = value.Dump();
  return text == "null" ? "" : text;  // NaN and infinities
}

Status WriteCsv(const ExportTable& table, const ExportSource& source, const fs::path& path) {
  QB_TRY(AtomicFile created, AtomicFile::Create(path));
  TextFile file(std::move(created));
  std::string line;
  for (const ExportColumn& column : table.columns) {
    line += (line.empty() ? "" : ",") + CsvField(column.name);
  }
  file.Add(line + "\r\n");
  table.rows(source, [&](const ExportRow& row) {
    line.clear();
    for (std::size_t i = 0; i < row.size(); ++i) line += (i == 0 ? "" : ",") + CsvValue(row[i]);
    file.Add(line + "\r\n");
  });
  return file.Commit();
}

}  // namespace

Status ExportCsv(const ExportSource& source, const fs::path& folder) {
  QB_OK(MakeFolders(folder));
  for (const ExportTable& table : ExportTables()) {
    QB_OK(WriteCsv(table, source, folder / (table.name + ".csv")));
  }
  return Ok();
}

Status ExportJsonLines(const ExportSource& source, const fs::path& path) {
  QB_TRY(AtomicFile created, AtomicFile::Create(path));
  TextFile file(std::move(created));
  for (const ExportTable& table : ExportTables()) {
    table.rows(source, [&](const ExportRow& row) {
      Json object = Json::MakeObject().Set("table", table.name);
      for (std::size_t i = 0; i < row.size(); ++i) object.Set(table.columns[i].name, row[i]);
      file.Add(object.Show() + "\n");
    });
  }
  return file.Commit();
}

}  // namespace quantbench
