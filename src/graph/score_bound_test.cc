// Bounds of scores: worked by hand, and absent where nothing bounds the input.
#include "graph/score_bound.h"

#include <cmath>

#include <gtest/gtest.h>

#include "engine_runner.h"
#include "graph/graph_pattern.h"
#include "model_builder.h"

namespace quantbench {
namespace score_bound_test {

using testing::ModelBuilder;
using testing::Must;

// Normalized x [n, t, 4] times w [4, 8], cut into q and k of two heads of two.
class ScoreBoundTest : public ::testing::Test {
 protected:
  double Bound(std::string_view query = "q", std::string_view keys = "k") {
    builder_.AddNode("Split", "split", {projected_, builder_.Ints("sizes", {4, 4})}, {"q", "k"},
                     {Attribute::Int("axis", -1)});
    builder_.Output("q").Output("k");
    const Model model = builder_.Build();
    const Pattern pattern(model);
    return Must(ScoreBound(pattern).LargestProduct(query, keys, 2));
  }
  std::string Floats(const std::string& name, const Shape& dims, const std::vector<float>& values) {
    return builder_.Constant(name, Tensor::OfFloats(dims, values));
  }
  // Keys weigh twice what queries do; the second head nothing but its first column.
  std::string Weight() {
    std::vector<float> values;
    for (int row = 0; row < 4; ++row) {
      values.insert(values.end(), {1, 1, 1, 0, 2, 2, 2, 0});
    }
    return Floats("w", {4, 8}, values);
  }
  std::string Normalized(const std::vector<float>& gamma, const std::vector<float>& beta) {
    return builder_.Add(
        "LayerNormalization", "norm",
        {builder_.Input("x", {-1, -1, 4}), Floats("g", {4}, gamma), Floats("beta", {4}, beta)});
  }

  ModelBuilder builder_;
  std::string projected_;
};

TEST_F(ScoreBoundTest, MultipliesNormsOfTheLargestHead) {
  projected_ = builder_.Add("MatMul", "m", {Normalized({1, 1, 1, 1}, {0, 0, 0, 0}), Weight()});
  // |x| <= 2; the first head has 8 weights: 2 sqrt(8) and 4 sqrt(8)
  EXPECT_NEAR(Bound(), 64, 1e-9);
}

TEST_F(ScoreBoundTest, CountsGammaBetaAndBias) {
  const std::string product =
      builder_.Add("MatMul", "m", {Normalized({1, -3, 1, 1}, {0, 3, 0, 4}), Weight()});
  projected_ = builder_.Add("Add", "a", {Floats("b", {8}, {3, 4, 0, 0, 0, 0, 6, 8}), product});
  // |x| <= 3 * 2 + 5; queries and keys of the first head, and of the second
  const double first = (11 * std::sqrt(8.0) + 5) * (11 * 2 * std::sqrt(8.0));
  const double second = (11 * 2) * (11 * 4 + 10);
  ASSERT_GT(first, second);
  EXPECT_NEAR(Bound(), first, 1e-6);
}

TEST_F(ScoreBoundTest, HoldsForTheScoresOfARun) {
  const std::string w = builder_.Weight("w", {4, 8});
  projected_ = builder_.Add("MatMul", "m", {Normalized({1, 1, 1, 1}, {0, 0, 0, 0}), w});
  const double bound = Bound();
  const std::vector<Tensor> parts =
      testing::RunModel(builder_.Build(), {{"x", testing::RandomTensor({50, 4, 4}, 3)}});
  const std::vector<double> q = Must(ToDoubles(parts[0]));
  const std::vector<double> k = Must(ToDoubles(parts[1]));
  for (std::size_t i = 0; i < q.size(); i += 2) {
    EXPECT_LE(std::abs(q[i] * k[i] + q[i + 1] * k[i + 1]), bound);
  }
}

TEST_F(ScoreBoundTest, IsInfiniteWithoutANormalization) {
  projected_ = builder_.Add("MatMul", "m", {builder_.Input("x", {-1, -1, 4}), Weight()});
  EXPECT_TRUE(std::isinf(Bound()));
}

TEST_F(ScoreBoundTest, IsInfiniteForOtherMakersOfKeys) {
  const std::string norm = Normalized({1, 1, 1, 1}, {0, 0, 0, 0});
  projected_ = builder_.Add("MatMul", "m", {norm, Weight()});
  const std::string other = builder_.Add("Exp", "e", {norm});
  EXPECT_TRUE(std::isinf(Bound("q", other)));
}

}  // namespace score_bound_test
}  // namespace quantbench
