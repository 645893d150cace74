// `quantbench quantize` and `inspect` from the user's seat: every recipe, plans as files, rules.
#include "quantbench/base/json.h"

#include "end_to_end/program.h"

namespace quantbench::testing {
namespace {

using Quantize = ProgramTest;
const std::string kCnn = kQuickstart + "models/glyph_cnn.onnx";
const std::string kMlp = kQuickstart + "models/glyph_mlp.onnx";
const std::string kTransformer = kQuickstart + "models/intent_transformer.onnx";

// Rows of a table in a command's JSON, by their first column.
std::string ValueOf(const Json& tables, const std::string& table, const std::string& what) {
  for (const Json& row : tables[table].AsArray()) {
    if (row["what"].AsString() == what) return row["value"].AsString();
  }
  return "";
}

Json Parsed(const Ran& ran) {
  EXPECT_EQ(ran.code, 0) << ran.err;
  auto json = Json::Parse(ran.out);
  EXPECT_TRUE(json.ok()) << ran.out.substr(0, 200);
  return json.ok() ? std::move(json).value() : Json();
}

TEST_F(Quantize, EveryRecipeLoadsStaysNearAndSaysWhatItMade) {
  for (const char* recipe :
       {"static-int8", "static-int8-best", "w4a8", "dynamic-int8", "weight-int8", "weight-int4",
        "weight-int4-best", "float16", "bfloat16", "static-int16"}) {
    for (const std::string& model : {kCnn, kMlp, kTransformer}) {
      const Json json =
          Parsed(Run("quantize " + model + " --recipe " + recipe +
                     " --vocabulary 200 --samples 8 -o " + recipe + ".onnx --force --print json"));
      const std::string sqnr = ValueOf(json, "Result", "output SQNR, worst output");
      EXPECT_GT(std::atof(sqnr.c_str()), 10) << recipe << " " << model << ": " << sqnr;
      EXPECT_NE(ValueOf(json, "Result", "bytes by type"), "");
      EXPECT_NE(ValueOf(json, "Result", "stayed float32"), "");
    }
  }
}

TEST_F(Quantize, SaysWhatVerifyingTookApart) {
  const std::string command = "quantize " + kMlp + " --recipe dynamic-int8 --print json -o ";
  const std::string time = ValueOf(Parsed(Run(command + "a.onnx")), "Result", "time");
  EXPECT_NE(time.find(" s to quantize, "), std::string::npos) << time;
  EXPECT_NE(time.find(" s to verify"), std::string::npos) << time;
  const Json quick = Parsed(Run(command + "b.onnx --no-verify"));
  EXPECT_EQ(ValueOf(quick, "Result", "time").find("verify"), std::string::npos);
}

TEST_F(Quantize, Float8NamesTheOpsetItNeeds) {
  const Json json = Parsed(Run("quantize " + kMlp + " --recipe float8 -o f8.onnx --print json"));
  bool says = false;
  for (const Json& row : json["Layers"].AsArray()) {
    says = says || row["why"].AsString().find("float8 needs opset 19") != std::string::npos;
  }
  EXPECT_TRUE(says);
}

TEST_F(Quantize, APlanIsWrittenEditedAndApplied) {
  EXPECT_EQ(Run("quantize " + kCnn + " --plan-only --samples 8 -o plan.json").code, 0);
  EXPECT_EQ(Run("quantize " + kCnn + " --samples 8 -o whole.onnx").code, 0);
  EXPECT_EQ(Run("quantize " + kCnn + " --plan plan.json -o again.onnx").code, 0);
  EXPECT_EQ(Read(folder_ / "again.onnx"), Read(folder_ / "whole.onnx"));
  EXPECT_EQ(Run("quantize " + kCnn + " --plan plan.json --threads 1 -o one.onnx").code, 0);
  EXPECT_EQ(Read(folder_ / "one.onnx"), Read(folder_ / "whole.onnx"));

  EXPECT_EQ(Run("quantize " + kMlp + " --recipe dynamic-int8 --plan-only -o mlp.json").code, 0);
  std::string plan = Read(folder_ / "mlp.json");
  const std::string scheme = "\"scheme\": \"dynamic-int8\"";
  const std::size_t first = plan.find(scheme);
  ASSERT_NE(first, std::string::npos) << plan.substr(0, 500);
  plan.replace(first, scheme.size(), "\"scheme\": \"float\"");
  Put("edited.json", plan);
  EXPECT_EQ(Run("quantize " + kMlp + " --plan edited.json -o edited.onnx").code, 0);
  const Json layers = Parsed(Run("inspect edited.onnx -o json"));
  int floats = 0;
  for (const Json& row : layers["Layers, as they stand in the file"].AsArray()) {
    floats += row["weights"].AsString() == "float32" ? 1 : 0;
  }
  EXPECT_EQ(floats, 1);
}

// Steps by name win back what rounding to nearest lost, on the same bytes.
TEST_F(Quantize, StepsWinAccuracyBackAndUnknownOnesAreNamed) {
  Put("intents.toml", "kind = \"text\"\npath = \"" + kQuickstart +
                          "data/intent-calibration.tsv\"\n[text]\ntokenizer = \"" + kQuickstart +
                          "data/intent-vocabulary.txt\"\nmodel = \"words\"\nmax_length = 32\n");
  const auto sqnr_with = [&](const std::string& flags) {
    const Json json = Parsed(Run("quantize " + kTransformer + " --recipe weight-int4 " + flags +
                                 " --calibrate intents.toml --samples 64 -o s.onnx --force"
                                 " --print json"));
    return std::atof(ValueOf(json, "Result", "output SQNR, worst output").c_str());
  };
  const double plain = sqnr_with("");
  EXPECT_GT(sqnr_with("--step gptq,clip"), plain + 1);
  const Ran unknown =
      Run("quantize " + kTransformer + " --recipe weight-int4 --step gptqq -o t.onnx");
  EXPECT_EQ(unknown.code, 2);
  EXPECT_NE(unknown.err.find("did you mean \"gptq\""), std::string::npos) << unknown.err;
}

TEST_F(Quantize, ABadPlanIsRefusedAndNothingIsWritten) {
  Put("text.json", "not a plan");
  Put("empty.json", "{}");
  for (const char* plan : {"text.json", "empty.json", "missing.json"}) {
    const Ran ran = Run("quantize " + kMlp + " --plan " + plan + " -o out.onnx");
    EXPECT_NE(ran.code, 0) << plan;
    EXPECT_EQ(CountLines(ran.err), 1) << ran.err;
    EXPECT_NE(ran.err.find(plan), std::string::npos) << ran.err;
    EXPECT_FALSE(fs::exists(folder_ / "out.onnx"));
  }
  EXPECT_EQ(Run("quantize " + kMlp + " --recipe dynamic-int8 --plan-only -o plan.json").code, 0);
  const Ran other = Run("quantize " + kCnn + " --plan plan.json -o out.onnx");
  EXPECT_EQ(other.code, 2) << other.err;
  EXPECT_NE(other.err.find("is not in the model"), std::string::npos) << other.err;
}

TEST_F(Quantize, RulesGiveLayersTreatmentsOfTheirOwn) {
  const Json json = Parsed(Run("quantize " + kMlp +
                               " --recipe dynamic-int8 --rule 'Gemm=weight-int4' --rule "
                               "'*layers.7*=float16' -o mixed.onnx --print json"));
  std::map<std::string, int> became;
  for (const Json& row : json["Layers"].AsArray()) ++became[row["became"].AsString()];
  EXPECT_EQ(became["weight-only"], 2);
  EXPECT_EQ(became["stored"], 1);  // the last rule that matches decides
  for (const char* bad : {"'nothing=float16'", "'Gemm=int5'", "'Gemm'", "'=float16'"}) {
    const Ran ran = Run("quantize " + kMlp + " --recipe dynamic-int8 --rule " + bad + " -o x.onnx");
    EXPECT_EQ(ran.code, 2) << bad;
    EXPECT_EQ(CountLines(ran.err), 1) << ran.err;
  }
}

TEST_F(Quantize, InspectTellsWhatReallyRunsOnIntegers) {
  // By rule: not all of its layers would pay.
  EXPECT_EQ(Run("quantize " + kCnn + " --rule '*=static-int8' --samples 8 -o cnn.onnx").code, 0);
  const Json file = Parsed(Run("inspect cnn.onnx -o json"));
  const Json loaded = Parsed(Run("inspect cnn.onnx --loaded -o json"));
  const std::string kernels =
      ValueOf(loaded, "Kernels", "products with weights that are integer kernels");
  const std::size_t products = file["Layers, as they stand in the file"].AsArray().size();
  EXPECT_EQ(kernels, std::to_string(products) + " of " + std::to_string(products));
  const Json original = Parsed(Run("inspect " + kCnn + " --loaded -o json"));
  EXPECT_EQ(
      ValueOf(original, "Kernels", "products with weights that are integer kernels").substr(0, 5),
      "0 of ");
}

TEST_F(Quantize, TargetsAndFormatsAreChosenByName) {
  for (const char* target : {"x64", "x64-vnni", "portable"}) {
    const std::string out = std::string(target) + ".onnx";
    EXPECT_EQ(
        Run(std::string("quantize ") + kMlp + " --samples 8 --target " + target + " -o " + out)
            .code,
        0);
  }
  // What is safe on every processor is safe on an old x64.
  EXPECT_EQ(Read(folder_ / "x64.onnx").size(), Read(folder_ / "portable.onnx").size());
  EXPECT_EQ(Run("quantize " + kMlp + " --target mips -o x.onnx").code, 2);
  EXPECT_EQ(Run("quantize " + kMlp + " --format qdqq -o x.onnx").code, 2);
}

}  // namespace
}  // namespace quantbench::testing
