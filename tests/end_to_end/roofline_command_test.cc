// `quantbench roofline`, and bounds beside what bench and a study measured, from the user's seat.
#include <cmath>

#include "quantbench/base/json.h"

#include "end_to_end/program.h"

namespace quantbench::testing {
namespace {

using RooflineCommand = ProgramTest;
const std::string kDigitNet = kQuickstart + "models/glyph_mlp.onnx";

Json TablesOf(const Ran& ran) {
  auto json = Json::Parse(ran.out);
  EXPECT_TRUE(json.ok()) << ran.out;
  return json.ok() ? std::move(json).value() : Json();
}

TEST_F(RooflineCommand, MeasuresThePeaks) {
  const Ran ran = Run("roofline --budget 0.1 -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  bool memory = false;
  bool float32 = false;
  bool int8 = false;
  const Json tables = TablesOf(ran);
  for (const Json& row : tables["Peaks"].AsArray()) {
    EXPECT_GT(row["1 thread"].AsDouble(), 0) << ran.out;
    memory = memory || row["with"].AsString() == "memory";
    float32 = float32 || row["what"].AsString() == "float32";
    int8 = int8 || row["what"].AsString() == "int8";
  }
  EXPECT_TRUE(memory && float32 && int8) << ran.out;
}

TEST_F(RooflineCommand, BoundsTheSpeedUpOfAQuantizedModel) {
  ASSERT_EQ(Run("quantize " + kDigitNet + " --recipe dynamic-int8 -o q.onnx").code, 0);
  for (const char* loaded : {"", " --loaded"}) {
    const Ran ran = Run("roofline " + kDigitNet + " q.onnx --budget 0.1 --batch 4 --top 2 -o json" +
                        std::string(loaded));
    ASSERT_EQ(ran.code, 0) << ran.err;
    const Json tables = TablesOf(ran);
    const Json::Array& bounds = tables["Bounds"].AsArray();
    ASSERT_EQ(bounds.size(), 2U) << ran.out;
    const double original = bounds[0]["least ms"].AsDouble();
    const double quantized = bounds[1]["least ms"].AsDouble();
    ASSERT_GT(quantized, 0);
    EXPECT_NEAR(bounds[1]["at most times faster"].AsDouble() / (original / quantized), 1, 0.01);
    EXPECT_FALSE(bounds[0]["bound by"].AsString().empty());
    EXPECT_LE(tables["Operators of q.onnx"].AsArray().size(), 3U) << ran.out;  // and the others
    EXPECT_NE(ran.err.find("at most: "), std::string::npos) << ran.err;
  }
}

TEST_F(RooflineCommand, RefusesWhatIsNoModelAtOnce) {
  const Ran ran = Run("roofline missing.onnx --budget 600");
  EXPECT_EQ(ran.code, 2) << ran.err;
  EXPECT_NE(ran.err.find("missing.onnx"), std::string::npos) << ran.err;
  EXPECT_NE(Run("roofline " + kDigitNet + " --budget 0.1 --dim seq=3").err.find("seq"),
            std::string::npos);
}

TEST_F(RooflineCommand, BenchShowsTheBoundBesideTheSpeedUp) {
  ASSERT_EQ(Run("quantize " + kDigitNet + " --recipe dynamic-int8 -o q.onnx").code, 0);
  const Ran ran = Run("bench " + kDigitNet + " q.onnx --processes 2 --repetitions 3 -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json tables = TablesOf(ran);
  const Json::Array& rows = tables["Roofline"].AsArray();
  ASSERT_EQ(rows.size(), 2U) << ran.out;
  EXPECT_GT(rows[1]["least ms"].AsDouble(), 0);
  EXPECT_GT(rows[1]["% of roof"].AsDouble(-1), -1);
  EXPECT_GT(rows[1]["at most times faster"].AsDouble(), 0);
  EXPECT_GT(rows[1]["times faster"].AsDouble(), 0);
}

TEST_F(RooflineCommand, AStudyMeasuresPeaksOnce) {
  Put("study.toml",
      "[study]\ntitle = \"t\"\nrepetitions = 2\nprocesses = 2\n[[model]]\nid = \"m\"\npath = \"" +
          kDigitNet + "\"\n[[variant]]\nid = \"d\"\nrecipe = \"dynamic-int8\"\n");
  const Ran ran = Run("run study.toml");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const std::string peaks = Read(folder_ / "results/peaks.json");
  EXPECT_NE(peaks.find("float32"), std::string::npos);
  const std::string report = Read(folder_ / "results/report.md");
  EXPECT_NE(report.find("## Roofline"), std::string::npos);
  EXPECT_NE(report.find("## Peaks"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder_ / "results/tables/roofline.csv"));
  ASSERT_EQ(Run("run study.toml").code, 0);
  EXPECT_EQ(Read(folder_ / "results/peaks.json"), peaks);
}

TEST_F(RooflineCommand, TheDoctorMeasuresPeaksAndCopies) {
  const Ran ran = Run("doctor -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("peak int8"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("cannot be seen on this device today"), std::string::npos) << ran.out;
}

}  // namespace
}  // namespace quantbench::testing
