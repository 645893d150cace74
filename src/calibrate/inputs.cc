// The inputs of a model as a data set must fill them.
#include <algorithm>
#include <set>

#include "quantbench/calibrate.h"

namespace quantbench {
namespace {

// The initializer that is looked up, itself or dequantized before.
const Initializer* TableOf(const Graph& graph, const std::string& value) {
  if (const Initializer* table = graph.FindInitializer(value)) return table;
  const auto producer = std::find_if(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
    return node.Is("DequantizeLinear") && !node.outputs.empty() && node.outputs[0] == value;
  });
  return producer == graph.nodes.end() || producer->inputs.empty()
             ? nullptr
             : graph.FindInitializer(producer->inputs[0]);
}

// Rows of the smallest table whose rows `ids` chooses, also as another integer type; 0: none.
std::int64_t RowsOfTable(const Graph& graph, const std::string& ids) {
  std::set<std::string> names = {ids};
  std::int64_t rows = 0;
  for (const Node& node : graph.nodes) {  // in the order in which they run
    if ((node.Is("Cast") || node.Is("Identity")) && node.inputs.size() == 1 &&
        names.count(node.inputs[0]) > 0 && !node.outputs.empty()) {
      names.insert(node.outputs[0]);
    }
    const bool looks_up = node.Is("Gather") || node.op_type == "GatherBlockQuantized";
    if (!looks_up || node.IntAttribute("axis", 0) != 0) continue;
    if (node.inputs.size() < 2 || names.count(node.inputs[1]) == 0) continue;
    const Initializer* table = TableOf(graph, node.inputs[0]);
    if (table == nullptr || table->dims.size() != 2 || table->dims[0] < 1) continue;
    rows = rows == 0 ? table->dims[0] : std::min(rows, table->dims[0]);
  }
  return rows;
}

}  // namespace

std::vector<InputSpec> InputsOf(const Model& model) {
  std::vector<InputSpec> inputs;
  for (const ValueInfo* value : model.RuntimeInputs()) {
    InputSpec input;
    input.name = value->name;
    input.type = value->type;
    for (const Dimension& dim : value->dims) {
      input.dims.push_back(dim.value);
      input.dim_names.push_back(dim.value < 0 ? dim.name : "");
    }
    const bool holds_ids = input.type == DataType::kInt64 || input.type == DataType::kInt32;
    if (holds_ids) input.rows = RowsOfTable(model.graph, input.name);
    inputs.push_back(std::move(input));
  }
  MarkBatched(&inputs);
  return inputs;
}

}  // namespace quantbench
