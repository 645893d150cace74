// ONNX Runtime behind Engine and Session: right numbers, and every mistake an error of one line.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include <gtest/gtest.h>
#include <unistd.h>

#include "quantbench/engine.h"

#include "model_builder.h"

namespace quantbench {
namespace onnxruntime_test {

using testing::ModelBuilder;

// y = x W with W = [[1, 2], [3, 4]].
std::vector<std::byte> MatMul() {
  ModelBuilder builder;
  const auto x = builder.Input("x", {-1, 2});
  const auto w = builder.Constant("w", Tensor::OfFloats({2, 2}, {1, 2, 3, 4}));
  builder.Output(builder.Add("MatMul", "y", {x, w}));
  return EncodeToBytes(builder.Build()).value();
}

Engine& TheEngine() {
  static const auto engine = OpenOnnxRuntime();
  EXPECT_TRUE(engine.ok()) << engine.error().message();
  return *engine.value();
}

std::vector<NamedTensor> Input(Shape shape, const std::vector<float>& values) {
  return {{"x", Tensor::OfFloats(std::move(shape), values)}};
}

TEST(OnnxRuntime, ComputesAndRebindsOtherBatches) {
  const auto bytes = MatMul();
  const auto session = TheEngine().Load({bytes, {}}, {});
  ASSERT_TRUE(session.ok()) << session.error().message();
  EXPECT_EQ(session.value()->inputs()[0].dims[0].name, "N");
  EXPECT_EQ(session.value()->inputs()[0].dims[1].value, 2);
  for (const int batch : {1, 3}) {
    std::vector<float> values(static_cast<std::size_t>(2 * batch), 1);
    ASSERT_TRUE(session.value()->Bind(Input({batch, 2}, values)).ok());
    ASSERT_TRUE(session.value()->Run().ok());
    const auto outputs = session.value()->Fetch();
    ASSERT_TRUE(outputs.ok());
    EXPECT_EQ(outputs.value()[0].tensor.shape, (Shape{batch, 2}));
    for (int row = 0; row < batch; ++row) {
      EXPECT_EQ(outputs.value()[0].tensor.As<float>()[static_cast<std::size_t>(2 * row)], 4);
      EXPECT_EQ(outputs.value()[0].tensor.As<float>()[static_cast<std::size_t>(2 * row + 1)], 6);
    }
  }
}

TEST(OnnxRuntime, NamesWhatIsWrongWithAnInput) {
  const auto bytes = MatMul();
  const auto session = TheEngine().Load({bytes, {}}, {});
  const auto refusal = [&](const std::vector<NamedTensor>& inputs) {
    const auto bound = session.value()->Bind(inputs);
    return bound.ok() ? "accepted" : bound.error().message();
  };
  EXPECT_EQ(refusal({}), "input \"x\" is not given");
  EXPECT_EQ(refusal(Input({1, 3}, {1, 2, 3})), "input \"x\" takes shape [N, 2], not [1, 3]");
  EXPECT_EQ(refusal({{"x", Tensor::Of<std::int32_t>(DataType::kInt32, {1, 2}, {1, 2})}}),
            "input \"x\" takes float32, not int32");
  auto extra = Input({1, 2}, {1, 2});
  extra.push_back({"z", Tensor::OfFloats({1}, {1})});
  EXPECT_EQ(refusal(extra), "the model has no input \"z\"");
  EXPECT_FALSE(session.value()->Run().ok());
}

TEST(OnnxRuntime, RefusesBytesThatAreNoModelInOneLine) {
  const std::vector<std::byte> bytes(100, std::byte{0x41});
  const auto session = TheEngine().Load({bytes, {}}, {});
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.error().code(), ErrorCode::kEngine);
  EXPECT_EQ(session.error().message().find('\n'), std::string::npos);
}

TEST(OnnxRuntime, TakesOptionsAndSeveralSessionsAtOnce) {
  const auto bytes = MatMul();
  SessionOptions options;
  options.threads = 2;
  options.optimization = GraphOptimization::kNone;
  options.config["session.intra_op.allow_spinning"] = "0";
  options.optimized_model_path =
      (std::filesystem::temp_directory_path() / ("qb_optimized." + std::to_string(getpid())))
          .string();
  const auto first = TheEngine().Load({bytes, {}}, options);
  const auto second = TheEngine().Load({bytes, {}}, {});
  ASSERT_TRUE(first.ok() && second.ok());
  for (const auto* session : {&first, &second}) {
    ASSERT_TRUE(session->value()->Bind(Input({1, 2}, {1, 0})).ok());
    ASSERT_TRUE(session->value()->Run().ok());
    EXPECT_EQ(session->value()->Fetch().value()[0].tensor.As<float>()[1], 2);
  }
  EXPECT_TRUE(std::filesystem::exists(options.optimized_model_path));
  std::filesystem::remove(options.optimized_model_path);
}

TEST(SessionOptions, RoundTripThroughJson) {
  SessionOptions options;
  options.threads = 3;
  options.optimization = GraphOptimization::kExtended;
  options.config["a"] = "b";
  const auto again = SessionOptions::FromJson(options.ToJson());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value().threads, 3);
  EXPECT_EQ(again.value().optimization, GraphOptimization::kExtended);
  EXPECT_EQ(again.value().config, options.config);
  EXPECT_FALSE(ParseGraphOptimization("most").ok());
}

