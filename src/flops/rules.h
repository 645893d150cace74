// What rules of counting are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "quantbench/flops.h"

namespace quantbench {

// Saturating, for sizes that an untrusted model names; operands are at least 0.
[[nodiscard]] std::int64_t CountProduct(std::initializer_list<std::int64_t> factors);
[[nodiscard]] std::int64_t CountSum(std::int64_t a, std::int64_t b);

// An operator in front of its rule. A rule that asks for a shape that is not known gets 0 of it,
// and the whole counts as unknown.
class CountContext {
 public:
  explicit CountContext(const RunNode& node) : node_(node) {}

  [[nodiscard]] const Node& node() const { return *node_.node; }
  [[nodiscard]] bool Has(std::size_t input) const;
  // Elements of an input or output; 0 for one that is omitted.
  [[nodiscard]] std::int64_t In(std::size_t input);
  [[nodiscard]] std::int64_t Out(std::size_t output = 0);
  // Dimension from the front, or with a negative index from the back; 1 beyond the rank.
  [[nodiscard]] std::int64_t InDim(std::size_t input, std::int64_t axis);
  [[nodiscard]] std::int64_t OutDim(std::size_t output, std::int64_t axis);
  [[nodiscard]] std::size_t InRank(std::size_t input);
  [[nodiscard]] bool is_unknown() const { return unknown_; }
  void MarkUnknown() { unknown_ = true; }

 private:
  [[nodiscard]] const Shape& ShapeOf(const std::vector<ValueFacts>& values, std::size_t place);

  const RunNode& node_;
  bool unknown_ = false;
};

using CountRule = Work (*)(CountContext*);
struct CountRuleEntry {
  std::string_view op_type;
  CountRule rule = nullptr;
  bool integer = false;  // its MACs multiply codes
};

// Null when there is none. Operators of several domains that share a name share a rule, but
// for Attention and blocked Conv.
[[nodiscard]] const CountRuleEntry* FindCountRule(std::string_view domain,
                                                  std::string_view op_type);

// The table, in parts.
[[nodiscard]] std::span<const CountRuleEntry> LinearCounts();
[[nodiscard]] std::span<const CountRuleEntry> AttentionCounts();
[[nodiscard]] std::span<const CountRuleEntry> ReducingCounts();
[[nodiscard]] std::span<const CountRuleEntry> QuantizedCounts();

// Costs of one element of the first output, of operators that have no other.
struct ElementCost {
  std::string_view op_type;
  std::int64_t elementwise = 0;
  std::int64_t transcendentals = 0;
};
[[nodiscard]] const ElementCost* FindElementCost(std::string_view op_type);

// Bytes of a value; absent when shape or type is not known.
[[nodiscard]] std::optional<std::int64_t> BytesOf(const ValueFacts& value);

// How an operator without arithmetic moves data.
enum class Traffic : std::uint8_t {
  kAll,      // reads its inputs, writes its outputs
  kNothing,  // only renames or describes memory
  kPicks,    // reads of its first input only what it puts out
};
[[nodiscard]] std::optional<Traffic> FindTraffic(std::string_view op_type);

}  // namespace quantbench
