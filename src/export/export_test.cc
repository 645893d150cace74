// Exports: complete, typed, the same in every format, and harmless whatever names hold.
#include "quantbench/export.h"

#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include "quantbench/base/file.h"

namespace quantbench {
namespace export_test {

namespace fs = std::filesystem;

// Quotes, a line break, a terminal's escape, a right-to-left override, SQL.
const std::string kEvil = "=cmd|'\"x\",\n\x1b[31m\xe2\x80\xae'); DROP TABLE laps;--";

Json SamplesJson(std::int64_t ns) {
  LatencySamples samples;
  for (int lap = 0; lap < 3; ++lap) {
    Lap made;
    made.start_ns = 1000 * lap;
    made.run_ns = {ns, ns + lap};
    made.cpu_ns = 2 * ns;
    samples.laps.push_back(made);
  }
  return samples.ToJson();
}

Json ArmJson(const std::string& arm, std::int64_t ns) {
  Json processes = Json::Array{};
  for (int process = 0; process < 3; ++process) processes.Append(SamplesJson(ns + process));
  return Json::MakeObject().Set("arm", arm).Set("outcome", "ok").Set("processes", processes);
}

class ExportTest : public ::testing::Test {
 protected:
  ExportTest()
      : folder_(fs::temp_directory_path() /
                ("qb_export_test." + std::to_string(getpid()) + "." +
                 ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(folder_);
    Study study;
    study.title = kEvil;
    StudyModel model;
    model.id = "m";
    model.why = kEvil;
    model.data = "d";
    study.models = {model};
    study.data["d"] = {};
    StudyVariant variant;
    variant.id = "q";
    study.variants = {variant};
    Hypothesis hypothesis;
    hypothesis.id = "H1";
    hypothesis.text = kEvil;
    hypothesis.arms = {"q", "original"};
    hypothesis.expect = ParseExpectation("<= 0.667").value();
    study.hypotheses = {hypothesis};
    records_ = {Measured("new", "2026-02-01", 4000), Measured("old", "2026-01-01", 1000),
                Evaluated("original", {1, 0, 1}), Evaluated("q", {1, 1, 1})};
    analysis_ = Analyse(study, records_, nullptr);
  }
  ~ExportTest() override { fs::remove_all(folder_); }

  static Record Measured(const std::string& key, const std::string& finished, std::int64_t ns) {
    Record record;
    record.key = key;
    record.finished = finished;
    record.what = {CaseKind::kMeasure, "m", "", {1, 1, {}, false}};
    record.environment = Json::MakeObject().Set("cpu", "a \"cpu\"").Set("cores", 2);
    const Json moment = Json::MakeObject().Set("frequency_khz", 1000).Set("steal_ms", -1);
    record.results = Json::MakeObject()
                         .Set("arms", Json::Array{ArmJson("original", ns), ArmJson("q", ns / 2)})
                         .Set("conditions", Json::Array{Json(Json::Array{moment, moment})});
    return record;
  }
  static Record Evaluated(const std::string& arm, const std::vector<std::int32_t>& classes) {
    Record record;
    record.key = "evaluate" + arm;
    record.what = {CaseKind::kEvaluate, "m", arm, {}};
    Predictions predictions;
    predictions.samples = predictions.rows = 3;
    predictions.classes = classes;
    predictions.labels = {1, 0, 0};
    record.results = Json::MakeObject().Set("predictions", predictions.ToJson()).Set("data", "d");
    return record;
  }
  [[nodiscard]] ExportSource Source() const { return {&analysis_, records_}; }

  // The rows of a table, each an object by column.
  [[nodiscard]] std::vector<Json> Rows(const std::string& name) const {
    std::vector<Json> rows;
    for (const ExportTable& table : ExportTables()) {
      if (table.name != name) continue;
      table.rows(Source(), [&](const ExportRow& row) {
        Json object = Json::MakeObject();
        for (std::size_t i = 0; i < row.size(); ++i) object.Set(table.columns[i].name, row[i]);
        rows.push_back(std::move(object));
      });
    }
    return rows;
  }

  fs::path folder_;
  std::vector<Record> records_;
  Analysis analysis_;
};

bool Fits(const Json& value, ExportType type) {
  if (value.is_null()) return true;
  switch (type) {
    case ExportType::kText: return value.is_string();
    case ExportType::kInteger: return value.is_integer();
    case ExportType::kReal: return value.is_number();
    case ExportType::kFlag: return value.is_bool();
  }
  return false;
}

TEST_F(ExportTest, EveryRowHasAValueOfTheRightTypeForEveryColumn) {
  std::int64_t checked = 0;
  for (const ExportTable& table : ExportTables()) {
    std::set<std::string> names;
    for (const ExportColumn& column : table.columns) {
      EXPECT_TRUE(names.insert(column.name).second) << table.name << "." << column.name;
    }
    table.rows(Source(), [&](const ExportRow& row) {
      ASSERT_EQ(row.size(), table.columns.size()) << table.name;
      for (std::size_t i = 0; i < row.size(); ++i) {
        EXPECT_TRUE(Fits(row[i], table.columns[i].type))
            << table.name << "." << table.columns[i].name << ": " << row[i].Dump();
        ++checked;
      }
    });
  }
  EXPECT_GT(checked, 1000);
}

TEST_F(ExportTest, HoldsEveryLapAndRunOfTheRecordsInUse) {
  const std::vector<Json> laps = Rows("laps");
  ASSERT_EQ(laps.size(), 18U);  // 2 arms, 3 processes, 3 laps; the older record is not in use
  EXPECT_EQ(laps[2]["wall_ns"].AsInt(), 4000 + 4002);
  EXPECT_EQ(laps[2]["start_ns"].AsInt(), 2000);
  const std::vector<Json> runs = Rows("runs");
  ASSERT_EQ(runs.size(), 36U);
  EXPECT_EQ(runs[5]["run_ns"].AsInt(), 4002);
  EXPECT_EQ(runs[5]["lap"].AsInt(), 2);
  for (const Json& run : runs) EXPECT_EQ(run["record"].AsString(), "new");
}

TEST_F(ExportTest, NamesRecordsThatAreNotInUse) {
  std::map<std::string, bool> used;
  for (const Json& row : Rows("records")) used[row["record"].AsString()] = row["used"].AsBool();
  EXPECT_EQ(used,
            (std::map<std::string, bool>{
                {"new", true}, {"old", false}, {"evaluateoriginal", true}, {"evaluateq", true}}));
}

TEST_F(ExportTest, GivesFiguresWithIntervalsAndVerdicts) {
  const std::vector<Json> latency = Rows("latency");
  ASSERT_EQ(latency.size(), 2U);
  const ArmLatency& arm = analysis_.cells.at(0).arms.at(1);
  EXPECT_EQ(latency[1]["ratio"].AsDouble(), arm.ratio.estimate);
  EXPECT_EQ(latency[1]["ratio_high"].AsDouble(), arm.ratio.high);
  EXPECT_TRUE(latency[1]["p99_ms"].is_null());  // 18 runs cannot tell
  EXPECT_TRUE(latency[1]["macs"].is_null());    // not counted
  const std::vector<Json> scores = Rows("scores");
  ASSERT_FALSE(scores.empty());
  EXPECT_EQ(scores[0]["value"].AsDouble(), 2.0 / 3);
  EXPECT_EQ(Rows("hypotheses").at(0)["verdict"].AsString(), "supported");
  EXPECT_EQ(Rows("verdicts").at(0)["value"].AsDouble(), arm.ratio.estimate);
  EXPECT_EQ(Rows("answers").size(), 6U);
  EXPECT_TRUE(Rows("conditions").at(1)["steal_ms"].is_null());
  EXPECT_EQ(Rows("conditions").at(1)["frequency_khz"].AsInt(), 1000);
}

TEST_F(ExportTest, CsvIsOneLineARowAndNoFormula) {
  ASSERT_TRUE(ExportCsv(Source(), folder_).ok());
  const std::string models = ReadFile(folder_ / "models.csv").value();
  EXPECT_EQ(models,
            "model,why,data,file\r\nm,\"'=cmd|'\"\"x\"\",\\x0a\\x1b[31m\\xe2\\x80\\xae'); DROP "
            "TABLE laps;--\",d,\r\n");
  const std::string laps = ReadFile(folder_ / "laps.csv").value();
  EXPECT_EQ(std::count(laps.begin(), laps.end(), '\n'), 19);
  EXPECT_EQ(laps.find("nan"), std::string::npos);
}

TEST_F(ExportTest, JsonLinesKeepTextsAsTheyAre) {
  ASSERT_TRUE(ExportJsonLines(Source(), folder_ / "x.jsonl").ok());
  const std::string text = ReadFile(folder_ / "x.jsonl").value();
  bool found = false;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const auto row = Json::Parse(std::string_view(text).substr(begin, end - begin));
    ASSERT_TRUE(row.ok());
    found = found ||
            (row.value()["table"].AsString() == "models" && row.value()["why"].AsString() == kEvil);
    begin = end + 1;
  }
  EXPECT_TRUE(found);
}

// The first value of a query.
std::string Ask(const fs::path& path, const std::string& sql) {
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  std::string value;
  if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0) != nullptr) {
    value = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
  }
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return value;
}

