// Interleaving: the same bits without the Transpose.
#include "graph/interleave_shuffle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/rewrite_check.h"
#include "model_builder.h"

namespace quantbench {
namespace interleave_shuffle_test {

using testing::CountOf;
using testing::ExpectSameOutputs;
using testing::kBitByBit;
using testing::ModelBuilder;
using testing::RandomTensor;

constexpr std::int64_t kHeight = 5;
constexpr std::int64_t kWidth = 2;

std::string Part(ModelBuilder* builder, const std::string& name, std::int64_t channels) {
  return builder->Add("Conv", name, {"x", builder->Weight(name + "_w", {channels, 3, 1, 1})});
}

// Concat and a shuffle of parts of so many channels each, into groups of `target`.
std::string Shuffle(ModelBuilder* builder, const Shape& channels, const Shape& target,
                    const Shape& joined = {0, -1, kHeight, kWidth}) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    parts.push_back(Part(builder, "part" + std::to_string(i), channels[i]));
  }
  const std::string whole = builder->Add("Concat", "whole", parts, {Attribute::Int("axis", 1)});
  const std::string split =
      builder->Add("Reshape", "split", {whole, builder->Ints("split_shape", target)});
  const std::string turned =
      builder->Add("Transpose", "turn", {split}, {Attribute::Ints("perm", {0, 2, 1, 3, 4})});
  return builder->Add("Reshape", "join", {turned, builder->Ints("join_shape", joined)});
}

ModelBuilder WithImage(std::int64_t batch = -1) {
  ModelBuilder builder;
  builder.Input("x", {batch, 3, kHeight, kWidth});
  return builder;
}

void ExpectSame(const Model& before, const Model& after) {
  for (const std::int64_t batch : {1, 2}) {
    const Tensor x = RandomTensor({batch, 3, kHeight, kWidth}, 3);
    ExpectSameOutputs(before, after, {{"x", x}}, kBitByBit);
  }
}

TEST(InterleaveShuffles, ReplacesTheTranspose) {
  for (const std::int64_t groups : {2, 3}) {
    ModelBuilder builder = WithImage();
    builder.Output(Shuffle(&builder, Shape(static_cast<std::size_t>(groups), 4),
                           {-1, groups, 4, kHeight, kWidth}));
    Model model = builder.Build();
    EXPECT_EQ(InterleaveShuffles(&model), 1);
    EXPECT_EQ(CountOf(model.graph, "Transpose"), 0);
    EXPECT_EQ(CountOf(model.graph, "Concat"), 1);
    EXPECT_EQ(model.graph.FindInitializer("split_shape"), nullptr);
    ExpectSame(builder.Build(), model);
  }
}

TEST(InterleaveShuffles, KeepsAConcatThatOthersRead) {
  ModelBuilder builder = WithImage();
  builder.Output(Shuffle(&builder, {4, 4}, {0, 2, 4, kHeight, kWidth})).Output("whole_out");
  Model model = builder.Build();
  EXPECT_EQ(InterleaveShuffles(&model), 1);
  EXPECT_EQ(CountOf(model.graph, "Concat"), 2);
  ExpectSame(builder.Build(), model);
}

TEST(InterleaveShuffles, RewritesOneShuffleAfterAnother) {
  ModelBuilder builder = WithImage();
  const std::string first = Shuffle(&builder, {4, 4}, {0, 2, 4, kHeight, kWidth});
  const std::string both =
      builder.Add("Concat", "more", {first, first}, {Attribute::Int("axis", -3)});
  const std::string split =
      builder.Add("Reshape", "split2", {both, builder.Ints("s2", {0, 2, 8, kHeight, kWidth})});
  const std::string turned =
      builder.Add("Transpose", "turn2", {split}, {Attribute::Ints("perm", {0, 2, 1, 3, 4})});
  builder.Output(
      builder.Add("Reshape", "end", {turned, builder.Ints("e", {0, 16, kHeight, kWidth})}));
  Model model = builder.Build();
  EXPECT_EQ(InterleaveShuffles(&model), 2);
  ExpectSame(builder.Build(), model);
}

TEST(InterleaveShuffles, LeavesWhatIsNoInterleavingOfTheParts) {
  const auto rewritten = [](const Shape& channels, const Shape& target, const Shape& joined,
                            std::string_view seen) {
    ModelBuilder builder = WithImage();
    builder.Output(Shuffle(&builder, channels, target, joined));
    if (!seen.empty()) builder.Output(seen);
    Model model = builder.Build();
    return InterleaveShuffles(&model);
  };
  const Shape target = {0, 2, 4, kHeight, kWidth};
  const Shape joined = {0, 8, kHeight, kWidth};
  EXPECT_EQ(rewritten({4, 4}, target, joined, ""), 1);
  EXPECT_EQ(rewritten({3, 5}, target, joined, ""), 0);
  EXPECT_EQ(rewritten({4, 4}, {0, 4, 2, kHeight, kWidth}, joined, ""), 0);
  EXPECT_EQ(rewritten({4, 4}, {0, 2, 4, kWidth, kHeight}, joined, ""), 0);
  EXPECT_EQ(rewritten({4, 4}, {-1, 2, 2, kHeight, kWidth}, {-1, 8, kHeight, kWidth}, ""), 0);
  EXPECT_EQ(rewritten({4, 4}, target, {0, 4, 2 * kHeight, kWidth}, ""), 0);
  EXPECT_EQ(rewritten({4, 4}, target, joined, "turn_out"), 0);
  EXPECT_EQ(rewritten({4, 4}, target, joined, "split_out"), 0);
}

TEST(InterleaveShuffles, LeavesSizesThatAreFree) {
  ModelBuilder builder;
  builder.Input("x", {1, 3, -1, kWidth});
  builder.Output(Shuffle(&builder, {4, 4}, {0, 2, 4, -1, kWidth}, {0, 8, -1, kWidth}));
  Model model = builder.Build();
  EXPECT_EQ(InterleaveShuffles(&model), 0);
}

}  // namespace interleave_shuffle_test
}  // namespace quantbench
