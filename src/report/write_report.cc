// Writing the report: pages, figures, tables.
#include <cctype>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/report.h"

#include "report/page.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

// "From file to answer" as a file is called: "from-file-to-answer".
std::string FileStem(std::string title) {
  for (char& letter : title) {
    letter =
        letter == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  return title;
}

Status WriteTables(const Analysis& analysis, const fs::path& folder) {
  QB_OK(MakeFolders(folder));
  std::vector<std::pair<std::string, Table>> tables = {
      {"summary", SummaryTable(analysis)},
      {"size", SizeTable(analysis)},
      {"precision", PrecisionTable(analysis)},
      {"latency", LatencyTable(analysis)},
      {"work", WorkTable(analysis)},
      {"roofline", RooflineTable(analysis)},
      {"measuring", MeasuringTable(analysis)},
      {"scaling", ScalingTable(analysis)},
      {"accuracy", AccuracyTable(analysis)},
      {"trade-off", TradeOffTable(analysis)},
      {"natural", NaturalTable(analysis)},
      {"classes", ClassTable(analysis)},
      {"hypotheses", HypothesisTable(analysis)},
      {"quantization", QuantizationTable(analysis)}};
  for (Table& table : ScenarioTables(analysis)) {
    tables.emplace_back(FileStem(table.title), std::move(table));
  }
  for (const auto& [name, table] : tables) {
    QB_OK(WriteFileAtomic(folder / (name + ".csv"), Render(table, OutputFormat::kCsv)));
  }
  return Ok();
}

}  // namespace

Result<Report> WriteReport(const Analysis& analysis, const fs::path& folder) {
  QB_OK(MakeFolders(folder));
  Report report;
  const std::vector<Figure> figures = MakeFigures(analysis);
  QB_TRY(report.figures, DrawFigures(figures, folder / "figures", &report.missing));
  std::vector<std::string> svgs;
  for (const Figure& figure : figures) {
    auto svg = ReadFile(folder / "figures" / (figure.name + ".svg"), 8U << 20U);
    svgs.push_back(svg.ok() && report.missing.empty() ? std::move(svg).value() : "");
  }
  QB_OK(WriteTables(analysis, folder / "tables"));
  report.markdown = folder / "report.md";
  report.html = folder / "report.html";
  QB_OK(WriteFileAtomic(report.markdown,
                        RenderMarkdownPage(analysis, figures, report.missing.empty())));
  QB_OK(WriteFileAtomic(report.html, RenderHtmlPage(analysis, figures, svgs)));
  return report;
}

}  // namespace quantbench
