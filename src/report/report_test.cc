// Rendering: every format, and hostile text in each.
#include "quantbench/report.h"

#include <cmath>

#include <gtest/gtest.h>

#include "quantbench/base/json.h"

#include "report/escape.h"
#include "report/page.h"
#include "report/sweep_figures.h"
#include "report/trade_off_figure.h"

namespace quantbench {
namespace report_test {

Table Sample() {
  return {"T", {{"name", false}, {"ms"}}, {{"größe", "1.5"}, {"漢", "-"}}};
}

TEST(Render, AlignsByDisplayWidth) {
  EXPECT_EQ(Render(Sample(), OutputFormat::kTable),
            "T\nname    ms\n-----  ---\ngröße  1.5\n漢       -\n");
}

TEST(Render, MakesMarkdown) {
  EXPECT_EQ(Render(Sample(), OutputFormat::kMarkdown),
            "### T\n\n| name | ms |\n| --- | ---: |\n| größe | 1.5 |\n| 漢 | - |\n");
}

TEST(Render, MakesCsvThatIsNoFormula) {
  Table table = Sample();
  table.rows = {{"=cmd|' /C calc'!A0", "-1.5"}, {"a,\"b\"", "+x"}};
  EXPECT_EQ(Render(table, OutputFormat::kCsv),
            "name,ms\r\n'=cmd|' /C calc'!A0,-1.5\r\n\"a,\"\"b\"\"\",'+x\r\n");
}

TEST(Render, MakesOneJsonDocument) {
  const auto json = Json::Parse(Render(std::vector<Table>{Sample()}, OutputFormat::kJson));
  ASSERT_TRUE(json.ok());
  const Json& rows = json.value()["T"];
  EXPECT_EQ(rows.AsArray()[0]["ms"].AsDouble(), 1.5);
  EXPECT_TRUE(rows.AsArray()[1]["ms"].is_null());
}

TEST(Escape, LeavesNoMarkupBehind) {
  const std::string evil = "<script>alert('x')</script>\"|`a`\x1b[31m";
  EXPECT_EQ(EscapeHtml(evil).find('<'), std::string::npos);
  EXPECT_EQ(EscapeHtml(evil).find('"'), std::string::npos);
  EXPECT_EQ(EscapeHtml(evil).find('\x1b'), std::string::npos);
  EXPECT_EQ(EscapeMarkdown(evil).find("<script"), std::string::npos);
  EXPECT_EQ(EscapeGnuplot("`rm -rf`\"").find('`'), std::string::npos);
}

TEST(HtmlPage, EscapesWhatStudiesSayAndNeedsNoNetwork) {
  Analysis analysis;
  analysis.study.title = "<img src=x onerror=alert(1)>";
  analysis.study.authors = {"</title><script>"};
  StudyModel model;
  model.id = "m";
  model.why = "\"><script src=//evil>";
  analysis.study.models.push_back(model);
  analysis.findings.push_back({Finding::Level::kWarning, "<b>bold</b>"});
  const std::string page = RenderHtmlPage(analysis, {}, {});
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_EQ(page.find("<b>"), std::string::npos);
  EXPECT_EQ(page.find("http://"), std::string::npos);
  EXPECT_EQ(page.find("https://"), std::string::npos);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
}

Analysis OneModel() {
  Analysis analysis;
  StudyModel model;
  model.id = "m";
  analysis.study.models.push_back(model);
  StudyVariant variant;
  variant.id = "q";
  analysis.study.variants.push_back(variant);
  ModelSize before;
  before.file_bytes = 4'000'000;
  ModelSize after;
  after.file_bytes = 1'000'000;
  analysis.sizes = {{"m", "original", before, 1}, {"m", "q", after, 4}};
  CellResult cell;
  cell.model = "m";
  ArmLatency original;
  original.arm = "original";
  original.ms = {10, 2, 0.1, 2, 0.05, 1.9, 2.1};
  original.ratio = original.speedup = {1, 1, 1};
  ArmLatency quantized = original;
  quantized.arm = "q";
  quantized.ms = {10, 1, 0.1, 1, 0.05, 0.9, 1.1};
  quantized.ratio = {0.5, 0.49, 0.51};
  quantized.speedup = {2, 1.96, 2.04};
  cell.arms = {original, quantized};
  analysis.cells = {cell};
  return analysis;
}

TEST(Sentences, SayWhatWasBought) {
  const auto sentences = AnswerSentences(OneModel());
  ASSERT_EQ(sentences.size(), 1U);
  EXPECT_EQ(sentences[0],
            "m q: 4.00 times smaller (1.00 MB), 2.00 times faster at batch 1, 1 thread (95 % "
            "interval 1.96 to 2.04).");
}

// Seven models, two variants; q is slower on the last.
TEST(Sentences, SumUpManyModels) {
  Analysis analysis;
  for (int i = 0; i < 7; ++i) {
    Analysis one = OneModel();
    const std::string id = Format("m{}", i);
    one.study.models[0].id = one.cells[0].model = id;
    for (ArmSize& size : one.sizes) size.model = id;
    one.sizes[1].ratio = 2 + i;
    if (i == 6) one.cells[0].arms[1].speedup = {0.5, 0.4, 0.6};
    one.sizes.push_back(one.sizes[1]);
    one.sizes.back().arm = "r";
    analysis.study.models.push_back(one.study.models[0]);
    analysis.sizes.insert(analysis.sizes.end(), one.sizes.begin(), one.sizes.end());
    analysis.cells.push_back(one.cells[0]);
  }
  for (const char* id : {"q", "r"}) {
    StudyVariant variant;
    variant.id = id;
    analysis.study.variants.push_back(variant);
  }
  const auto sentences = AnswerSentences(analysis);
  ASSERT_EQ(sentences.size(), 2U);
  EXPECT_EQ(sentences[0],
            "q, 7 models: 2.00 to 8.00 times smaller; at batch 1, 1 thread faster on 6 of 7 (2.00 "
            "times), slower on m6 (2.00 times).");
  EXPECT_EQ(sentences[1], "r, 7 models: 2.00 to 8.00 times smaller.");
}

TEST(Figures, HoldTheMeasuredNumbers) {
  const std::vector<Figure> figures = MakeFigures(OneModel());
  ASSERT_EQ(figures.size(), 2U);
  EXPECT_NE(figures[0].data.find("\"m\" 4.000000 1.000000"), std::string::npos) << figures[0].data;
  EXPECT_NE(figures[1].data.find("1 2.000000 0.100000"), std::string::npos) << figures[1].data;
  EXPECT_NE(figures[1].script.find("yerrorlines"), std::string::npos);
}

// The bound is the ratio of the least times; what goes beyond it is explained.
TEST(RooflineTable, StandsBesideTheMeasuredSpeedUp) {
  Analysis analysis = OneModel();
  EXPECT_TRUE(RooflineTable(analysis).rows.empty());
  CellResult& cell = analysis.cells.front();
  cell.arms[0].ms.mean = 8;
  cell.arms[0].least_ms = 4;
  cell.arms[0].roof = "float32";
  cell.arms[1].ms.mean = 2.5;
  cell.arms[1].least_ms = 2;
  cell.arms[1].roof = "int8";
  cell.arms[1].speedup = {3.2, 3.1, 3.3};
  const Table table = RooflineTable(analysis);
  ASSERT_EQ(table.rows.size(), 2U);
  const std::vector<std::string>& row = table.rows[1];
  EXPECT_EQ(row[3], "2.00");
  EXPECT_EQ(row[4], "int8");
  EXPECT_EQ(row[6], "80");
  EXPECT_EQ(row[7], "3.20");
  EXPECT_EQ(row[8], "2.00");
  EXPECT_NE(row.back().find("the original reaches only 50 % of its roof"), std::string::npos);
  cell.arms[1].ms.mean = 1.5;
  EXPECT_NE(RooflineTable(analysis).rows[1].back().find("faster than the least time"),
            std::string::npos);
}

TEST(PeaksTable, NamesUnitsAndDoubt) {
  DevicePeaks peaks;
  peaks.threads = 2;
  peaks.peaks = {{PeakKind::kInt8, "dot", 0, {2e11, 0.01, 0}, {4e11, 0.02, 0}},
                 {PeakKind::kRead, "L1", 32 << 10, {1e11, 0.3, 0.5}, {2e11, 0, 0}}};
  const Table table = PeaksTable(peaks);
  EXPECT_EQ(table.rows[0], (std::vector<std::string>{"int8", "dot", "200", "400", "GOP/s", ""}));
  EXPECT_EQ(table.rows[1][1], "L1 (32 KiB)");
  EXPECT_EQ(table.rows[1].back(), "waited 50 / 0 %; median 30 / 0 % lower");
}

// The one cell of OneModel() at another place, `factor` times as slow in both arms.
CellResult CellAt(const Cell& place, double factor) {
  CellResult cell = OneModel().cells.front();
  cell.cell = place;
  for (ArmLatency& arm : cell.arms) {
    arm.ms.mean *= factor;
    arm.ms.stddev *= factor;
  }
  return cell;
}

TEST(SweepFigures, DrawEveryArmAgainstTheSweptDimension) {
  Analysis analysis = OneModel();
  analysis.cells = {CellAt({1, 1, {{"seq", 64}}, false}, 4), CellAt({1, 1, {{"seq", 8}}, false}, 1),
                    CellAt({1, 1, {{"seq", 16}}, true}, 9),
                    CellAt({1, 1, {{"seq", 16}}, false}, 2)};
  const std::vector<Figure> figures = SweepFigures(analysis, "m");
  ASSERT_EQ(figures.size(), 1U);
  EXPECT_EQ(figures[0].title, "m: latency against seq");
  EXPECT_EQ(figures[0].data,
            "# original: seq, mean ms, standard deviation ms\n"
            "8 2.000000 0.100000\n16 4.000000 0.200000\n64 8.000000 0.400000\n\n\n"
            "# q: seq, mean ms, standard deviation ms\n"
            "8 1.000000 0.100000\n16 2.000000 0.200000\n64 4.000000 0.400000\n\n\n");
  EXPECT_NE(figures[0].script.find("set xlabel \"seq\""), std::string::npos) << figures[0].script;
  EXPECT_NE(figures[0].script.find("set xtics (8, 16, 64)"), std::string::npos);
  EXPECT_NE(figures[0].caption.find(" m, batch 1, 1 thread, "), std::string::npos)
      << figures[0].caption;
}

TEST(SweepFigures, KeepEverythingElseAsInTheFirstCell) {
  Analysis analysis = OneModel();
  analysis.cells.clear();
  for (const std::int64_t seq : {8, 16}) {
    for (const std::int64_t threads : {1, 2}) {
      for (const std::int64_t batch : {1, 4}) {
        analysis.cells.push_back(CellAt({batch, threads, {{"seq", seq}}, false},
                                        static_cast<double>(seq * batch * 10 + threads)));
      }
    }
  }
  const std::vector<Figure> figures = SweepFigures(analysis, "m");
  ASSERT_EQ(figures.size(), 3U);
  EXPECT_NE(figures[0].data.find("1 162.000000 8.100000\n4 642.000000 32.100000\n\n"),
            std::string::npos)
      << figures[0].data;
  EXPECT_NE(figures[1].data.find("1 162.000000 8.100000\n2 164.000000 8.200000\n\n"),
            std::string::npos)
      << figures[1].data;
  EXPECT_NE(figures[2].data.find("8 162.000000 8.100000\n16 322.000000 16.100000\n\n"),
            std::string::npos)
      << figures[2].data;
}

TEST(SweepFigures, LeaveOutWhatWasNotMeasured) {
  Analysis analysis = OneModel();
  analysis.cells = {CellAt({1, 1, {{"seq", 8}}, false}, 1), CellAt({1, 1, {{"seq", 16}}, false}, 2),
                    CellAt({1, 1, {{"seq", 32}}, false}, 4)};
  analysis.cells[1].outcome = Outcome::kFailed;
  analysis.cells[2].arms[1].outcome = Outcome::kCrashed;
  const std::vector<Figure> figures = SweepFigures(analysis, "m");
  ASSERT_EQ(figures.size(), 1U);
  EXPECT_NE(figures[0].data.find("8 2.000000 0.100000\n32 8.000000 0.400000\n\n"),
            std::string::npos)
      << figures[0].data;
  EXPECT_NE(figures[0].data.find("8 1.000000 0.100000\n\n"), std::string::npos) << figures[0].data;
  EXPECT_TRUE(SweepFigures(analysis, "another").empty());
}

TEST(SweepFigures, HaveFilesOfTheirOwnWhateverTheDimensionIsCalled) {
  Analysis analysis = OneModel();
  const std::string evil = "threads\n!rm -rf /";
  analysis.cells = {CellAt({1, 1, {{evil, 8}, {"threads", 1}}, false}, 1),
                    CellAt({1, 2, {{evil, 8}, {"threads", 1}}, false}, 1),
                    CellAt({1, 1, {{evil, 16}, {"threads", 1}}, false}, 1),
                    CellAt({1, 1, {{evil, 8}, {"threads", 2}}, false}, 1)};
  std::vector<std::string> names;
  for (const Figure& figure : SweepFigures(analysis, "m")) {
    names.push_back(figure.name);
    EXPECT_EQ(figure.name.find_first_of("/\n "), std::string::npos) << figure.name;
    EXPECT_EQ(figure.title.find('\n'), std::string::npos) << figure.title;
    EXPECT_EQ(figure.data.find("\n!"), std::string::npos) << figure.data;
    EXPECT_EQ(figure.script.find("\n!"), std::string::npos) << figure.script;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"latency-m@threads", "latency-m@dim-threads",
                                             "latency-m@dim-threads+0a+21rm+20-rf+20+2f"}));
}

