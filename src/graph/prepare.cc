// Preparing: the exact simplifications that planning builds on.
#include <optional>

#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/bodies.h"
#include "graph/fold_batchnorm.h"
#include "graph/fold_weights.h"
#include "graph/gemm_factors.h"
#include "graph/gemm_to_matmul.h"
#include "graph/recompose.h"
#include "graph/remove_idle.h"
#include "graph/remove_nodes.h"
#include "graph/same_numbers.h"
#include "graph/simplify_shapes.h"

namespace quantbench {
namespace {

using Notes = std::vector<std::string>;

// Whether a graph inside a node defines a name that a graph around it has. ONNX forbids it, engines
// may run it, and renaming would change what it means.   [ONNX IR, names within a graph]
bool HidesNames(const Graph& graph, std::unordered_set<std::string_view>* visible) {
  std::vector<std::string_view> own;
  bool hides = false;
  const auto define = [&](const std::string& name) {
    if (name.empty()) return;
    if (visible->insert(name).second) {
      own.push_back(name);
    } else {
      hides = true;
    }
  };
  std::unordered_set<std::string_view> inputs;  // an initializer may give one its default
  for (const ValueInfo& input : graph.inputs) {
    inputs.insert(input.name);
    define(input.name);
  }
  for (const Initializer& tensor : graph.initializers) {
    if (!inputs.contains(tensor.name)) define(tensor.name);
  }
  for (const Node& node : graph.nodes) {
    for (const std::string& output : node.outputs) define(output);
  }
  for (const Node& node : graph.nodes) {
    for (const Attribute& attribute : node.attributes) {
      for (const Graph& body : attribute.graphs) hides = hides || HidesNames(body, visible);
    }
  }
  for (const std::string_view name : own) visible->erase(name);
  return hides;
}

// Before IR version 4 every initializer had to be listed as an input, and some exporters went on to
// do so. Listed there, a weight could be replaced at run time, and the engine may not treat it as
// constant.
void MakeInitializersConstant(Model* model, Notes* notes) {
  std::unordered_set<std::string_view> initializers;
  for (const Initializer& tensor : model->graph.initializers) initializers.insert(tensor.name);
  const auto removed = std::erase_if(model->graph.inputs, [&](const ValueInfo& input) {
    return initializers.contains(input.name);
  });
  if (removed == 0) return;
  model->ir_version = std::max<std::int64_t>(model->ir_version, 4);
  notes->push_back(Format("{} initializers no longer listed as inputs", removed));
}

bool IsOutputOf(const Graph& graph, std::string_view value) {
  return std::any_of(graph.outputs.begin(), graph.outputs.end(),
                     [&](const ValueInfo& output) { return output.name == value; });
}

template <typename T>
Initializer VectorOf(DataType type, const std::vector<T>& values) {
  return Initializer::Of("", Tensor::Of(type, {static_cast<std::int64_t>(values.size())}, values));
}

// What a Constant node holds; absent for other nodes, and for sparse tensors and strings.
std::optional<Initializer> ConstantOf(const Graph& graph, const Node& node) {
  if (!node.Is("Constant") || node.outputs.size() != 1 || node.attributes.size() != 1 ||
      IsOutputOf(graph, node.outputs[0])) {
    return std::nullopt;
  }
  const Attribute& value = node.attributes[0];
  if (value.name == "value" && value.tensors.size() == 1) return value.tensors[0];
  if (value.name == "value_ints") return VectorOf(DataType::kInt64, value.ints);
  if (value.name == "value_floats") return VectorOf(DataType::kFloat32, value.floats);
  if (value.name == "value_int") {
    return Initializer::Of("", Tensor::Of(DataType::kInt64, {}, std::vector{value.i}));
  }
  if (value.name == "value_float") {
    return Initializer::Of("", Tensor::OfFloats({}, {value.f}));
  }
  return std::nullopt;
}

void MoveConstants(Model* model, Notes* notes) {
  std::size_t moved = 0;
  ForEachGraph(&model->graph, [&](Graph* graph) {
    std::vector<Initializer> constants;
    std::erase_if(graph->nodes, [&](const Node& node) {
      std::optional<Initializer> constant = ConstantOf(*graph, node);
      if (!constant) return false;
      constants.push_back(std::move(*constant));
      constants.back().name = node.outputs[0];
      return true;
    });
    moved += constants.size();
    for (Initializer& constant : constants) graph->initializers.push_back(std::move(constant));
  });
  if (moved > 0) notes->push_back(Format("{} Constant nodes made initializers", moved));
}

}  // namespace

Result<Model> Prepare(Model model, std::vector<std::string>* notes) {
  Notes ignored;
  if (notes == nullptr) notes = &ignored;
  std::unordered_set<std::string_view> visible;
  if (HidesNames(model.graph, &visible)) {
    notes->emplace_back("names are defined twice: the graph is left as it is");
    return model;
  }
  const std::size_t noted = notes->size();
  MakeInitializersConstant(&model, notes);
  MoveConstants(&model, notes);
  SeparateNames(&model, notes);
  HoistWeightOperators(&model, notes);
  QB_OK(SimplifyBodies(&model, notes));
  RemoveIdle(&model, notes);
  QB_OK(FoldWeights(&model, notes));
  RecomposeLayerNorms(&model, notes);
  RecomposeGelus(&model, notes);
  QB_OK(FoldGemmFactors(&model, notes));
  QB_OK(FoldBatchNorms(&model, notes));
  QB_OK(FoldBatchNormsForward(&model, notes));
  SimplifyShapes(&model, notes);
  QB_OK(GemmToMatMul(&model, notes));
  QB_OK(MergeDuplicates(&model, notes));
  const std::int64_t dead = RemoveDeadNodes(&model.graph);
  if (dead > 0) notes->push_back(Format("{} nodes removed that nothing reads", dead));
  if (notes->size() > noted) model.ir_version = std::max<std::int64_t>(model.ir_version, 4);
  return model;
}

}  // namespace quantbench
