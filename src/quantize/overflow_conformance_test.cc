// Overflow through the real engine: which neighbours its kernels add in 16 bits, and that repaired
// weights give what exact arithmetic gives. On processors with VNNI nothing saturates.
#include <algorithm>
#include <cmath>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/quantize.h"

#include "engine_runner.h"
#include "model_builder.h"
#include "quantize/overflow.h"
#include "quantize/weights.h"

namespace quantbench {
namespace overflow_conformance_test {

using testing::ModelBuilder;
using testing::RunModel;

// How a result becomes uint8 codes, where it does; all other scales are 1.
struct OutputParams {
  float scale = 300;  // 0 to 76500: two products of 255 and 127
  std::uint8_t zero_point = 0;
};

// A product or convolution of u8 activations "x" and s8 weights "w".
struct Operator {
  std::string name;
  Shape weight;
  Shape input;
  PairLayout layout;
  bool has_codes = false;  // its output is uint8
  // Adds the node, whose output is "y".
  std::function<void(ModelBuilder*, const OutputParams&)> add;
};

void PrintTo(const Operator& op, std::ostream* out) {
  *out << op.name;
}

template <typename T>
std::string Scalar(ModelBuilder* b, const std::string& name, DataType type, T value) {
  return b->Constant(name, Tensor::Of(type, {}, std::vector<T>{value}));
}
std::string One(ModelBuilder* b, const std::string& name) {
  return Scalar(b, name, DataType::kFloat32, 1.0F);
}
std::string ZeroPoint(ModelBuilder* b, const std::string& name, std::uint8_t value = 0) {
  return Scalar(b, name, DataType::kUint8, value);
}

// x, its scale and zero point, w, its own, then those of the output.
std::vector<std::string> AllInputs(ModelBuilder* b, const OutputParams& output) {
  return {"x",
          One(b, "xs"),
          ZeroPoint(b, "xz"),
          "w",
          One(b, "ws"),
          Scalar(b, "wz", DataType::kInt8, std::int8_t{0}),
          Scalar(b, "ys", DataType::kFloat32, output.scale),
          ZeroPoint(b, "yz", output.zero_point)};
}

Operator Conv(std::string name, const Shape& weight, const Shape& input, std::int64_t group = 1) {
  Operator op{"Conv" + std::move(name), weight, input, {PairOrder::kConv, group}, true, {}};
  op.add = [=](ModelBuilder* b, const OutputParams& output) {
    b->AddNode("QLinearConv", "conv", AllInputs(b, output), {"y"},
               {Attribute::Int("group", group)});
  };
  return op;
}

// x is [rows, K] and w [K, N].
Operator Product(const std::string& type, std::int64_t rows, std::int64_t k, std::int64_t n) {
  Operator op{type + std::to_string(rows) + "x" + std::to_string(k) + "x" + std::to_string(n),
              {k, n},
              {rows, k},
              {PairOrder::kColumns},
              type == "QLinearMatMul",
              {}};
  op.add = [=](ModelBuilder* b, const OutputParams& output) {
    if (type == "QLinearMatMul") {
      b->AddNode(type, "product", AllInputs(b, output), {"y"});
    } else if (type == "MatMulInteger") {
      b->AddNode(type, "product", {"x", "w"}, {"integers"});
      b->AddNode("Cast", "cast", {"integers"}, {"y"},
                 {Attribute::Int("to", static_cast<std::int64_t>(DataType::kFloat32))});
    } else {  // MatMulIntegerToFloat
      b->AddNode(type, "product", {"x", "w", One(b, "xs"), One(b, "ws"), ZeroPoint(b, "xz")},
                 {"y"});
    }
  };
  return op;
}

// A float activation whose codes are the numbers themselves: from 0 to 255.
Operator Dynamic(std::int64_t rows, std::int64_t k, std::int64_t n) {
  Operator op = Product("Dynamic", rows, k, n);
  op.add = [](ModelBuilder* b, const OutputParams&) {
    b->AddNode("Cast", "cast", {"x"}, {"floats"},
               {Attribute::Int("to", static_cast<std::int64_t>(DataType::kFloat32))});
    b->AddNode("DynamicQuantizeMatMul", "product", {"floats", "w", One(b, "ws")}, {"y"});
  };
  return op;
}

// x is [rows, K] and w [N, K].
Operator Gemm(std::int64_t rows, std::int64_t k, std::int64_t n) {
  Operator op{"Gemm" + std::to_string(rows) + "x" + std::to_string(k) + "x" + std::to_string(n),
              {n, k},
              {rows, k},
              {PairOrder::kRows},
              true,
              {}};
  op.add = [](ModelBuilder* b, const OutputParams& output) {
    std::vector<std::string> inputs = AllInputs(b, output);
    inputs.insert(inputs.begin() + 6, "");  // no bias
    b->AddNode("QGemm", "product", inputs, {"y"}, {Attribute::Int("transB", 1)});
  };
  return op;
}

// Few and many outputs, channels that fill groups of four and that do not, one and many positions:
// they take different kernels.
std::vector<Operator> Operators() {
  return {Conv("1x1", {64, 64, 1, 1}, {1, 64, 4, 4}),
          Conv("1x1OfOnePosition", {64, 64, 1, 1}, {1, 64, 1, 1}),
          Conv("1x1OddChannels", {32, 33, 1, 1}, {1, 33, 4, 4}),
          Conv("3x3Of3", {26, 3, 3, 3}, {1, 3, 6, 6}),
          Conv("3x3Of4", {48, 4, 3, 3}, {2, 4, 6, 6}),
          Conv("3x3Of4FewOutputs", {5, 4, 3, 3}, {1, 4, 6, 6}),
          Conv("3x3Of5", {48, 5, 3, 3}, {1, 5, 6, 6}),
          Conv("3x3Of6", {64, 6, 3, 3}, {2, 6, 5, 5}),
          Conv("3x3Of8", {80, 8, 3, 3}, {1, 8, 5, 5}),
          Conv("7x7Of3", {146, 3, 7, 7}, {1, 3, 9, 9}),
          Conv("1d", {16, 5, 3}, {1, 5, 9}),
          Conv("3d", {32, 3, 2, 2, 2}, {1, 3, 4, 4, 4}),
          Conv("Grouped", {72, 4, 3, 3}, {1, 8, 5, 5}, 2),
          Conv("GroupedOddChannels", {78, 3, 3, 3}, {1, 9, 5, 5}, 3),
          Conv("TwoOutputsAChannel", {16, 1, 3, 3}, {1, 8, 5, 5}, 8),
          Conv("Depthwise", {16, 1, 3, 3}, {1, 16, 5, 5}, 16),
          Conv("DepthwiseFewChannels", {5, 1, 3, 3}, {2, 5, 5, 5}, 5),
          Conv("DepthwiseOf5x5", {32, 1, 5, 5}, {1, 32, 7, 7}, 32),
          Conv("DepthwiseOfOneChannel", {1, 1, 3, 3}, {1, 1, 5, 5}, 1),
          Conv("OneChannel", {16, 1, 3, 3}, {1, 1, 5, 5}, 1),
          Product("MatMulInteger", 1, 64, 63),
          Product("MatMulInteger", 1, 67, 70),
          Product("MatMulInteger", 9, 65, 64),
          Product("MatMulInteger", 5, 3, 2),
          Product("QLinearMatMul", 1, 33, 32),
          Product("QLinearMatMul", 6, 1030, 1029),
          Product("MatMulIntegerToFloat", 1, 48, 47),
          Product("MatMulIntegerToFloat", 7, 130, 129),
          Dynamic(1, 48, 47),
          Dynamic(7, 130, 129),
          Gemm(1, 48, 47),
          Gemm(6, 51, 50)};
}

Model BuildModel(const Operator& op, const Tensor& codes, const OutputParams& output) {
  ModelBuilder builder(17);
  builder.Input("x", op.input, DataType::kUint8);
  builder.Constant("w", codes);
  op.add(&builder, output);
  builder.Output("y", op.has_codes ? DataType::kUint8 : DataType::kFloat32);
  Model model = builder.Build();
  model.RequireOpset("com.microsoft", 1);
  for (Node& node : model.graph.nodes) {
    for (const char* type : {"MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QGemm"}) {
      if (node.op_type == type) node.domain = "com.microsoft";
    }
  }
  return model;
}

// What the operator adds up: convolutions without padding, stride 1; outputs in the order of "y".
class Exact {
 public:
  Exact(const Operator& op, const Tensor& codes, const Tensor& x)
      : op_(op), codes_(codes.As<std::int8_t>()), x_(x.As<std::uint8_t>()) {}

