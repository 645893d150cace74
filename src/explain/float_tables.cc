// Embedding tables of a quantized model that are still floats.
#include "explain/float_tables.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "quantbench/graph.h"

namespace quantbench {
namespace {

constexpr std::uint64_t kLeastTable = 64 << 10;  // bytes: smaller ones are no reason for a size

bool LooksUp(std::string_view op_type) {
  constexpr auto kLookUps = std::to_array<std::string_view>({"Gather", "aten::embedding"});
  return std::find(kLookUps.begin(), kLookUps.end(), op_type) != kLookUps.end();
}

// Names of what operators look up, by the operator's name; of constants only.
std::unordered_map<std::string, std::string> ConstantTables(const Graph& graph) {
  const GraphIndex index(graph);
  std::unordered_map<std::string, std::string> tables;
  for (const NodeRef& ref : ListNodes(graph)) {
    if (ref.node->op_type != "Gather" || ref.node->inputs.empty()) continue;
    const std::string& table = ref.node->inputs[0];
    if (index.FindInitializer(table) != nullptr) tables[ref.name] = table;
  }
  return tables;
}

// Nothing where the operator looks nothing up, or codes.
std::optional<FloatTable> TableOf(const ProfiledOperator& op) {
  if (!LooksUp(op.op_type) || op.inputs.empty()) return std::nullopt;
  const ValueFacts& table = op.inputs[0];
  const bool is_float = table.type == DataType::kFloat32 || table.type == DataType::kFloat64;
  if (!is_float || !table.shape || table.shape->size() != 2) return std::nullopt;
  const auto numbers = ElementCount(*table.shape);
  if (!numbers.ok()) return std::nullopt;
  const std::uint64_t bytes =
      static_cast<std::uint64_t>(numbers.value()) * (table.type == DataType::kFloat64 ? 8 : 4);
  if (bytes < kLeastTable) return std::nullopt;
  return FloatTable{op.name, (*table.shape)[0], (*table.shape)[1], bytes};
}

}  // namespace

std::vector<FloatTable> FindFloatTables(const ProfiledModel& model) {
  const bool shows_graph = model.optimized != nullptr;
  const auto constants = shows_graph ? ConstantTables(model.optimized->graph)
                                     : std::unordered_map<std::string, std::string>();
  std::vector<std::string> seen;
  std::vector<FloatTable> tables;
  for (const ProfiledOperator& op : model.profile.operators) {
    const auto table = TableOf(op);
    if (!table) continue;
    if (shows_graph) {
      const auto constant = constants.find(op.name);
      if (constant == constants.end()) continue;
      if (std::find(seen.begin(), seen.end(), constant->second) != seen.end()) continue;
      seen.push_back(constant->second);
    }
    tables.push_back(*table);
  }
  return tables;
}

}  // namespace quantbench
