// Tables as data: each column with its type, its meaning and how it comes from a row.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "quantbench/base/format.h"
#include "quantbench/export.h"

namespace quantbench {

// {"seq":32}
inline Json DimsText(const DimValues& dims) {
  if (dims.empty()) return "{}";
  Json json = Json::MakeObject();
  for (const auto& [name, value] : dims) json.Set(name, value);
  return json.Dump();
}

// Builds a table over rows of type Row, column by column.
template <typename Row>
class TableOf {
 public:
  using Get = Json (*)(const Row&);
  using MadeGet = std::function<Json(const Row&)>;
  using Visit = std::function<void(const Row&)>;

  TableOf(std::string name, std::string meaning) {
    table_.name = std::move(name);
    table_.meaning = std::move(meaning);
  }
  TableOf& Text(std::string name, std::string meaning, Get get) {
    return Made(std::move(name), ExportType::kText, std::move(meaning), get);
  }
  TableOf& Int(std::string name, std::string meaning, Get get) {
    return Made(std::move(name), ExportType::kInteger, std::move(meaning), get);
  }
  TableOf& Real(std::string name, std::string meaning, Get get) {
    return Made(std::move(name), ExportType::kReal, std::move(meaning), get);
  }
  TableOf& Flag(std::string name, std::string meaning, Get get) {
    return Made(std::move(name), ExportType::kFlag, std::move(meaning), get);
  }
  // A column whose getter holds something.
  TableOf& Made(std::string name, ExportType type, std::string meaning, MadeGet get) {
    table_.columns.push_back({std::move(name), type, std::move(meaning)});
    gets_.push_back(std::move(get));
    return *this;
  }
  // Three columns: <name>, <name>_low, <name>_high.
  TableOf& Between(const std::string& name, const std::string& meaning,
                   Interval (*get)(const Row&)) {
    const auto end = [&](const char* which) {
      return Format("{} end of the 95 % interval of {}", which, name);
    };
    Made(name, ExportType::kReal, meaning,
         [get](const Row& row) { return Json(get(row).estimate); });
    Made(name + "_low", ExportType::kReal, end("lower"),
         [get](const Row& row) { return Json(get(row).low); });
    return Made(name + "_high", ExportType::kReal, end("upper"),
                [get](const Row& row) { return Json(get(row).high); });
  }
  // Five columns: the circumstances of a cell.
  TableOf& Of(const Cell& (*get)(const Row&)) {
    Made("batch", ExportType::kInteger,
         "samples of a run; offline: of the cell, each arm has its own",
         [get](const Row& row) { return Json(get(row).batch); });
    Made("threads", ExportType::kInteger, "threads of the engine; 0: one a processor",
         [get](const Row& row) { return Json(get(row).threads); });
    Made("dims", ExportType::kText, "values of free dimensions, a JSON object",
         [get](const Row& row) { return DimsText(get(row).dims); });
    Made("data_loading", ExportType::kFlag, "a run goes from file to answer",
         [get](const Row& row) { return Json(get(row).include_data_loading); });
    return Made("scenario", ExportType::kText,
                "in what way the model is used: single-stream, offline, ...",
                [get](const Row& row) { return Json(Name(get(row).scenario)); });
  }
  // `rows` visits every row of a source.
  ExportTable From(std::function<void(const ExportSource&, const Visit&)> rows) {
    table_.rows = [gets = std::move(gets_), rows = std::move(rows)](
                      const ExportSource& source,
                      const std::function<void(const ExportRow&)>& take) {
      rows(source, [&](const Row& row) {
        ExportRow values;
        values.reserve(gets.size());
        for (const MadeGet& get : gets) values.push_back(get(row));
        take(values);
      });
    };
    return std::move(table_);
  }

 private:
  ExportTable table_;
  std::vector<MadeGet> gets_;
};

// Null where nothing is known: below 0.
inline Json Known(std::int64_t value) {
  return value < 0 ? Json() : Json(value);
}

std::vector<ExportTable> StudyExports();     // study, models, variants, records, environments
std::vector<ExportTable> SummaryExports();   // sizes, quantization, verdicts, findings
std::vector<ExportTable> LatencyExports();   // cells, latency, memory, scenarios, natural
std::vector<ExportTable> AccuracyExports();  // accuracy, scores, classes, answers, trade-off
std::vector<ExportTable> RawExports();       // processes, laps, runs, conditions, queries

}  // namespace quantbench