  [[nodiscard]] std::vector<std::int64_t> Sums() const {
    return op_.layout.order == PairOrder::kConv ? ConvSums() : ProductSums();
  }

 private:
  [[nodiscard]] std::vector<std::int64_t> ProductSums() const {
    const bool by_rows = op_.layout.order == PairOrder::kRows;
    const std::int64_t k = op_.input[1];
    const std::int64_t n = op_.weight[by_rows ? 0 : 1];
    std::vector<std::int64_t> sums;
    for (std::int64_t row = 0; row < op_.input[0]; ++row) {
      for (std::int64_t column = 0; column < n; ++column) {
        std::int64_t sum = 0;
        for (std::int64_t i = 0; i < k; ++i) {
          sum += Product(row * k + i, by_rows ? column * k + i : i * n + column);
        }
        sums.push_back(sum);
      }
    }
    return sums;
  }

  [[nodiscard]] std::vector<std::int64_t> ConvSums() const {
    const Shape kernel(op_.weight.begin() + 2, op_.weight.end());
    const Shape image(op_.input.begin() + 2, op_.input.end());
    Shape result = image;
    for (std::size_t i = 0; i < result.size(); ++i) result[i] += 1 - kernel[i];
    std::vector<std::int64_t> sums;
    const std::int64_t positions = ElementCount(result).value();
    for (std::int64_t batch = 0; batch < op_.input[0]; ++batch) {
      for (std::int64_t output = 0; output < op_.weight[0]; ++output) {
        for (std::int64_t position = 0; position < positions; ++position) {
          sums.push_back(ConvSum(batch, output, Decode(position, result), kernel, image));
        }
      }
    }
    return sums;
  }