// Two arms of a model with scores, latencies and sizes; the second is dominated.
Analysis WithTradeOff() {
  Analysis analysis = OneModel();
  TradeOff original{"m", "original", Score::kTop1, {0.9, 0.88, 0.92}, {2, 2, 2}, 4.0,
                    "",  true,       true};
  TradeOff variant{"m",        "q",   Score::kTop1, {0.8, 0.78, 0.82}, {3, 2.9, 3.1}, 5.0,
                   "original", false, false};
  analysis.trade_offs = {original, variant};
  return analysis;
}

TEST(TradeOffFigure, DrawsCrossesTheFrontAndWhatIsDominated) {
  const Figure figure = TradeOffFigure(WithTradeOff(), "m");
  EXPECT_EQ(figure.name, "trade-off-m");
  EXPECT_NE(figure.data.find("3 80 2.9 3.1 78 82 5"), std::string::npos) << figure.data;
  EXPECT_NE(figure.script.find("xyerrorbars"), std::string::npos);
  EXPECT_NE(figure.script.find("index 1 using 1:2 with points pointtype 6"), std::string::npos);
  EXPECT_NE(figure.script.find("\"best within the budget\""), std::string::npos);
  EXPECT_NE(figure.caption.find("Dominated, grey: q (by original)."), std::string::npos)
      << figure.caption;
  EXPECT_TRUE(TradeOffFigure(OneModel(), "m").name.empty());
}

