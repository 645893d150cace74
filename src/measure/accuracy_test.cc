// Predictions, SQNR and the shape of inputs.
#include <cmath>

#include <gtest/gtest.h>

#include "quantbench/measure.h"

namespace quantbench {
namespace accuracy_test {

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
  EvaluateOptions options;
  options.batch = 2;
  return Predict(*session.value(), nullptr, TwoSamples(labels), kInputs, options, progress);
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

// A data set of given samples.
class GivenSamples final : public Dataset {
 public:
  explicit GivenSamples(std::vector<Sample> samples) : samples_(std::move(samples)) {}
  [[nodiscard]] std::int64_t size() const override {
    return static_cast<std::int64_t>(samples_.size());
  }
  [[nodiscard]] bool has_labels() const override { return true; }
  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    return samples_[static_cast<std::size_t>(index)];
  }

 private:
  std::vector<Sample> samples_;
};

Sample Input(float value) {
  Sample sample;
  sample.name = "s";
  sample.inputs.push_back(Tensor::OfFloats({1}, {value}));
  return sample;
}

std::unique_ptr<Session> Answering(const Tensor& output) {
  FakeBehaviour behaviour;
  behaviour.results = {{"logits", output}};
  return MakeFakeEngine(behaviour)->Load({}, {}).value();
}

Result<Predictions> Evaluate(const Tensor& mine, const Tensor* reference,
                             const std::vector<Sample>& samples, EvaluateOptions options) {
  options.batch = static_cast<std::int64_t>(samples.size());
  const auto session = Answering(mine);
  const auto beside = reference == nullptr ? nullptr : Answering(*reference);
  SilentProgress progress;
  return Predict(*session, beside.get(), GivenSamples(samples), kInputs, options, progress);
}

TEST(Predict, RanksTheLabelAndRefusesOneThatIsNoClass) {
  Sample sample = Input(0);
  sample.label = 2;
  const auto good = Evaluate(Tensor::OfFloats({1, 4}, {9, 7, 5, 8}), nullptr, {sample}, {});
  ASSERT_TRUE(good.ok()) << good.error().message();
  EXPECT_EQ(good.value().ranks, (std::vector<std::int32_t>{3}));
  sample.label = 4;
  const auto bad = Evaluate(Tensor::OfFloats({1, 4}, {9, 7, 5, 8}), nullptr, {sample}, {});
  ASSERT_FALSE(bad.ok());
  EXPECT_NE(bad.error().message().find("sample s: label 4 is out of range"), std::string::npos);
}

TEST(Predict, TakesOneProbabilityAsYesOrNo) {
  Sample yes = Input(0);
  yes.label = 1;
  EvaluateOptions options;
  options.answer.threshold = 0.4;
  const auto answers =
      Evaluate(Tensor::OfFloats({2, 1}, {0.45F, 0.3F}), nullptr, {yes, yes}, options);
  ASSERT_TRUE(answers.ok()) << answers.error().message();
  EXPECT_EQ(answers.value().classes, (std::vector<std::int32_t>{1, 0}));
  EXPECT_EQ(answers.value().Correct(), 1);
}

TEST(Predict, SumsTheSurprisesOfALanguageModelAndItsDistance) {
  Sample sample = Input(0);
  sample.targets = {1, 0};
  EvaluateOptions options;
  options.task = Task::kLanguageModel;
  const float third = std::log(3.0F);  // p = 1/4 and 3/4
  const Tensor mine = Tensor::OfFloats({1, 2, 2}, {0, third, 0, third});
  const Tensor even = Tensor::OfFloats({1, 2, 2}, {5, 5, 0, 0});
  const auto answers = Evaluate(mine, &even, {sample}, options);
  ASSERT_TRUE(answers.ok()) << answers.error().message();
  EXPECT_NEAR(answers.value().nll[0], -std::log(0.75) - std::log(0.25), 1e-6);
  EXPECT_NEAR(answers.value().kl[0], 2 * (0.5 * std::log(0.5 / 0.25) + 0.5 * std::log(0.5 / 0.75)),
              1e-6);
  EXPECT_EQ(answers.value().row_ends, (std::vector<std::int64_t>{2}));
  EXPECT_TRUE(answers.value().sqnr_db.has_value());
  const auto back = Predictions::FromJson(answers.value().ToJson());
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_EQ(back.value().ToJson(), answers.value().ToJson());
}

// One cell of 2 x 2 speaks up: objectness 1, class 0.5; no offset, sigmoid(0) = half the image.
TEST(Predict, ReadsTheGridOfADetector) {
  std::vector<float> grid(7 * 4, 0);
  grid[0 * 4 + 3] = 1;
  grid[6 * 4 + 3] = 0.5;
  Sample sample = Input(0);
  sample.boxes = {{1, 0.25, 0.25, 0.5, 0.5, false}};
  EvaluateOptions options;
  options.task = Task::kDetect;
  options.answer.head = "fastestdet";
  const auto answers = Evaluate(Tensor::OfFloats({1, 7, 2, 2}, grid), nullptr, {sample}, options);
  ASSERT_TRUE(answers.ok()) << answers.error().message();
  ASSERT_EQ(answers.value().detections[0].size(), 1U);
  const Detection& found = answers.value().detections[0][0];
  EXPECT_EQ(found.box.label, 1);
  EXPECT_NEAR(found.box.left, 0.25, 1e-9);
  EXPECT_NEAR(found.score, std::pow(0.5, 0.4), 1e-9);
  EXPECT_EQ(Predictions::FromJson(answers.value().ToJson()).value().objects[0].size(), 1U);
  options.answer.head = "yolo";
  EXPECT_FALSE(Evaluate(Tensor::OfFloats({1, 7, 2, 2}, grid), nullptr, {sample}, options).ok());
}

// Two places in pixels of a 1 x 1 input; they overlap and are of one class: the better stays.
TEST(Predict, SuppressesWhatABetterDetectionCovers) {
  EvaluateOptions options;
  options.task = Task::kDetect;
  options.answer.head = "yolov8";
  const Tensor output =
      Tensor::OfFloats({1, 5, 2}, {0.5F, 0.5F, 0.5F, 0.5F, 1, 0.9F, 1, 0.9F, 0.6F, 0.8F});
  const auto answers = Evaluate(output, nullptr, {Input(0)}, options);
  ASSERT_TRUE(answers.ok()) << answers.error().message();
  ASSERT_EQ(answers.value().detections[0].size(), 1U);
  EXPECT_NEAR(answers.value().detections[0][0].score, 0.8, 1e-6);
}

TEST(Predict, FeedsOutputsBackWithinAStreamOnly) {
  std::vector<Sample> samples(3, Input(0));
  samples[0].stream = samples[1].stream = 0;
  samples[2].stream = 1;
  EvaluateOptions options;
  options.batch = 1;
  options.feedback = {{"x", "missing"}};
  const auto session = Answering(Tensor::OfFloats({1, 2}, {0, 1}));
  SilentProgress progress;
  const auto refused =
      Predict(*session, nullptr, GivenSamples(samples), kInputs, options, progress);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find("output \"missing\""), std::string::npos);
  options.feedback = {{"y", "logits"}};
  EXPECT_FALSE(Predict(*session, nullptr, GivenSamples(samples), kInputs, options, progress).ok());
}

