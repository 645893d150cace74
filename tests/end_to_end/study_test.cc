// Whole studies through the real program: records, resume, verdicts, report.
#include <csignal>

#include "quantbench/base/json.h"

#include "end_to_end/program.h"
#include "model_builder.h"

namespace quantbench::testing {
namespace {

using StudyRun = ProgramTest;

std::string SmallStudy() {
  return "[study]\ntitle = \"small\"\nrepetitions = 2\nprocesses = 2\n"
         "evaluate_samples = 200\n"
         "[[model]]\nid = \"mlp\"\npath = \"" +
         kQuickstart +
         "models/glyph_mlp.onnx\"\ndata = \"glyphs\"\n"
         "[[variant]]\nid = \"dyn\"\nrecipe = \"dynamic-int8\"\n"
         "[data.glyphs]\nkind = \"idx\"\npath = \"" +
         kQuickstart +
         "data/glyph-test-images.idx3.gz\"\n"
         "labels = \"" +
         kQuickstart +
         "data/glyph-test-labels.idx1.gz\"\n"
         "preprocess = { scale = 0.00392156862745098, mean = 0.2, std = 0.3 }\n"
         "[sweep]\nbatch = [1, 2]\n"
         "[[hypothesis]]\nid = \"H1\"\ntext = \"three times smaller\"\nmetric = \"size.ratio\"\n"
         "arms = [\"original\", \"dyn\"]\nexpect = \">= 3\"\n";
}

TEST_F(StudyRun, EndsWithAReportAndResumesWithoutDoingAnythingAgain) {
  Put("study.toml", SmallStudy());
  const Ran first = Run("run study.toml --results out");
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_NE(first.err.find("5 cases: 5 done now, 0 had a record, 0 failed"), std::string::npos)
      << first.err;
  EXPECT_NE(first.out.find("supported"), std::string::npos) << first.out;
  const std::string html = Read(folder_ / "out" / "report.html");
  EXPECT_NE(html.find("</html>"), std::string::npos);
  EXPECT_NE(html.find("<svg"), std::string::npos);
  EXPECT_LT(html.size(), 1'000'000U);
  EXPECT_TRUE(fs::exists(folder_ / "out" / "report.md"));
  EXPECT_EQ(Read(folder_ / "out" / "figures" / "size.png").substr(1, 3), "PNG");
  EXPECT_TRUE(fs::exists(folder_ / "out" / "tables" / "latency.csv"));
  const Ran second = Run("run study.toml --results out");
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_NE(second.err.find("0 done now, 5 had a record"), std::string::npos) << second.err;
  EXPECT_EQ(Run("report study.toml --results out -o json").code, 0);
}

// A signal that fades away between two layers: what flows there is counted while it is calibrated,
// what comes out while the two models are compared.
TEST_F(StudyRun, TellsOfActivationsAndOutputsThatAreDenormal) {
  ModelBuilder builder;
  const std::string faint = builder.Add(
      "MatMul", "fade", {builder.Input("x", {-1, 16}), builder.Weight("w", {16, 16}, 1e-39)});
  builder.Output(builder.Add("MatMul", "rest", {faint, builder.Weight("v", {16, 4})}));
  ASSERT_TRUE(SaveModel(builder.Build(), folder_ / "fade.onnx", {}).ok());
  const auto findings = [&](const std::string& results, const std::string& recipe) {
    Put("study.toml",
        "[study]\ntitle = \"t\"\nrepetitions = 2\nprocesses = 1\n"
        "[[model]]\nid = \"fade\"\npath = \"fade.onnx\"\n[[variant]]\nid = \"q\"\nrecipe = " +
            recipe + "\n");
    const Ran ran = Run("run study.toml --results " + results);
    EXPECT_EQ(ran.code, 0) << ran.err;
    return Read(folder_ / results / "report.md");
  };
  // By rule: so small a network would not pay as integers.
  const std::string watched =
      findings("static", "{ base = \"static-int8\", rules = [\"MatMul=static-int8\"] }");
  EXPECT_NE(watched.find("of the values that flow through it"), std::string::npos) << watched;
  EXPECT_NE(watched.find("most of all in \"fade\\_out\""), std::string::npos) << watched;
  const std::string compared = findings("half", "\"bfloat16\"");
  EXPECT_NE(compared.find("of the values that it answers with"), std::string::npos) << compared;
}

// What has the swept dimension is measured and drawn along it, what has not is measured once.
TEST_F(StudyRun, SweepsADimensionOfThoseModelsThatHaveIt) {
  Put("study.toml",
      "[study]\ntitle = \"t\"\nrepetitions = 2\nprocesses = 1\n"
      "[[model]]\nid = \"text\"\nvocabulary = 100\npath = \"" +
          kQuickstart +
          "models/intent_transformer.onnx\"\n"
          "[[model]]\nid = \"mlp\"\npath = \"" +
          kQuickstart + "models/glyph_mlp.onnx\"\n[sweep]\ndims = { seq = [16, 8] }\n");
  const Ran ran = Run("run study.toml --results out");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.err.find("measure mlp, batch 1, 1 thread, seq 8: skipped: no input has a free "
                         "dimension \"seq\""),
            std::string::npos)
      << ran.err;
  EXPECT_EQ(ran.err.find("seq 16: skipped"), std::string::npos) << ran.err;
  const fs::path figures = folder_ / "out" / "figures";
  EXPECT_EQ(Read(figures / "latency-text@dim-seq.png").find("PNG"), 1U);
  EXPECT_EQ(Read(figures / "latency-mlp.png").find("PNG"), 1U);
  EXPECT_FALSE(fs::exists(figures / "latency-mlp@dim-seq.png"));
}

TEST_F(StudyRun, DoesOnlyWhatHasNoRecordAfterAKill) {
  Put("study.toml", SmallStudy());
  const std::string program = "'" QB_BINARY "' run study.toml --results out";
  // Killed as soon as two records are there: the rest must be done later, those two not again.
  const std::string script = "cd '" + folder_.string() + "' && " + program +
                             " >/dev/null 2>&1 & pid=$!; while kill -0 $pid 2>/dev/null; do "
                             "[ \"$(ls '" +
                             folder_.string() +
                             "/out/records' 2>/dev/null | grep -c json)\" -ge 2 ] && "
                             "kill -9 $pid; done; wait $pid 2>/dev/null; true";
  ASSERT_EQ(std::system(("bash -c \"" +
                         [&] {
                           std::string escaped;
                           for (const char c : script) {
                             if (c == '"' || c == '$' || c == '\\') escaped += '\\';
                             escaped += c;
                           }
                           return escaped;
                         }() +
                         "\" 2>/dev/null")
                            .c_str()),
            0);
  const Ran again = Run("run study.toml --results out");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.err.find("5 done now"), std::string::npos) << again.err;
  EXPECT_NE(again.err.find("0 failed"), std::string::npos) << again.err;
  std::size_t records = 0;
  for (const auto& file : fs::directory_iterator(folder_ / "out" / "records")) {
    EXPECT_EQ(file.path().extension(), ".json");
    ++records;
  }
  EXPECT_EQ(records, 5U);
}

