// Studies: what is accepted, and every mistake with its place.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "quantbench/study.h"

namespace quantbench {
namespace parse_study_test {

namespace fs = std::filesystem;

class StudyTest : public ::testing::Test {
 protected:
  StudyTest() : folder_(fs::temp_directory_path() / ("qb_study_test." + std::to_string(getpid()))) {
    fs::create_directories(folder_);
    std::ofstream(folder_ / "m.onnx") << "x";
    std::ofstream(folder_ / "d.npy") << "x";
  }
  ~StudyTest() override { fs::remove_all(folder_); }
  Result<Study> Parse(const std::string& text) { return ParseStudy(text, "s.toml", folder_); }
  // The message of a study that must be refused.
  std::string Refusal(const std::string& text) {
    const auto study = Parse(text);
    return study.ok() ? "accepted" : study.error().message();
  }
  fs::path folder_;
};

const std::string kHead = "[study]\ntitle = \"t\"\n[[model]]\nid = \"m\"\npath = \"m.onnx\"\n";

TEST_F(StudyTest, ReadsEverythingAStudySays) {
  const auto study = Parse(R"(
[study]
title = "T"
authors = ["a", "b"]
repetitions = 7
processes = 2
include = "data-loading"

[[model]]
id = "m"
path = "m.onnx"
why = "w"
data = "d"
dims = { seq = 8 }
constants = { sr = 16000 }

[[variant]]
id = "v"
recipe = { base = "static-int8", per_channel = false, keep_float = ["Gemm"] }
calibrate = { samples = 3 }

[data.d]
kind = "npy"
path = "d.npy"
inputs = { ids = "d.npy", mask = { nonzero_of = "ids" }, sr = 16000 }
preprocess = { scale = 0.5, mean = [1, 2], std = 3 }

[sweep]
batch = [1, 4]
threads = [1, 2]
dims = { seq = [8, 16] }

[[hypothesis]]
id = "H"
text = "faster"
metric = "latency.ratio"
arms = ["v", "original"]
where = { batch = 4, model = "m" }
expect = "<= 0.5"
)");
  ASSERT_TRUE(study.ok()) << study.error().message();
  const Study& s = study.value();
  EXPECT_EQ(s.latency.repetitions, 7);
  EXPECT_EQ(s.models[0].path, folder_ / "m.onnx");
  EXPECT_EQ(s.models[0].constants.at("sr"), 16000);
  EXPECT_FALSE(s.variants[0].recipe.choices.front().per_channel);
  EXPECT_EQ(s.variants[0].calibration.samples, 3);
  EXPECT_EQ(s.data.at("d").inputs.at("mask").nonzero_of, "ids");
  EXPECT_EQ(*s.data.at("d").inputs.at("sr").constant, 16000);
  EXPECT_EQ(s.data.at("d").preprocess.mean, (std::vector<double>{1, 2}));
  EXPECT_EQ(*s.hypotheses[0].batch, 4);
  // One quantization, two evaluations, 2 x 2 x 2 cells, each with and without data loading.
  EXPECT_EQ(Expand(s).size(), 1U + 2U + 16U);
}

// A hypothesis with these keys.
std::string Claimed(const std::string& metric, const std::string& arms, const std::string& expect,
                    const std::string& along) {
  return "[[hypothesis]]\nid = \"H\"\ntext = \"x\"\nmetric = \"" + metric + "\"\narms = " + arms +
         "\nexpect = \"" + expect + "\"\n" + (along.empty() ? "" : "along = \"" + along + "\"\n");
}

TEST(Expectations, HaveRegionsSlopesAndDirections) {
  const auto parsed = [](const char* text) { return ParseExpectation(text).value(); };
  EXPECT_EQ(parsed("1 +- 3 %").claim, Claim::kRegion);
  EXPECT_DOUBLE_EQ(parsed("1 +- 3 %").low, 0.97);
  EXPECT_DOUBLE_EQ(parsed("2 +- 50%").high, 3);
  EXPECT_DOUBLE_EQ(parsed("-1 +- 0.25").low, -1.25);
  EXPECT_EQ(parsed("slope 0.9..1.1").claim, Claim::kSlope);
  EXPECT_DOUBLE_EQ(parsed("slope 0.9..1.1").high, 1.1);
  EXPECT_EQ(parsed("increases").claim, Claim::kIncreases);
  EXPECT_EQ(parsed(" decreases").claim, Claim::kDecreases);
}

TEST_F(StudyTest, NamesTheMisspeltKeyWithItsPlaceAndTheNearestOne) {
  EXPECT_EQ(
      Refusal("[study]\ntitle = \"t\"\nrepetition = 5\n[[model]]\nid = \"m\"\npath = \"m.onnx\"\n"),
      "s.toml:3:1: unknown key \"repetition\" in [study]; did you mean \"repetitions\"?");
}

TEST_F(StudyTest, FindsEveryMistakeInOneGo) {
  const std::string refusal = Refusal(
      "[study]\ntitel = \"t\"\nrepetitions = \"many\"\n"
      "[[model]]\nid = \"a b\"\npath = \"missing.onnx\"\ndata = \"imges\"\n"
      "[[variant]]\nid = \"v\"\nrecipe = \"static-int9\"\n"
      "[data.images]\nkind = \"npz\"\npath = \"d.npy\"\n");
  for (const char* expected :
       {"s.toml:2:1: unknown key \"titel\"", "[study] needs the key \"title\"",
        "s.toml:3:15: \"repetitions\" in [study] must be a whole number", "model id \"a b\"",
        "missing.onnx does not exist", "no data set \"imges\"; did you mean \"images\"",
        "s.toml:10:10: "}) {
    EXPECT_NE(refusal.find(expected), std::string::npos) << expected << "\nin\n" << refusal;
  }
}

// Two models; "{model}" stands for the id of each.
TEST_F(StudyTest, AVariantNamesAFileForEveryModel) {
  for (const char* name : {"a.pt", "b.pt", "a.q.pt", "b.q.pt", "a.onnx", "b.onnx"}) {
    std::ofstream(folder_ / name) << "x";
  }
  const std::string head =
      "[study]\ntitle = \"t\"\n[[model]]\nid = \"a\"\npath = \"a.pt\"\n"
      "[[model]]\nid = \"b\"\npath = \"b.pt\"\n[[variant]]\nid = \"v\"\n";
  const auto given = Parse(head + "path = \"{model}.q.pt\"\n");
  ASSERT_TRUE(given.ok()) << given.error().message();
  const StudyVariant& variant = given.value().variants.front();
  EXPECT_EQ(variant.given.at("a"), folder_ / "a.q.pt");
  EXPECT_EQ(variant.given.at("b"), folder_ / "b.q.pt");
  EXPECT_EQ(variant.recipe.name, "given");
  const auto made = Parse(head + "recipe = \"dynamic-int8\"\nfrom = \"{model}.onnx\"\n");
  ASSERT_TRUE(made.ok()) << made.error().message();
  EXPECT_TRUE(made.value().variants.front().given.empty());
  EXPECT_EQ(made.value().variants.front().from.at("b"), folder_ / "b.onnx");
  EXPECT_NE(Refusal(head + "path = \"a.q.pt\"\n").find("a file is of one model"),
            std::string::npos);
  EXPECT_TRUE(Parse(head + "path = \"a.q.pt\"\nmodels = [\"a\"]\n").ok());
  EXPECT_NE(Refusal(head + "path = \"{model}.r.pt\"\n").find("b.r.pt does not exist"),
            std::string::npos);
  EXPECT_NE(Refusal(head + "path = \"{model}.q.pt\"\nrecipe = \"dynamic-int8\"\n")
                .find("either a recipe or a path"),
            std::string::npos);
  EXPECT_NE(Refusal(head + "path = \"{model}.q.pt\"\nfrom = \"{model}.onnx\"\n")
                .find("a variant with a path has none"),
            std::string::npos);
}

TEST_F(StudyTest, SaysHowTorchScriptIsRun) {
  const auto study =
      Parse(kHead + "[torch]\ndevice = \"cuda\"\nquantized_engine = \"onednn\"\nfreeze = false\n");
  ASSERT_TRUE(study.ok()) << study.error().message();
  EXPECT_EQ(study.value().torch, (TorchSettings{"cuda", "onednn", false}));
  EXPECT_EQ(Parse(kHead).value().torch, TorchSettings());
  EXPECT_NE(Refusal(kHead + "[torch]\ndevice = \"gpu\"\n")
                .find("s.toml:7:10: there is no device \"gpu\" (cpu, cuda)"),
            std::string::npos);
}

TEST_F(StudyTest, RefusesEachKindOfMistake) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[study]\ntitle = \"t\"\n", "at least one [[model]]"},
      {kHead + "[[model]]\nid = \"m\"\npath = \"m.onnx\"\n", "used twice"},
      {kHead + "[[variant]]\nid = \"original\"\nrecipe = \"float16\"\n", "the model as given"},
      {kHead + "[[variant]]\nid = \"v\"\n", "needs the key \"recipe\""},
      {kHead + "[sweep]\nbatch = []\n", "list of whole numbers"},
      {kHead + "[sweep]\nbatch = [0]\n", "at least 1"},
      {kHead + "[sweep]\nbatch = [1, \"x\"]\n", "list of whole numbers"},
      {kHead + "[data.d]\nkind = \"npy\"\n", "needs the key \"path\""},
      {kHead + "[data.d]\nkind = \"npy\"\npath = \"d.npy\"\npreprocess = { std = [0] }\n", "is 0"},
      {kHead + "[data.d]\nkind = \"imagefolder\"\npath = \"d.npy\"\n",
       "did you mean \"image-folder\""},
      {kHead +
           "[[hypothesis]]\nid = \"H\"\ntext = \"x\"\nmetric = \"latencies\"\nexpect = \"< 1\"\n",
       "unknown metric \"latencies\"; did you mean \"latency\"?"},
      {kHead + "[[hypothesis]]\nid = \"H\"\ntext = \"x\"\nmetric = \"accuracy\"\narms = "
               "[\"original\"]\n"
               "expect = \"about 1\"\n",
       "an expectation is like"},
      {kHead + "[[hypothesis]]\nid = \"H\"\ntext = \"x\"\nmetric = \"size.ratio\"\narms = "
               "[\"original\"]\n"
               "expect = \"> 1\"\n",
       "compares 2 arms, not 1"},
      {kHead + Claimed("latency", "[\"original\"]", "increases", ""), "needs along what"},
      {kHead + Claimed("latency", "[\"original\"]", "< 3", "batch"), "is for \"increases\""},
      {kHead + Claimed("latency", "[\"original\"]", "slope 0.9..1.1", "bath"),
       "did you mean \"batch\"?"},
      {kHead + Claimed("sqnr", "[\"original\"]", "increases", "batch"), "one value a model"},
      {kHead + Claimed("accuracy", "[\"original\"]", "increases", "arms"), "two arms or more"},
      {kHead + Claimed("accuracy", "[\"original\"]", "slope > 1", "size.ratio"),
       "for a slope of \"latency.ratio\""},
      {kHead + Claimed("size.ratio", "[\"original\", \"original\"]", "increases", "models"),
       "\"models\" is for a slope of \"latency.ratio\""},
      {kHead + Claimed("latency.ratio", "[]", "slope > 1", "models") +
           "where = { model = \"m\" }\n",
       "\"models\" is over all models"},
      {kHead + Claimed("agreement", "[\"original\", \"original\"]", "increases", "arms"),
       "is of two arms already"},
      {kHead + Claimed("accuracy", "[\"original\"]", "> 0.5", "") + "confidence = 70\n",
       "between 0 and 1"},
      {kHead + "[model]\nid = \"x\"\n", "s.toml:6"},
      {"title = = 3\n", "s.toml:1:"},
      {kHead + "[sweep]\nbatch = [1,2,3,4,5,6,7,8,9,10]\nthreads = [1,2,3,4,5,6,7,8,9,10]\ndims = "
               "{ a = "
               "[1,2,3,4,5,6,7,8,9,10], b = [1,2,3,4,5,6,7,8,9,10], c = [1,2] }\n",
       "20000 cells"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_NE(Refusal(text).find(expected), std::string::npos) << expected << "\nin\n"
                                                               << Refusal(text);
  }
}

TEST(ParseExpectation, ReadsBoundsAndRanges) {
  EXPECT_EQ(ParseExpectation("<= 0.667").value().high, 0.667);
  EXPECT_EQ(ParseExpectation(">=1.5").value().low, 1.5);
  EXPECT_LT(ParseExpectation("< 1").value().high, 1);
  EXPECT_GT(ParseExpectation("> 1").value().low, 1);
  const auto range = ParseExpectation("0.2..0.3").value();
  EXPECT_EQ(range.low, 0.2);
  EXPECT_EQ(range.high, 0.3);
  EXPECT_EQ(ParseExpectation("-1..1").value().low, -1);
  for (const char* bad : {"", "1", "<", "0.3..0.2", "<= 1 or so", "..", "=1"}) {
    EXPECT_FALSE(ParseExpectation(bad).ok()) << bad;
  }
}

}  // namespace parse_study_test
}  // namespace quantbench
