// Another batch for models that fix it: the same answers where the batch is only where it is
// changed, and no silence where it is elsewhere.
#include <gtest/gtest.h>

#include "quantbench/graph.h"

#include "engine_runner.h"
#include "model_builder.h"

namespace quantbench {
namespace with_batch_test {

using testing::LoadSession;
using testing::ModelBuilder;
using testing::Must;
using testing::RandomTensor;
using testing::RunModel;
using testing::Sqnr;

// [1, 3, 4, 4] through Conv, Resize to fixed sizes, Flatten by Reshape, MatMul and Expand.
Model FixedModel() {
  ModelBuilder builder(17);
  const std::string x = builder.Input("x", {1, 3, 4, 4});
  const std::string conv = builder.Add("Conv", "conv", {x, builder.Weight("w", {2, 3, 3, 3})});
  const std::string sizes = builder.Ints("sizes", {1, 2, 4, 4});
  const std::string resized = builder.Add("Resize", "resize", {conv, "", "", sizes});
  const std::string flat = builder.Add("Reshape", "flat", {resized, builder.Ints("to", {1, 32})});
  const std::string product =
      builder.Add("MatMul", "product", {flat, builder.Weight("v", {32, 5})});
  // A weight whose shape happens to begin with 1: it is not the batch.
  const std::string bias =
      builder.Add("Reshape", "bias", {builder.Weight("b", {5}), builder.Ints("row", {1, 5})});
  const std::string sum = builder.Add("Add", "sum", {product, bias});
  builder.Output(builder.Add("Expand", "expand", {sum, builder.Ints("target", {1, 5})}));
  return builder.Build();
}

Tensor Slice(const Tensor& batch, std::int64_t row) {
  Tensor one = batch;
  one.shape.front() = 1;
  const std::size_t bytes = batch.bytes.size() / static_cast<std::size_t>(batch.shape.front());
  const auto begin = batch.bytes.begin() + static_cast<std::ptrdiff_t>(bytes) * row;
  one.bytes.assign(begin, begin + static_cast<std::ptrdiff_t>(bytes));
  return one;
}

TEST(WithBatch, AnswersEachSampleAsBefore) {
  const Model fixed = FixedModel();
  const Model changed = WithBatch(fixed, 1, 3);
  EXPECT_EQ(changed.graph.inputs.front().dims.front().value, 3);
  const Tensor batch = RandomTensor({3, 3, 4, 4}, 5);
  const Tensor together = RunModel(changed, {{"x", batch}}).front();
  ASSERT_EQ(together.shape, (Shape{3, 5}));
  for (std::int64_t row = 0; row < 3; ++row) {
    const Tensor alone = RunModel(fixed, {{"x", Slice(batch, row)}}).front();
    EXPECT_GT(Sqnr(alone, Slice(together, row)), 100) << row;
  }
  // What was given is as it was.
  EXPECT_EQ(fixed.graph.inputs.front().dims.front().value, 1);
  EXPECT_EQ(Must(EncodeToBytes(fixed)), Must(EncodeToBytes(FixedModel())));
}

// A token that is concatenated to every sample has the batch in its own shape: the engine says so.
TEST(WithBatch, LeavesToTheEngineWhatItDoesNotKnow) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {1, 4, 8});
  builder.Output(builder.Add("Concat", "concat", {builder.Weight("token", {1, 1, 8}), x},
                             {Attribute::Int("axis", 1)}));
  const Model changed = WithBatch(builder.Build(), 1, 2);
  const std::vector<std::byte> bytes = Must(EncodeToBytes(changed));
  auto session = testing::TestEngine().Load({bytes, {}}, {});
  bool refused = !session.ok();
  if (!refused) {
    const std::vector<NamedTensor> inputs = {{"x", RandomTensor({2, 4, 8}, 1)}};
    refused = !session.value()->Bind(inputs).ok() || !session.value()->Run().ok();
  }
  EXPECT_TRUE(refused);
}

}  // namespace with_batch_test
}  // namespace quantbench
