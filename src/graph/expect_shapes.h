// For tests of shapes: what a graph is said to compute beside what the engine computes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "quantbench/graph.h"

#include "engine_runner.h"
#include "graph/shape_values.h"
#include "model_builder.h"

namespace quantbench::testing {

// The value in a run in which n and m are these; absent when other unknowns remain.
inline std::optional<std::int64_t> ValueOf(const Expr& expr,
                                           const std::map<std::int32_t, std::int64_t>& of) {
  std::int64_t sum = 0;
  for (const auto& [monomial, coefficient] : expr.terms()) {
    std::int64_t term = coefficient;
    for (const std::int32_t unknown : monomial) {
      const auto found = of.find(unknown);
      if (found == of.end()) return std::nullopt;
      term *= found->second;
    }
    sum += term;
  }
  return sum;
}

// Every node's output as an output of the model.
inline Model WithAllOutputs(const Model& model) {
  Model result = model;
  result.graph.outputs.clear();
  const ElementTypes types = InferElementTypes(model.graph);
  for (const Node& node : model.graph.nodes) {
    for (const std::string& name : node.outputs) {
      ValueInfo output;
      output.name = name;
      output.is_tensor = true;
      output.type = types.at(name);
      result.graph.outputs.push_back(output);
    }
  }
  return result;
}

// Runs x [n, m, 6], or another shape, and compares every value. All shapes must be known in terms
// of n and m.
inline void ExpectWhatTheEngineComputes(const ModelBuilder& builder, const Shape& x = {2, 5, 6}) {
  Model model = WithAllOutputs(builder.Build());
  for (std::size_t i = 0; i < model.graph.inputs[0].dims.size(); ++i) {
    Dimension& dim = model.graph.inputs[0].dims[i];
    if (dim.value < 0) dim.name = i == 0 ? "n" : "m";
  }
  ShapeValues values(model.graph, OnnxOpset(model));
  const std::map<std::int32_t, std::int64_t> sizes = {
      {*values.algebra().NamedSize("n").unknown(), x[0]},
      {*values.algebra().NamedSize("m").unknown(), x.size() > 1 ? x[1] : 0}};
  SessionOptions options;
  options.optimization = GraphOptimization::kNone;
  const std::vector<Tensor> computed = RunModel(model, {{"x", RandomTensor(x, 1)}}, options);
  for (std::size_t i = 0; i < computed.size(); ++i) {
    const std::string& name = model.graph.outputs[i].name;
    const KnownTensor& known = values.Of(name);
    ASSERT_TRUE(known.shape) << name;
    ASSERT_EQ(known.shape->size(), computed[i].shape.size()) << name;
    for (std::size_t d = 0; d < known.shape->size(); ++d) {
      EXPECT_EQ(ValueOf((*known.shape)[d], sizes), computed[i].shape[d]) << name << " " << d;
    }
    if (!known.elements) continue;
    EXPECT_EQ(known.type, computed[i].type) << name;
    const std::vector<double> elements = Must(ToDoubles(computed[i]));
    ASSERT_EQ(elements.size(), known.elements->size()) << name;
    for (std::size_t e = 0; e < elements.size(); ++e) {
      EXPECT_EQ(ValueOf((*known.elements)[e], sizes), elements[e]) << name << " element " << e;
    }
  }
}

class ShapeRules : public ::testing::Test {
 protected:
  explicit ShapeRules(std::int64_t opset = 17) : builder_(opset) {
    x_ = builder_.Input("x", {-1, -1, 6});
  }
  std::string Ints(const std::vector<std::int64_t>& values) {
    return builder_.Ints("i" + std::to_string(counter_++), values);
  }
  std::string Int(std::int64_t value) {
    return builder_.Constant("i" + std::to_string(counter_++),
                             Tensor::Of(DataType::kInt64, {}, std::vector{value}));
  }
  std::string Add(std::string_view op, std::vector<std::string> inputs,
                  std::vector<Attribute> attributes = {}) {
    return builder_.Add(op, std::string(op) + std::to_string(counter_++), std::move(inputs),
                        std::move(attributes));
  }
  // The last node's output must have known elements.
  void ExpectKnownElements(const std::string& name) {
    const Model model = builder_.Build();
    EXPECT_TRUE(ShapeValues(model.graph, OnnxOpset(model)).Of(name).elements) << name;
  }

  ModelBuilder builder_;
  std::string x_;
  int counter_ = 0;
};

}  // namespace quantbench::testing
