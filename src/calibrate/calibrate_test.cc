// Calibrating through the engine: what flows is what the table says.
#include "quantbench/calibrate.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine_runner.h"
#include "model_builder.h"

namespace quantbench {
namespace calibrate_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ModelBuilder;
using testing::Must;
using testing::TestEngine;
using testing::VectorDataset;

VectorDataset Samples(const std::vector<std::vector<float>>& rows) {
  std::vector<Sample> samples;
  for (const std::vector<float>& row : rows) {
    Sample sample;
    sample.inputs = {Tensor::OfFloats({static_cast<std::int64_t>(row.size())}, row)};
    samples.push_back(std::move(sample));
  }
  return VectorDataset(std::move(samples));
}

// x -> Relu -> Neg -> Exp; Shape of x on the side.
Model Chain(std::int64_t batch = -1) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {batch, 3});
  const std::string relu = builder.Add("Relu", "relu", {x});
  builder.Output(builder.Add("Exp", "exp", {builder.Add("Neg", "neg", {relu})}));
  builder.Output(builder.Add("Shape", "shape", {x}), DataType::kInt64);
  return builder.Build();
}

Result<CalibrationTable> TableOf(const Model& model, const Dataset& data,
                                 const std::vector<std::string>& tensors,
                                 const CalibrateOptions& options = {}) {
  SilentProgress silent;
  return Calibrate(model, TestEngine(), data, tensors, options, silent);
}

TEST(Calibrate, RecordsInputsInnerValuesAndOutputs) {
  const VectorDataset data = Samples({{-1, 2, 0.5F}, {3, -4, 1}});
  const CalibrationTable table =
      Must(TableOf(Chain(), data, {"x", "relu_out", "neg_out", "exp_out"}));
  EXPECT_EQ(table.samples, 2);
  EXPECT_EQ(table.ranges.at("x"), (TensorRange{-4, 3, 6, 0, DataType::kFloat32, {1, 3}}));
  EXPECT_EQ(table.ranges.at("relu_out"), (TensorRange{0, 3, 6, 0, DataType::kFloat32, {1, 3}}));
  EXPECT_EQ(table.ranges.at("neg_out").min, -3);
  EXPECT_NEAR(table.ranges.at("exp_out").min, std::exp(-3.0), 1e-6);
}

TEST(Calibrate, UsesOnlyTheFirstSamplesAsked) {
  CalibrateOptions options;
  options.samples = 1;
  const CalibrationTable table =
      Must(TableOf(Chain(), Samples({{0, 1, 2}, {50, 60, 70}}), {"x"}, options));
  EXPECT_EQ(table.samples, 1);
  EXPECT_EQ(table.ranges.at("x").max, 2);
}

TEST(Calibrate, GivesTheSameTableInGroupsOfAnySize) {
  const VectorDataset data = Samples({{-1, 2, 0.5F}, {3, -4, 1}, {7, 7, -9}});
  const std::vector<std::string> tensors = {"exp_out", "neg_out", "relu_out", "x"};
  const Json expected = Must(TableOf(Chain(), data, tensors)).ToJson();
  for (const std::uint64_t budget : {1U, 24U, 48U, 49U}) {
    CalibrateOptions options;
    options.memory_bytes = budget;
    EXPECT_EQ(Must(TableOf(Chain(), data, tensors, options)).ToJson(), expected) << budget;
  }
}

TEST(Calibrate, WatchesManyTensorsAtOnce) {
  ModelBuilder builder;
  std::string value = builder.Input("x", {-1, 3});
  std::vector<std::string> tensors = {value};
  for (int i = 0; i < 60; ++i) {
    value = builder.Add("Neg", "neg" + std::to_string(i), {value});
    tensors.push_back(value);
  }
  builder.Output(value);
  const CalibrationTable table = Must(TableOf(builder.Build(), Samples({{1, 2, 3}}), tensors));
  EXPECT_EQ(table.ranges.size(), 61U);
  EXPECT_EQ(table.ranges.at("neg0_out").max, -1);
  EXPECT_EQ(table.ranges.at("neg59_out").max, 3);
}

TEST(Calibrate, StacksSamplesWhereTheModelFixesItsBatch) {
  const VectorDataset data = Samples({{1, 0, 0}, {2, 0, 0}, {3, 0, 0}});
  const CalibrationTable table = Must(TableOf(Chain(2), data, {"x"}));
  EXPECT_EQ(table.ranges.at("x").shape, (Shape{2, 3}));
  EXPECT_EQ(table.ranges.at("x").max, 3);
}