// A cell goes on after the processes that were measured before a kill.
TEST_F(StudyRun, AKillCostsOneProcessOfACell) {
  std::string study = SmallStudy();
  const std::string few = "processes = 2";
  study.replace(study.find(few), few.size(), "processes = 4\nmax_processes = 4");
  Put("study.toml", study);
  const std::string unfinished = "'" + (folder_ / "out/unfinished").string() + "'";
  const std::string script = "cd '" + folder_.string() +
                             "' && '" QB_BINARY
                             "' run study.toml --results out >/dev/null 2>&1 & pid=$!; "
                             "while kill -0 $pid 2>/dev/null; do ls " +
                             unfinished +
                             "/*.json >/dev/null 2>&1 && kill -9 $pid; done; "
                             "wait $pid 2>/dev/null; true";
  Put("kill.sh", script);
  std::system(("bash '" + (folder_ / "kill.sh").string() + "' 2>/dev/null").c_str());
  ASSERT_TRUE(fs::exists(folder_ / "out/unfinished"));
  const Ran again = Run("run study.toml --results out");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.err.find("measured before the interruption"), std::string::npos) << again.err;
  EXPECT_FALSE(fs::exists(folder_ / "out/unfinished"));
}

TEST_F(StudyRun, AMisspeltKeyIsNamedWithItsPlace) {
  std::string study = SmallStudy();
  study.replace(study.find("repetitions"), 11, "repetitons_");
  Put("study.toml", study);
  const Ran ran = Run("run study.toml");
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(
      ran.err.find(
          "study.toml:3:1: unknown key \"repetitons_\" in [study]; did you mean \"repetitions\"?"),
      std::string::npos)
      << ran.err;
  EXPECT_FALSE(fs::exists(folder_ / "results"));
}

