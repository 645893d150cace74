// The report as one HTML file: figures inside, nothing fetched, no script, readable on paper and
// phone.
#include <string>

#include "quantbench/base/format.h"

#include "report/escape.h"
#include "report/page.h"

namespace quantbench {
namespace {

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --paper: #fff; --ink: #111; --line: #c8c8c8; --soft: #f3f4f6; --warn: #a33; --good: #1a7f37; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #14171a; --ink: #e8e8e8; --line: #444; --soft: #22262b; --warn: #f88; --good: #6c9; } }
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { line-height: 1.2; margin-bottom: .2rem; } h2 { margin-top: 2.2rem; border-bottom: 1px solid var(--line); }
.by { margin-top: 0; opacity: .75; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { padding: .25rem .5rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { background: var(--soft); vertical-align: bottom; } td { white-space: nowrap; } .n { text-align: right; }
td.n { font-variant-numeric: tabular-nums; } td.prose { white-space: normal; min-width: 9rem; } td.long { min-width: 21rem; }
figure { margin: 1.5rem 0; } figure svg { max-width: 100%; height: auto; border-radius: 4px; }
figcaption { font-size: .9rem; opacity: .85; }
ul { padding-left: 1.2rem; } li { margin: .25rem 0; }
.warning::before { content: "! "; color: var(--warn); font-weight: 700; }
.refuted { color: var(--warn); font-weight: 600; } .supported { color: var(--good); font-weight: 600; }
@page { size: A4 landscape; margin: 12mm; }
@media print { :root { color-scheme: light; } body { max-width: none; font-size: 11px; padding: 0; } h2, caption { break-after: avoid; }
  figure, tr { break-inside: avoid; } figure svg { max-height: 11cm; width: auto; } .scroll { overflow: visible; }
  table { font-size: 9px; } th, td { padding: .1rem .3rem; } td { white-space: normal; overflow-wrap: anywhere; } td.n { white-space: nowrap; } }
)css";

void Heading(std::string_view title, std::string* page) {
  *page += Format("<h2>{}</h2>\n", EscapeHtml(title));
}

// How a cell is set: a number, a text that may be broken, a verdict in its colour; else empty.
std::string_view ClassOf(const Column& column, std::string_view text) {
  constexpr std::size_t kLong = 120;  // bytes of a text that needs a wide column
  if (column.title == "verdict") return text;
  if (column.prose && !text.empty()) return text.size() > kLong ? "prose long" : "prose";
  return column.numeric ? "n" : "";
}

void AppendTable(const Table& table, std::string* page) {
  if (table.rows.empty()) return;
  Heading(table.title, page);
  *page += "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" +
           EscapeHtml(table.title) + "\"><table><thead><tr>";
  for (const Column& column : table.columns) {
    *page += Format("<th scope=\"col\"{}>{}</th>", column.numeric ? " class=\"n\"" : "",
                    EscapeHtml(column.title));
  }
  *page += "</tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    *page += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string_view kind = ClassOf(table.columns[i], row[i]);
      *page += kind.empty() ? "<td>" : Format("<td class=\"{}\">", EscapeHtml(kind));
      *page += EscapeHtml(row[i]) + "</td>";
    }
    *page += "</tr>\n";
  }
  *page += "</tbody></table></div>\n";
}

void AppendList(const std::vector<std::string>& lines, std::string* page) {
  *page += "<ul>\n";
  for (const std::string& line : lines) *page += "<li>" + EscapeHtml(line) + "</li>\n";
  *page += "</ul>\n";
}

// gnuplot's SVG without its XML prologue, with unique ids: several stand in one page.
std::string Inline(std::string svg, const Figure& figure) {
  const std::size_t begin = svg.find("<svg");
  if (begin == std::string::npos) return "";
  svg.erase(0, begin);
  for (const std::string_view attribute : {"id=\"", "xlink:href=\"#", "url(#"}) {
    for (std::size_t at = svg.find(attribute); at != std::string::npos;
         at = svg.find(attribute, at + 1)) {
      const bool in_tag = svg.rfind('<', at) + 1 > svg.rfind('>', at) + 1;  // and not in a text
      if (in_tag) svg.insert(at + attribute.size(), figure.name + "-");
    }
  }
  svg.insert(4, Format(" role=\"img\" aria-label=\"{}\"",
                       EscapeHtml(figure.title + ". " + figure.caption)));
  return svg;
}

void AppendFigures(const std::vector<Figure>& figures, const std::vector<std::string>& svgs,
                   std::string* page) {
  bool any = false;
  for (std::size_t i = 0; i < figures.size() && i < svgs.size(); ++i) {
    if (svgs[i].empty()) continue;
    if (!any) Heading("Figures", page);
    any = true;
    *page += Format("<figure>{}<figcaption>{}</figcaption></figure>\n", Inline(svgs[i], figures[i]),
                    EscapeHtml(figures[i].caption));
  }
}

void AppendFindings(const std::vector<Finding>& findings, std::string* page) {
  if (findings.empty()) return;
  Heading("Findings", page);
  *page += "<ul>\n";
  for (const Finding& finding : findings) {
    *page += Format("<li{}>{}</li>\n",
                    finding.level == Finding::Level::kWarning ? " class=\"warning\"" : "",
                    EscapeHtml(finding.text));
  }
  *page += "</ul>\n";
}

}  // namespace

