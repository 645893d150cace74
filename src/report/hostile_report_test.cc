// Hostile names through the pages, the figures and the tables of a report: each output is read as
// its own readers read it, and holds no more elements than with a harmless name.
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
#include <expat.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/base/json.h"
#include "quantbench/report.h"

#include "hostile_analysis.h"
#include "hostile_names.h"
#include "report/page.h"

namespace quantbench {
namespace hostile_report_test {

namespace fs = std::filesystem;
using testing::AnalysisNamed;
using testing::Harmless;
using testing::HostileNames;
using testing::TerminalObeys;

// What a strict parser sees in a document.
struct Outline {
  std::string broken;                // why it is not well-formed; empty: it is
  std::map<std::string, int> parts;  // elements, and "element attribute"
  std::string text;
  std::vector<std::string> labels;  // the text of every <text> element, as SVG has them
};

void XMLCALL OnStart(void* data, const XML_Char* element, const XML_Char** attributes) {
  auto* outline = static_cast<Outline*>(data);
  ++outline->parts[element];
  if (std::string_view(element) == "text") outline->labels.emplace_back();
  for (; *attributes != nullptr; attributes += 2) {
    // What keeps several blanks of a text, and nothing else.
    if (std::string_view(attributes[0]) == "xml:space") continue;
    ++outline->parts[Format("{} {}", element, attributes[0])];
  }
}

void XMLCALL OnText(void* data, const XML_Char* text, int length) {
  auto* outline = static_cast<Outline*>(data);
  outline->text.append(text, static_cast<std::size_t>(length));
  if (!outline->labels.empty())
    outline->labels.back().append(text, static_cast<std::size_t>(length));
}

Outline OutlineOf(std::string_view xml) {
  Outline outline;
  const std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> parser(XML_ParserCreate("UTF-8"),
                                                                       XML_ParserFree);
  XML_SetUserData(parser.get(), &outline);
  XML_SetElementHandler(parser.get(), OnStart, nullptr);
  XML_SetCharacterDataHandler(parser.get(), OnText);
  if (XML_Parse(parser.get(), xml.data(), static_cast<int>(xml.size()), 1) == XML_STATUS_ERROR) {
    outline.broken =
        Format("{} at line {}, column {}", XML_ErrorString(XML_GetErrorCode(parser.get())),
               XML_GetCurrentLineNumber(parser.get()), XML_GetCurrentColumnNumber(parser.get()));
  }
  return outline;
}

// As GitHub reads it, with raw HTML let through.
Outline OutlineOfMarkdown(const std::string& markdown) {
  cmark_gfm_core_extensions_ensure_registered();
  const std::unique_ptr<cmark_parser, void (*)(cmark_parser*)> parser(
      cmark_parser_new(CMARK_OPT_UNSAFE | CMARK_OPT_FOOTNOTES), cmark_parser_free);
  // Without autolinks: a bare address links to itself, which says no more than it does.
  for (const char* name : {"table", "strikethrough", "tasklist"}) {
    cmark_parser_attach_syntax_extension(parser.get(), cmark_find_syntax_extension(name));
  }
  cmark_parser_feed(parser.get(), markdown.data(), markdown.size());
  const std::unique_ptr<cmark_node, void (*)(cmark_node*)> document(
      cmark_parser_finish(parser.get()), cmark_node_free);
  const std::unique_ptr<char, void (*)(void*)> html(
      cmark_render_html(document.get(), CMARK_OPT_UNSAFE,
                        cmark_parser_get_syntax_extensions(parser.get())),
      std::free);
  return OutlineOf(Format("<page>{}</page>", html.get()));
}

// What `found` has more of, or none of.
std::string Difference(const Outline& found, const Outline& expected, bool fewer_is_fine = false) {
  if (!found.broken.empty()) return found.broken;
  std::string text;
  for (const auto& [part, count] : found.parts) {
    const auto same = expected.parts.find(part);
    const int before = same == expected.parts.end() ? 0 : same->second;
    if (count > before || (count < before && !fewer_is_fine))
      text += Format("{}: {} instead of {}; ", part, count, before);
  }
  return text;
}

// Names of at most so many of which it is told that they broke something: one bug breaks hundreds.
class Complaints {
 public:
  void Add(std::string_view name, const std::string& what) {
    if (what.empty() || ++count_ > 5) return;
    text_ += Format("\n  {}: {}", Printable(name, 80), what.substr(0, 300));
  }
  [[nodiscard]] std::string text() const {
    return count_ == 0 ? "" : Format("{} names:{}", count_, text_);
  }