// The engine of one model fails; the study goes on, says so, and ends with code 3.
TEST_F(StudyRun, GoesOnWhenAModelCannotBeUsed) {
  Put("bad.onnx", "this is no model");
  Put("study.toml", SmallStudy() + "[[model]]\nid = \"bad\"\npath = \"bad.onnx\"\n");
  const Ran ran = Run("run study.toml --results out");
  EXPECT_EQ(ran.code, 3) << ran.err;
  EXPECT_NE(ran.err.find("measure bad"), std::string::npos) << ran.err;
  EXPECT_NE(ran.out.find("mlp"), std::string::npos);
  EXPECT_NE(Read(folder_ / "out" / "report.html").find("bad.onnx"), std::string::npos);
}

TEST_F(StudyRun, DoesAgainWhatFailedAndWhatWasLeftOutForIt) {
  std::string study = SmallStudy();
  const std::string labels = kQuickstart + "data/glyph-test-labels.idx1.gz";
  study.replace(study.find(labels), labels.size(), "labels.idx1.gz");
  Put("study.toml", study);
  Put("labels.idx1.gz", std::string("\0\0\x08\x01\0\0\0\x02\x01\x01", 10));
  const Ran first = Run("run study.toml --results out");
  EXPECT_EQ(first.code, 3) << first.err;
  EXPECT_NE(first.err.find("labels.idx1.gz: 2 labels of uint8 for 2700 samples"), std::string::npos)
      << first.err;
  EXPECT_NE(first.err.find("evaluate mlp dyn: skipped"), std::string::npos) << first.err;
  fs::copy_file(labels, folder_ / "labels.idx1.gz", fs::copy_options::overwrite_existing);
  const Ran second = Run("run study.toml --results out");
  EXPECT_EQ(second.code, 3) << second.err;
  EXPECT_NE(second.err.find("for 2700 samples (in an earlier run)"), std::string::npos)
      << second.err;
  EXPECT_NE(second.err.find("--retry-failed does them again"), std::string::npos) << second.err;
  const Ran third = Run("run study.toml --results out --retry-failed");
  EXPECT_EQ(third.code, 0) << third.err;
  EXPECT_NE(third.err.find("5 done now"), std::string::npos) << third.err;
  EXPECT_NE(third.err.find("] evaluate mlp dyn: "), std::string::npos) << third.err;
}

// A library that is an engine by name only and dies when it is opened.
TEST_F(StudyRun, ACrashingEngineIsTheOutcomeOfACase) {
  Put("crash.c",
      "#include <stdlib.h>\n__attribute__((constructor)) static void f(void) { abort(); }\n");
  ASSERT_EQ(std::system(("cc -shared -fPIC -o '" + (folder_ / "crash.so").string() + "' '" +
                         (folder_ / "crash.c").string() + "'")
                            .c_str()),
            0);
  const Ran ran = Run("bench " + kQuickstart +
                      "models/glyph_mlp.onnx --engine ./crash.so --batch 1,2 --processes 1");
  EXPECT_EQ(ran.code, 3) << ran.err;
  EXPECT_NE(ran.out.find("crashed"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("Aborted"), std::string::npos) << ran.out;
}

TEST_F(StudyRun, HypothesesWrittenLaterAreMarked) {
  Put("study.toml", SmallStudy());
  ASSERT_EQ(Run("run study.toml --results out").code, 0);
  std::string changed = SmallStudy();
  changed.replace(changed.find(">= 3"), 4, ">= 2");
  Put("study.toml", changed);
  const Ran ran = Run("report study.toml --results out -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto json = Json::Parse(ran.out);
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(json.value()["Hypotheses"].AsArray()[0]["frozen before measuring"].AsString(), "no");
}

TEST_F(StudyRun, DamagedRecordsAreSetAsideAndDoneAgain) {
  Put("study.toml", SmallStudy());
  ASSERT_EQ(Run("run study.toml --results out").code, 0);
  const fs::path victim = fs::directory_iterator(folder_ / "out" / "records")->path();
  std::ofstream(victim, std::ios::trunc) << "{";
  const Ran ran = Run("run study.toml --results out");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.err.find("quarantine"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("1 done now, 4 had a record"), std::string::npos) << ran.err;
}

}  // namespace
}  // namespace quantbench::testing
