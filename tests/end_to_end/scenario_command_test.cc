// `quantbench bench --scenario`, [scenario] of a study, and models that fix their batch, from the
// user's seat.
#include <cmath>

#include "quantbench/base/json.h"
#include "quantbench/model.h"

#include "end_to_end/program.h"
#include "engine_runner.h"
#include "model_builder.h"

namespace quantbench::testing {
namespace {

using ScenarioRun = ProgramTest;
const std::string kDigits = kQuickstart + "models/glyph_mlp.onnx";
const std::string kDigitData = "kind = \"idx\"\npath = \"" + kQuickstart +
                               "data/glyph-test-images.idx3.gz\"\npreprocess = { scale = "
                               "0.00392156862745098, mean = 0.2, std = 0.3 }\n";

Json ParsedOutput(const Ran& ran) {
  auto json = Json::Parse(ran.out);
  EXPECT_TRUE(json.ok()) << ran.out;
  return json.ok() ? std::move(json).value() : Json();
}

TEST_F(ScenarioRun, OfflineFindsABatchForEachArm) {
  const Ran ran = Run("bench " + kDigits + " " + kDigits +
                      " --scenario offline --batch 1,16 --threads 1 --processes 2 -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json json = ParsedOutput(ran);
  const auto& rows = json["Offline throughput"].AsArray();
  ASSERT_EQ(rows.size(), 2U) << ran.out;
  for (const Json& row : rows) {
    const std::int64_t batch = row["best batch"].AsInt();
    EXPECT_TRUE(batch == 1 || batch == 16) << ran.out;
    EXPECT_GT(row["samples/s"].AsDouble(), 0);
    EXPECT_EQ(row["processes"].AsInt(), 2);
    EXPECT_EQ(row["cell"].AsString(), "1 thread, offline");
  }
  EXPECT_NE(ran.err.find("times more samples a second ["), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("cannot be seen on this device today"), std::string::npos) << ran.err;
}

TEST_F(ScenarioRun, ServerFindsARate) {
  const Ran ran = Run("bench " + kDigits + " " + kDigits +
                      " --scenario server --p99 2s --queries 473 --processes 1 -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json json = ParsedOutput(ran);
  const auto& rows = json["Server"].AsArray();
  ASSERT_EQ(rows.size(), 2U) << ran.out;
  for (const Json& row : rows) {
    EXPECT_EQ(row["p99 target ms"].AsDouble(), 2000);
    EXPECT_GT(row["queries/s"].AsDouble(), 0);
    EXPECT_LE(row["p99 ms there"].AsDouble(), 2000);
    EXPECT_GE(row["rates tried"].AsInt(), 1);
  }
}

TEST_F(ScenarioRun, SustainedComparesTheFirstWithTheLast) {
  const Ran ran =
      Run("bench " + kDigits + " " + kDigits + " --scenario sustained --duration 1500ms -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json json = ParsedOutput(ran);
  const auto& rows = json["Sustained"].AsArray();
  ASSERT_EQ(rows.size(), 2U) << ran.out;
  EXPECT_EQ(rows[0]["seconds"].AsDouble(), 1.5);
  EXPECT_GT(rows[0]["window s"].AsDouble(), 0.3);  // a third of it
  for (const char* column : {"first ms", "last ms"}) {
    EXPECT_GT(rows[1][column].AsDouble(), 0) << ran.out;
  }
  EXPECT_NE(rows[0]["last / first, 95 %"].AsString().find(" to "), std::string::npos) << ran.out;
}

TEST_F(ScenarioRun, EndToEndTimesEveryPart) {
  Put("data.toml", kDigitData);
  const Ran ran = Run("bench " + kDigits + " " + kDigits +
                      " --scenario end-to-end --data data.toml --processes 2 -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json json = ParsedOutput(ran);
  const auto& rows = json["From file to answer"].AsArray();
  ASSERT_EQ(rows.size(), 2U) << ran.out;
  for (const Json& row : rows) {
    double sum = 0;
    for (const char* part : {"load ms", "preprocess ms", "copy ms", "run ms"}) {
      EXPECT_GE(row[part].AsDouble(), 0);
      sum += row[part].AsDouble();
    }
    EXPECT_GT(row["run ms"].AsDouble(), 0);
    EXPECT_GT(sum, 0);
  }
}

TEST_F(ScenarioRun, SaysWhatAScenarioNeeds) {
  const std::string bench = "bench " + kDigits + " --scenario ";
  for (const auto& [arguments, words] :
       {std::pair{"server", "--p99"}, std::pair{"end-to-end", "--data"},
        std::pair{"server --p99 20", "--p99"}, std::pair{"server --p99 1ms --batch 1,2", "--batch"},
        std::pair{"offlin", "offlin"}}) {
    const Ran ran = Run(bench + arguments);
    EXPECT_EQ(ran.code, 2) << ran.err;
    EXPECT_NE(ran.err.find(words), std::string::npos) << ran.err;
    EXPECT_EQ(CountLines(ran.err), 1) << ran.err;
  }
}

TEST_F(ScenarioRun, AStudyHasScenariosAndResumesThem) {
  Put("study.toml",
      "[study]\ntitle = \"used\"\nrepetitions = 2\nprocesses = 1\n"
      "[[model]]\nid = \"mlp\"\npath = \"" +
          kDigits +
          "\"\n[[variant]]\nid = \"dyn\"\nrecipe = \"dynamic-int8\"\n"
          "[scenario]\nrun = [\"sustained\", \"server\"]\nduration_s = 1\np99_ms = 2000\n"
          "queries = 473\nprocesses = 1\n");
  const Ran first = Run("run study.toml --results out");
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_NE(first.err.find("4 cases: 4 done now"), std::string::npos) << first.err;
  const std::string page = Read(folder_ / "out" / "report.md");
  EXPECT_NE(page.find("## Sustained"), std::string::npos);
  EXPECT_NE(page.find("## Server"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder_ / "out" / "tables" / "server.csv"));
  const Ran again = Run("run study.toml --results out");
  EXPECT_NE(again.err.find("0 done now, 4 had a record"), std::string::npos) << again.err;
  Put("bad.toml", "[study]\ntitle = \"t\"\n[[model]]\nid = \"m\"\npath = \"" + kDigits +
                      "\"\n[scenario]\nrun = [\"server\", \"offlin\"]\n");
  const Ran bad = Run("run bad.toml");
  EXPECT_EQ(bad.code, 2);
  EXPECT_NE(bad.err.find("did you mean \"offline\"?"), std::string::npos) << bad.err;
  EXPECT_NE(bad.err.find("p99_ms"), std::string::npos) << bad.err;
}

// x [1, 8] times a matrix, reshaped to `target` and handed out; with `time_major` the batch is
// the second axis in the middle.
Model FixedToOne(const std::vector<std::int64_t>& target, bool time_major) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {1, 4, 8});
  std::string value = builder.Add("MatMul", "mm", {x, builder.Weight("w", {8, 6})});
  if (time_major) {
    value = builder.Add("Transpose", "turn", {value}, {Attribute::Ints("perm", {1, 0, 2})});
  }
  builder.Output(builder.Add("Reshape", "flat", {value, builder.Ints("to", target)}));
  return builder.Build();
}

TEST_F(ScenarioRun, AFixedBatchIsRewrittenWhereTheAnswersStayTheSame) {
  const std::string fine = (folder_ / "fine.onnx").string();
  const std::string hidden = (folder_ / "hidden.onnx").string();
  Must(SaveModel(FixedToOne({1, 24}, false), fine, {}));
  Must(SaveModel(FixedToOne({4, -1}, true), hidden, {}));
  const Ran ran = Run("bench " + fine + " --batch 1,4 --processes 1 --only-asked -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.err.find("batch 4: rewritten from a fixed batch of 1; same answers"),
            std::string::npos)
      << ran.err;
  const Json json = ParsedOutput(ran);
  const auto& rows = json["Latency"].AsArray();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_GT(rows[1]["mean ms"].AsDouble(), 0);
  // Samples in the second axis, mixed up by the end: told and left alone.
  const Ran left = Run("bench " + hidden + " --batch 1,4 --processes 1 --only-asked");
  EXPECT_NE(left.out.find("skipped: hidden.onnx fixes its batch to 1"), std::string::npos)
      << left.out << left.err;
}

}  // namespace
}  // namespace quantbench::testing
