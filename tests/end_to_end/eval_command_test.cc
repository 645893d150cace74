// Scores by the real program: of what was trained elsewhere, of bad samples, of mistaken data.
#include "quantbench/base/json.h"

#include "end_to_end/program.h"

namespace quantbench::testing {
namespace {

using EvalCommand = ProgramTest;
const std::string kCnn = kQuickstart + "models/glyph_cnn.onnx";

TEST_F(EvalCommand, AgreesWithTheFrameworkThatTrained) {
  Put("glyphs.toml", kGlyphs);
  const Ran ran = Run("eval " + kCnn + " --data glyphs.toml -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto json = Json::Parse(ran.out);
  ASSERT_TRUE(json.ok());
  const Json& row = json.value().AsArray()[0];
  EXPECT_EQ(row["n"].AsInt(), 2700);
  EXPECT_EQ(row["score"].AsString(), "top-1 %");
  EXPECT_NEAR(row["value"].AsDouble(), 96.85, 0.1);  // torch: examples/quickstart/README.md
}

TEST_F(EvalCommand, ReadsTextAndComparesWithTheOriginal) {
  Put("intents.toml", "kind = \"text\"\npath = \"" + kQuickstart +
                          "data/intent-test.tsv\"\ntext = { tokenizer = \"" + kQuickstart +
                          "data/intent-vocabulary.txt\", model = \"words\", max_length = 32 }\n");
  const std::string model = kQuickstart + "models/intent_transformer.onnx";
  ASSERT_EQ(Run("quantize " + model + " --recipe dynamic-int8 --no-verify -o q.onnx").code, 0);
  const Ran ran = Run("eval " + model +
                      " q.onnx --data intents.toml --natural 8 --processes 2 "
                      "--vocabulary 207 -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto json = Json::Parse(ran.out);
  ASSERT_TRUE(json.ok()) << ran.out;
  const Json::Array& rows = json.value()["Accuracy"].AsArray();
  EXPECT_NEAR(rows[0]["value"].AsDouble(), 96.60, 0.1);  // torch: examples/quickstart/README.md
  bool compared = false;
  for (const Json& row : rows) {
    if (row["arm"].AsString() != "q.onnx" || row["score"].AsString() != "top-1 %") continue;
    compared = true;
    EXPECT_EQ(row["by 1 %"].AsString(), "not worse");
    EXPECT_GT(row["agreement %"].AsDouble(), 99);
    EXPECT_GT(row["SQNR dB"].AsDouble(), 20);
  }
  EXPECT_TRUE(compared) << ran.out;
  EXPECT_GE(json.value()["Real against synthetic data"].AsArray().size(), 4U);
}

TEST_F(EvalCommand, StopsWhenDecidedAndLeavesBadSamplesOutWhenTold) {
  Put("glyphs.toml", kGlyphs);
  const Ran early =
      Run("eval " + kCnn + " " + kCnn + " --data glyphs.toml --until-decided --margin 0.05 -o md");
  ASSERT_EQ(early.code, 0) << early.err;
  EXPECT_NE(early.out.find("decided after"), std::string::npos) << early.out;
  Put("texts.toml", "kind = \"text\"\npath = \"texts.tsv\"\ntext = { tokenizer = \"" + kQuickstart +
                        "data/intent-vocabulary.txt\", model = \"words\" }\n");
  Put("texts.tsv", "sentence\tlabel\nplay some jazz\t4\n\xff\t1\nwake me at six\tx\n");
  const std::string eval =
      "eval " + kQuickstart + "models/intent_transformer.onnx --data texts.toml";
  ExpectRefusal(Run(eval), 5, "texts.tsv:3");
  const Ran skipped = Run(eval + " --on-bad-sample skip -o md");
  EXPECT_EQ(skipped.code, 0) << skipped.err;
  EXPECT_NE(skipped.out.find("2 bad samples left out, first: "), std::string::npos) << skipped.out;
}

TEST_F(EvalCommand, DataMistakesNameTheFile) {
  Put("glyphs.toml", "kind = \"idx\"\npath = \"missing.gz\"\nlabel = \"x\"\n");
  const Ran ran = Run("eval " + kCnn + " --data glyphs.toml");
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(ran.err.find("glyphs.toml:2:8: "), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("did you mean \"labels\""), std::string::npos) << ran.err;
  ExpectRefusal(Run("eval " + kCnn + " --data nowhere"), 2, "nowhere");
}

}  // namespace
}  // namespace quantbench::testing
