// Recomposing: the operators from their pieces, in every order that exporters write, and no others.
#include "graph/recompose.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/rewrite_check.h"
#include "model_builder.h"

namespace quantbench {
namespace recompose_test {

using testing::CountOf;
using ::testing::ElementsAre;
using testing::ExpectSameOutputs;
using ::testing::IsEmpty;
using testing::kUpToRounding;
using testing::ModelBuilder;
using testing::OperatorsOf;
using ::testing::Pair;
using testing::RandomTensor;

class Pieces {
 public:
  explicit Pieces(std::int64_t opset = 17) : builder(opset) {
    x = builder.Input("x", {-1, -1, 16});
  }
  std::string Number(double value) {
    return builder.Constant("c" + std::to_string(counter++),
                            Tensor::OfFloats({}, {static_cast<float>(value)}));
  }
  std::string Add(std::string_view op, std::vector<std::string> inputs,
                  std::vector<Attribute> attributes = {}) {
    return builder.Add(op, std::string(op) + std::to_string(counter++), std::move(inputs),
                       std::move(attributes));
  }
  std::string Mean(const std::string& of, std::int64_t axis = -1) {
    return Add("ReduceMean", {of}, {Attribute::Ints("axes", {axis})});
  }
  // (x - mean) / sqrt(mean((x - mean)^2) + 1e-5)
  std::string Normalized(bool by_product, std::int64_t axis = -1) {
    centred = Add("Sub", {x, Mean(x, axis)});
    const std::string square =
        by_product ? Add("Mul", {centred, centred}) : Add("Pow", {centred, Number(2)});
    deviation = Add("Sqrt", {Add("Add", {Mean(square, axis), Number(1e-5)})});
    return Add("Div", {centred, deviation});
  }

