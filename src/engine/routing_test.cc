// Which engine a model goes to, with fakes for both.
#include <cstdlib>

#include <gtest/gtest.h>

#include "quantbench/engine.h"

namespace quantbench {
namespace routing_test {

std::vector<std::byte> BytesOf(std::string_view text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

// An engine whose sessions have one input of that name.
std::unique_ptr<Engine> Fake(std::string_view input) {
  FakeBehaviour behaviour;
  behaviour.inputs.push_back({std::string(input), DataType::kFloat32, {}});
  return MakeFakeEngine(std::move(behaviour));
}

std::string FirstInput(Engine* engine, std::string_view model) {
  const std::vector<std::byte> bytes = BytesOf(model);
  const auto session = engine->Load({bytes, {}}, {});
  return session.ok() ? session.value()->inputs().front().name : session.error().message();
}

TEST(Routing, GoesByTheFirstBytes) {
  const auto engine =
      MakeRoutingEngine([] { return Result(Fake("onnx")); }, [] { return Result(Fake("torch")); });
  EXPECT_EQ(FirstInput(engine.get(), "PK\x03\x04 and more"), "torch");
  EXPECT_EQ(FirstInput(engine.get(), "\x08\x08\x12 and more"), "onnx");
  EXPECT_EQ(FirstInput(engine.get(), "PK"), "onnx");
  EXPECT_EQ(FirstInput(engine.get(), ""), "onnx");
}

TEST(Routing, OpensAnEngineOnceAndOnlyWhenAModelComesForIt) {
  int onnx = 0;
  int torch = 0;
  const auto engine = MakeRoutingEngine(
      [&] {
        ++onnx;
        return Result(Fake("onnx"));
      },
      [&] {
        ++torch;
        return Result(Fake("torch"));
      });
  EXPECT_EQ(engine->name(), "");
  EXPECT_EQ(FirstInput(engine.get(), "PK\x03\x04"), "torch");
  EXPECT_EQ(FirstInput(engine.get(), "PK\x03\x04"), "torch");
  EXPECT_EQ(onnx, 0);
  EXPECT_EQ(torch, 1);
  EXPECT_TRUE(engine->Prepare({}).ok());
  EXPECT_EQ(onnx, 1);
  EXPECT_EQ(engine->name(), "fake");
}

TEST(Routing, AnEngineThatCannotBeOpenedFailsItsModelsOnly) {
  const auto engine = MakeRoutingEngine([] { return Result(Fake("onnx")); },
                                        []() -> Result<std::unique_ptr<Engine>> {
                                          return Error(ErrorCode::kUnavailable, "not built in");
                                        });
  EXPECT_EQ(FirstInput(engine.get(), "PK\x03\x04"), "not built in");
  EXPECT_EQ(FirstInput(engine.get(), "onnx"), "onnx");
}

TEST(Torch, SettingsCrossTheBorder) {
  const TorchSettings settings = {"cuda", "onednn", false};
  EXPECT_EQ(TorchSettings::FromJson(settings.ToJson()), settings);
  EXPECT_EQ(TorchSettings::FromJson(Json()), TorchSettings());
}

TEST(Torch, TheCommandLineStandsOverTheStudy) {
  const TorchSettings study = {"cuda", "onednn", false};
  EXPECT_EQ(TorchSettings().Over(study), study);
  EXPECT_EQ(study.Over({}), study);
  EXPECT_EQ((TorchSettings{"cpu", "", true}.Over(study)), (TorchSettings{"cpu", "onednn", false}));
}

TEST(Torch, WhatIsUsualIsNotTold) {
  EXPECT_TRUE(TorchSettings().Unusual().is_null());
  EXPECT_TRUE((TorchSettings{"cpu", "", true}.Unusual().is_null()));
  EXPECT_EQ((TorchSettings{"cuda", "", false}.Unusual().Dump()),
            Json::MakeObject().Set("device", "cuda").Set("freeze", false).Dump());
  EXPECT_EQ((TorchSettings{"", "qnnpack", true}.Unusual()["quantized_engine"].AsString()),
            "qnnpack");
}

// With the real module.
class TorchModule : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string_view(QB_TORCH_MODULE).empty()) {
      GTEST_SKIP() << "built without the torch engine (QB_TORCH)";
    }
    setenv("QUANTBENCH_TORCH", QB_TORCH_MODULE, 1);  // NOLINT(concurrency-mt-unsafe)
  }
};

TEST_F(TorchModule, DescribesItself) {
  const auto facts = DescribeTorch({});
  ASSERT_TRUE(facts.ok()) << facts.error().message();
  EXPECT_FALSE(facts.value()["version"].AsString().empty());
  EXPECT_FALSE(facts.value()["quantized_engines"].AsArray().empty());
  EXPECT_EQ(facts.value()["quantized_engine"],
            facts.value()["quantized_engines"].AsArray().front());
  EXPECT_GT(facts.value()["blas_gflops"].AsDouble(), 0);
}

TEST_F(TorchModule, RefusesInOneLine) {
  const auto engine = OpenTorch({});
  ASSERT_TRUE(engine.ok()) << engine.error().message();
  for (const std::string_view bad : {"", "PK\x03\x04", "no archive at all"}) {
    const std::vector<std::byte> bytes = BytesOf(bad);
    const auto session = engine.value()->Load({bytes, {}}, {});
    ASSERT_FALSE(session.ok());
    EXPECT_EQ(session.error().code(), ErrorCode::kEngine);
    EXPECT_TRUE(session.error().message().starts_with("libtorch: "));
    EXPECT_EQ(session.error().message().find('\n'), std::string::npos);
    EXPECT_EQ(session.error().message().find("Exception raised"), std::string::npos);
  }
  const auto other = OpenTorch({"", "nonsense", true});
  ASSERT_TRUE(other.ok());
  const std::vector<std::byte> bytes = BytesOf("PK\x03\x04");
  EXPECT_NE(other.value()->Load({bytes, {}}, {}).error().message().find("nonsense"),
            std::string::npos);
}

}  // namespace routing_test
}  // namespace quantbench
