// report: shows an analysis: tables for the terminal, figures by gnuplot, a Markdown and an HTML
// page.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/analyse.h"
#include "quantbench/base/status.h"
#include "quantbench/device.h"

namespace quantbench {

enum class OutputFormat : std::uint8_t { kTable, kMarkdown, kCsv, kJson };
[[nodiscard]] Result<OutputFormat> ParseOutputFormat(std::string_view name);  // table md csv json

struct Column {
  std::string title;    // with its unit: "mean ms"
  bool numeric = true;  // right-aligned, and a number in JSON when it reads as one
  bool prose = false;   // sentences: may take several lines of a table for people
};

// Text that comes from models and data may be hostile: rendering escapes it for each format.
struct Table {
  std::string title;
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
};
// kTable: aligned columns, Unicode-aware, prose wrapped at 48 columns. kCsv: RFC 4180, cells that a
// spreadsheet would run as a formula are prefixed with '. kJson: an array of objects by column
// title.
[[nodiscard]] std::string Render(const Table& table, OutputFormat format);
// Several tables; kJson: one object by table title.
[[nodiscard]] std::string Render(const std::vector<Table>& tables, OutputFormat format);

// One CSV field as Render writes it.
[[nodiscard]] std::string CsvField(std::string_view text);

// The tables of a study, as the report and the terminal show them.
// The width of numbers before and after: as the authors say, and as counted.
[[nodiscard]] Table PrecisionTable(const Analysis& analysis);
[[nodiscard]] Table SizeTable(const Analysis& analysis);
[[nodiscard]] Table LatencyTable(const Analysis& analysis);
// Beside the times: loading, first run, warm-up, percentiles, CPU time, contention, the control.
[[nodiscard]] Table MeasuringTable(const Analysis& analysis);
// Latency as a fixed part and a part per sample, and where larger batches no longer pay; no rows
// without two batches.
[[nodiscard]] Table ScalingTable(const Analysis& analysis);
// What every arm computes in a cell, beside how fast it does.
[[nodiscard]] Table WorkTable(const Analysis& analysis);
// The least time of every arm on its device beside what was measured, and the bound of the speed-up
// that follows; no rows where none is known.
[[nodiscard]] Table RooflineTable(const Analysis& analysis);
// What the processor can do at most.
[[nodiscard]] Table PeaksTable(const DevicePeaks& peaks);
// Memory and loading of each arm alone, of the cells where that was measured; no rows otherwise.
[[nodiscard]] Table MemoryTable(const Analysis& analysis);
[[nodiscard]] Table AccuracyTable(const Analysis& analysis);
// Latency at natural sizes, real beside synthetic.
[[nodiscard]] Table NaturalTable(const Analysis& analysis);
// One table a scenario that was measured: throughput, rates, times; empty when none was.
[[nodiscard]] std::vector<Table> ScenarioTables(const Analysis& analysis);
// Score, latency and size of every arm: dominated ones marked, the best within the budget named.
[[nodiscard]] Table TradeOffTable(const Analysis& analysis);
// Classes whose answers changed most.
[[nodiscard]] Table ClassTable(const Analysis& analysis);
[[nodiscard]] Table HypothesisTable(const Analysis& analysis);
// How well confidence that hypotheses stated fits their verdicts; empty where none was stated.
[[nodiscard]] std::string DescribeConfidence(const Analysis& analysis);
[[nodiscard]] Table QuantizationTable(const Analysis& analysis);
// One row per arm: size, latency at the smallest cell, accuracy: the answer at a glance.
[[nodiscard]] Table SummaryTable(const Analysis& analysis);
// What became what, and why the rest stayed float: one row a layer.
[[nodiscard]] Table PlanTable(const Plan& plan);

// Errors of layers against each other, in dB of signal to noise; infinity and NaN are left out.
struct LayerErrors {
  std::string title;
  std::vector<std::string> layers;  // in graph order
  struct Curve {
    std::string name;        // "this layer alone"
    std::vector<double> db;  // one a layer
  };
  std::vector<Curve> curves;
};
// Draws <name>.png and <name>.svg into `folder`, beside their script and data. `missing` says what
// to install when gnuplot is absent.
[[nodiscard]] Result<std::vector<std::filesystem::path>> DrawLayerErrors(
    const LayerErrors& errors, const std::string& name, const std::filesystem::path& folder,
    std::string* missing);

struct Report {
  std::filesystem::path html;
  std::filesystem::path markdown;
  std::vector<std::filesystem::path> figures;  // PNG and SVG, beside their .gp script and .dat data
  std::string missing;  // what could not be made, and what to install; or empty
};

// Writes report.html (one file, figures inside, no network, no JavaScript needed), report.md,
// figures/ and the tables as CSV into `folder`.
[[nodiscard]] Result<Report> WriteReport(const Analysis& analysis,
                                         const std::filesystem::path& folder);

}  // namespace quantbench