TEST(Calibrate, TakesTokensAndMasksOfAnyLength) {
  ModelBuilder builder;
  const std::string ids = builder.Input("ids", {-1, -1}, DataType::kInt64);
  const std::string mask = builder.Input("mask", {-1, -1}, DataType::kInt64);
  const std::string table =
      builder.Constant("table", Tensor::OfFloats({5}, std::vector<float>{0, 1, 2, 3, 40}));
  const std::string rows = builder.Add("Gather", "rows", {table, ids});
  const std::string kept = builder.Add("Cast", "kept", {mask}, {Attribute::Int("to", 1)});
  builder.Output(builder.Add("Mul", "masked", {rows, kept}));
  const auto sample = [](const std::vector<std::int64_t>& tokens,
                         const std::vector<std::int64_t>& seen) {
    const Shape shape = {static_cast<std::int64_t>(tokens.size())};
    Sample made;
    made.inputs = {Tensor::Of(DataType::kInt64, shape, tokens),
                   Tensor::Of(DataType::kInt64, shape, seen)};
    return made;
  };
  const VectorDataset data({sample({1, 2}, {1, 1}), sample({3, 4, 1}, {1, 0, 1})});
  const CalibrationTable found =
      Must(TableOf(builder.Build(), data, {"rows_out", "kept_out", "masked_out"}));
  EXPECT_EQ(found.samples, 2);
  EXPECT_EQ(found.ranges.at("rows_out"), (TensorRange{1, 40, 5, 0, DataType::kFloat32, {1, 2}}));
  EXPECT_EQ(found.ranges.at("kept_out").min, 0);
  EXPECT_EQ(found.ranges.at("masked_out").max, 3);  // 40 was masked
}

TEST(Calibrate, CountsWhatIsNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  const CalibrationTable table =
      Must(TableOf(Chain(), Samples({{1, infinity, 2}}), {"x", "exp_out"}));
  EXPECT_EQ(table.ranges.at("x").nonfinite, 1);
  EXPECT_EQ(table.ranges.at("x").max, 2);
}

TEST(Calibrate, LeavesOutTensorsThatAreNotFloat) {
  const CalibrationTable table = Must(TableOf(Chain(), Samples({{1, 2, 3}}), {"shape_out", "x"}));
  EXPECT_EQ(table.ranges.size(), 1U);
}

TEST(Calibrate, RefusesWhatItCannotDo) {
  const VectorDataset data = Samples({{1, 2, 3}});
  EXPECT_THAT(TableOf(Chain(), data, {"nothing"}).error().message(),
              HasSubstr("no tensor \"nothing\""));
  EXPECT_THAT(TableOf(Chain(), VectorDataset({}), {"x"}).error().message(),
              HasSubstr("at least one sample"));
  EXPECT_THAT(TableOf(Chain(), Samples({{1, 2}}), {"x"}).error().message(),
              HasSubstr("calibration sample 0"));
}

// A data set of which some samples cannot be read.
class TornDataset final : public Dataset {
 public:
  TornDataset(std::int64_t size, std::int64_t torn_every) : size_(size), every_(torn_every) {}
  [[nodiscard]] std::int64_t size() const override { return size_; }
  [[nodiscard]] bool has_labels() const override { return false; }
  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    if (index % every_ == every_ - 1) return Error(ErrorCode::kMalformed, "img.png: torn");
    Sample sample;
    const auto seed = static_cast<std::uint64_t>(index) + 1;
    sample.inputs = {testing::RandomTensor({3}, seed)};
    return sample;
  }

 private:
  std::int64_t size_;
  std::int64_t every_;
};

CalibrateOptions Histograms(std::int64_t samples) {
  CalibrateOptions options;
  options.samples = samples;
  options.observer.observer = Observer::kMse;
  return options;
}

Result<CalibrationStatistics> StatisticsOf(const Dataset& data, const CalibrateOptions& options) {
  SilentProgress silent;
  return ObserveTensors(Chain(), TestEngine(), data, {"x", "neg_out", "exp_out"}, options, silent);
}

