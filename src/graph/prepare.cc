// Preparing: the exact simplifications that planning builds on.
#include "quantbench/base/format.h"
#include "quantbench/graph.h"

#include "graph/fold_batchnorm.h"

namespace quantbench {
namespace {

using Notes = std::vector<std::string>;

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

// The tensor a Constant node holds as its `value`; null for other nodes and other forms.
const Initializer* ConstantOf(const Graph& graph, const Node& node) {
  if (!node.Is("Constant") || node.outputs.size() != 1) return nullptr;
  const Attribute* value = node.FindAttribute("value");
  if (value == nullptr || value->tensors.size() != 1) return nullptr;
  return IsOutputOf(graph, node.outputs[0]) ? nullptr : &value->tensors[0];
}

void MoveConstants(Model* model, Notes* notes) {
  std::size_t moved = 0;
  ForEachGraph(&model->graph, [&](Graph* graph) {
    std::vector<Initializer> constants;
    std::erase_if(graph->nodes, [&](const Node& node) {
      const Initializer* constant = ConstantOf(*graph, node);
      if (constant == nullptr) return false;
      constants.push_back(*constant);
      constants.back().name = node.outputs[0];
      return true;
    });
    moved += constants.size();
    for (Initializer& constant : constants) graph->initializers.push_back(std::move(constant));
  });
  if (moved > 0) notes->push_back(Format("{} Constant nodes made initializers", moved));
}

// Exporters write a tied weight as Identity(initializer): its readers read the initializer itself.
void SkipIdentities(Model* model, Notes* notes) {
  Graph& graph = model->graph;
  std::unordered_set<std::string_view> initializers;
  for (const Initializer& tensor : graph.initializers) initializers.insert(tensor.name);
  std::map<std::string, std::string, std::less<>> renames;
  std::erase_if(graph.nodes, [&](const Node& node) {
    if (!node.Is("Identity") || node.inputs.size() != 1 || node.outputs.size() != 1) return false;
    const auto before = renames.find(node.inputs[0]);
    const std::string source = before == renames.end() ? node.inputs[0] : before->second;
    if (!initializers.contains(source) || IsOutputOf(graph, node.outputs[0])) return false;
    renames.emplace(node.outputs[0], source);
    return true;
  });
  RenameReads(renames, &graph);
  if (!renames.empty()) notes->push_back(Format("{} Identity of weights removed", renames.size()));
}

}  // namespace

Result<Model> Prepare(Model model, std::vector<std::string>* notes) {
  Notes ignored;
  if (notes == nullptr) notes = &ignored;
  MakeInitializersConstant(&model, notes);
  MoveConstants(&model, notes);
  SkipIdentities(&model, notes);
  QB_TRY(const std::int64_t folded, FoldBatchNorms(&model));
  if (folded > 0) notes->push_back(Format("BatchNormalization folded into {} Conv", folded));
  return model;
}

}  // namespace quantbench
