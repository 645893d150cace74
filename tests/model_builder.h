// ModelBuilder: small models written in tests, node by node.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "quantbench/base/random.h"
#include "quantbench/model.h"
#include "quantbench/tensor.h"

namespace quantbench::testing {

// Every method that adds a value returns its name. Weights are seeded and normal.
class ModelBuilder {
 public:
  explicit ModelBuilder(std::int64_t opset = 17, std::int64_t ir_version = 8) {
    model_.ir_version = ir_version;
    model_.opsets = {{"", opset}};
    model_.graph.name = "test";
  }

  // A dimension of -1 is free, and named "N" when it is the first.
  std::string Input(std::string name, const Shape& dims, DataType type = DataType::kFloat32) {
    model_.graph.inputs.push_back(Describe(name, dims, type));
    return name;
  }
  // Without a shape: the engine infers it.
  ModelBuilder& Output(std::string_view name, DataType type = DataType::kFloat32) {
    ValueInfo output;
    output.name = name;
    output.is_tensor = true;
    output.type = type;
    model_.graph.outputs.push_back(std::move(output));
    return *this;
  }

  std::string Constant(std::string name, Tensor tensor) {
    model_.graph.initializers.push_back(Initializer::Of(name, std::move(tensor)));
    return name;
  }
  std::string Weight(std::string name, const Shape& dims, double deviation = 1) {
    std::vector<float> values(static_cast<std::size_t>(ElementCount(dims).value()));
    for (float& value : values) value = static_cast<float>(random_.Normal() * deviation);
    return Constant(std::move(name), Tensor::OfFloats(dims, values));
  }
  std::string Ints(std::string name, const std::vector<std::int64_t>& values) {
    const auto count = static_cast<std::int64_t>(values.size());
    return Constant(std::move(name), Tensor::Of(DataType::kInt64, {count}, values));
  }

  // A node of one output, which is named after the node.
  std::string Add(std::string_view op_type, const std::string& name,
                  std::vector<std::string> inputs, std::vector<Attribute> attributes = {}) {
    AddNode(op_type, name, std::move(inputs), {name + "_out"}, std::move(attributes));
    return name + "_out";
  }
  void AddNode(std::string_view op_type, std::string name, std::vector<std::string> inputs,
               std::vector<std::string> outputs, std::vector<Attribute> attributes = {}) {
    Node node;
    node.op_type = op_type;
    node.name = std::move(name);
    node.inputs = std::move(inputs);
    node.outputs = std::move(outputs);
    node.attributes = std::move(attributes);
    model_.graph.nodes.push_back(std::move(node));
  }

  [[nodiscard]] Model Build() const { return model_; }

 private:
  static ValueInfo Describe(std::string name, const Shape& dims, DataType type) {
    ValueInfo value;
    value.name = std::move(name);
    value.is_tensor = true;
    value.type = type;
    value.has_shape = true;
    for (const std::int64_t dim : dims) value.dims.push_back({dim, ""});
    if (!dims.empty() && dims[0] < 0) value.dims[0].name = "N";
    return value;
  }

  Model model_;
  Random random_{7};
};

}  // namespace quantbench::testing
