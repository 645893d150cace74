// Preparing: the same function, simpler.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/graph.h"

#include "engine_runner.h"
#include "model_builder.h"

namespace quantbench {
namespace prepare_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ModelBuilder;
using testing::Must;
using testing::RandomTensor;
using testing::RunModel;
using testing::Sqnr;

Model PreparedOf(const Model& model, std::vector<std::string>* notes = nullptr) {
  Model prepared = Must(Prepare(model, notes));
  Must(CheckModel(prepared));
  return prepared;
}

int CountOf(const Graph& graph, std::string_view op_type) {
  return static_cast<int>(std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                        [&](const Node& node) { return node.op_type == op_type; }));
}

std::string Constant(ModelBuilder* builder, std::string name, const std::vector<float>& values) {
  return builder->Constant(std::move(name),
                           Tensor::OfFloats({static_cast<std::int64_t>(values.size())}, values));
}

// Normalization with positive variances.
std::string BatchNorm(ModelBuilder* builder, const std::string& name, const std::string& input) {
  return builder->Add("BatchNormalization", name,
                      {input, Constant(builder, name + ".g", {1.5F, -0.5F, 2.0F, 0.1F}),
                       Constant(builder, name + ".b", {0.5F, 1.0F, -1.0F, 0.0F}),
                       Constant(builder, name + ".m", {0.1F, -0.2F, 3.0F, 0.5F}),
                       Constant(builder, name + ".v", {0.5F, 1.0F, 4.0F, 1e-3F})},
                      {Attribute::Float("epsilon", 1e-3F)});
}

TEST(Prepare, FoldsBatchNormIntoAConvWithAndWithoutBias) {
  for (const bool with_bias : {false, true}) {
    ModelBuilder builder;
    std::vector<std::string> inputs = {builder.Input("x", {-1, 3, 8, 8}),
                                       builder.Weight("w", {4, 3, 3, 3})};
    if (with_bias) inputs.push_back(builder.Weight("b", {4}));
    builder.Output(BatchNorm(&builder, "bn", builder.Add("Conv", "conv", inputs)));
    const Model model = builder.Build();
    std::vector<std::string> notes;
    const Model prepared = PreparedOf(model, &notes);
    EXPECT_EQ(CountOf(prepared.graph, "BatchNormalization"), 0);
    EXPECT_EQ(prepared.graph.initializers.size(), 2U);
    EXPECT_THAT(notes, ElementsAre("BatchNormalization folded into 1 Conv, Gemm or such"));
    const std::vector<NamedTensor> input = {{"x", RandomTensor({2, 3, 8, 8}, 1)}};
    EXPECT_GT(Sqnr(RunModel(model, input)[0], RunModel(prepared, input)[0]), 120);
  }
}

TEST(Prepare, FoldsEachOfTwoConvsThatShareAWeight) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 3, 8, 8});
  const std::string w = builder.Weight("w", {4, 3, 3, 3});
  builder.Output(BatchNorm(&builder, "bn1", builder.Add("Conv", "conv1", {x, w})));
  builder.Output(BatchNorm(&builder, "bn2", builder.Add("Conv", "conv2", {x, w})));
  const Model model = builder.Build();
  const Model prepared = PreparedOf(model);
  EXPECT_EQ(CountOf(prepared.graph, "BatchNormalization"), 0);
  const std::vector<NamedTensor> input = {{"x", RandomTensor({1, 3, 8, 8}, 1)}};
  EXPECT_GT(Sqnr(RunModel(model, input)[1], RunModel(prepared, input)[1]), 120);
}

TEST(Prepare, LeavesBatchNormWhoseInputOthersRead) {
  ModelBuilder builder;
  const std::string conv = builder.Add(
      "Conv", "conv", {builder.Input("x", {-1, 3, 8, 8}), builder.Weight("w", {4, 3, 1, 1})});
  builder.Output(builder.Add("Add", "add", {BatchNorm(&builder, "bn", conv), conv}));
  EXPECT_EQ(CountOf(PreparedOf(builder.Build()).graph, "BatchNormalization"), 1);
}

TEST(Prepare, LeavesBatchNormOfAnOutputAndAfterOtherOperators) {
  ModelBuilder builder;
  const std::string conv = builder.Add(
      "Conv", "conv", {builder.Input("x", {-1, 3, 8, 8}), builder.Weight("w", {4, 3, 1, 1})});
  builder.Output(conv).Output(BatchNorm(&builder, "bn", conv));
  const std::string relu = builder.Add("Relu", "relu", {conv});
  builder.Output(BatchNorm(&builder, "bn2", relu));
  EXPECT_EQ(CountOf(PreparedOf(builder.Build()).graph, "BatchNormalization"), 2);
}

