// Models made in code.
#include "run/tiny_model.h"

#include <cmath>
#include <utility>
#include <vector>

#include "quantbench/base/format.h"
#include "quantbench/base/random.h"

namespace quantbench {
namespace {

ValueInfo FloatValue(std::string name, std::int64_t rows, std::int64_t width) {
  ValueInfo value;
  value.name = std::move(name);
  value.is_tensor = true;
  value.type = DataType::kFloat32;
  value.has_shape = true;
  value.dims = {{1, ""}, {rows, ""}, {width, ""}};  // a batch of one
  return value;
}

Node NodeOf(std::string op_type, std::vector<std::string> inputs, std::string output) {
  Node node;
  node.op_type = std::move(op_type);
  node.name = output;
  node.inputs = std::move(inputs);
  node.outputs = {std::move(output)};
  return node;
}

}  // namespace

Model ProductChain(std::int64_t rows, std::int64_t width, int layers) {
  Model model;
  model.ir_version = 8;
  model.opsets = {{"", 17}};
  model.graph.name = "product chain";
  model.graph.inputs = {FloatValue("x", rows, width)};
  Random random(1);
  std::string value = "x";
  const double deviation = std::sqrt(2.0 / static_cast<double>(width));  // keeps the values' size
  for (int layer = 0; layer < layers; ++layer) {
    std::vector<float> weight(static_cast<std::size_t>(width * width));
    for (float& number : weight) number = static_cast<float>(random.Normal() * deviation);
    const std::string name = Format("w{}", layer);
    model.graph.initializers.push_back(
        Initializer::Of(name, Tensor::OfFloats({width, width}, weight)));
    model.graph.nodes.push_back(NodeOf("MatMul", {value, name}, Format("product{}", layer)));
    model.graph.nodes.push_back(
        NodeOf("Relu", {Format("product{}", layer)}, Format("value{}", layer)));
    value = Format("value{}", layer);
  }
  model.graph.outputs = {FloatValue(value, rows, width)};
  return model;
}

}  // namespace quantbench
