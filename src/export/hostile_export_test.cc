// Hostile names through every export: each file is read back by its own rules.
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/base/json.h"
#include "quantbench/export.h"

#include "hostile_analysis.h"
#include "hostile_names.h"

namespace quantbench {
namespace hostile_export_test {

namespace fs = std::filesystem;
using testing::AnalysisNamed;
using testing::HostileNames;

template <typename T>
void Extend(std::vector<T>* all, const std::vector<T>& more) {
  all->insert(all->end(), more.begin(), more.end());
}

// What is exported of one name, for all names at once.
Analysis AllNames() {
  Analysis all;
  for (const std::string& name : HostileNames()) {
    const Analysis one = AnalysisNamed(name);
    Extend(&all.study.models, one.study.models);
    Extend(&all.study.variants, one.study.variants);
    Extend(&all.study.authors, one.study.authors);
    Extend(&all.study.hypotheses, one.study.hypotheses);
    Extend(&all.sizes, one.sizes);
    Extend(&all.cells, one.cells);
    Extend(&all.accuracies, one.accuracies);
    Extend(&all.quantized, one.quantized);
    Extend(&all.natural, one.natural);
    Extend(&all.scenarios, one.scenarios);
    Extend(&all.trade_offs, one.trade_offs);
    Extend(&all.findings, one.findings);
    Extend(&all.hypotheses, one.hypotheses);
    Extend(&all.environments, one.environments);
    Extend(&all.used, {name});
  }
  return all;
}

std::vector<Record> AllRecords() {
  std::vector<Record> records;
  for (const std::string& name : HostileNames()) {
    Record record;
    record.key = record.reason = record.started = record.finished = name;
    record.what = {CaseKind::kEvaluate, name, name, {1, 1, {{name, 1}}, false}};
    record.environment = Json::MakeObject().Set(name, name);
    record.settings = Json::MakeObject().Set("recipe", name);
    records.push_back(std::move(record));
  }
  return records;
}

// Fields of a CSV file [RFC 4180]; empty where it breaks the rules.
std::vector<std::vector<std::string>> ReadCsv(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1);
  std::string field;
  std::size_t i = 0;
  while (i < text.size()) {
    field.clear();
    if (text[i] == '"') {
      for (++i; i < text.size(); ++i) {
        if (text[i] != '"') {
          field += text[i];
        } else if (i + 1 < text.size() && text[i + 1] == '"') {
          field += text[++i];
        } else {
          break;
        }
      }
      ++i;
    } else {
      while (i < text.size() && text[i] != ',' && text[i] != '\r' && text[i] != '"')
        field += text[i++];
    }
    rows.back().push_back(field);
    if (i < text.size() && text[i] == ',') {
      ++i;
    } else if (text.compare(i, 2, "\r\n") == 0) {
      i += 2;
      if (i < text.size()) rows.emplace_back();
    } else {
      return {};
    }
  }
  return rows;
}

bool IsNumberText(const std::string& text) {
  char* end = nullptr;
  (void)std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size();
}

// What a spreadsheet would run: also behind blanks, and in full width [OWASP, CSV injection].
bool IsFormula(std::string text) {
  text.erase(0, text.find_first_not_of(" "));
  for (const std::string_view sign : {"=", "+", "-", "@", "\t", "\r", "\n", "\xef\xbc\x9d",
                                      "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"}) {
    if (text.starts_with(sign)) return !IsNumberText(text);
  }
  return false;
}

class HostileExport : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    analysis_ = new Analysis(AllNames());
    records_ = new std::vector<Record>(AllRecords());
  }
  static void TearDownTestSuite() {
    delete analysis_;
    delete records_;
  }
  HostileExport()
      : folder_(fs::temp_directory_path() / ("qb_hostile_export." + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~HostileExport() override { fs::remove_all(folder_); }
  [[nodiscard]] static ExportSource Source() { return {analysis_, *records_}; }

  static inline Analysis* analysis_ = nullptr;
  static inline std::vector<Record>* records_ = nullptr;
  fs::path folder_;
};

// Names as any export may have them: texts are UTF-8, what is none became U+FFFD.
std::string AsText(const std::string& name) {
  return Json::Parse(Json(name).Dump()).value().AsString();
}

TEST_F(HostileExport, CsvKeepsRowsAndColumnsAndHasNoFormula) {
  ASSERT_TRUE(ExportCsv(Source(), folder_).ok());
  for (const ExportTable& table : ExportTables()) {
    std::size_t expected = 1;
    table.rows(Source(), [&](const ExportRow&) { ++expected; });
    const std::string text = ReadFile(folder_ / (table.name + ".csv"), 256U << 20U).value();
    const auto rows = ReadCsv(text);
    ASSERT_EQ(rows.size(), expected) << table.name;
    std::string plain = text;
    std::erase(plain, '\r');
    EXPECT_EQ(testing::TerminalObeys(plain), "") << table.name;
    for (const auto& row : rows) {
      ASSERT_EQ(row.size(), table.columns.size()) << table.name << ": " << row.front();
      for (const std::string& field : row) {
        EXPECT_FALSE(IsFormula(field)) << table.name << ": " << field;
      }
    }
  }
}

TEST_F(HostileExport, JsonLinesReadBackLineByLine) {
  ASSERT_TRUE(ExportJsonLines(Source(), folder_ / "x.jsonl").ok());
  const std::string text = ReadFile(folder_ / "x.jsonl", 256U << 20U).value();
  EXPECT_EQ(testing::TerminalObeys(text), "");
  std::multiset<std::string> models;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const auto row = Json::Parse(std::string_view(text).substr(begin, end - begin));
    ASSERT_TRUE(row.ok()) << row.error().message();
    if (row.value()["table"].AsString() == "models") models.insert(row.value()["why"].AsString());
    begin = end + 1;
  }
  std::multiset<std::string> expected;
  for (const std::string& name : HostileNames()) expected.insert(AsText(name));
  EXPECT_EQ(models, expected);
}

TEST_F(HostileExport, SqliteKeepsEveryTextAndIsSound) {
  const fs::path path = folder_ / "x.db";
  ASSERT_TRUE(ExportSqlite(Source(), path).ok());
  sqlite3* opened = nullptr;
  ASSERT_EQ(sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> database(opened, sqlite3_close);
  const auto ask = [&](const char* sql) {
    std::multiset<std::string> values;
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(opened, sql, -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(opened);
    while (sqlite3_step(statement) == SQLITE_ROW) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
      values.insert(text == nullptr ? "" : text);
    }
    sqlite3_finalize(statement);
    return values;
  };
  EXPECT_EQ(ask("PRAGMA integrity_check"), std::multiset<std::string>{"ok"});
  std::multiset<std::string> expected;
  for (const std::string& name : HostileNames()) expected.insert(AsText(name));
  EXPECT_EQ(ask("SELECT why FROM models"), expected);
  EXPECT_EQ(ask("SELECT why FROM variants"), expected);
  EXPECT_EQ(ask("SELECT reason FROM records"), expected);
  EXPECT_EQ(ask("SELECT count(*) FROM sqlite_master"),
            std::multiset<std::string>{std::to_string(ExportTables().size())});
}

}  // namespace hostile_export_test
}  // namespace quantbench
