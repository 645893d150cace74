// The page: what a report says, in order, before it becomes Markdown or HTML.
#pragma once

#include <string>
#include <vector>

#include "quantbench/report.h"

#include "report/figures.h"

namespace quantbench {

// The answers at the top: one sentence a quantized arm, or OverviewSentences where those would be
// more than a dozen.
std::vector<std::string> AnswerSentences(const Analysis& analysis);
// One sentence a variant, over all models: sizes, where it is faster or slower, whose score fell.
std::vector<std::string> OverviewSentences(const Analysis& analysis);

// "group 7: Ada, Grace"; empty when the study names nobody.
std::string ByLine(const Study& study);

// What the authors wrote: a heading and its paragraphs each, in the order of the page. Blank lines
// of the study's text part paragraphs; what is empty is left out.
struct AuthorText {
  std::string title;
  std::vector<std::string> paragraphs;
};
std::vector<AuthorText> AuthorTexts(const Study& study);

// How it was measured, in words that can be pasted into a report.
std::string MethodText(const Analysis& analysis);

// The machine and the software, one line a fact.
Table EnvironmentTable(const Analysis& analysis);

std::string RenderMarkdownPage(const Analysis& analysis, const std::vector<Figure>& figures,
                               bool drawn);
// `svgs`: the drawings' SVG text, one a figure, empty where none was drawn.
std::string RenderHtmlPage(const Analysis& analysis, const std::vector<Figure>& figures,
                           const std::vector<std::string>& svgs);

}  // namespace quantbench
