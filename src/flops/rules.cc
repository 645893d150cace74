// Finding rules, and what rules ask.
#include "flops/rules.h"

#include <algorithm>
#include <unordered_map>

#include "quantbench/tensor.h"

namespace quantbench {
namespace {

constexpr std::int64_t kMostWork = std::int64_t{1} << 62;

using CountTable = std::unordered_map<std::string_view, const CountRuleEntry*>;

CountTable MakeCountTable() {
  CountTable table;
  for (const auto& part :
       {LinearCounts(), AttentionCounts(), ReducingCounts(), QuantizedCounts()}) {
    for (const CountRuleEntry& entry : part) table.emplace(entry.op_type, &entry);
  }
  return table;
}

std::int64_t ElementsOfShape(const Shape& shape) {
  const auto count = ElementCount(shape);
  return count.ok() ? count.value() : kMostWork;
}

std::int64_t DimOf(const Shape& shape, std::int64_t axis) {
  const auto rank = static_cast<std::int64_t>(shape.size());
  const std::int64_t place = axis < 0 ? axis + rank : axis;
  return place >= 0 && place < rank ? shape[static_cast<std::size_t>(place)] : 1;
}

}  // namespace

std::int64_t CountProduct(std::initializer_list<std::int64_t> factors) {
  std::int64_t product = 1;
  for (const std::int64_t factor : factors) {
    if (factor <= 0) return 0;
    product = product > kMostWork / factor ? kMostWork : product * factor;
  }
  return product;
}

std::int64_t CountSum(std::int64_t a, std::int64_t b) {
  return a > kMostWork - b ? kMostWork : a + b;
}

// A window that is larger than its input gives an output of negative size: no shape at all.
const Shape& CountContext::ShapeOf(const std::vector<ValueFacts>& values, std::size_t place) {
  static const Shape empty = {0};
  const bool is_known =
      place < values.size() && values[place].shape &&
      std::ranges::all_of(*values[place].shape, [](auto dim) { return dim >= 0; });
  if (is_known) return *values[place].shape;
  unknown_ = true;
  return empty;
}

bool CountContext::Has(std::size_t input) const {
  return input < node().inputs.size() && !node().inputs[input].empty();
}

std::int64_t CountContext::In(std::size_t input) {
  if (!Has(input)) return 0;
  return ElementsOfShape(ShapeOf(node_.inputs, input));
}

std::int64_t CountContext::Out(std::size_t output) {
  return ElementsOfShape(ShapeOf(node_.outputs, output));
}

std::int64_t CountContext::InDim(std::size_t input, std::int64_t axis) {
  return DimOf(ShapeOf(node_.inputs, input), axis);
}

std::int64_t CountContext::OutDim(std::size_t output, std::int64_t axis) {
  return DimOf(ShapeOf(node_.outputs, output), axis);
}

std::size_t CountContext::InRank(std::size_t input) {
  return ShapeOf(node_.inputs, input).size();
}

const CountRuleEntry* FindCountRule(std::string_view domain, std::string_view op_type) {
  static const CountTable table = MakeCountTable();
  std::string_view name = op_type;
  if (op_type == "Attention" && domain.empty()) name = "Attention-23";
  if (op_type == "Conv" && domain == kBlockedDomain) name = "FusedConv";
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace quantbench