TEST(Predict, RefusesPredictionsThatDoNotFitTogether) {
  const auto refused = [](const char* text) {
    return !Predictions::FromJson(Json::Parse(text).value()).ok();
  };
  EXPECT_TRUE(refused(R"({"samples": 3, "rows": 2, "classes": [1, 2]})"));
  EXPECT_TRUE(refused(R"({"samples": 2, "rows": 2, "classes": [1, 2], "row_ends": [2, 1]})"));
  EXPECT_TRUE(refused(R"({"samples": 1, "rows": 0, "edits": [1]})"));
  EXPECT_TRUE(refused(R"({"samples": 1, "rows": 0, "objects": [[]], "task": "detect"})"));
  EXPECT_FALSE(refused(R"({"samples": 2, "rows": 2, "classes": [1, 2]})"));
}

// Every pass takes as long as the fake clock is told.
class StepClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t NowNs() const override { return now_ += 500; }
  [[nodiscard]] std::int64_t CpuNs() const override { return 0; }

 private:
  mutable std::int64_t now_ = 0;
};

TEST(MeasureNatural, TimesEveryArmOnRealAndMadeUpSamples) {
  const auto a = Answering(Tensor::OfFloats({1, 2}, {0, 1}));
  const auto b = Answering(Tensor::OfFloats({1, 2}, {0, 1}));
  NaturalPlan plan;
  plan.batches = 3;
  SilentProgress progress;
  const auto runs = MeasureNatural({a.get(), b.get()}, GivenSamples({Input(1), Input(2)}), kInputs,
                                   plan, StepClock(), progress);
  ASSERT_TRUE(runs.ok()) << runs.error().message();
  ASSERT_EQ(runs.value().size(), 2U);
  EXPECT_EQ(runs.value()[0].real_ns, (std::vector<double>{500, 500}));
  EXPECT_EQ(runs.value()[0].synthetic_ns, (std::vector<double>{500, 500}));
  EXPECT_EQ(runs.value()[0].size, 1);
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

}  // namespace accuracy_test
}  // namespace quantbench