  [[nodiscard]] std::int64_t ConvSum(std::int64_t batch, std::int64_t output, const Shape& at,
                                     const Shape& kernel, const Shape& image) const {
    const std::int64_t channels = op_.weight[1];
    const std::int64_t taps = ElementCount(kernel).value();
    const std::int64_t pixels = ElementCount(image).value();
    const std::int64_t group = output / (op_.weight[0] / op_.layout.group);
    std::int64_t sum = 0;
    for (std::int64_t channel = 0; channel < channels; ++channel) {
      for (std::int64_t tap = 0; tap < taps; ++tap) {
        const Shape offset = Decode(tap, kernel);
        std::int64_t pixel = 0;
        for (std::size_t i = 0; i < image.size(); ++i) {
          pixel = pixel * image[i] + at[i] + offset[i];
        }
        sum += Product((batch * op_.input[1] + group * channels + channel) * pixels + pixel,
                       (output * channels + channel) * taps + tap);
      }
    }
    return sum;
  }

  [[nodiscard]] static Shape Decode(std::int64_t index, const Shape& shape) {
    Shape place(shape.size());
    for (std::size_t i = shape.size(); i-- > 0;) {
      place[i] = index % shape[i];
      index /= shape[i];
    }
    return place;
  }
  [[nodiscard]] std::int64_t Product(std::int64_t activation, std::int64_t weight) const {
    return std::int64_t{x_[static_cast<std::size_t>(activation)]} *
           codes_[static_cast<std::size_t>(weight)];
  }

  const Operator& op_;
  std::span<const std::int8_t> codes_;
  std::span<const std::uint8_t> x_;
};

// What "y" holds for exact sums.
std::vector<double> Outputs(const Operator& op, const std::vector<std::int64_t>& sums,
                            const OutputParams& output) {
  std::vector<double> values;
  for (const std::int64_t sum : sums) {
    const auto real = static_cast<double>(sum);
    const double code = std::nearbyint(real / output.scale) + output.zero_point;
    values.push_back(op.has_codes ? std::clamp(code, 0.0, 255.0) : real);
  }
  return values;
}

std::vector<double> EngineOutputs(const Operator& op, const Tensor& codes, const Tensor& x,
                                  const OutputParams& output) {
  return ToDoubles(RunModel(BuildModel(op, codes, output), {{"x", x}})[0]).value();
}

double LargestDifference(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(a[i] - b[i]));
  }
  return largest;
}

Tensor Activations(const Shape& shape, const std::function<std::uint8_t(std::size_t)>& value) {
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(ElementCount(shape).value()));
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = value(i);
  return Tensor::Of(DataType::kUint8, shape, codes);
}

class OverflowConformance : public ::testing::TestWithParam<Operator> {};

