// One operator: its arithmetic by its rule, its traffic by its tensors.
#include <algorithm>

#include "quantbench/base/format.h"

#include "flops/rules.h"

namespace quantbench {
namespace {

// Adds bytes of the values from `first` on that have a name; false when some are not known.
bool AddBytes(const std::vector<std::string>& names, const std::vector<ValueFacts>& values,
              std::size_t first, std::int64_t* sum) {
  bool known = true;
  for (std::size_t i = first; i < std::min(names.size(), values.size()); ++i) {
    const bool again = std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i),
                                 names[i]) != names.begin() + static_cast<std::ptrdiff_t>(i);
    if (names[i].empty() || again) continue;
    const auto bytes = BytesOf(values[i]);
    known = known && bytes.has_value();
    *sum = CountSum(*sum, bytes.value_or(0));
  }
  return known;
}

// Whether all of it is known.
bool CountTraffic(const RunNode& run, Traffic traffic, Work* work) {
  if (traffic == Traffic::kNothing) return true;
  const Node& node = *run.node;
  const bool picks = traffic == Traffic::kPicks;
  bool known = AddBytes(node.outputs, run.outputs, 0, &work->bytes_written);
  if (picks) work->bytes_read = work->bytes_written;
  return AddBytes(node.inputs, run.inputs, picks ? 1 : 0, &work->bytes_read) && known;
}

}  // namespace

std::optional<std::int64_t> BytesOf(const ValueFacts& value) {
  if (!value.shape) return std::nullopt;
  const auto bytes = ByteCount(value.type, *value.shape);
  if (!bytes.ok()) return std::nullopt;
  return static_cast<std::int64_t>(std::min<std::uint64_t>(bytes.value(), std::uint64_t{1} << 62U));
}

std::int64_t Work::flops() const {
  return CountSum(CountProduct({2, macs}), elementwise);
}

std::int64_t Work::bytes() const {
  return CountSum(bytes_read, bytes_written);
}

Work& Work::operator+=(const Work& other) {
  macs = CountSum(macs, other.macs);
  elementwise = CountSum(elementwise, other.elementwise);
  transcendentals = CountSum(transcendentals, other.transcendentals);
  bytes_read = CountSum(bytes_read, other.bytes_read);
  bytes_written = CountSum(bytes_written, other.bytes_written);
  return *this;
}

Work WorkOf(const RunNode& node, std::string* unknown) {
  const std::string& op = node.node->op_type;
  const std::string& domain = node.node->domain;
  const bool is_known = domain.empty() || domain == kContribDomain || domain == kBlockedDomain;
  const CountRuleEntry* rule = is_known ? FindCountRule(domain, op) : nullptr;
  const ElementCost* cost = is_known ? FindElementCost(op) : nullptr;
  const auto traffic = is_known ? FindTraffic(op) : std::nullopt;
  std::string reason;
  Work work;
  CountContext context(node);
  if (node.hides_work) {
    reason = "how often its graph runs does not follow from the model";
  } else if (rule != nullptr) {
    work = rule->rule(&context);
  } else if (cost != nullptr) {
    const std::int64_t elements = context.Out();
    work.elementwise = CountProduct({elements, cost->elementwise});
    work.transcendentals = CountProduct({elements, cost->transcendentals});
  } else if (!traffic) {
    reason = Format("no rule for the operator {}", Printable(op));
  }
  const bool moved =
      reason.empty() ? CountTraffic(node, traffic.value_or(Traffic::kAll), &work) : true;
  if (reason.empty() && context.is_unknown()) {
    reason = "a shape does not follow from those of the inputs";
  } else if (reason.empty() && !moved) {
    reason = "the size of a tensor it moves is not known";
  }
  if (unknown != nullptr) *unknown = std::move(reason);
  return work;
}

}  // namespace quantbench
