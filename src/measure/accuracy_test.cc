// Predictions, SQNR and the shape of inputs.
#include <cmath>

#include <gtest/gtest.h>

#include "quantbench/measure.h"

namespace quantbench {
namespace {

class TwoSamples final : public Dataset {
 public:
  explicit TwoSamples(bool labels) : labels_(labels) {}
  [[nodiscard]] std::int64_t size() const override { return 2; }
  [[nodiscard]] bool has_labels() const override { return labels_; }
  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    Sample sample;
    sample.name = "s";
    sample.inputs.push_back(Tensor::OfFloats({1}, {static_cast<float>(index)}));
    sample.label = labels_ ? index : -1;
    return sample;
  }

 private:
  bool labels_;
};

const std::vector<InputSpec> kInputs = {{"x", DataType::kFloat32, {-1, 1}, {"n", ""}, true}};

Result<Predictions> PredictWith(const Tensor& output, bool labels) {
  FakeBehaviour behaviour;
  behaviour.results = {{"logits", output}};
  const auto engine = MakeFakeEngine(behaviour);
  const auto session = engine->Load({}, {});
  SilentProgress progress;
  return Predict(*session.value(), TwoSamples(labels), kInputs, {2, 0}, progress);
}

TEST(Predict, TakesTheLargestOfEveryRow) {
  const auto predictions = PredictWith(Tensor::OfFloats({2, 3}, {0, 5, 1, 9, 2, 3}), true);
  ASSERT_TRUE(predictions.ok()) << predictions.error().message();
  EXPECT_EQ(predictions.value().classes, (std::vector<std::int32_t>{1, 0}));
  EXPECT_EQ(predictions.value().labels, (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(predictions.value().Correct(), 0);
}

TEST(Predict, GivesARowForEveryTokenWithoutLabels) {
  const auto predictions = PredictWith(Tensor::OfFloats({2, 2, 2}, {0, 1, 1, 0, 0, 1, 0, 1}), true);
  ASSERT_TRUE(predictions.ok());
  EXPECT_EQ(predictions.value().rows, 4);
  EXPECT_TRUE(predictions.value().labels.empty());
}

TEST(Predict, RefusesNanAndOutputsWithoutClasses) {
  EXPECT_FALSE(PredictWith(Tensor::OfFloats({2, 2}, {0, NAN, 1, 0}), true).ok());
  EXPECT_FALSE(PredictWith(Tensor::OfFloats({2}, {0, 1}), true).ok());
}

TEST(SqnrDb, IsTheRatioOfPowers) {
  const std::vector<double> x = {3, 4};
  EXPECT_NEAR(SqnrDb(x, std::vector<double>{3.3, 4.4}), 20.0, 1e-9);  // a tenth of the signal
  EXPECT_TRUE(std::isinf(SqnrDb(x, x)));
  EXPECT_EQ(SqnrDb(x, std::vector<double>{NAN, 4}), -INFINITY);
  EXPECT_TRUE(SqnrDb(std::vector<double>{-INFINITY, 1}, std::vector<double>{-INFINITY, 1}) > 0);
}

TEST(ResolveInputs, SetsBatchAndNamedDimensionsEverywhere) {
  const std::vector<InputSpec> inputs = {
      {"ids", DataType::kInt64, {-1, -1}, {"batch", "seq"}, true},
      {"state", DataType::kFloat32, {2, -1, 128}, {"", "batch", ""}, true},
      {"rate", DataType::kInt64, {}, {}, true}};
  const auto resolved = ResolveInputs(inputs, 4, {{"seq", 9}});
  ASSERT_TRUE(resolved.ok()) << resolved.error().message();
  EXPECT_EQ(resolved.value()[0].dims, (std::vector<std::int64_t>{4, 9}));
  EXPECT_EQ(resolved.value()[1].dims, (std::vector<std::int64_t>{2, 4, 128}));
  EXPECT_FALSE(resolved.value()[1].batched);
  EXPECT_FALSE(resolved.value()[2].batched);
}

TEST(CheckDims, KnowsNamesAndPlacesOfFreeDimensionsOnly) {
  const std::vector<InputSpec> inputs = {
      {"ids", DataType::kInt64, {4, -1}, {"batch", "seq"}, true},
      {"pixels", DataType::kFloat32, {4, 3, -1, -1}, {"batch", "", "", "seq"}, true}};
  EXPECT_TRUE(CheckDims(inputs, {}).ok());
  EXPECT_TRUE(CheckDims(inputs, {{"seq", 8}, {"ids:1", 8}, {"pixels:2", 7}}).ok());
  for (const char* name : {"sq", "batch", "ids:0", "pixels:1", "pixels:9", ""}) {
    const auto refused = CheckDims(inputs, {{name, 8}});
    ASSERT_FALSE(refused.ok()) << name;
    EXPECT_NE(refused.error().message().find("(free: pixels:2, seq)"), std::string::npos)
        << refused.error().message();
  }
  EXPECT_NE(CheckDims({}, {{"seq", 8}}).error().message().find("all are fixed"), std::string::npos);
}

TEST(ResolveInputs, SaysWhenTheModelFixesItsBatch) {
  const std::vector<InputSpec> inputs = {{"x", DataType::kFloat32, {1, 3}, {"", ""}, true}};
  EXPECT_TRUE(ResolveInputs(inputs, 1, {}).ok());
  const auto refused = ResolveInputs(inputs, 2, {});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find("fixed to 1"), std::string::npos);
}

}  // namespace
}  // namespace quantbench