  ModelBuilder builder;
  std::string x;
  std::string centred;
  std::string deviation;
  int counter = 0;
};

Model Recomposed(const Model& model, std::vector<std::string>* notes = nullptr) {
  std::vector<std::string> ignored;
  if (notes == nullptr) notes = &ignored;
  Model result = model;
  RecomposeLayerNorms(&result, notes);
  RecomposeGelus(&result, notes);
  return result;
}

void ExpectOnly(const Model& model, const std::string& op_type) {
  const Model recomposed = Recomposed(model);
  EXPECT_THAT(OperatorsOf(recomposed.graph), ElementsAre(Pair(op_type, 1)));
  ExpectSameOutputs(model, recomposed, {{"x", RandomTensor({2, 3, 16}, 1)}}, kUpToRounding);
}

TEST(RecomposeLayerNorms, TakesWeightAndBiasOnEitherSide) {
  for (const bool by_product : {false, true}) {
    Pieces pieces;
    const std::string normalized = pieces.Normalized(by_product, by_product ? -1 : 2);
    const std::string gamma = pieces.builder.Weight("gamma", {16});
    const std::string beta = pieces.builder.Weight("beta", {16});
    const std::string scaled = by_product ? pieces.Add("Mul", {gamma, normalized})
                                          : pieces.Add("Mul", {normalized, gamma});
    pieces.builder.Output(by_product ? pieces.Add("Add", {beta, scaled})
                                     : pieces.Add("Add", {scaled, beta}));
    ExpectOnly(pieces.builder.Build(), "LayerNormalization");
  }
}

TEST(RecomposeLayerNorms, GivesOnesToOneWithoutWeight) {
  Pieces pieces;
  pieces.builder.Output(pieces.Normalized(false));
  ExpectOnly(pieces.builder.Build(), "LayerNormalization");
}

TEST(RecomposeLayerNorms, KeepsFactorsThatAreNotAsWideAsTheAxis) {
  Pieces pieces;
  pieces.builder.Output(
      pieces.Add("Mul", {pieces.Normalized(false), pieces.builder.Weight("w", {1, 1, 16})}));
  const Model model = pieces.builder.Build();
  const Model recomposed = Recomposed(model);
  EXPECT_THAT(OperatorsOf(recomposed.graph),
              ElementsAre(Pair("LayerNormalization", 1), Pair("Mul", 1)));
  ExpectSameOutputs(model, recomposed, {{"x", RandomTensor({2, 3, 16}, 1)}}, kUpToRounding);
}

TEST(RecomposeLayerNorms, TakesAxesFromAnInputFromVersion18On) {
  Pieces pieces(18);
  const std::string axes = pieces.builder.Ints("axes", {-1});
  const std::string centred =
      pieces.Add("Sub", {pieces.x, pieces.Add("ReduceMean", {pieces.x, axes})});
  const std::string variance =
      pieces.Add("ReduceMean", {pieces.Add("Mul", {centred, centred}), axes});
  const std::string root = pieces.Add("Sqrt", {pieces.Add("Add", {variance, pieces.Number(1e-6)})});
  pieces.builder.Output(pieces.Add("Div", {centred, root}));
  ExpectOnly(pieces.builder.Build(), "LayerNormalization");
}

TEST(RecomposeLayerNorms, LeavesOldModelsOtherAxesAndPiecesThatOthersRead) {
  const auto expect_left = [](const Model& model) {
    std::vector<std::string> notes;
    EXPECT_EQ(CountOf(Recomposed(model, &notes).graph, "LayerNormalization"), 0);
    EXPECT_THAT(notes, IsEmpty());
  };
  Pieces old(16);
  old.builder.Output(old.Normalized(false));
  expect_left(old.builder.Build());
  Pieces other_axis;
  other_axis.builder.Output(other_axis.Normalized(false, 1));
  expect_left(other_axis.builder.Build());
  Pieces read;
  read.builder.Output(read.Normalized(false));
  read.builder.Output(read.Add("Relu", {read.centred}));
  expect_left(read.builder.Build());
  Pieces output;
  output.builder.Output(output.Normalized(false)).Output(output.deviation);
  expect_left(output.builder.Build());
}

// x / 2 (1 + erf(x / sqrt(2))) with the factors in an order of three.
std::string Gelu(Pieces* pieces, int order, double root = std::sqrt(2.0)) {
  const std::string& x = pieces->x;
  const std::string scaled = order == 1 ? pieces->Add("Mul", {pieces->Number(1 / root), x})
                                        : pieces->Add("Div", {x, pieces->Number(root)});
  const std::string erf = pieces->Add("Erf", {scaled});
  const std::string sum = order == 2 ? pieces->Add("Add", {pieces->Number(1), erf})
                                     : pieces->Add("Add", {erf, pieces->Number(1)});
  if (order == 0) {
    return pieces->Add("Mul", {pieces->Add("Mul", {x, sum}), pieces->Number(0.5)});
  }
  if (order == 1) {
    return pieces->Add("Mul", {sum, pieces->Add("Mul", {x, pieces->Number(0.5)})});
  }
  return pieces->Add("Mul", {x, pieces->Add("Mul", {pieces->Number(0.5), sum})});
}

TEST(RecomposeGelus, TakesTheFactorsInEveryOrder) {
  for (const int order : {0, 1, 2}) {
    Pieces pieces;
    pieces.builder.Output(Gelu(&pieces, order));
    const Model model = pieces.builder.Build();
    ExpectOnly(model, "Gelu");
    EXPECT_EQ(Recomposed(model).graph.nodes[0].domain, kContribDomain);
    EXPECT_EQ(Recomposed(model).OpsetVersion(kContribDomain), 1);
  }
}

TEST(RecomposeGelus, UsesTheStandardOperatorFromVersion20On) {
  Pieces pieces(20);
  pieces.builder.Output(Gelu(&pieces, 0));
  const Model model = pieces.builder.Build();
  ExpectOnly(model, "Gelu");
  EXPECT_EQ(Recomposed(model).graph.nodes[0].domain, "");
}

TEST(RecomposeGelus, LeavesOtherConstantsAndPiecesThatOthersRead) {
  Pieces rough;
  rough.builder.Output(Gelu(&rough, 0, 1.4142));
  EXPECT_EQ(CountOf(Recomposed(rough.builder.Build()).graph, "Gelu"), 0);
  Pieces read;
  read.builder.Output(Gelu(&read, 0));
  Model model = read.builder.Build();
  model.graph.outputs.push_back(model.graph.outputs[0]);
  for (const Node& node : model.graph.nodes) {
    if (node.Is("Erf")) model.graph.outputs.back().name = node.outputs[0];
  }
  EXPECT_EQ(CountOf(Recomposed(model).graph, "Gelu"), 0);
}

// A constant of a higher rank than x would add axes to the result.
TEST(RecomposeGelus, LeavesConstantsThatAddAxes) {
  ModelBuilder builder;
  const std::string x = builder.Input("x", {16});
  const std::string one = builder.Constant("one", Tensor::OfFloats({1, 1}, {1}));
  const std::string root = builder.Constant("root", Tensor::OfFloats({}, {std::sqrt(2.0F)}));
  const std::string half = builder.Constant("half", Tensor::OfFloats({}, {0.5F}));
  const std::string erf = builder.Add("Erf", "erf", {builder.Add("Div", "div", {x, root})});
  const std::string product = builder.Add("Mul", "mul", {x, builder.Add("Add", "add", {erf, one})});
  builder.Output(builder.Add("Mul", "mul2", {product, half}));
  EXPECT_EQ(CountOf(Recomposed(builder.Build()).graph, "Gelu"), 0);
}

}  // namespace recompose_test
}  // namespace quantbench
