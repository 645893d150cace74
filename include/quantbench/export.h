// export: results for other programs: long tables as CSV, JSON lines and SQLite, and a bundle to
// hand in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "quantbench/analyse.h"
#include "quantbench/base/json.h"
#include "quantbench/base/status.h"

namespace quantbench {

// --- tables ---

enum class ExportType : std::uint8_t { kText, kInteger, kReal, kFlag };
[[nodiscard]] std::string_view Name(ExportType type);  // "text", "integer", "real", "flag"

struct ExportColumn {
  std::string name;  // with its unit: "mean_ms"
  ExportType type = ExportType::kText;
  std::string meaning;  // with its range where that is not plain
};

// One value a column, each of the column's type or null: not known, or not of this row.
using ExportRow = std::vector<Json>;

// What is exported: an analysis and the records it came from. Views; both outlive the call.
struct ExportSource {
  const Analysis* analysis = nullptr;
  std::span<const Record> records;

  [[nodiscard]] bool Uses(const Record& record) const;  // the analysis came from it, too
};

// A long table: a row a thing, a column a property, the same columns whatever the study.
struct ExportTable {
  std::string name;  // "laps"
  std::string meaning;
  std::vector<ExportColumn> columns;
  // Hands the rows over one by one, in a stable order.
  std::function<void(const ExportSource&, const std::function<void(const ExportRow&)>&)> rows;
};

// All tables. The last, "columns", describes every column of every table. Raw tables hold the
// records that the analysis used; "records" names the others too.
[[nodiscard]] const std::vector<ExportTable>& ExportTables();

// <folder>/<table>.csv, every table, with a heading row. RFC 4180; a text that a spreadsheet would
// run as a formula gets a leading ', control characters and text of the other direction's marks
// become \xNN, text ends after 4000 bytes. Null is an empty field.
[[nodiscard]] Status ExportCsv(const ExportSource& source, const std::filesystem::path& folder);
// One object a line, "table" first. Texts are kept as they are.
[[nodiscard]] Status ExportJsonLines(const ExportSource& source, const std::filesystem::path& file);
// One database with every table. Texts are kept as they are; flags are 0 and 1.
[[nodiscard]] Status ExportSqlite(const ExportSource& source, const std::filesystem::path& file);

// --- the bundle ---

struct BundleOptions {
  bool with_models = false;  // the originals and the variants
  bool with_host = false;    // folders of this machine as they are, and the host's name
};
struct BundleFile {
  std::string name;  // below the bundle's one folder
  std::uint64_t bytes = 0;
  std::string sha256;
};
struct Bundle {
  std::vector<BundleFile> files;   // sorted by name, without the manifest
  std::vector<std::string> notes;  // what it says of this machine, one line each
};
// Packs the study file, records, hypotheses.json, report, figures and tables, with a MANIFEST that
// `sha256sum -c` reads, into a .zip, .tar.gz or .tgz. The same files make the same bytes. Without
// `with_host` folders of this machine are shortened in all texts but records, which are hashed.
[[nodiscard]] Result<Bundle> PackBundle(const Study& study, const std::filesystem::path& results,
                                        const std::filesystem::path& output,
                                        const BundleOptions& options);
// Reads a bundle without unpacking it to the disk, and compares every file with the manifest.
// kMalformed names the first thing that is wrong; hostile archives are refused.
[[nodiscard]] Result<Bundle> VerifyBundle(const std::filesystem::path& path);

}  // namespace quantbench