TEST(Prepare, LeavesBatchNormWithNegativeVarianceOrInTraining) {
  for (const bool training : {false, true}) {
    ModelBuilder builder;
    const std::string conv = builder.Add(
        "Conv", "conv", {builder.Input("x", {-1, 3, 8, 8}), builder.Weight("w", {2, 3, 1, 1})});
    const float variance = training ? 1.0F : -1.0F;
    std::vector<Attribute> attributes;
    if (training) attributes.push_back(Attribute::Int("training_mode", 1));
    builder.Output(
        builder.Add("BatchNormalization", "bn",
                    {conv, Constant(&builder, "g", {1, 1}), Constant(&builder, "b", {0, 0}),
                     Constant(&builder, "m", {0, 0}), Constant(&builder, "v", {variance, 1})},
                    attributes));
    EXPECT_EQ(CountOf(PreparedOf(builder.Build()).graph, "BatchNormalization"), 1);
  }
}

Attribute Value(const Tensor& tensor) {
  Attribute value;
  value.name = "value";
  value.type = AttributeType::kTensor;
  value.tensors = {Initializer::Of("", tensor)};
  return value;
}

TEST(Prepare, MakesConstantsInitializersThatShareTheirNumbers) {
  ModelBuilder builder;
  const Tensor tensor = RandomTensor({8, 8}, 3);
  const std::string w = builder.Add("Constant", "w", {}, {Value(tensor)});
  builder.Output(builder.Add("MatMul", "product", {builder.Input("x", {-1, 8}), w}));
  const Model model = builder.Build();
  const Model prepared = PreparedOf(model);
  EXPECT_EQ(CountOf(prepared.graph, "Constant"), 0);
  ASSERT_EQ(prepared.graph.initializers.size(), 1U);
  EXPECT_EQ(prepared.graph.initializers[0].name, w);
  EXPECT_EQ(prepared.graph.initializers[0].data.view.data(),
            model.graph.nodes[0].attributes[0].tensors[0].data.view.data());
}

TEST(Prepare, MovesConstantsOfSubgraphsWithinThem) {
  ModelBuilder inner;
  const std::string constant = inner.Add("Constant", "c", {}, {Value(RandomTensor({4}, 1))});
  inner.Output(inner.Add("Neg", "neg", {constant}));
  ModelBuilder builder;
  Attribute then_branch;
  then_branch.name = "then_branch";
  then_branch.type = AttributeType::kGraph;
  then_branch.graphs = {inner.Build().graph};
  Attribute else_branch = then_branch;
  else_branch.name = "else_branch";
  const std::string chosen = builder.Add("If", "if", {builder.Input("cond", {}, DataType::kBool)},
                                         {then_branch, else_branch});
  builder.Output(chosen);
  const Model prepared = PreparedOf(builder.Build());
  EXPECT_THAT(prepared.graph.initializers, IsEmpty());
  for (const Attribute& attribute : prepared.graph.nodes[0].attributes) {
    EXPECT_EQ(attribute.graphs[0].initializers.size(), 1U);
    EXPECT_EQ(CountOf(attribute.graphs[0], "Constant"), 0);
  }
}

TEST(Prepare, KeepsAConstantThatIsAnOutput) {
  ModelBuilder builder;
  builder.Output(builder.Add("Constant", "c", {}, {Value(RandomTensor({4}, 1))}));
  EXPECT_EQ(CountOf(PreparedOf(builder.Build()).graph, "Constant"), 1);
}

TEST(Prepare, FollowsChainsToTheWeight) {
  ModelBuilder builder;
  const std::string w = builder.Weight("w", {4, 16});
  const std::string copy = builder.Add("Identity", "id2", {builder.Add("Identity", "id1", {w})});
  const std::string shaped =
      builder.Add("Reshape", "shaped", {copy, builder.Ints("target", {8, -1})});
  const std::string turned = builder.Add("Transpose", "turned", {shaped});
  const std::string x = builder.Input("x", {-1, 8});
  builder.Output(builder.Add("MatMul", "product", {builder.Add("Identity", "id3", {x}), turned}));
  const Model model = builder.Build();
  const Model prepared = PreparedOf(model);
  ASSERT_EQ(prepared.graph.nodes.size(), 1U);
  EXPECT_THAT(prepared.graph.nodes[0].inputs, ElementsAre("x", turned));
  EXPECT_EQ(prepared.graph.initializers.size(), 1U);
  const std::vector<NamedTensor> input = {{"x", RandomTensor({3, 8}, 1)}};
  EXPECT_EQ(RunModel(model, input)[0].bytes, RunModel(prepared, input)[0].bytes);
}

