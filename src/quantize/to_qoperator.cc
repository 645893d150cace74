// From QDQ to QOperator: every form decided on the graph as it was, then nodes replaced at once.
#include "quantize/to_qoperator.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>

#include "quantize/qlinear_forms.h"

namespace quantbench {
namespace {

struct Rewriting {
  std::map<std::int64_t, Node> forms;  // by the index of the node they replace
  std::set<std::int64_t> absorbed;     // quantizers that became part of a form
};

Rewriting Decide(const Model& model) {
  const QdqView view(model);
  Rewriting rewriting;
  for (std::size_t i = 0; i < model.graph.nodes.size(); ++i) {
    const Node& node = model.graph.nodes[i];
    std::optional<Node> form = QLinearForm(view, node);
    if (!form) continue;
    for (std::size_t output = 0; output < node.outputs.size(); ++output) {
      if (form->outputs[output] == node.outputs[output]) continue;
      rewriting.absorbed.insert(view.QuantizerOf(node.outputs[output]));
    }
    rewriting.forms.emplace(static_cast<std::int64_t>(i), std::move(*form));
  }
  return rewriting;
}

bool IsAnyQuantizer(const Node& node) {
  return IsQuantizer(node, "QuantizeLinear") || IsQuantizer(node, "DequantizeLinear");
}

bool IsIdleQuantizer(const GraphIndex& index, const Node& node) {
  return IsAnyQuantizer(node) &&
         std::all_of(node.outputs.begin(), node.outputs.end(), [&](const std::string& output) {
           return index.Consumers(output).empty() && !index.IsGraphOutput(output);
         });
}

// The nodes without quantizers whose result nothing reads. `parameters` receives what those read.
std::vector<Node> WithoutIdleQuantizers(const Graph& graph,
                                        std::unordered_set<std::string>* parameters) {
  const GraphIndex index(graph);
  std::vector<Node> kept;
  for (const Node& node : graph.nodes) {
    if (IsIdleQuantizer(index, node)) {
      parameters->insert(node.inputs.begin(), node.inputs.end());
    } else {
      kept.push_back(node);
    }
  }
  return kept;
}

// Quantizers whose result nothing reads, and then those that only such a one read.
void RemoveIdleQuantizers(Graph* graph, std::unordered_set<std::string>* parameters) {
  for (std::size_t before = 0; before != graph->nodes.size();) {
    before = graph->nodes.size();
    graph->nodes = WithoutIdleQuantizers(*graph, parameters);
  }
}

}  // namespace

std::int64_t ToQOperator(Model* model) {
  Rewriting rewriting = Decide(*model);
  const auto count = static_cast<std::int64_t>(rewriting.forms.size());
  if (count == 0) return 0;
  std::unordered_set<std::string> parameters;  // of quantizers that go
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < model->graph.nodes.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    const Node& node = model->graph.nodes[i];
    if (rewriting.absorbed.contains(index)) {
      parameters.insert(node.inputs.begin(), node.inputs.end());
      continue;
    }
    const auto form = rewriting.forms.find(index);
    if (form == rewriting.forms.end()) {
      nodes.push_back(std::move(model->graph.nodes[i]));
      continue;
    }
    if (form->second.domain == kContribDomain) model->RequireOpset(kContribDomain, 1);
    nodes.push_back(std::move(form->second));
  }
  model->graph.nodes = std::move(nodes);
  RemoveIdleQuantizers(&model->graph, &parameters);
  RemoveUnread(parameters, &model->graph);
  return count;
}

}  // namespace quantbench