std::string RenderHtmlPage(const Analysis& analysis, const std::vector<Figure>& figures,
                           const std::vector<std::string>& svgs) {
  const Study& study = analysis.study;
  std::string page = Format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; img-src data:\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<title>{}</title>\n<style>{}</style></head><body>\n<main>\n<h1>{}</h1>\n",
      EscapeHtml(study.title), kStyle, EscapeHtml(study.title));
  const std::string by = ByLine(study);
  if (!by.empty()) page += Format("<p class=\"by\">{}</p>\n", EscapeHtml(by));
  const std::vector<std::string> answers = AnswerSentences(analysis);
  if (!answers.empty()) {
    Heading("What quantization bought", &page);
    AppendList(answers, &page);
  }
  AppendTable(SummaryTable(analysis), &page);
  AppendTable(HypothesisTable(analysis), &page);
  if (const std::string sure = DescribeConfidence(analysis); !sure.empty()) {
    page += "<p>" + EscapeHtml(sure) + "</p>\n";
  }
  AppendFigures(figures, svgs, &page);
  AppendFindings(analysis.findings, &page);
  for (const AuthorText& text : AuthorTexts(study)) {
    Heading(text.title, &page);
    for (const std::string& paragraph : text.paragraphs) {
      page += "<p>" + EscapeHtml(paragraph) + "</p>\n";
    }
  }
  Heading("Models", &page);
  std::vector<std::string> models;
  for (const StudyModel& model : study.models) {
    models.push_back(model.id + ": " + (model.why.empty() ? "no reason given" : model.why));
  }
  AppendList(models, &page);
  for (const Table& table :
       {PrecisionTable(analysis), LatencyTable(analysis), RooflineTable(analysis),
        WorkTable(analysis), AccuracyTable(analysis), TradeOffTable(analysis),
        NaturalTable(analysis), ClassTable(analysis), SizeTable(analysis),
        QuantizationTable(analysis), EnvironmentTable(analysis)}) {
    AppendTable(table, &page);
  }
  for (const Json& environment : analysis.environments) {
    const auto peaks = DevicePeaks::FromJson(environment["peaks"]);
    if (peaks.ok()) AppendTable(PeaksTable(peaks.value()), &page);
  }
  for (const Table& table : ScenarioTables(analysis)) AppendTable(table, &page);
  Heading("Method", &page);
  page += "<p>" + EscapeHtml(MethodText(analysis)) + "</p>\n";
  page += "</main></body></html>\n";
  return page;
}

}  // namespace quantbench