// Output i has 127 at places i and i + 1 of the kernel's order and 0 elsewhere: with the largest
// activations it saturates exactly where the engine adds the two in 16 bits.
TEST_P(OverflowConformance, TheEngineAddsThePairsThatTheProofAddsUp) {
  const Operator& op = GetParam();
  const bool is_conv = op.layout.order == PairOrder::kConv;
  const std::int64_t outputs = op.weight[op.layout.order == PairOrder::kColumns ? 1 : 0];
  const std::int64_t inputs = ElementCount(op.weight).value() / outputs;
  const std::int64_t channels = is_conv ? op.weight[1] : 1;
  Tensor codes = Tensor::Make(DataType::kInt8, op.weight).value();
  std::vector<bool> unsafe;
  for (std::int64_t output = 0; output < outputs; ++output) {
    const std::int64_t first =
        output % (outputs / op.layout.group) % std::max<std::int64_t>(1, inputs - 1);
    for (std::int64_t place = first; place < std::min(inputs, first + 2); ++place) {
      std::int64_t at = output * inputs + place;
      if (op.layout.order == PairOrder::kColumns) at = place * outputs + output;
      if (is_conv) {
        at = output * inputs + place % channels * (inputs / channels) + place / channels;
      }
      codes.As<std::int8_t>()[static_cast<std::size_t>(at)] = 127;
    }
    const bool is_depthwise = is_conv && channels == 1 && op.layout.group == outputs;
    unsafe.push_back(first % 2 == 0 && inputs > 1 && !is_depthwise);
  }
  EXPECT_EQ(CountUnsafeOutputs(codes, op.layout, 255).value(),
            std::count(unsafe.begin(), unsafe.end(), true));

  const Tensor x = Activations(op.input, [](std::size_t) { return 255; });
  const OutputParams output;
  std::vector<std::int64_t> sums = Exact(op, codes, x).Sums();
  const auto per_output =
      is_conv ? static_cast<std::int64_t>(sums.size()) / outputs / op.input[0] : 1;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const auto channel =
        static_cast<std::size_t>(static_cast<std::int64_t>(i) / per_output % outputs);
    if (unsafe[channel] && HostSaturatesPairs()) sums[i] = 32767;
  }
  EXPECT_LE(LargestDifference(EngineOutputs(op, codes, x, output), Outputs(op, sums, output)),
            op.has_codes ? 1 : 0);
}

// Weights of one sign, so that most pairs saturate, under activations that bring it out: all at
// their highest, and random ones.
TEST_P(OverflowConformance, RepairedWeightsGiveExactSums) {
  const Operator& op = GetParam();
  Random random(5);
  std::vector<float> values(static_cast<std::size_t>(ElementCount(op.weight).value()));
  for (float& value : values) value = static_cast<float>(0.6 + 0.4 * random.Uniform());
  const Initializer weight = Initializer::Of("w", Tensor::OfFloats(op.weight, values));
  const Channels channels =
      op.layout.order == PairOrder::kColumns ? Channels::kColumns : Channels::kRows;
  const std::vector<float> plain = SymmetricScales(ChannelMaxima(weight, channels, 1).value());
  const auto report = SafeScales(weight, op.layout, plain, 255, 1).value();
  const auto codes_with = [&](const std::vector<float>& scales) {
    return QuantizeWeights(weight, scales, {channels}, 1).value();
  };
  const std::vector<Tensor> activations = {
      Activations(op.input, [](std::size_t) { return 255; }),
      Activations(op.input,
                  [&](std::size_t i) {  // both ends occur, as dynamic quantization needs
                    return static_cast<std::uint8_t>(i == 0 ? 255 : random.Below(256));
                  })};
  for (const Tensor& x : activations) {
    const auto difference = [&](const Tensor& codes) {
      const std::vector<std::int64_t> sums = Exact(op, codes, x).Sums();
      const auto largest = std::max_element(sums.begin(), sums.end());
      const OutputParams output{static_cast<float>(static_cast<double>(*largest) / 250.0), 3};
      return LargestDifference(EngineOutputs(op, codes, x, output), Outputs(op, sums, output));
    };
    const double tolerance = op.has_codes ? 1 : 0;
    EXPECT_LE(difference(codes_with(report.scales)), tolerance);
    if (&x != activations.data()) continue;
    const bool saturates = report.unsafe_outputs > 0 && HostSaturatesPairs();
    EXPECT_EQ(difference(codes_with(plain)) > tolerance, saturates);
  }
}

INSTANTIATE_TEST_SUITE_P(Operators, OverflowConformance, ::testing::ValuesIn(Operators()),
                         [](const auto& test) { return test.param.name; });

}  // namespace overflow_conformance_test
}  // namespace quantbench