TEST(ObserveTensors, GoesOnWhereItWasStopped) {
  const TornDataset data(40, 1000);
  const Json expected = Must(StatisticsOf(data, Histograms(40))).ToJson();
  for (const std::uint64_t budget : {std::uint64_t{1}, std::uint64_t{1} << 30}) {
    CalibrateOptions options = Histograms(40);
    options.memory_bytes = budget;
    Json saved;
    int runs = 0;
    options.checkpoint = [&](const CalibrationStatistics& all) -> Status {
      saved = all.ToJson();
      return ++runs == 17 ? Status(Error(ErrorCode::kIo, "killed")) : Ok();
    };
    ASSERT_EQ(StatisticsOf(data, options).error().message(), "killed");
    const CalibrationStatistics before = Must(CalibrationStatistics::FromJson(saved));
    EXPECT_EQ(before.position, 17);
    options.resume = &before;
    const CalibrationStatistics all = Must(StatisticsOf(data, options));
    EXPECT_EQ(runs, budget == 1 ? 120 : 40);
    EXPECT_EQ(all.ToJson()["tensors"], expected["tensors"]);
    EXPECT_EQ(all.samples, 40);
  }
}

// Also where the last thing that was kept is that scales had settled.
TEST(ObserveTensors, SettlesTheSameWhereverItWasStopped) {
  const auto data = Samples(std::vector<std::vector<float>>(100, {-1, 2, 0.5F}));
  for (const std::uint64_t budget : {std::uint64_t{1}, std::uint64_t{1} << 30}) {
    CalibrateOptions options = Histograms(100);
    options.until_stable = true;
    options.memory_bytes = budget;
    std::vector<Json> kept;
    options.checkpoint = [&](const CalibrationStatistics& all) {
      kept.push_back(all.ToJson());
      return Ok();
    };
    const Json whole = Must(StatisticsOf(data, options)).ToJson();
    EXPECT_EQ(kept.size(), budget == 1 ? 96U : 32U);  // 32 samples in each of three passes
    EXPECT_TRUE(whole["stable"].AsBool());
    options.checkpoint = {};
    for (std::size_t i = 7; i < kept.size(); i += 8) {  // the last of a pass, among others
      const CalibrationStatistics before = Must(CalibrationStatistics::FromJson(kept[i]));
      options.resume = &before;
      EXPECT_EQ(Must(StatisticsOf(data, options)).ToJson(), whole) << before.position;
    }
  }
}

TEST(ObserveTensors, LeavesOutSamplesThatCannotBeReadAndNamesThem) {
  const CalibrationStatistics all = Must(StatisticsOf(TornDataset(40, 20), Histograms(40)));
  EXPECT_EQ(all.samples, 38);
  EXPECT_EQ(all.tensors.at("x").samples, 38);
  ASSERT_EQ(all.skipped.size(), 2U);
  EXPECT_EQ(all.skipped[1].index, 39);
  EXPECT_THAT(all.skipped[0].reason, HasSubstr("img.png: torn"));
  EXPECT_THAT(StatisticsOf(TornDataset(40, 5), Histograms(40)).error().message(),
              HasSubstr("calibration sample 24"));  // the fifth of forty
}

TEST(ObserveTensors, StopsWhenScalesHaveSettled) {
  // Every sample has the same extremes.
  std::vector<std::vector<float>> rows(500, {-1, 2, 0.5F});
  CalibrateOptions options;
  options.samples = 500;
  options.until_stable = true;
  CalibrationStatistics all = Must(StatisticsOf(Samples(rows), options));
  EXPECT_EQ(all.samples, 32);
  EXPECT_TRUE(all.stable);
  EXPECT_EQ(all.drift, 0);
  // The range grows by a fifth from one look to the next, until 256.
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i][1] = static_cast<float>(
        std::pow(1.2, std::log2(std::min<double>(256, 1.0 + static_cast<double>(i)))));
  }
  all = Must(StatisticsOf(Samples(rows), options));
  EXPECT_EQ(all.samples, 500);  // 256 to 512 would be still
  EXPECT_FALSE(all.stable);
  EXPECT_GT(all.drift, 0.02);
  options.samples = 128;
  all = Must(StatisticsOf(Samples(rows), options));
  EXPECT_EQ(all.samples, 128);
}

