// The report as Markdown, figures linked as PNG files beside it.
#include "quantbench/base/format.h"

#include "report/escape.h"
#include "report/page.h"

namespace quantbench {
namespace {

void Section(std::string_view title, std::string_view body, std::string* page) {
  if (body.empty()) return;
  *page += Format("## {}\n\n{}\n", title, body);
}

std::string Paragraphs(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "- " + EscapeMarkdownLine(line) + "\n";
  return text;
}

std::string TableOnly(Table table) {
  table.title.clear();
  return table.rows.empty() ? "" : Render(table, OutputFormat::kMarkdown);
}

// What the processors of the study can do, a section each.
void Peaks(const Analysis& analysis, std::string* page) {
  for (const Json& environment : analysis.environments) {
    const auto peaks = DevicePeaks::FromJson(environment["peaks"]);
    if (!peaks.ok()) continue;
    const Table table = PeaksTable(peaks.value());
    Section(table.title, TableOnly(table), page);
  }
}

}  // namespace

std::string RenderMarkdownPage(const Analysis& analysis, const std::vector<Figure>& figures,
                               bool drawn) {
  const Study& study = analysis.study;
  std::string page = Format("# {}\n\n", EscapeMarkdown(study.title));
  if (const std::string by = ByLine(study); !by.empty()) page += EscapeMarkdownLine(by) + "\n\n";
  Section("What quantization bought", Paragraphs(AnswerSentences(analysis)), &page);
  Section("Summary", TableOnly(SummaryTable(analysis)), &page);
  Section("Hypotheses", TableOnly(HypothesisTable(analysis)), &page);
  if (const std::string sure = DescribeConfidence(analysis); !sure.empty()) {
    page += EscapeMarkdown(sure) + "\n\n";
  }
  if (drawn) {
    page += "## Figures\n\n";
    for (const Figure& figure : figures) {
      page += Format("![{}](figures/{}.png)\n\n{}\n\n", EscapeMarkdown(figure.title), figure.name,
                     EscapeMarkdownLine(figure.caption));
    }
  }
  std::vector<std::string> findings;
  for (const Finding& finding : analysis.findings) findings.push_back(finding.text);
  Section("Findings", Paragraphs(findings), &page);
  for (const AuthorText& text : AuthorTexts(study)) {
    std::string body;
    for (const std::string& paragraph : text.paragraphs) {
      body += (body.empty() ? "" : "\n") + EscapeMarkdownLine(paragraph) + "\n";
    }
    Section(text.title, body, &page);
  }
  Section(
      "Models",
      [&] {
        std::string text;
        for (const StudyModel& model : study.models) {
          text += Format("- {}: {}\n", EscapeMarkdownLine(model.id),
                         EscapeMarkdown(model.why.empty() ? "no reason given" : model.why));
        }
        return text;
      }(),
      &page);
  for (const Table& table :
       {PrecisionTable(analysis), LatencyTable(analysis), RooflineTable(analysis),
        WorkTable(analysis), AccuracyTable(analysis), TradeOffTable(analysis),
        NaturalTable(analysis), ClassTable(analysis), SizeTable(analysis),
        QuantizationTable(analysis), EnvironmentTable(analysis)}) {
    Section(table.title, TableOnly(table), &page);
  }
  Peaks(analysis, &page);
  for (const Table& table : ScenarioTables(analysis)) {
    Section(table.title, TableOnly(table), &page);
  }
  Section("Method", EscapeMarkdown(MethodText(analysis)) + "\n", &page);
  return page;
}

}  // namespace quantbench
