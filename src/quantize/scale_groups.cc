// Scale groups: union-find with factors.
#include "quantize/scale_groups.h"

#include <algorithm>

#include "quantize/rules.h"

namespace quantbench {
namespace {

// One code range serves tensors whose ranges differ by up to this: two of eight bits lost at most.
constexpr double kAlikeSpread = 4;

ScaleGroups::Range Scaled(const ScaleGroups::Range& range, double factor) {
  return {range.low * factor, range.high * factor};
}

}  // namespace

ScaleGroups::ScaleGroups(const IntegerRegion& region, const CalibrationTable& table) {
  for (const std::string& tensor : region.Activations()) {
    const TensorRange& seen = table.ranges.find(tensor)->second;
    links_.emplace(tensor, Link{tensor});
    Group group;
    group.range = {std::min(seen.min, 0.0), std::max(seen.max, 0.0)};
    if (const ClampBounds* bounds = region.ClampOf(tensor)) {
      group.limit = {bounds->low, bounds->high};
      // What calibration saw lies within, float rounding apart.
      group.range = {std::max(group.range.low, bounds->low),
                     std::min(group.range.high, bounds->high)};
    }
    groups_.emplace(tensor, group);
  }
}

ScaleGroups::Link ScaleGroups::RootOf(const std::string& tensor) const {
  Link link{tensor};
  for (auto found = links_.find(tensor); found->second.parent != found->first;
       found = links_.find(found->second.parent)) {
    link = {found->second.parent, link.factor * found->second.factor};
  }
  return link;
}

const std::string& ScaleGroups::GroupOf(const std::string& tensor) const {
  return links_.find(RootOf(tensor).parent)->second.parent;
}

bool ScaleGroups::Join(const std::string& a, const std::string& b, double factor) {
  const Link root = RootOf(a);
  const Link other = RootOf(b);
  if (root.parent == other.parent) return true;
  // b = factor a, a = root.factor root, b = other.factor other: other = ratio root.
  const double ratio = factor * root.factor / other.factor;
  Group& group = groups_.at(root.parent);
  const Group& joined = groups_.at(other.parent);
  const Range range = Scaled(joined.range, 1 / ratio);
  const Range limit = Scaled(joined.limit, 1 / ratio);
  const Range both = {std::min(group.range.low, range.low), std::max(group.range.high, range.high)};
  const Range within = {std::max(group.limit.low, limit.low),
                        std::min(group.limit.high, limit.high)};
  if (both.low < within.low || both.high > within.high) return false;
  group = {both, within};
  links_[other.parent] = {root.parent, ratio};
  groups_.erase(other.parent);
  return true;
}

ScaleGroups::Range ScaleGroups::RangeOf(const std::string& tensor) const {
  const Link root = RootOf(tensor);
  return Scaled(groups_.at(root.parent).range, root.factor);
}

QuantParams ScaleGroups::ParamsOf(const std::string& tensor, CodeRange codes) const {
  const Link root = RootOf(tensor);
  const Range& range = groups_.at(root.parent).range;
  QuantParams params = ChooseAsymmetric(range.low, range.high, codes);
  if (root.factor != 1) {
    const Range own = Scaled(range, root.factor);
    params.scale = ChooseAsymmetric(own.low, own.high, codes).scale;
  }
  return params;
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
    const Node& node = *context.NodeOf(member).node;
    const double factor = region.FactorOf(member);
    if (RuleOf(node).role != Role::kMover && factor == 0) continue;
    const std::string input = region.InputsOf(member).front();
    for (const std::string& output : region.OutputsOf(member)) {
      // Codes that are only moved stay within what their source allows.
      static_cast<void>(groups->Join(input, output, factor == 0 ? 1 : factor));
    }
  }
}

void JoinConcats(const PlanContext& context, const IntegerRegion& region, ScaleGroups* groups) {
  for (const std::int64_t member : region.members()) {
    if (!context.NodeOf(member).node->Is("Concat")) continue;
    const std::vector<std::string> inputs = region.InputsOf(member);
    if (groups->Spread(inputs) > kAlikeSpread) continue;
    for (const std::string& input : inputs) {
      // An input that may not grow keeps its own scale, and the Concat converts it.
      static_cast<void>(groups->Join(region.OutputsOf(member).front(), input));
    }
  }
}

}  // namespace quantbench
