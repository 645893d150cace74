// Scale groups: union-find.
#include "quantize/scale_groups.h"

#include <algorithm>
#include <limits>

#include "quantize/rules.h"

namespace quantbench {
namespace {

// One code range serves tensors whose ranges differ by up to this: two of eight bits lost at most.
constexpr double kAlikeSpread = 4;

}  // namespace

ScaleGroups::ScaleGroups(const std::set<std::string>& tensors, const CalibrationTable& table) {
  for (const std::string& tensor : tensors) {
    const TensorRange& seen = table.ranges.find(tensor)->second;
    parent_.emplace(tensor, tensor);
    range_.emplace(tensor, Range{std::min(seen.min, 0.0), std::max(seen.max, 0.0)});
  }
}

const std::string& ScaleGroups::Root(const std::string& tensor) const {
  const std::string* root = &tensor;
  for (auto found = parent_.find(*root); found->second != *root; found = parent_.find(*root)) {
    root = &found->second;
  }
  return parent_.find(*root)->second;
}

void ScaleGroups::Join(const std::string& a, const std::string& b) {
  const std::string root = Root(a);
  const std::string other = Root(b);
  if (root == other) return;
  parent_[other] = root;
  Range& range = range_[root];
  const Range& joined = range_[other];
  range = {std::min(range.low, joined.low), std::max(range.high, joined.high)};
}

ScaleGroups::Range ScaleGroups::RangeOf(const std::string& tensor) const {
  return range_.find(Root(tensor))->second;
}

double ScaleGroups::Spread(const std::vector<std::string>& tensors) const {
  double narrowest = std::numeric_limits<double>::infinity();
  double widest = 0;
  for (const std::string& tensor : tensors) {
    const double width = RangeOf(tensor).width();
    if (width <= 0) continue;
    narrowest = std::min(narrowest, width);
    widest = std::max(widest, width);
  }
  return widest == 0 ? 1 : widest / narrowest;
}

void JoinMovers(const PlanContext& context, const IntegerRegion& region, ScaleGroups* groups) {
  for (const std::int64_t member : region.members()) {
    if (RuleOf(*context.OuterNode(member).node).role != Role::kMover) continue;
    const std::string input = region.InputsOf(member).front();
    for (const std::string& output : region.OutputsOf(member)) groups->Join(input, output);
  }
}

void JoinConcats(const PlanContext& context, const IntegerRegion& region, ScaleGroups* groups) {
  for (const std::int64_t member : region.members()) {
    if (!context.OuterNode(member).node->Is("Concat")) continue;
    const std::vector<std::string> inputs = region.InputsOf(member);
    if (groups->Spread(inputs) > kAlikeSpread) continue;
    for (const std::string& input : inputs) groups->Join(region.OutputsOf(member).front(), input);
  }
}

}  // namespace quantbench
