// `quantbench calibrate`, tables, and `explain --accuracy` from the user's seat.
#include <limits>

#include "quantbench/base/json.h"

#include "end_to_end/program.h"

namespace quantbench::testing {
namespace {

using Calibrate = ProgramTest;
const std::string kCnn = kQuickstart + "models/glyph_cnn.onnx";
const std::string kTransformer = kQuickstart + "models/intent_transformer.onnx";
const std::string kImages = kQuickstart + "data/glyph-calibration-images.idx3.gz";

TEST_F(Calibrate, OneTableServesEveryObserver) {
  ASSERT_EQ(
      Run("calibrate " + kCnn + " --data " + kImages + " --samples 40 --threads 1 -o t.json").code,
      0);
  for (const std::string observer : {"minmax", "average", "percentile", "entropy", "mse"}) {
    const std::string with =
        " --recipe static-int8-fast --observer " + observer + " --no-verify --threads 1 --force";
    const Ran from_table = Run("quantize " + kCnn + " --calibration t.json" + with + " -o a.onnx");
    ASSERT_EQ(from_table.code, 0) << from_table.err;
    const Ran direct = Run("quantize " + kCnn + " --calibrate " + kImages + " --samples 40" + with +
                           " --memory 100kB -o b.onnx");
    ASSERT_EQ(direct.code, 0) << direct.err;
    EXPECT_NE(direct.err.find("watching"), std::string::npos) << direct.err;
    EXPECT_EQ(Read(folder_ / "a.onnx"), Read(folder_ / "b.onnx")) << observer;
  }
}

TEST_F(Calibrate, LeavesNoTableWhenKilledAndGivesTheSameBitsAfterwards) {
  const std::string command =
      "calibrate " + kCnn + " --data " + kImages + " --samples 400 --threads 1";
  ASSERT_EQ(Run(command + " -o whole.json").code, 0);
  const Ran killed = Run(command + " -o cut.json", "timeout -s KILL 0.05");
  EXPECT_NE(killed.code, 0);
  EXPECT_FALSE(fs::exists(folder_ / "cut.json"));
  const Ran again = Run(command + " -o cut.json");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(Read(folder_ / "cut.json"), Read(folder_ / "whole.json"));
  EXPECT_FALSE(fs::exists(folder_ / "cut.json.partial"));
  // What a kill in the middle of writing, or another program, may leave there is not believed.
  const std::string torn =
      R"({"format": "quantbench unfinished calibration", "key": "", "statistics": {"samples": 39)";
  for (const std::string& left : {torn, torn + "9}}", std::string("\0\0\0", 3)}) {
    Put("cut.json.partial", left);
    EXPECT_EQ(Run(command + " --force -o cut.json").code, 0);
    EXPECT_EQ(Read(folder_ / "cut.json"), Read(folder_ / "whole.json"));
  }
}

TEST_F(Calibrate, StopsWhenScalesHaveSettledAndSaysSo) {
  const Ran ran = Run("calibrate " + kCnn + " --data " + kImages +
                      " --samples auto --observer percentile --percentile 99 -o t.json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.err.find("settled"), std::string::npos) << ran.err;
}

TEST_F(Calibrate, RefusesWhatItCannotUse) {
  ASSERT_EQ(Run("calibrate " + kCnn + " --samples 4 -o t.json").code, 0);
  const Ran other = Run("quantize " + kTransformer + " --calibration t.json -o x.onnx");
  EXPECT_EQ(other.code, 2);
  EXPECT_NE(other.err.find("made for another model"), std::string::npos) << other.err;
  EXPECT_EQ(Run("calibrate " + kCnn + " --samples 4 -o t.json").code, 2);  // exists
  Put("torn.json", Read(folder_ / "t.json").substr(0, 1000));
  EXPECT_EQ(Run("quantize " + kCnn + " --calibration torn.json -o x.onnx").code, 5);
  EXPECT_EQ(Run("calibrate " + kCnn + " --samples some -o u.json").code, 2);
  EXPECT_EQ(Run("calibrate " + kCnn + " --recipe float16 -o u.json").code, 2);
}

// Of a cell in dB that is not empty: a number, or "equal".
double Decibels(const Json& cell) {
  return cell.AsString() == "equal" ? std::numeric_limits<double>::infinity() : cell.AsDouble();
}

TEST_F(Calibrate, ExplainRanksLayersAndFindsTheOneThatHurts) {
  const Ran ran = Run("explain " + kCnn + " --accuracy --calibrate " + kImages +
                      " --samples 32 --compare 4 --print json --figures out");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json tables = Json::Parse(ran.out).value();
  const Json::Array& layers = tables["Layers, those that cost most first"].AsArray();
  ASSERT_GE(layers.size(), 3U);
  double before = -1000;
  for (const Json& layer : layers) {
    if (layer["only it dB"].is_null()) continue;  // stays float alone
    const double only = Decibels(layer["only it dB"]);
    EXPECT_GE(only, before);
    EXPECT_GT(only, 10);
    EXPECT_GT(Decibels(layer["local dB"]), 10) << layer.Dump();
    EXPECT_GE(Decibels(layer["all but it dB"]), 5) << layer.Dump();
    before = only;
  }
  EXPECT_TRUE(fs::exists(folder_ / "out" / "accuracy-by-layer.gp"));
  const Ran quick = Run("explain " + kTransformer +
                        " --accuracy --recipe dynamic-int8 --quick --vocabulary 200 --compare 2");
  EXPECT_EQ(quick.code, 0) << quick.err;
  EXPECT_EQ(Run("explain " + kCnn).code, 2);
}

}  // namespace
}  // namespace quantbench::testing