 private:
  int count_ = 0;
  std::string text_;
};

TEST(HostileReport, HasNamesEnough) {
  EXPECT_GE(HostileNames().size(), 200U);
}

TEST(HostileReport, TheHtmlPageHasNoElementMoreAndShowsTheName) {
  Complaints complaints;
  std::map<std::string, Outline> expected;  // by what is harmless
  for (const std::string& name : HostileNames()) {
    const std::string page = RenderHtmlPage(AnalysisNamed(name), {}, {});
    const Outline outline = OutlineOf(page);
    Outline& plain = expected[Harmless(name)];
    if (plain.parts.empty()) {
      plain = OutlineOf(RenderHtmlPage(AnalysisNamed(Harmless(name)), {}, {}));
    }
    complaints.Add(name, Difference(outline, plain));
    complaints.Add(name, TerminalObeys(page));
    const bool shown = outline.text.find(Printable(name, 4000)) != std::string::npos;
    complaints.Add(name, shown ? "" : "not shown");
  }
  EXPECT_EQ(complaints.text(), "");
}

TEST(HostileReport, TheMarkdownPageHasNoElementMore) {
  Complaints complaints;
  std::map<std::string, Outline> expected;  // by what is harmless
  for (const std::string& name : HostileNames()) {
    const Analysis analysis = AnalysisNamed(name);
    const std::string page = RenderMarkdownPage(analysis, MakeFigures(analysis), true);
    Outline& plain = expected[Harmless(name)];
    if (plain.parts.empty()) {
      const Analysis harmless = AnalysisNamed(Harmless(name));
      plain = OutlineOfMarkdown(RenderMarkdownPage(harmless, MakeFigures(harmless), true));
    }
    complaints.Add(name, Difference(OutlineOfMarkdown(page), plain));
    complaints.Add(name, TerminalObeys(page));
    complaints.Add(name, page.find("{{") == std::string::npos ? "" : "a template");
  }
  EXPECT_EQ(complaints.text(), "");
}

Table TableNamed(const std::string& name) {
  return {name, {{name, false}, {name, true}, {"prose", false, true}}, {{name, name, name}, {}}};
}

TEST(HostileReport, TablesSendTerminalsNothingButText) {
  Complaints complaints;
  for (const std::string& name : HostileNames()) {
    Table table = TableNamed(name);
    table.rows.pop_back();
    for (const OutputFormat format :
         {OutputFormat::kTable, OutputFormat::kMarkdown, OutputFormat::kJson}) {
      complaints.Add(name, TerminalObeys(Render(table, format)));
    }
    std::string csv = Render(table, OutputFormat::kCsv);
    std::erase(csv, '\r');  // its own line ends
    complaints.Add(name, TerminalObeys(csv));
    complaints.Add(name, std::count(csv.begin(), csv.end(), '\n') == 2 ? "" : "more lines of CSV");
    const std::string text = Render(table, OutputFormat::kTable);
    const std::string plain = [&] {
      Table other = TableNamed(std::string(Printable(name, 400).size(), 'x'));
      other.rows.pop_back();
      return Render(other, OutputFormat::kTable);
    }();
    const auto lines = std::count(text.begin(), text.end(), '\n');
    const bool wrapped = name.find(' ') != std::string::npos;
    complaints.Add(name, wrapped || lines == std::count(plain.begin(), plain.end(), '\n')
                             ? ""
                             : "more lines of a table");
  }
  EXPECT_EQ(complaints.text(), "");
}

TEST(HostileReport, JsonReadsBack) {
  for (const std::string& name : HostileNames()) {
    Table table = TableNamed("x");
    table.rows = {{name, "1", name}};
    const auto json = Json::Parse(Render(table, OutputFormat::kJson));
    ASSERT_TRUE(json.ok()) << Printable(name);
    const std::string& back = json.value().AsArray().at(0)["prose"].AsString();
    const bool valid = Printable(name, 10'000).find("\\x") == std::string::npos;
    if (valid) {
      EXPECT_EQ(back, name) << Printable(name);
    }
    const auto again = Json::Parse(Json(back).Dump());
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again.value().AsString(), back);
  }
}

class HostileFigures : public ::testing::Test {
 protected:
  HostileFigures()
      : folder_(fs::temp_directory_path() / ("qb_hostile_figures." + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~HostileFigures() override { fs::remove_all(folder_); }

  // The outlines of the SVG files that were drawn, by figure.
  std::vector<Outline> Draw(const std::vector<Figure>& figures) {
    std::string missing;
    const auto drawn = DrawFigures(figures, folder_, &missing);
    EXPECT_TRUE(drawn.ok()) << drawn.error().message();
    std::vector<Outline> outlines;
    if (!drawn.ok()) return outlines;
    for (const fs::path& file : drawn.value()) {
      if (file.extension() != ".svg") continue;
      outlines.push_back(OutlineOf(ReadFile(file, 64U << 20U).value()));
      EXPECT_EQ(outlines.back().broken, "") << file;
    }
    return outlines;
  }

  fs::path folder_;
};

// As many arms as there are names, in one cell and one trade-off; the model has the first name.
Analysis ArmsNamed(const std::vector<std::string>& names) {
  Analysis analysis = AnalysisNamed(names.front());
  analysis.study.variants.clear();
  analysis.cells.resize(1);
  analysis.cells[0].arms.resize(1);
  analysis.cells[0].memory.clear();
  analysis.trade_offs.resize(1);
  for (const std::string& name : names) {
    StudyVariant variant;
    variant.id = name;
    analysis.study.variants.push_back(variant);
    analysis.sizes.push_back({names.front(), name, analysis.sizes[0].size, 1});
    analysis.cells[0].arms.push_back(testing::ArmNamed(name, name));
    TradeOff point = analysis.trade_offs[0];
    point.arm = name;
    point.best = false;
    analysis.trade_offs.push_back(point);
  }
  return analysis;
}

// As many models as there are names.
Analysis ModelsNamed(const std::vector<std::string>& names) {
  Analysis analysis;
  ModelSize size;
  size.file_bytes = 1'000'000;
  for (const std::string& name : names) {
    StudyModel model;
    model.id = name;
    analysis.study.models.push_back(model);
    analysis.sizes.push_back({name, std::string(kOriginal), size, 1});
  }
  return analysis;
}

// Names that differ as they are printed: gnuplot cuts nothing else.
std::vector<std::string> Distinct(std::vector<std::string> names) {
  std::vector<std::string> distinct;
  for (std::string& name : names) {
    if (name == kOriginal) continue;
    if (std::find(distinct.begin(), distinct.end(), name) == distinct.end()) {
      distinct.push_back(std::move(name));
    }
  }
  return distinct;
}

bool Holds(const Outline& outline, const std::string& label) {
  return std::any_of(outline.labels.begin(), outline.labels.end(), [&](const std::string& found) {
    return found.find(label) != std::string::npos;
  });
}

std::string Trimmed(std::string text) {
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

TEST_F(HostileFigures, AreWellFormedAndShowTheNamesOfArms) {
  constexpr std::size_t kInAKey = 16;  // gnuplot leaves out what does not fit
  std::vector<std::string> names = Distinct(HostileNames());
  const auto is_short = [](const std::string& name) { return Printable(name).size() < 100; };
  std::stable_partition(names.begin(), names.end(), is_short);  // a long one would take all room
  std::vector<std::string> plain;
  for (std::size_t i = 0; i < kInAKey; ++i) plain.push_back(Format("arm{}", i));
  const std::vector<Outline> expected = Draw(MakeFigures(ArmsNamed(plain)));
  Complaints complaints;
  for (std::size_t begin = 0; begin < names.size(); begin += kInAKey) {
    const auto first = names.begin() + static_cast<std::ptrdiff_t>(begin);
    const std::vector<std::string> some(
        first, first + static_cast<std::ptrdiff_t>(std::min(kInAKey, names.size() - begin)));
    // Every figure of the first names; of the others the one whose key is the most room.
    std::vector<Figure> figures = MakeFigures(ArmsNamed(some));
    ASSERT_EQ(figures.size(), expected.size());
    if (begin > 0) figures = {figures[1]};
    const std::vector<Outline> found = Draw(figures);
    ASSERT_EQ(found.size(), figures.size());
    const std::size_t latency = begin > 0 ? 0 : 1;
    for (std::size_t i = 0; i < found.size(); ++i) {
      complaints.Add(some.front(), Difference(found[i], expected[begin > 0 ? 1 : i], true));
    }
    for (const std::string& name : some) {
      std::string shown = Trimmed(Printable(name));
      std::replace(shown.begin(), shown.end(), '`', '\'');
      const bool fits = std::all_of(some.begin(), some.end(), is_short);
      complaints.Add(name, !fits || Holds(found.at(latency), shown) ? "" : "not in the key");
    }
  }
  EXPECT_EQ(complaints.text(), "");
}

TEST_F(HostileFigures, AreWellFormedAndShowTheNamesOfModels) {
  const std::vector<std::string> names = Distinct(HostileNames());
  std::vector<std::string> plain;
  for (std::size_t i = 0; i < names.size(); ++i) plain.push_back(Format("model{}", i));
  const std::vector<Outline> found = Draw(MakeFigures(ModelsNamed(names)));
  const std::vector<Outline> expected = Draw(MakeFigures(ModelsNamed(plain)));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(Difference(found[0], expected.at(0), true), "");  // a blank has no text
  Complaints complaints;
  for (const std::string& name : names) {
    std::string shown = Trimmed(Printable(name));
    std::replace(shown.begin(), shown.end(), '`', '\'');
    std::replace(shown.begin(), shown.end(), '"', '\'');
    complaints.Add(name, Holds(found[0], shown) ? "" : "no tic");
  }
  EXPECT_EQ(complaints.text(), "");
}

TEST_F(HostileFigures, OfLayersAreWellFormedAndShowEveryName) {
  std::vector<std::string> names = Distinct(HostileNames());
  std::string missing;
  Complaints complaints;
  for (std::size_t begin = 0; begin < names.size(); begin += 35) {
    const std::size_t end = std::min(names.size(), begin + 35);
    LayerErrors errors;
    errors.title = names[begin];
    errors.layers.assign(names.begin() + static_cast<std::ptrdiff_t>(begin),
                         names.begin() + static_cast<std::ptrdiff_t>(end));
    errors.curves = {{names[begin], std::vector<double>(end - begin, 20)}};
    const auto drawn = DrawLayerErrors(errors, "layers", folder_, &missing);
    ASSERT_TRUE(drawn.ok()) << drawn.error().message();
    const Outline outline = OutlineOf(ReadFile(folder_ / "layers.svg", 64U << 20U).value());
    EXPECT_EQ(outline.broken, "");
    for (const std::string& name : errors.layers) {
      std::string shown = Trimmed(Printable(name));
      std::replace(shown.begin(), shown.end(), '`', '\'');
      complaints.Add(name, Holds(outline, shown) ? "" : "no tic");
    }
  }
  EXPECT_EQ(complaints.text(), "");
}

TEST_F(HostileFigures, HaveFilesOfTheirOwnWhateverTheModelIsCalled) {
  for (const std::string& name : HostileNames()) {
    for (const Figure& figure : MakeFigures(AnalysisNamed(name))) {
      EXPECT_LT(figure.name.size(), 240U);
      ASSERT_EQ(figure.name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789_-.+@~"),
                std::string::npos)
          << Printable(figure.name);
      EXPECT_FALSE(figure.name.empty() || figure.name.starts_with('.'));
      for (std::size_t at = figure.data.find('\n'); at != std::string::npos;
           at = figure.data.find('\n', at + 1)) {
        if (at + 1 == figure.data.size()) break;
        const char begin = figure.data[at + 1];
        EXPECT_TRUE(begin == '#' || begin == '\n' || begin == '"' || (begin >= '0' && begin <= '9'))
            << figure.data.substr(at + 1, 80);
      }
    }
  }
}

// The whole way: a folder as `report` and `report --serve` show it.
TEST_F(HostileFigures, AReportWithPicturesInsideStaysWellFormed) {
  const std::vector<std::string> names = {"</title></g></svg><script>alert(1)</script>",
                                          "\" onload=\"alert(1)", "id=\"x\" url(#y)", "]]>&amp;",
                                          "\xe2\x80\xae\x1b]0;x\x07\nset output '/tmp/x"};
  for (const std::string& name : names) {
    const auto report = WriteReport(AnalysisNamed(name), folder_);
    ASSERT_TRUE(report.ok()) << report.error().message();
    const Outline found = OutlineOf(ReadFile(report.value().html, 64U << 20U).value());
    ASSERT_TRUE(WriteReport(AnalysisNamed("harmless"), folder_).ok());
    const Outline expected = OutlineOf(ReadFile(folder_ / "report.html", 64U << 20U).value());
    EXPECT_EQ(Difference(found, expected), "") << Printable(name);
  }
}

}  // namespace hostile_report_test
}  // namespace quantbench
