// What examples/pytorch/four_models.py writes, with few and narrow layers: all forms of four
// networks in one study and one report.
#include <map>
#include <set>

#include "quantbench/base/json.h"

#include "end_to_end/program.h"

namespace quantbench::testing {
namespace {

using FourModels = ProgramTest;

TEST_F(FourModels, StandInOneReport) {
  if (std::string(QB_TORCH_MODULE).empty()) {
    GTEST_SKIP() << "built without the torch engine (QB_TORCH)";
  }
  const std::string make =
      "cd '" + folder_.string() +
      "' && /usr/bin/python3 '" QB_SOURCE_DIR
      "/examples/pytorch/four_models.py' four --tiny --samples 6 --sequence 12 "
      "--budget 0.1 >made.txt 2>&1 </dev/null";
  const int made = std::system(make.c_str());  // NOLINT(cert-env33-c): a test of a program
  ASSERT_EQ(made, 0) << Read(folder_ / "made.txt");
  const fs::path file = folder_ / "four/study.toml";
  std::string study = Read(file);
  const std::string usual = "repetitions = 10";
  study.replace(study.find(usual), usual.size(), "repetitions = 2\nprocesses = 1");
  // Without evaluations, which take as long as all the rest: made-up samples.
  const std::string data = "\ndata = \"";
  for (std::size_t at = study.find(data); at != std::string::npos; at = study.find(data, at)) {
    study.erase(at, study.find('\n', at + 1) - at);
  }
  Put("four/study.toml", study);
  const Ran ran = Run("run four/study.toml -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto tables = Json::Parse(ran.out);
  ASSERT_TRUE(tables.ok()) << ran.out;
  std::map<std::string, std::set<std::string>> arms;
  for (const Json& row : tables.value()["Summary"].AsArray()) {
    arms[row["model"].AsString()].insert(row["arm"].AsString());
    if (row["arm"].AsString() == "original") continue;
    EXPECT_GT(row["times faster"].AsDouble(), 0) << row.Dump();
    EXPECT_EQ(row["score"].AsString(), "SQNR dB") << row.Dump();
    EXPECT_GT(row["value"].AsDouble(), row["arm"].AsString() == "onnx" ? 80 : 5) << row.Dump();
  }
  const std::set<std::string> dynamic = {"original", "torch-int8", "dynamic-int8", "onnx",
                                         "onnx-dynamic-int8"};
  EXPECT_EQ(arms["bert"], dynamic);
  EXPECT_EQ(arms["distilbert"], dynamic);
  EXPECT_EQ(arms["lstm"], dynamic);
  EXPECT_EQ(arms["resnet18"], (std::set<std::string>{"original", "torch-int8", "static-int8",
                                                     "onnx", "onnx-static-int8"}));
  EXPECT_NE(Read(folder_ / "four/results/report.html").find("onnx-dynamic-int8"),
            std::string::npos);
}

}  // namespace
}  // namespace quantbench::testing
