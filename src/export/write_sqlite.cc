// Tables as one SQLite database, made in memory and written like any other file.
#include <algorithm>
#include <memory>

#include <sqlite3.h>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "export/tables.h"

namespace quantbench {
namespace {

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
struct FreeBytes {
  void operator()(unsigned char* bytes) const { sqlite3_free(bytes); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

Error SqliteError(sqlite3* database, std::string_view doing) {
  return {ErrorCode::kIo, Format("SQLite: {}: {}", doing, sqlite3_errmsg(database))};
}

Result<Statement> Prepare(sqlite3* database, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
    return SqliteError(database, sql);
  }
  return Statement(statement);
}

Status Execute(sqlite3* database, const std::string& sql) {
  QB_TRY(const Statement statement, Prepare(database, sql));
  if (sqlite3_step(statement.get()) != SQLITE_DONE) return SqliteError(database, sql);
  return Ok();
}

// Names are those of our own tables: letters and underscores.
std::string CreateSql(const ExportTable& table) {
  std::string columns;
  for (const ExportColumn& column : table.columns) {
    const bool text = column.type == ExportType::kText;
    columns += Format("{}\"{}\" {}", columns.empty() ? "" : ", ", column.name,
                      text                               ? "TEXT"
                      : column.type == ExportType::kReal ? "REAL"
                                                         : "INTEGER");
  }
  return Format("CREATE TABLE \"{}\" ({})", table.name, columns);
}

std::string InsertSql(const ExportTable& table) {
  std::string marks = "?";
  for (std::size_t i = 1; i < table.columns.size(); ++i) marks += ", ?";
  return Format("INSERT INTO \"{}\" VALUES ({})", table.name, marks);
}

// As JSON has it: what is no UTF-8 is U+FFFD, or queries would give broken texts.
std::string TextOf(const Json& value) {
  const std::string& text = value.AsString();
  const bool ascii = std::all_of(text.begin(), text.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (ascii) return text;
  const auto read = Json::Parse(value.Dump());
  return read.ok() ? read.value().AsString() : "";
}

int Bind(sqlite3_stmt* statement, int index, const Json& value) {
  if (value.is_string()) {
    const std::string text = TextOf(value);
    return sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_TRANSIENT,
                               SQLITE_UTF8);
  }
  if (value.is_bool()) return sqlite3_bind_int(statement, index, value.AsBool() ? 1 : 0);
  if (value.is_integer()) return sqlite3_bind_int64(statement, index, value.AsInt());
  if (value.is_number()) return sqlite3_bind_double(statement, index, value.AsDouble());
  return sqlite3_bind_null(statement, index);
}

Status Fill(sqlite3* database, const ExportTable& table, const ExportSource& source) {
  QB_OK(Execute(database, CreateSql(table)));
  QB_TRY(const Statement insert, Prepare(database, InsertSql(table)));
  bool fine = true;
  table.rows(source, [&](const ExportRow& row) {
    for (std::size_t i = 0; fine && i < row.size(); ++i) {
      fine = Bind(insert.get(), static_cast<int>(i) + 1, row[i]) == SQLITE_OK;
    }
    fine = fine && sqlite3_step(insert.get()) == SQLITE_DONE;
    fine = fine && sqlite3_reset(insert.get()) == SQLITE_OK;
  });
  if (!fine) return SqliteError(database, "filling " + table.name);
  return Ok();
}

}  // namespace

Status ExportSqlite(const ExportSource& source, const std::filesystem::path& path) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open(":memory:", &opened);
  const Database database(opened);
  if (code != SQLITE_OK) return Error(ErrorCode::kIo, "SQLite: no database in memory");
  QB_OK(Execute(database.get(), "BEGIN"));
  for (const ExportTable& table : ExportTables()) QB_OK(Fill(database.get(), table, source));
  QB_OK(Execute(database.get(), "COMMIT"));
  sqlite3_int64 size = 0;
  const std::unique_ptr<unsigned char, FreeBytes> bytes(
      sqlite3_serialize(database.get(), "main", &size, 0));
  if (bytes == nullptr) return SqliteError(database.get(), "out of memory");
  return WriteFileAtomic(
      path, {reinterpret_cast<const char*>(bytes.get()), static_cast<std::size_t>(size)});
}

}  // namespace quantbench
