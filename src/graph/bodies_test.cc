// Preparing bodies: the same function, its weights as initializers.
#include "graph/bodies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/graph.h"

#include "engine_runner.h"
#include "model_builder.h"

namespace quantbench {
namespace bodies_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ModelBuilder;
using testing::Must;
using testing::RandomTensor;
using testing::RunModel;
using testing::Sqnr;
using ::testing::UnorderedElementsAre;

constexpr std::int64_t kSize = 72;  // its square is large enough not to be stored twice

Attribute BodyOf(std::string name, const ModelBuilder& builder) {
  Attribute attribute;
  attribute.name = std::move(name);
  attribute.type = AttributeType::kGraph;
  attribute.graphs = {builder.Build().graph};
  return attribute;
}

Tensor Halves(const Shape& shape) {
  return Must(FromDoubles(DataType::kFloat16, shape, Must(ToDoubles(RandomTensor(shape, 4)))));
}

// x * w, where `weight` makes w.
using MakeWeight = std::function<std::string(ModelBuilder* branch)>;

Model Branching(const MakeWeight& then_weight, const MakeWeight& else_weight,
                const std::function<void(ModelBuilder*)>& outside) {
  ModelBuilder builder;
  const std::string condition = builder.Input("c", {}, DataType::kBool);
  builder.Input("x", {2, kSize});
  outside(&builder);
  std::vector<Attribute> branches;
  for (const auto& [name, make] :
       {std::pair{"then_branch", then_weight}, {"else_branch", else_weight}}) {
    ModelBuilder branch;
    branch.Output(branch.Add("MatMul", std::string(name) + ".product", {"x", make(&branch)}));
    branches.push_back(BodyOf(name, branch));
  }
  builder.Output(builder.Add("If", "if", {condition}, branches));
  return builder.Build();
}

std::multiset<std::string> OperatorsIn(const Model& model) {
  std::multiset<std::string> operators;
  ForEachGraph(model.graph, [&](const Graph& graph) {
    for (const Node& node : graph.nodes) operators.insert(node.op_type);
  });
  return operators;
}

Model PreparedLike(const Model& model) {
  Model prepared = Must(Prepare(model, nullptr));
  Must(CheckModel(prepared));
  for (const char flag : {'\0', '\1'}) {
    const std::vector<NamedTensor> inputs = {
        {"c", Tensor::Of(DataType::kBool, {}, std::vector<char>{flag})},
        {"x", RandomTensor({2, kSize}, 8)}};
    EXPECT_GT(Sqnr(RunModel(model, inputs)[0], RunModel(prepared, inputs)[0]), 120);
  }
  return prepared;
}

TEST(PrepareBodies, FoldsWhatBranchesMakeOfWeightsAroundThemOnce) {
  const auto turned = [](const std::string& name) {
    return [name](ModelBuilder* branch) {
      const std::string floats =
          branch->Add("Cast", name + ".cast", {"w"}, {Attribute::Int("to", 1)});
      return branch->Add("Transpose", name, {branch->Add("Identity", name + ".same", {floats})});
    };
  };
  const Model prepared = PreparedLike(Branching(turned("a"), turned("b"), [](ModelBuilder* outer) {
    outer->Constant("w", Halves({kSize, kSize}));
  }));
  EXPECT_THAT(OperatorsIn(prepared), UnorderedElementsAre("If", "MatMul", "MatMul"));
  EXPECT_EQ(prepared.graph.initializers.size(), 1);
}

TEST(PrepareBodies, FoldsTheirOwnWeightsWithinThem) {
  const Model prepared = PreparedLike(Branching(
      [](ModelBuilder* branch) {
        branch->Constant("w", RandomTensor({kSize, kSize}, 1));
        return branch->Add("Transpose", "turned", {"w"});
      },
      [](ModelBuilder* branch) {
        branch->Constant("flat", Halves({kSize * kSize}));
        branch->Ints("shape", {kSize, kSize});
        const std::string floats = branch->Add("Cast", "cast", {"flat"}, {Attribute::Int("to", 1)});
        return branch->Add("Reshape", "square", {floats, "shape"});
      },
      [](ModelBuilder*) {}));
  EXPECT_THAT(OperatorsIn(prepared), UnorderedElementsAre("If", "MatMul", "MatMul"));
  EXPECT_THAT(prepared.graph.initializers, IsEmpty());
}

TEST(PrepareBodies, TakesAlongWhatAWeightIsReshapedTo) {
  const Model prepared = PreparedLike(Branching(
      [](ModelBuilder* branch) {
        branch->Ints("shape", {kSize, kSize});
        return branch->Add("Reshape", "square", {"w", "shape"});
      },
      [](ModelBuilder* branch) {
        branch->Ints("sizes", {kSize, -1});
        return branch->Add("Reshape", "other", {"w", "sizes"});
      },
      [](ModelBuilder* outer) { outer->Constant("w", RandomTensor({kSize * kSize}, 2)); }));
  EXPECT_THAT(OperatorsIn(prepared), UnorderedElementsAre("If", "MatMul", "MatMul"));
}

// As an LSTM's gates in both branches of an If, under the same names.
TEST(PrepareBodies, FoldsWhatBranchesCutAndJoinOnce) {
  const auto turned = [](ModelBuilder* branch) {
    const auto rows = [&](const std::string& name, std::int64_t begin, std::int64_t end) {
      return branch->Add("Slice", name,
                         {"w", branch->Ints(name + "_begin", {begin}),
                          branch->Ints(name + "_end", {end}), branch->Ints(name + "_axis", {0})});
    };
    return branch->Add("Concat", "turned", {rows("a", 8, kSize), rows("b", 0, 8)},
                       {Attribute::Int("axis", 0)});
  };
  const Model prepared = PreparedLike(Branching(turned, turned, [](ModelBuilder* outer) {
    outer->Constant("w", RandomTensor({kSize, kSize}, 1));
  }));
  EXPECT_THAT(OperatorsIn(prepared), UnorderedElementsAre("If", "MatMul", "MatMul"));
  EXPECT_EQ(prepared.graph.initializers.size(), 1);
}

TEST(PrepareBodies, GivesWeightsOfBranchesNamesOfTheirOwn) {
  const auto own = [](double deviation) {
    return [deviation](ModelBuilder* branch) {
      return branch->Weight("w", {kSize, kSize}, deviation);
    };
  };
  const Model prepared = PreparedLike(Branching(own(1), own(2), [](ModelBuilder*) {}));
  std::vector<std::string> names;
  ForEachGraph(prepared.graph, [&](const Graph& graph) {
    for (const Initializer& tensor : graph.initializers) names.push_back(tensor.name);
  });
  EXPECT_THAT(names, ElementsAre("w", "w_2"));
}

TEST(PrepareBodies, LeavesWhatDependsOnAnActivation) {
  const Model prepared = PreparedLike(
      Branching([](ModelBuilder* branch) { return branch->Add("Transpose", "turned", {"y_out"}); },
                [](ModelBuilder*) { return std::string("y_out"); },
                [](ModelBuilder* outer) {
                  outer->Constant("w", RandomTensor({kSize, 2}, 2));
                  outer->Add("MatMul", "y", {"w", "x"});
                }));
  EXPECT_TRUE(OperatorsIn(prepared).contains("Transpose"));
}

}  // namespace bodies_test
}  // namespace quantbench