TEST(EngineCandidates, FlagThenVariableThenSetUpCopyThenSystem) {
  setenv("QUANTBENCH_ORT", "/from/variable.so", 1);
  const auto candidates = EngineCandidates("/from/flag.so");
  unsetenv("QUANTBENCH_ORT");
  ASSERT_GE(candidates.size(), 4U);
  EXPECT_EQ(candidates[0].path, "/from/flag.so");
  EXPECT_EQ(candidates[1].path, "/from/variable.so");
  EXPECT_EQ(candidates[2].source, "set-up copy");
  EXPECT_EQ(candidates[3].source, "system");
  EXPECT_EQ(EngineCandidates("")[0].source, "set-up copy");
}

// What was seen, in order.
class Log final : public Watcher {
 public:
  void See(std::int64_t index, const TensorView& value) override {
    indices.push_back(index);
    shapes.emplace_back(value.shape.begin(), value.shape.end());
    types.push_back(value.type);
    if (value.type == DataType::kFloat32) {
      floats.insert(floats.end(), value.As<float>().begin(), value.As<float>().end());
    }
  }
  std::vector<std::int64_t> indices;
  std::vector<Shape> shapes;
  std::vector<DataType> types;
  std::vector<float> floats;
};

// y = -relu(x), with Watch nodes on x, the inner value and a shape.
std::vector<std::byte> Watched() {
  ModelBuilder builder;
  const auto x = builder.Input("x", {-1, 2});
  const auto inner = builder.Add("Relu", "inner", {x});
  builder.Output(builder.Add("Neg", "y", {inner}));
  std::int64_t index = 0;
  for (const std::string& tensor : {inner, x, builder.Add("Shape", "shape", {x})}) {
    builder.Output(builder.Add("Watch", "watch" + std::to_string(index), {tensor},
                               {Attribute::Int("index", 7 + index)}),
                   DataType::kUint8);
    ++index;
  }
  Model model = builder.Build();
  for (Node& node : model.graph.nodes) {
    if (node.op_type == kWatchOperator) node.domain = kWatchDomain;
  }
  model.RequireOpset(kWatchDomain, 1);
  return EncodeToBytes(model).value();
}

TEST(OnnxRuntime, ShowsValuesWhileItRuns) {
  for (const auto level : {GraphOptimization::kNone, GraphOptimization::kAll}) {
    Log log;
    const auto bytes = Watched();
    SessionOptions options;
    options.optimization = level;
    const auto session = TheEngine().Load({bytes, {}, &log}, options);
    ASSERT_TRUE(session.ok()) << session.error().message();
    ASSERT_TRUE(session.value()->Bind(Input({2, 2}, {1, -2, 3, 4})).ok());
    ASSERT_TRUE(session.value()->Run().ok());
    std::map<std::int64_t, Shape> shapes;
    for (std::size_t i = 0; i < log.indices.size(); ++i) shapes[log.indices[i]] = log.shapes[i];
    EXPECT_EQ(shapes, (std::map<std::int64_t, Shape>{{7, {2, 2}}, {8, {2, 2}}, {9, {2}}}));
    std::sort(log.floats.begin(), log.floats.end());
    EXPECT_EQ(log.floats, (std::vector<float>{-2, 0, 1, 1, 3, 3, 4, 4}));
    EXPECT_EQ(std::count(log.types.begin(), log.types.end(), DataType::kInt64), 1);
  }
}

TEST(OnnxRuntime, RefusesAWatchedModelWithoutAWatcher) {
  const auto bytes = Watched();
  EXPECT_FALSE(TheEngine().Load({bytes, {}}, {}).ok());
}

}  // namespace onnxruntime_test
}  // namespace quantbench