TEST(Prepare, ReadsWeightsFromExternalData) {
  ModelBuilder builder;
  const std::string w = builder.Weight("w", {40, 30});
  const std::string turned = builder.Add("Transpose", "turned", {w});
  const std::string x = builder.Input("x", {-1, 30, 8, 8});
  const std::string conv = builder.Add("Conv", "conv", {x, builder.Weight("k", {4, 30, 3, 3})});
  const std::string pooled =
      builder.Add("GlobalAveragePool", "pool", {BatchNorm(&builder, "bn", conv)});
  builder.Output(builder.Add("Flatten", "flat", {pooled}));
  builder.Output(builder.Add("MatMul", "product", {turned, w}));
  const Model model = builder.Build();
  const std::filesystem::path path = std::filesystem::path(::testing::TempDir()) /
                                     ("prepare_external_" + std::to_string(::getpid()) + ".onnx");
  SaveOptions options;
  options.external_above = 0;
  options.replace_existing = true;
  Must(SaveModel(model, path, options));
  const Model loaded = Must(LoadModel(path));
  ASSERT_EQ(loaded.graph.FindInitializer("k")->storage, Storage::kExternal);
  const Model prepared = PreparedOf(loaded);
  EXPECT_EQ(CountOf(prepared.graph, "BatchNormalization"), 0);
  for (const char* name : {"k_folded", w.c_str()}) {
    EXPECT_NE(prepared.graph.FindInitializer(name), nullptr) << name;
  }
  std::filesystem::remove(path);
  std::filesystem::remove(path.string() + ".data");
}

TEST(Prepare, MakesInitializersConstantThatOldModelsListAsInputs) {
  ModelBuilder builder(8, 3);
  builder.Input("x", {-1, 8});
  builder.Input("w", {8, 4});
  builder.Output(builder.Add("MatMul", "product", {"x", builder.Weight("w", {8, 4})}));
  const Model prepared = PreparedOf(builder.Build());
  ASSERT_EQ(prepared.graph.inputs.size(), 1U);
  EXPECT_EQ(prepared.graph.inputs[0].name, "x");
  EXPECT_EQ(prepared.ir_version, 4);
}

TEST(Prepare, LeavesAGraphInWhichNamesHideOthers) {
  ModelBuilder inner;
  inner.Add("Constant", "hidden", {}, {Value(RandomTensor({4}, 1))});
  inner.Output(inner.Add("Neg", "neg", {"hidden_out"}));
  ModelBuilder builder;
  Attribute then_branch;
  then_branch.name = "then_branch";
  then_branch.type = AttributeType::kGraph;
  then_branch.graphs = {inner.Build().graph};
  const std::string w = builder.Add("Identity", "hidden", {builder.Weight("w", {4})});
  builder.Output(
      builder.Add("If", "if", {builder.Input("cond", {}, DataType::kBool)}, {then_branch}));
  builder.Output(builder.Add("Relu", "relu", {w}));
  const Model model = builder.Build();
  std::vector<std::string> notes;
  EXPECT_EQ(Must(EncodeToBytes(Must(Prepare(model, &notes)))), Must(EncodeToBytes(model)));
  EXPECT_THAT(notes, ElementsAre("names are defined twice: the graph is left as it is"));
}

TEST(Prepare, ReadsConstantsInAllTheirForms) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {-1, 6});
  Attribute shape = Attribute::Ints("value_ints", {-1, 2, 3});
  Attribute floats;
  floats.name = "value_floats";
  floats.type = AttributeType::kFloats;
  floats.floats = {1, 2, 3};
  const std::string reshaped =
      builder.Add("Reshape", "reshape", {x, builder.Add("Constant", "ints", {}, {shape})});
  const std::string product =
      builder.Add("Mul", "mul", {reshaped, builder.Add("Constant", "floats", {}, {floats})});
  const std::string moved = builder.Add(
      "Add", "add",
      {product, builder.Add("Constant", "float", {}, {Attribute::Float("value_float", 0.5F)})});
  builder.Output(
      builder.Add("Gather", "gather",
                  {moved, builder.Add("Constant", "int", {}, {Attribute::Int("value_int", 1)})},
                  {Attribute::Int("axis", 1)}));
  const Model model = builder.Build();
  const Model prepared = PreparedOf(model);
  EXPECT_EQ(CountOf(prepared.graph, "Constant"), 0);
  const std::vector<NamedTensor> input = {{"x", RandomTensor({2, 6}, 1)}};
  EXPECT_EQ(RunModel(model, input)[0].bytes, RunModel(prepared, input)[0].bytes);
}

TEST(Prepare, LeavesAModelWithNothingToSimplifyAsItIs) {
  ModelBuilder builder;
  builder.Output(
      builder.Add("MatMul", "product", {builder.Input("x", {-1, 8}), builder.Weight("w", {8, 4})}));
  const Model model = builder.Build();
  std::vector<std::string> notes;
  EXPECT_EQ(Must(EncodeToBytes(PreparedOf(model, &notes))), Must(EncodeToBytes(model)));
  EXPECT_THAT(notes, IsEmpty());
}

}  // namespace prepare_test
}  // namespace quantbench