TEST(TradeOffTable, NamesTheBestAndTheDominated) {
  const Table table = TradeOffTable(WithTradeOff());
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0].back(), "best");
  EXPECT_EQ(table.rows[1][3], "80.00");
  EXPECT_EQ(table.rows[1][8], "original");
}

TEST(AccuracyTable, ShowsEveryScoreInItsUnitAndCountsBadSamples) {
  Analysis analysis = OneModel();
  ArmAccuracy row;
  row.model = "m";
  row.arm = "q";
  row.samples = 50;
  row.agreement = {0.98, 0.9, 1};
  row.lost = 3;
  row.labelled = true;
  row.sqnr_db = 31.25;
  row.kl = 0.002;
  row.bad = {{4, "x.jpg: corrupt JPEG"}};
  row.scores = {{Score::kPerplexity, {5.4321, 5, 6}, {0.012, 0.01, 0.02}, NAN, NotWorse::kNo, 0},
                {Score::kTop1, {0.5, 0.4, 0.6}, {-0.02, -0.05, 0.01}, 0.25, NotWorse::kOpen, 900}};
  analysis.accuracies = {row};
  const std::string shown = Render(AccuracyTable(analysis), OutputFormat::kMarkdown);
  for (const char* part :
       {"| perplexity | 5.432 | 5 to 6 | +1.00 to +2.00 | - | worse | 98.00 | 0 | 3 | 31.2 |",
        "1 bad sample left out, first: x.jpg: corrupt JPEG",
        "| top-1 % | 50.00 | 40.00 to 60.00 | -5.00 to +1.00 | 0.25 | open |",
        "about 900 samples would decide"}) {
    EXPECT_NE(shown.find(part), std::string::npos) << part << "\n" << shown;
  }
}

}  // namespace report_test
}  // namespace quantbench