TEST_F(ExportTest, SqliteKeepsTextsAndNumbersAsTheyAre) {
  const fs::path path = folder_ / "x.db";
  ASSERT_TRUE(ExportSqlite(Source(), path).ok());
  EXPECT_EQ(Ask(path, "SELECT why FROM models"), kEvil);
  EXPECT_EQ(Ask(path, "SELECT count(*) FROM laps"), "18");
  EXPECT_EQ(Ask(path,
                "SELECT sum(run_ns) FROM runs JOIN records USING (record) WHERE used = 1 AND "
                "runs.arm = 'original' AND process = 0"),
            std::to_string(6 * 4000 + 3));
  EXPECT_EQ(Ask(path, "SELECT typeof(ratio_low) FROM latency"), "real");
  EXPECT_EQ(Ask(path, "SELECT count(*) FROM latency WHERE p99_ms IS NOT NULL"), "0");
  EXPECT_EQ(Ask(path, "PRAGMA integrity_check"), "ok");
}

TEST_F(ExportTest, TheSameResultsMakeTheSameBytes) {
  ASSERT_TRUE(ExportSqlite(Source(), folder_ / "a.db").ok());
  ASSERT_TRUE(ExportSqlite(Source(), folder_ / "b.db").ok());
  EXPECT_EQ(ReadFile(folder_ / "a.db").value(), ReadFile(folder_ / "b.db").value());
}

TEST_F(ExportTest, AFolderThatCannotBeMadeIsAnError) {
  ASSERT_TRUE(WriteFileAtomic(folder_ / "file", "x").ok());
  EXPECT_EQ(ExportCsv(Source(), folder_ / "file" / "sub").error().code(), ErrorCode::kIo);
  EXPECT_EQ(ExportSqlite(Source(), folder_ / "no" / "x.db").error().code(), ErrorCode::kIo);
}

// docs/export.md has a heading a table and names every column under it.
TEST_F(ExportTest, TheManualNamesEveryColumn) {
  const std::string manual = ReadFile(fs::path(QB_SOURCE_DIR) / "docs" / "export.md").value();
  for (const ExportTable& table : ExportTables()) {
    const std::size_t begin = manual.find("\n### " + table.name + "\n");
    ASSERT_NE(begin, std::string::npos) << table.name;
    const std::string part = manual.substr(begin, manual.find("\n### ", begin + 1) - begin);
    for (const ExportColumn& column : table.columns) {
      EXPECT_NE(part.find("`" + column.name + "`"), std::string::npos)
          << table.name << "." << column.name;
    }
  }
}

}  // namespace export_test
}  // namespace quantbench
