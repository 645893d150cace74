// Statistics of layer inputs against plain sums over the values themselves.
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/calibrate.h"

#include "calibrate/gram.h"
#include "calibrate/patches.h"
#include "engine_runner.h"
#include "model_builder.h"

namespace quantbench {
namespace input_statistics_test {

using ::testing::HasSubstr;
using testing::ModelBuilder;
using testing::Must;
using testing::NormalSamples;
using testing::RandomTensor;
using testing::TestEngine;

// Rows as long double sums see them.
struct Reference {
  std::int64_t rows = 0;
  std::vector<long double> sum, abs_sum, gram;
  std::vector<double> low, high;

  void Add(std::span<const float> row) {
    if (rows++ == 0) {
      sum.assign(row.size(), 0);
      abs_sum = sum;
      gram.assign(row.size() * row.size(), 0);
      low.assign(row.size(), std::numeric_limits<double>::infinity());
      high.assign(row.size(), -std::numeric_limits<double>::infinity());
    }
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto x = static_cast<double>(row[i]);
      sum[i] += x;
      abs_sum[i] += std::abs(x);
      low[i] = std::min(low[i], x);
      high[i] = std::max(high[i], x);
      for (std::size_t j = 0; j < row.size(); ++j) {
        gram[i * row.size() + j] += static_cast<long double>(row[i]) * row[j];
      }
    }
  }
};

void ExpectSame(const InputStatistics& got, std::int64_t group, const Reference& expected) {
  ASSERT_EQ(got.rows, expected.rows);
  ASSERT_EQ(static_cast<std::size_t>(got.depth), expected.sum.size());
  const auto at = static_cast<std::size_t>(group * got.depth);
  const auto rows = static_cast<long double>(expected.rows);
  for (std::size_t i = 0; i < expected.sum.size(); ++i) {
    EXPECT_NEAR(got.mean[at + i], static_cast<double>(expected.sum[i] / rows), 1e-12);
    EXPECT_NEAR(got.abs_mean[at + i], static_cast<double>(expected.abs_sum[i] / rows), 1e-12);
    EXPECT_EQ(got.min[at + i], expected.low[i]);
    EXPECT_EQ(got.max[at + i], expected.high[i]);
    EXPECT_EQ(got.abs_max[at + i], std::max(-expected.low[i], expected.high[i]));
  }
  const std::size_t square = expected.gram.size();
  for (std::size_t i = 0; i < square; ++i) {
    EXPECT_NEAR(got.gram[static_cast<std::size_t>(group) * square + i],
                static_cast<double>(expected.gram[i]), 2e-6 * static_cast<double>(rows))
        << i;
  }
}

std::vector<InputStatistics> Gather(const Model& model, const Dataset& data,
                                    const std::vector<InputRequest>& requests,
                                    const InputStatisticsOptions& options = {}) {
  std::vector<InputStatistics> all;
  SilentProgress silent;
  const InputStatisticsSink sink = [&](InputStatistics one) -> Status {
    all.push_back(std::move(one));
    return Ok();
  };
  Must(StreamInputStatistics(model, {TestEngine(), data}, requests, options, sink, silent));
  return all;
}

TEST(GramMatrix, IsTheSumOfOuterProductsAtEveryDepth) {
  for (const std::int64_t depth : {1, 3, 15, 16, 17, 50}) {
    const std::vector<float> values = [&] {
      const Tensor tensor = RandomTensor({GramMatrix::kRows, depth}, 3);
      return std::vector<float>(tensor.As<float>().begin(), tensor.As<float>().end());
    }();
    GramMatrix gram(depth);
    Reference reference;
    for (const std::int64_t rows : {128, 1, 77}) {
      gram.Add(values, rows, 1);
      for (std::int64_t r = 0; r < rows; ++r) {
        reference.Add(std::span(values).subspan(static_cast<std::size_t>(r * depth),
                                                static_cast<std::size_t>(depth)));
      }
    }
    const std::vector<double> matrix = gram.Take();
    for (std::size_t i = 0; i < matrix.size(); ++i) {
      EXPECT_NEAR(matrix[i], static_cast<double>(reference.gram[i]), 1e-3);
    }
  }
}

TEST(GramMatrix, HasTheSameBitsWithAnyNumberOfThreads) {
  const Tensor values = RandomTensor({GramMatrix::kRows, 200}, 5);
  std::vector<double> expected;
  for (const int threads : {1, 2, 5}) {
    GramMatrix gram(200);
    for (int i = 0; i < 3; ++i) gram.Add(values.As<float>(), GramMatrix::kRows, threads);
    const std::vector<double> matrix = gram.Take();
    if (expected.empty()) expected = matrix;
    EXPECT_EQ(matrix, expected) << threads;
  }
}

// y = relu(x) W, three axes.
Model Product() {
  ModelBuilder builder;
  const auto x = builder.Input("x", {-1, 5, 6});
  const auto relu = builder.Add("Relu", "relu", {x});
  builder.Output(builder.Add("MatMul", "y", {relu, builder.Weight("w", {6, 4})}));
  return builder.Build();
}

TEST(InputStatistics, OfAProductAreThoseOfItsRows) {
  const auto data = NormalSamples({5, 6}, 40);
  const auto all = Gather(Product(), data, {{"relu_out", {}, true, {"y_out"}}});
  ASSERT_EQ(all.size(), 1U);
  Reference reference;
  const Tensor w = Must(ReadTensor(*Product().graph.FindInitializer("w")));
  std::vector<double> output(4, 0);
  for (std::int64_t i = 0; i < data.size(); ++i) {
    Tensor sample = Must(data.Get(i)).inputs[0];
    for (float& x : sample.As<float>()) x = std::max(0.0F, x);
    for (std::size_t r = 0; r < 5; ++r) {
      const auto row = std::as_const(sample).As<float>().subspan(r * 6, 6);
      reference.Add(row);
      for (std::size_t k = 0; k < 24; ++k) output[k % 4] += row[k / 4] * w.As<float>()[k] / 200;
    }
  }
  ExpectSame(all[0], 0, reference);
  for (std::size_t c = 0; c < 4; ++c) {
    EXPECT_NEAR(all[0].output_means.at("y_out")[c], output[c], 1e-5);
  }
}

// A convolution of groups with strides, dilations and lopsided padding.
Model Convolution() {
  ModelBuilder builder;
  const auto x = builder.Input("x", {-1, 4, 7, 6});
  builder.Output(
      builder.Add("Conv", "y", {x, builder.Weight("w", {6, 2, 3, 2})},
                  {Attribute::Int("group", 2), Attribute::Ints("strides", {2, 1}),
                   Attribute::Ints("dilations", {1, 2}), Attribute::Ints("pads", {1, 2, 0, 1})}));
  return builder.Build();
}

TEST(InputStatistics, OfAConvolutionMultiplyToItsOutput) {
  // mean(y) = W mean(x) holds exactly only when every patch is read as the kernel reads it.
  const Model model = Convolution();
  const Node& conv = model.graph.nodes[0];
  const InputReading reading = Must(ReadingOf(conv, {6, 2, 3, 2}));
  InputStatisticsOptions options;
  options.patches_per_sample = 0;
  const auto data = NormalSamples({4, 7, 6}, 3);
  const auto all = Gather(model, data, {{"x", reading, true, {"y_out"}}}, options);
  EXPECT_EQ(all[0].groups, 2);
  EXPECT_EQ(all[0].depth, 12);
  EXPECT_EQ(all[0].rows, 3 * 3 * 7);
  const Tensor w = Must(ReadTensor(*model.graph.FindInitializer("w")));
  for (std::size_t c = 0; c < 6; ++c) {
    double mean = 0;
    for (std::size_t k = 0; k < 12; ++k)
      mean += w.As<float>()[c * 12 + k] * all[0].mean[c / 3 * 12 + k];
    EXPECT_NEAR(all[0].output_means.at("y_out")[c], mean, 1e-5) << c;
  }
  // And the sums over the same patches, row by row.
  for (std::int64_t g = 0; g < 2; ++g) {
    Reference reference;
    for (std::int64_t i = 0; i < data.size(); ++i) {
      const Tensor sample = Must(data.Get(i)).inputs[0];
      const RowLayout layout = Must(LayOut(reading, std::vector<std::int64_t>{1, 4, 7, 6}));
      for (std::int64_t r = 0; r < layout.rows; ++r) {
        std::vector<float> row(12);
        CopyRow(reading, layout, sample.As<float>(), g, r, row.data());
        reference.Add(row);
      }
    }
    ExpectSame(all[0], g, reference);
  }
}

TEST(InputStatistics, ReadAsTheEngineDoesWhereItPadsByItself) {
  for (const char* pad : {"SAME_UPPER", "SAME_LOWER"}) {
    ModelBuilder builder;
    const auto x = builder.Input("x", {-1, 1, 6, 5});
    builder.Output(
        builder.Add("Conv", "y", {x, builder.Weight("w", {1, 1, 2, 3})},
                    {Attribute::String("auto_pad", pad), Attribute::Ints("strides", {1, 2})}));
    const Model model = builder.Build();
    const InputReading reading = Must(ReadingOf(model.graph.nodes[0], {1, 1, 2, 3}));
    InputStatisticsOptions options;
    options.patches_per_sample = 0;
    const auto all =
        Gather(model, NormalSamples({1, 6, 5}, 2), {{"x", reading, true, {"y_out"}}}, options);
    const Tensor w = Must(ReadTensor(*model.graph.FindInitializer("w")));
    double mean = 0;
    for (std::size_t k = 0; k < 6; ++k) mean += w.As<float>()[k] * all[0].mean[k];
    EXPECT_NEAR(all[0].output_means.at("y_out")[0], mean, 1e-5) << pad;
  }
}

TEST(InputStatistics, AreTheSameBitsInPassesOfAnySizeAndWithAnyThreads) {
  const Model model = Product();
  const auto data = NormalSamples({5, 6}, 30);
  const std::vector<InputRequest> requests = {{"x", {}, true, {}}, {"relu_out", {}, true, {}}};
  const auto expected = Gather(model, data, requests);
  for (const std::uint64_t budget : {1U, 10000U, 100000U}) {
    InputStatisticsOptions options;
    options.memory_bytes = budget;
    options.threads = static_cast<int>(budget % 3) + 1;
    const auto got = Gather(model, data, requests, options);
    ASSERT_EQ(got.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(got[i].tensor, requests[i].tensor);
      EXPECT_EQ(got[i].gram, expected[i].gram);
      EXPECT_EQ(got[i].mean, expected[i].mean);
    }
  }
}

TEST(InputStatistics, TakeAsManyPatchesAsAskedFor) {
  const Model model = Convolution();
  InputRequest request{"x", Must(ReadingOf(model.graph.nodes[0], {6, 2, 3, 2})), false, {}};
  InputStatisticsOptions options;
  options.patches_per_sample = 5;
  const auto all = Gather(model, NormalSamples({4, 7, 6}, 4), {request}, options);
  EXPECT_EQ(all[0].rows, 20);
  EXPECT_TRUE(all[0].gram.empty());
  EXPECT_EQ(all[0].mean.size(), 24U);
}

TEST(InputStatistics, RefuseWhatCannotBeRead) {
  Node node;
  node.name = "n";
  node.op_type = "Gemm";
  node.attributes = {Attribute::Int("transA", 1)};
  EXPECT_THAT(ReadingOf(node, {2, 2}).error().message(), HasSubstr("node \"n\": Gemm"));
  node.op_type = "Conv";
  node.attributes = {Attribute::Ints("strides", {1})};
  EXPECT_THAT(ReadingOf(node, {2, 2, 3, 3}).error().message(), HasSubstr("strides"));
  node.attributes = {Attribute::Ints("strides", {0, 1})};
  EXPECT_THAT(ReadingOf(node, {2, 2, 3, 3}).error().message(), HasSubstr("not above 0"));
  const InputReading conv = Must(ReadingOf(Convolution().graph.nodes[0], {6, 2, 3, 2}));
  EXPECT_FALSE(LayOut(conv, std::vector<std::int64_t>{1, 4, 7}).ok());
  EXPECT_FALSE(LayOut(conv, std::vector<std::int64_t>{1, 3, 7, 6}).ok());
  EXPECT_FALSE(LayOut(conv, std::vector<std::int64_t>{1, 4, 0, 6}).ok());
  SilentProgress silent;
  const auto data = NormalSamples({5, 6}, 1);
  const auto status = StreamInputStatistics(
      Product(), {TestEngine(), data}, {{"nothing", {}, true, {}}}, {},
      [](InputStatistics) -> Status { return Ok(); }, silent);
  EXPECT_THAT(status.error().message(), HasSubstr("no tensor \"nothing\""));
}

}  // namespace input_statistics_test
}  // namespace quantbench