TEST(CompareTensors, SumsSignalAndNoise) {
  // The other model's Relu lets through what the first one's does not.
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 3});
  builder.Output(builder.Add("Neg", "relu", {builder.Add("Neg", "twice", {x})}));
  for (const std::uint64_t budget : {1U, 1U << 20U}) {
    CompareOptions options;
    options.memory_bytes = budget;
    SilentProgress silent;
    const auto data = Samples({{1, -2, 3}, {4, 0, 0}});
    const auto errors = Must(
        CompareTensors(Chain(), builder.Build(), {TestEngine(), data},
                       {{"relu_out", "relu_out"}, {"x", "x"}, {"x", "x"}, {"x", "x"}, {"x", "x"}},
                       options, silent));
    EXPECT_EQ(errors[0].signal, 26);
    EXPECT_EQ(errors[0].noise, 4);
    EXPECT_NEAR(errors[0].SqnrDb(), 10 * std::log10(6.5), 1e-9);
    EXPECT_EQ(errors[4].signal, errors[1].signal);
    EXPECT_EQ(errors[1].noise, 0);
    EXPECT_TRUE(std::isinf(errors[1].SqnrDb()));
  }
}

TEST(CalibrationTable, SurvivesJsonText) {
  const float tiny = 1e-30F;
  CalibrationTable table = Must(TableOf(Chain(), Samples({{-1.1F, tiny, 0.3F}}), {"x", "exp_out"}));
  table.source = "data images, 1 samples";
  const Json json = Must(Json::Parse(table.ToJson().Dump()));
  const CalibrationTable back = Must(CalibrationTable::FromJson(json));
  EXPECT_EQ(back.ranges, table.ranges);
  EXPECT_EQ(back.source, table.source);
  EXPECT_EQ(back.samples, 1);
}

TEST(CalibrationTable, RefusesARangeUpsideDown) {
  CalibrationTable table;
  table.ranges["x"] = {2, 1, 4, 0, DataType::kFloat32, {4}};
  EXPECT_THAT(CalibrationTable::FromJson(table.ToJson()).error().message(),
              HasSubstr("\"x\": min is above max"));
}

std::vector<bool> BatchedOf(const std::vector<std::pair<std::string, Shape>>& inputs) {
  ModelBuilder builder;
  for (const auto& [name, dims] : inputs) builder.Input(name, dims);
  std::vector<bool> batched;
  for (const InputSpec& input : InputsOf(builder.Build())) batched.push_back(input.batched);
  return batched;
}

TEST(InputsOf, TellsBatchesFromStates) {
  EXPECT_THAT(BatchedOf({{"ids", {-1, -1}}, {"mask", {-1, -1}}}), ElementsAre(true, true));
  EXPECT_THAT(BatchedOf({{"input", {-1, 576}}, {"state", {2, -1, 128}}, {"rate", {}}}),
              ElementsAre(true, false, false));
  EXPECT_THAT(BatchedOf({{"mix", {1, 257, 1, 2}}, {"cache", {2, 1, 16}}, {"frame", {1, 4}}}),
              ElementsAre(true, false, true));
  EXPECT_THAT(BatchedOf({{"rate", {}}, {"x", {4, 8}}, {"y", {4, 2}}}),
              ElementsAre(false, true, true));
}

TEST(InputsOf, LeavesOutInitializersListedAsInputs) {
  ModelBuilder builder(8, 3);
  builder.Input("x", {1, 8});
  builder.Input("w", {8, 8});
  builder.Weight("w", {8, 8});
  const std::vector<InputSpec> inputs = InputsOf(builder.Build());
  ASSERT_EQ(inputs.size(), 1U);
  EXPECT_EQ(inputs[0].name, "x");
  EXPECT_THAT(inputs[0].dims, ElementsAre(1, 8));
}

TEST(InputsOf, CountsTheRowsThatIdsChooseFrom) {
  ModelBuilder builder;
  builder.Input("ids", {-1, -1}, DataType::kInt64);
  builder.Input("x", {-1, 8});
  builder.Weight("words", {500, 8});
  builder.Weight("places", {40, 8});
  const std::string narrow = builder.Add("Cast", "narrow", {"ids"}, {Attribute::Int("to", 6)});
  builder.Add("Gather", "word", {"words", "ids"});
  builder.Add("Gather", "place", {"places", narrow});
  builder.Weight("short", {3, 8});
  builder.Add("Gather", "column", {"short", narrow}, {Attribute::Int("axis", 1)});
  const std::vector<InputSpec> inputs = InputsOf(builder.Build());
  ASSERT_EQ(inputs.size(), 2U);
  EXPECT_EQ(inputs[0].rows, 40);
  EXPECT_EQ(inputs[1].rows, 0);
}

}  // namespace calibrate_test
}  // namespace quantbench
