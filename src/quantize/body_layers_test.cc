// Layers inside If, Loop and Scan: quantized like those outside, whoever else reads their weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/graph.h"
#include "quantbench/quantize.h"

#include "model_builder.h"
#include "quantize_model.h"

namespace quantbench {
namespace body_layers_test {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LayerOf;
using testing::ModelBuilder;
using testing::Must;
using testing::RandomTensor;
using testing::RunModel;
using testing::Sqnr;

constexpr std::int64_t kWidth = 64;

Attribute BodyOf(std::string name, const ModelBuilder& builder) {
  Attribute attribute;
  attribute.name = std::move(name);
  attribute.type = AttributeType::kGraph;
  attribute.graphs = {builder.Build().graph};
  return attribute;
}

std::string Flag(ModelBuilder* builder, const std::string& name, bool value) {
  return builder->Constant(name, Tensor::Of(DataType::kBool, {}, std::vector<char>{value}));
}

std::string Square(ModelBuilder* builder, const std::string& name, double deviation = 0.12) {
  return builder->Weight(name, {kWidth, kWidth}, deviation);
}

// A branch: x * w, with a weight of its own.
ModelBuilder Branch(const std::string& layer, const std::string& weight, double deviation) {
  ModelBuilder branch;
  branch.Output(branch.Add("MatMul", layer, {"x", Square(&branch, weight, deviation)}));
  return branch;
}

// Both branches call their weights the same.
Model BranchingModel() {
  ModelBuilder builder;
  const std::string condition = builder.Input("c", {}, DataType::kBool);
  builder.Input("x", {4, kWidth});
  builder.Output(builder.Add("If", "if", {condition},
                             {BodyOf("then_branch", Branch("yes", "w", 0.1)),
                              BodyOf("else_branch", Branch("no", "w", 3))}));
  return builder.Build();
}

// Five times: state = tanh(state * w + given * v), both weights those of the outer graph.
Model LoopingModel() {
  ModelBuilder body;
  body.Input("i", {}, DataType::kInt64);
  body.Input("go", {}, DataType::kBool);
  body.Input("state", {4, kWidth});
  body.Output(body.Add("Identity", "on", {"go"}), DataType::kBool);
  const std::string recurrent = body.Add("MatMul", "recurrent", {"state", "w"});
  const std::string given = body.Add("MatMul", "given", {"x", "v"});
  body.Output(body.Add("Tanh", "tanh", {body.Add("Add", "sum", {recurrent, given})}));
  ModelBuilder builder;
  Square(&builder, "w");
  Square(&builder, "v");
  const std::string trips =
      builder.Constant("trips", Tensor::Of(DataType::kInt64, {}, std::vector<std::int64_t>{5}));
  const std::string x = builder.Input("x", {4, kWidth});
  builder.Output(
      builder.Add("Loop", "loop", {trips, Flag(&builder, "yes", true), x}, {BodyOf("body", body)}));
  return builder.Build();
}

// A recurrent cell over the rows of x, with a bias behind each product.
Model ScanningModel() {
  ModelBuilder cell;
  cell.Input("h", {1, kWidth});
  cell.Input("row", {1, kWidth});
  const std::string recurrent = cell.Add("MatMul", "recurrent", {"h", Square(&cell, "r")});
  const std::string input = cell.Add("MatMul", "input", {"row", Square(&cell, "w")});
  const std::string biased = cell.Add("Add", "bias", {input, cell.Weight("b", {kWidth})});
  cell.Output(cell.Add("Tanh", "tanh", {cell.Add("Add", "sum", {recurrent, biased})}));
  cell.Output(cell.Add("Identity", "out", {"tanh_out"}));
  ModelBuilder builder;
  const std::string x = builder.Input("x", {6, 1, kWidth});
  const std::string start = builder.Constant("start", RandomTensor({1, kWidth}, 3));
  builder.AddNode("Scan", "scan", {start, x}, {"last", "all"},
                  {BodyOf("body", cell), Attribute::Int("num_scan_inputs", 1)});
  return builder.Output("all").Build();
}

// In a loop, an If whose branches read one weight of the loop's body, one of them by Gemm's rules.
Model NestedModel() {
  ModelBuilder small = Branch("small", "w", 0.1);
  ModelBuilder large;
  large.Output(large.Add("MatMul", "large", {"x", "shared"}));
  ModelBuilder body;
  body.Input("i", {}, DataType::kInt64);
  body.Input("go", {}, DataType::kBool);
  body.Input("x", {4, kWidth});
  Square(&body, "shared");
  body.Output(body.Add("Identity", "on", {"go"}), DataType::kBool);
  const std::string two =
      body.Constant("two", Tensor::Of(DataType::kInt64, {}, std::vector<std::int64_t>{2}));
  const std::string first = body.Add("Less", "first", {"i", two});
  const std::string chosen =
      body.Add("If", "if", {first}, {BodyOf("then_branch", small), BodyOf("else_branch", large)});
  const std::string product = body.Add("MatMul", "after", {chosen, "shared"});
  body.Output(body.Add("Tanh", "tanh", {product}));
  ModelBuilder builder;
  const std::string trips =
      builder.Constant("trips", Tensor::Of(DataType::kInt64, {}, std::vector<std::int64_t>{4}));
  const std::string x = builder.Input("x0", {4, kWidth});
  builder.Output(
      builder.Add("Loop", "loop", {trips, Flag(&builder, "yes", true), x}, {BodyOf("body", body)}));
  return builder.Build();
}

Recipe AllAs(std::string_view treatment) {
  Recipe recipe;
  recipe.name = "custom";
  recipe.choices = {Must(FindTreatment(treatment))};
  return recipe;
}

testing::QuantizedModel QuantizedAs(const Model& model, const Recipe& recipe) {
  return testing::Quantize(model, recipe, testing::NormalSamples({kWidth}, 1));
}

// How many nodes of each operator the engine has after optimizing, in bodies too.
std::map<std::string, int> KernelsOf(const Model& model) {
  const std::string path = ::testing::TempDir() + "bodies_" + std::to_string(::getpid()) + ".onnx";
  SessionOptions options;
  options.optimized_model_path = path;
  static_cast<void>(testing::LoadSession(model, options));
  std::map<std::string, int> counts;
  const Model optimized = Must(LoadModel(path));
  ForEachGraph(optimized.graph, [&](const Graph& graph) {
    for (const Node& node : graph.nodes) ++counts[node.op_type];
  });
  std::filesystem::remove(path);
  return counts;
}

// The products that became integer ones, whichever fusion the engine made of them.
int IntegerProducts(std::map<std::string, int> kernels) {
  return kernels["MatMulIntegerToFloat"] + kernels["DynamicQuantizeMatMul"] +
         kernels["MatMulInteger"];
}

std::size_t SizeOf(const Model& model) {
  return Must(EncodeToBytes(model)).size();
}

struct BodyCase {
  const char* name;
  Model (*make)();
  int products;
  std::vector<std::vector<NamedTensor>> runs;
};

void PrintTo(const BodyCase& body, std::ostream* out) {
  *out << body.name;
}

std::vector<BodyCase> BodyCases() {
  const auto flag = [](bool value) {
    return Tensor::Of(DataType::kBool, {}, std::vector<char>{value});
  };
  const Tensor x = RandomTensor({4, kWidth}, 5);
  return {
      {"If", BranchingModel, 2, {{{"c", flag(true)}, {"x", x}}, {{"c", flag(false)}, {"x", x}}}},
      {"Loop", LoopingModel, 2, {{{"x", x}}}},
      {"Scan", ScanningModel, 2, {{{"x", RandomTensor({6, 1, kWidth}, 9)}}}},
      {"IfInLoop", NestedModel, 3, {{{"x0", x}}}},
  };
}

class Bodies : public ::testing::TestWithParam<BodyCase> {
 protected:
  // Quantizes, runs both, and returns the quantized model.
  static Model Checked(std::string_view treatment, double least_sqnr) {
    const Model model = GetParam().make();
    const Model quantized = QuantizedAs(model, AllAs(treatment)).model;
    for (const std::vector<NamedTensor>& inputs : GetParam().runs) {
      EXPECT_GT(Sqnr(RunModel(model, inputs)[0], RunModel(quantized, inputs)[0]), least_sqnr);
    }
    return quantized;
  }
};

TEST_P(Bodies, MultiplyIntegers) {
  const Model quantized = Checked("dynamic-int8", 28);
  const auto kernels = KernelsOf(quantized);
  EXPECT_EQ(IntegerProducts(kernels), GetParam().products);
  EXPECT_FALSE(kernels.contains("MatMul"));
  EXPECT_LT(SizeOf(quantized), SizeOf(GetParam().make()) / 2);
}

TEST_P(Bodies, MultiplyBlocks) {
  for (const auto& [treatment, sqnr] : {std::pair{"weight-int8", 30.0}, {"weight-int4", 9.0}}) {
    auto kernels = KernelsOf(Checked(treatment, sqnr));
    EXPECT_EQ(kernels["MatMulNBits"], GetParam().products) << treatment;
    EXPECT_FALSE(kernels.contains("MatMul")) << treatment;
  }
}

TEST_P(Bodies, DecodeBlocksBesideTheirProducts) {
  Recipe recipe = AllAs("weight-int8");
  recipe.SetFormat(QuantFormat::kQdq);
  Model model = GetParam().make();
  model.RequireOpset("", 21);
  model.ir_version = 10;
  const Model quantized = QuantizedAs(model, recipe).model;
  for (const std::vector<NamedTensor>& inputs : GetParam().runs) {
    EXPECT_GT(Sqnr(RunModel(model, inputs)[0], RunModel(quantized, inputs)[0]), 30);
  }
}

TEST_P(Bodies, StoreHalves) {
  const Model quantized = Checked("float16", 55);
  EXPECT_LT(static_cast<double>(SizeOf(quantized)),
            0.6 * static_cast<double>(SizeOf(GetParam().make())));
}

INSTANTIATE_TEST_SUITE_P(Quantized, Bodies, ::testing::ValuesIn(BodyCases()),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(BodiesPlan, NamesEveryLayerAndKeepsWhatItIsTold) {
  Recipe recipe = AllAs("dynamic-int8");
  recipe.keep_float = {"no"};
  const Plan plan = QuantizedAs(BranchingModel(), recipe).plan;
  EXPECT_EQ(LayerOf(plan, "yes").scheme, Scheme::kDynamicInt8);
  EXPECT_EQ(LayerOf(plan, "yes").weight, "w");
  EXPECT_EQ(LayerOf(plan, "no").scheme, Scheme::kKeepFloat);
  EXPECT_THAT(LayerOf(plan, "no").reason, HasSubstr("keep_float"));
}

TEST(BodiesPlan, QuantizesWhatLoopsDoNotChangeBeforeThem) {
  const Model quantized = QuantizedAs(LoopingModel(), AllAs("dynamic-int8")).model;
  const auto is_dynamic = [](const Node& node) { return node.Is("DynamicQuantizeLinear"); };
  const std::vector<Node>& outer = quantized.graph.nodes;
  EXPECT_EQ(std::count_if(outer.begin(), outer.end(), is_dynamic), 1);
  const std::vector<Node>& body = outer.back().attributes[0].graphs[0].nodes;
  EXPECT_EQ(std::count_if(body.begin(), body.end(), is_dynamic), 1);
}

// A weight of the outer graph that both branches and the outer graph itself multiply with.
ModelBuilder SharingModel(const ModelBuilder& other_branch) {
  ModelBuilder branch;
  branch.Output(branch.Add("MatMul", "inside", {"x", "w"}));
  ModelBuilder builder;
  const std::string condition = builder.Input("c", {}, DataType::kBool);
  const std::string x = builder.Input("x", {4, kWidth});
  builder.Output(builder.Add("MatMul", "outside", {x, Square(&builder, "w")}));
  builder.Output(builder.Add("If", "if", {condition},
                             {BodyOf("then_branch", branch), BodyOf("else_branch", other_branch)}));
  return builder;
}

TEST(BodiesPlan, WritesAWeightOnceForTheReadersOfAllGraphs) {
  for (const char* treatment : {"dynamic-int8", "weight-int8"}) {
    ModelBuilder other;
    other.Output(other.Add("MatMul", "other", {"x", "w"}));
    const Model model = SharingModel(other).Build();
    const Model quantized = QuantizedAs(model, AllAs(treatment)).model;
    EXPECT_LT(SizeOf(quantized), kWidth * kWidth + 4000) << treatment;
    for (const bool flag : {false, true}) {
      const std::vector<NamedTensor> inputs = {
          {"c", Tensor::Of(DataType::kBool, {}, std::vector<char>{flag})},
          {"x", RandomTensor({4, kWidth}, 5)}};
      EXPECT_GT(Sqnr(RunModel(model, inputs)[1], RunModel(quantized, inputs)[1]), 28);
    }
  }
}

TEST(BodiesPlan, KeepsAWeightFloatThatABodyReadsOtherwise) {
  ModelBuilder other;
  const std::string scaled = other.Add("Mul", "scaled", {"x", other.Add("Exp", "exp", {"w"})});
  other.Output(scaled);
  ModelBuilder builder = SharingModel(other);
  Model model = builder.Build();
  const Plan plan = Must(PlanQuantization(model, AllAs("dynamic-int8"), nullptr));
  for (const char* layer : {"outside", "inside"}) {
    EXPECT_EQ(LayerOf(plan, layer).scheme, Scheme::kKeepFloat);
    EXPECT_THAT(LayerOf(plan, layer).reason, HasSubstr("also read by \"exp\""));
  }
}

TEST(BodiesPlan, KeepsAWeightFloatThatABodyPutsOut) {
  ModelBuilder other;
  other.Output("w");
  const Plan plan =
      Must(PlanQuantization(SharingModel(other).Build(), AllAs("dynamic-int8"), nullptr));
  EXPECT_THAT(LayerOf(plan, "outside").reason, HasSubstr("output of a graph"));
}

TEST(BodiesPlan, KeepsWeightsFloatWhoseNamesMeanTwoThings) {
  ModelBuilder hiding = Branch("other", "w", 1);
  const Model model = SharingModel(hiding).Build();
  const Model prepared = Must(PrepareFor(model, AllAs("dynamic-int8"), nullptr));
  const Plan plan = Must(PlanQuantization(prepared, AllAs("dynamic-int8"), nullptr));
  for (const char* layer : {"outside", "inside", "other"}) {
    EXPECT_EQ(LayerOf(plan, layer).scheme, Scheme::kKeepFloat);
    EXPECT_THAT(LayerOf(plan, layer).reason, HasSubstr("of the same name"));
  }
}

TEST(BodiesPlan, MeasuresActivationsWhereCalibrationSeesNothing) {
  const Recipe recipe = testing::Unweighed("static-int8-fast");
  const auto samples = testing::NormalSamples({1, kWidth}, 6);
  const testing::QuantizedModel result = testing::Quantize(LoopingModel(), recipe, samples);
  const LayerPlan layer = LayerOf(result.plan, "recurrent");
  EXPECT_EQ(layer.scheme, Scheme::kDynamicInt8);
  EXPECT_THAT(layer.reason, HasSubstr("the engine shows no values there"));
  EXPECT_EQ(IntegerProducts(KernelsOf(result.model)), 2);
}

TEST(BodiesPlan, RefusesAPlanOfRangesThatNobodyKnows) {
  const testing::QuantizedModel result = QuantizedAs(LoopingModel(), AllAs("dynamic-int8"));
  Plan plan = result.plan;
  for (LayerPlan& layer : plan.layers) layer.scheme = Scheme::kStaticInt8;
  const auto applied = ApplyPlan(result.prepared, plan);
  ASSERT_FALSE(applied.ok());
  EXPECT_THAT(applied.error().message(), HasSubstr("inside the body of another node"));
}

// rows of a table of the outer graph -> in a branch the table again, transposed.
Model TiedModel() {
  const Tensor table = RandomTensor({256, kWidth}, 1);
  Tensor head = RandomTensor({kWidth, 256}, 2);
  for (std::size_t i = 0; i < table.As<float>().size(); ++i) {
    head.As<float>()[i % kWidth * 256 + i / kWidth] = table.As<float>()[i];
  }
  ModelBuilder branch;
  branch.Constant("h", head);
  branch.Output(branch.Add("MatMul", "head", {"table_out", "h"}));
  ModelBuilder few;
  few.Constant("z", Tensor::OfFloats({kWidth, 1}, std::vector<float>(kWidth, 0.5F)));
  few.Output(few.Add("MatMul", "few", {"table_out", "z"}));
  ModelBuilder builder;
  const std::string condition = builder.Input("c", {}, DataType::kBool);
  const std::string ids = builder.Input("ids", {4}, DataType::kInt64);
  builder.Add("Gather", "table", {builder.Constant("t", table), ids});
  builder.Output(builder.Add("If", "if", {condition},
                             {BodyOf("then_branch", branch), BodyOf("else_branch", few)}));
  return builder.Build();
}

TEST(BodiesPlan, TiesWeightsOfBodiesToTablesAround) {
  const std::vector<NamedTensor> inputs = {
      {"c", Tensor::Of(DataType::kBool, {}, std::vector<char>{1})},
      {"ids", Tensor::Of(DataType::kInt64, {4}, std::vector<std::int64_t>{3, 77, 255, 0})}};
  for (const auto& [treatment, sqnr] :
       {std::pair{"dynamic-int8", 30.0}, {"weight-int8", 30.0}, {"float16", 60.0}}) {
    const testing::QuantizedModel result = QuantizedAs(TiedModel(), AllAs(treatment));
    EXPECT_EQ(LayerOf(result.plan, "head").tied_to, "t") << treatment;
    const std::size_t codes = std::string_view(treatment) == "float16" ? 2 : 1;
    EXPECT_LT(SizeOf(result.model), 256 * kWidth * codes + 6000) << treatment;
    EXPECT_GT(Sqnr(RunModel(TiedModel(), inputs)[0], RunModel(result.model, inputs)[0]), sqnr)
        << treatment;
  }
}

}  // namespace body_layers_test
}  // namespace quantbench
