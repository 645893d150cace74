// What determines a case: questions that differ have keys that differ, and no others have.
#include "run/study_case.h"

#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "quantbench/run.h"
#include "quantbench/study.h"

namespace quantbench {
namespace study_case_test {

namespace fs = std::filesystem;

// Only the first bytes of the files are looked at.
class CaseKeys : public ::testing::Test {
 protected:
  CaseKeys() : folder_(fs::temp_directory_path() / ("qb_case_keys." + std::to_string(getpid()))) {
    fs::create_directories(folder_);
    for (const char* name : {"m.onnx", "n.onnx"}) std::ofstream(folder_ / name) << "onnx";
    for (const char* name : {"m.pt", "m.q.pt"}) std::ofstream(folder_ / name) << "PK\x03\x04";
  }
  ~CaseKeys() override { fs::remove_all(folder_); }

  // Of the first case of that kind and arm in a study of one model, on the command line's settings.
  std::string Key(const std::string& model, const std::string& rest, CaseKind kind,
                  const std::string& arm = "", const TorchSettings& flags = {}) {
    const auto study = ParseStudy(
        "[study]\ntitle = \"t\"\n[[model]]\nid = \"m\"\npath = \"" + model + "\"\n" + rest,
        "s.toml", folder_);
    EXPECT_TRUE(study.ok()) << study.error().message();
    if (!study.ok()) return "";
    RunStudyOptions options;
    options.worker.torch = flags;
    StudyContext context;
    context.study = &study.value();
    context.options = &options;
    return KeyOf(context, {kind, "m", arm, {}});
  }
  std::string Measured(const std::string& model, const std::string& rest,
                       const TorchSettings& flags = {}) {
    return Key(model, rest, CaseKind::kMeasure, "", flags);
  }
  fs::path folder_;
};

const std::string kDynamic = "[[variant]]\nid = \"v\"\nrecipe = \"dynamic-int8\"\n";

TEST_F(CaseKeys, HowTorchRunsIsInTheKeyWhereItRuns) {
  const std::string plain = Measured("m.pt", kDynamic);
  EXPECT_EQ(Measured("m.pt", kDynamic + "[torch]\ndevice = \"cpu\"\nfreeze = true\n"), plain);
  const std::string cuda = Measured("m.pt", kDynamic + "[torch]\ndevice = \"cuda\"\n");
  EXPECT_NE(cuda, plain);
  EXPECT_EQ(Measured("m.pt", kDynamic, {"cuda", "", true}), cuda);
  EXPECT_EQ(Measured("m.pt", kDynamic + "[torch]\ndevice = \"cuda\"\n", {"cpu", "", true}), plain);
  EXPECT_NE(Measured("m.pt", kDynamic + "[torch]\nfreeze = false\n"), plain);
  EXPECT_NE(Measured("m.pt", kDynamic + "[torch]\nquantized_engine = \"onednn\"\n"), plain);
}

TEST_F(CaseKeys, NothingOfTorchIsInTheKeyOfOnnxAlone) {
  const std::string cuda = "[torch]\ndevice = \"cuda\"\n";
  EXPECT_EQ(Measured("m.onnx", kDynamic + cuda), Measured("m.onnx", kDynamic));
  const std::string given = "[[variant]]\nid = \"v\"\npath = \"m.q.pt\"\n";
  EXPECT_NE(Measured("m.onnx", given + cuda), Measured("m.onnx", given));
}

// A recipe's file is made and compared on the processor, one that is given where it is to run.
TEST_F(CaseKeys, WhatARecipeMakesDoesNotDependOnTheDevice) {
  const TorchSettings cuda = {"cuda", "", true};
  EXPECT_EQ(Key("m.pt", kDynamic, CaseKind::kQuantize, "v", cuda),
            Key("m.pt", kDynamic, CaseKind::kQuantize, "v"));
  const std::string given = "[[variant]]\nid = \"v\"\npath = \"m.q.pt\"\n";
  EXPECT_NE(Key("m.pt", given, CaseKind::kQuantize, "v", cuda),
            Key("m.pt", given, CaseKind::kQuantize, "v"));
}

TEST_F(CaseKeys, WhatAVariantIsMadeOfIsInItsKey) {
  const auto made = [&](const std::string& rest) {
    return Key("m.pt", kDynamic + rest, CaseKind::kQuantize, "v");
  };
  EXPECT_NE(made("from = \"m.onnx\"\n"), made(""));
  EXPECT_NE(made("from = \"m.onnx\"\n"), made("from = \"n.onnx\"\n"));
  const auto recipe = [&](const std::string& model, const std::string& parts) {
    return Key(model,
               "[[variant]]\nid = \"v\"\nrecipe = { base = \"dynamic-int8\"" + parts + " }\n",
               CaseKind::kQuantize, "v");
  };
  EXPECT_NE(recipe("m.pt", ", per_channel = true"), recipe("m.pt", ""));
  EXPECT_EQ(recipe("m.onnx", ", per_channel = true"), recipe("m.onnx", ""));
}

}  // namespace study_case_test
}  // namespace quantbench
