// The operators on codes: each gives the codes of its QDQ form, and loads.
#include "quantize/qlinear_forms.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "qdq_builder.h"
#include "quantize/to_qoperator.h"

namespace quantbench {
namespace qlinear_forms_test {

using testing::CountOf;
using testing::ModelBuilder;
using testing::Must;
using testing::QdqBuilder;
using testing::RandomTensor;
using testing::RunModel;

constexpr float kInput = 0.03F;  // the scale of x
constexpr int kInputZero = 120;

// One operator between codes: `make` turns the dequantized x, [2, 4, 8, 8], into floats.
struct Case {
  std::string name;
  std::string form;  // the operator on codes
  std::function<std::string(QdqBuilder*, const std::string&)> make;
  float scale = 0.05F;  // of the output
  int zero = 100;
  std::int64_t opset = 17;
  bool float_output = false;
};

void PrintTo(const Case& each, std::ostream* out) {
  *out << each.name;
}

std::function<std::string(QdqBuilder*, const std::string&)> Op(
    const std::string& op_type, const std::vector<Attribute>& attributes = {}) {
  return [=](QdqBuilder* b, const std::string& x) {
    return (**b).Add(op_type, "middle", {x}, attributes);
  };
}

// Of x and of another activation with a grid of its own.
std::function<std::string(QdqBuilder*, const std::string&)> OfTwo(
    const std::string& op_type, const std::vector<Attribute>& attributes = {}) {
  return [=](QdqBuilder* b, const std::string& x) {
    const std::string y = (**b).Input("y", {-1, 4, 8, 8});
    return (**b).Add(op_type, "middle", {x, b->Around(y, 0.02F, 140)}, attributes);
  };
}

std::string Flat(QdqBuilder* b, const std::string& x) {
  const std::string flat = (**b).Add("Reshape", "flat", {x, (**b).Ints("flat_shape", {-1, 32})});
  return b->Around(flat, kInput, kInputZero);
}

std::function<std::string(QdqBuilder*, const std::string&)> Gemm(bool transposed, bool with_bias,
                                                                 bool per_channel) {
  return [=](QdqBuilder* b, const std::string& x) {
    const std::string flat = Flat(b, x);
    const Shape shape = transposed ? Shape{12, 32} : Shape{32, 12};
    const std::int64_t axis = transposed ? 0 : 1;
    std::vector<std::string> inputs = {flat, b->Weight("w", shape, per_channel ? axis : -1)};
    if (with_bias) inputs.push_back(b->Bias("bias", 12, kInput));
    return (**b).Add("Gemm", "middle", inputs, {Attribute::Int("transB", transposed ? 1 : 0)});
  };
}

std::function<std::string(QdqBuilder*, const std::string&)> Conv(bool with_bias,
                                                                 std::int64_t axis) {
  return [=](QdqBuilder* b, const std::string& x) {
    std::vector<std::string> inputs = {x, b->Weight("w", {6, 4, 3, 3}, axis)};
    if (with_bias) inputs.push_back(b->Bias("bias", 6, kInput));
    return (**b).Add("Conv", "middle", inputs,
                     {Attribute::Ints("pads", {1, 1, 1, 1}), Attribute::Ints("strides", {2, 2})});
  };
}

std::function<std::string(QdqBuilder*, const std::string&)> MatMul(std::int64_t axis) {
  return [=](QdqBuilder* b, const std::string& x) {
    return (**b).Add("MatMul", "middle", {x, b->Weight("w", {8, 12}, axis)});
  };
}

std::vector<Case> Products() {
  return {
      {"Conv", "QLinearConv", Conv(false, 0)},
      {"ConvBias", "QLinearConv", Conv(true, 0)},
      {"ConvBiasPerTensor", "QLinearConv", Conv(true, -1)},
      {"MatMul", "QLinearMatMul", MatMul(1), 0.01F},
      {"MatMulPerTensor", "QLinearMatMul", MatMul(-1), 0.01F},
      {"MatMulOfTwo", "QLinearMatMul", OfTwo("MatMul"), 0.1F},
      {"Gemm", "QGemm", Gemm(false, true, true)},
      {"GemmTransposed", "QGemm", Gemm(true, true, true)},
      {"GemmNoBias", "QGemm", Gemm(true, false, false)},
      {"GemmFloat", "QGemm", Gemm(true, true, true), 0, 0, 17, true},
      {"GemmFloatNoBias", "QGemm", Gemm(false, false, true), 0, 0, 17, true},
  };
}

std::vector<Case> Computing() {
  const Attribute kernel = Attribute::Ints("kernel_shape", {3, 3});
  const Attribute pads = Attribute::Ints("pads", {1, 1, 1, 1});
  const auto where = [](QdqBuilder* b, const std::string& x) {
    const std::string y = (**b).Input("y", {-1, 4, 8, 8});
    const std::string zero = (**b).Constant("none", Tensor::OfFloats({}, {0}));
    const std::string condition = (**b).Add("Greater", "greater", {y, zero});
    return (**b).Add("Where", "middle", {condition, x, b->Around(y, 0.02F, 140)});
  };
  const auto softmax = [](std::int64_t axis) {
    return Op("Softmax", {Attribute::Int("axis", axis)});
  };
  return {
      {"Add", "QLinearAdd", OfTwo("Add")},
      {"Mul", "QLinearMul", OfTwo("Mul")},
      {"Concat", "QLinearConcat", OfTwo("Concat", {Attribute::Int("axis", 1)})},
      {"Where", "QLinearWhere", where},
      {"AveragePool", "QLinearAveragePool", Op("AveragePool", {kernel, pads}), 0.019F, 128},
      {"AveragePoolCountsPads", "QLinearAveragePool",
       Op("AveragePool", {kernel, pads, Attribute::Int("count_include_pad", 1)}), 0.019F, 128},
      {"GlobalAveragePool", "QLinearGlobalAveragePool", Op("GlobalAveragePool"), 0.003F, 128},
      {"LeakyRelu", "QLinearLeakyRelu", Op("LeakyRelu", {Attribute::Float("alpha", 0.2F)})},
      {"LeakyReluByDefault", "QLinearLeakyRelu", Op("LeakyRelu")},
      {"Sigmoid", "QLinearSigmoid", Op("Sigmoid"), 1.0F / 256, 0},
      {"Softmax", "QLinearSoftmax", softmax(-1), 1.0F / 256, 0},
      {"SoftmaxOfRows", "QLinearSoftmax", softmax(2), 1.0F / 256, 0},
      {"SoftmaxByDefault", "QLinearSoftmax", Op("Softmax"), 1.0F / 256, 0},
      {"SoftmaxFlattened", "QLinearSoftmax", softmax(2), 1.0F / 256, 0, 12},
  };
}

std::vector<Case> Moving() {
  // Each keeps the grid of x.
  const auto with = [](const std::string& op_type, const std::vector<std::int64_t>& parameter) {
    return [=](QdqBuilder* b, const std::string& x) {
      return (**b).Add(op_type, "middle", {x, (**b).Ints("parameter", parameter)});
    };
  };
  const auto resize = [](QdqBuilder* b, const std::string& x) {
    const std::string scales = (**b).Constant("scales", Tensor::OfFloats({4}, {1, 1, 2, 2}));
    return (**b).Add("Resize", "middle", {x, "", scales});
  };
  const auto slice = [](QdqBuilder* b, const std::string& x) {
    return (**b).Add("Slice", "middle",
                     {x, (**b).Ints("from", {1}), (**b).Ints("to", {7}), (**b).Ints("axis", {2})});
  };
  std::vector<Case> cases = {
      {"MaxPool", "MaxPool", Op("MaxPool", {Attribute::Ints("kernel_shape", {2, 2})})},
      {"ReduceMax", "ReduceMax", Op("ReduceMax", {Attribute::Ints("axes", {2, 3})})},
      {"ReduceMin", "ReduceMin", Op("ReduceMin", {Attribute::Ints("axes", {1})})},
      {"Flatten", "Flatten", Op("Flatten")},
      {"Transpose", "Transpose", Op("Transpose", {Attribute::Ints("perm", {0, 2, 3, 1})})},
      {"Reshape", "Reshape", with("Reshape", {0, 16, -1})},
      {"Expand", "Expand", with("Expand", {3, 1, 1, 1, 1})},
      {"Tile", "Tile", with("Tile", {1, 2, 1, 1})},
      {"Unsqueeze", "Unsqueeze", with("Unsqueeze", {1})},
      {"Gather", "Gather", with("Gather", {1, 0})},
      {"Slice", "Slice", slice},
      {"Resize", "Resize", resize},
  };
  for (Case& each : cases) {
    each.scale = kInput;
    each.zero = kInputZero;
  }
  return cases;
}

Tensor RunPlainly(const Model& model, const std::vector<NamedTensor>& inputs) {
  SessionOptions options;
  options.optimization = GraphOptimization::kNone;
  return RunModel(model, inputs, options)[0];
}

class Form : public ::testing::TestWithParam<std::tuple<Case, DataType>> {
 protected:
  static Model Build() {
    const auto& [each, type] = GetParam();
    ModelBuilder builder(each.opset);
    QdqBuilder qdq(&builder, type);
    const std::string x = qdq.Around(builder.Input("x", {-1, 4, 8, 8}), kInput, kInputZero);
    const std::string floats = each.make(&qdq, x);
    builder.Output(each.float_output ? floats : qdq.Around(floats, each.scale, each.zero));
    return builder.Build();
  }
};

TEST_P(Form, HasTheCodesOfQdqAndQuantizersOnlyAtTheBorders) {
  const auto& [each, type] = GetParam();
  const Model qdq = Build();
  Model model = qdq;
  EXPECT_GT(ToQOperator(&model), 0);
  Must(CheckModel(model));
  EXPECT_EQ(CountOf(model, each.form), 1);
  const auto inputs = model.RuntimeInputs().size();
  EXPECT_EQ(CountOf(model, "QuantizeLinear"), inputs);
  EXPECT_EQ(CountOf(model, "DequantizeLinear"), each.float_output ? 0 : 1);
  std::vector<NamedTensor> values = {{"x", RandomTensor({2, 4, 8, 8}, 3)}};
  if (inputs == 2) values.push_back({"y", RandomTensor({2, 4, 8, 8}, 4)});
  const Tensor reference = RunPlainly(qdq, values);
  const double step = each.float_output ? 1e-4 : each.scale * 1.01;
  for (const Tensor& output : {RunModel(model, values)[0], RunPlainly(model, values)}) {
    ASSERT_EQ(output.shape, reference.shape);
    std::size_t differing = 0;
    for (std::size_t i = 0; i < output.As<float>().size(); ++i) {
      const double difference = std::abs(output.As<float>()[i] - reference.As<float>()[i]);
      ASSERT_LE(difference, step) << i;
      if (difference > step / 2) ++differing;
    }
    EXPECT_LE(differing, output.As<float>().size() / 50);  // ties of a float multiplication
  }
  const auto [low, high] =
      std::minmax_element(reference.As<float>().begin(), reference.As<float>().end());
  EXPECT_GT(*high - *low, 8 * step);
}

const auto kTypes = ::testing::Values(DataType::kUint8, DataType::kInt8);
std::string NameOf(const ::testing::TestParamInfo<std::tuple<Case, DataType>>& test) {
  return std::get<0>(test.param).name + "_" + Name(std::get<1>(test.param));
}
INSTANTIATE_TEST_SUITE_P(Products, Form,
                         ::testing::Combine(::testing::ValuesIn(Products()), kTypes), NameOf);
INSTANTIATE_TEST_SUITE_P(Computing, Form,
                         ::testing::Combine(::testing::ValuesIn(Computing()), kTypes), NameOf);
INSTANTIATE_TEST_SUITE_P(Moving, Form, ::testing::Combine(::testing::ValuesIn(Moving()), kTypes),
                         NameOf);

}  // namespace qlinear_forms_test
}  // namespace quantbench
