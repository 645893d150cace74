// The integer region: the greatest set of nodes that satisfies its rules, found by removing.
#include "quantize/integer_region.h"

#include <algorithm>

#include "quantize/rules.h"

namespace quantbench {
namespace {

// A scalar attribute (old Clip) or constant input; false when it is neither there nor a constant.
bool ClipBound(const Node& node, const GraphIndex& index, std::size_t input, double* bound) {
  if (node.inputs.size() <= input || node.inputs[input].empty()) return true;
  const Initializer* tensor = index.FindInitializer(node.inputs[input]);
  if (tensor == nullptr) return false;
  const auto value = ReadTensor(*tensor);
  if (!value.ok()) return false;
  const auto numbers = ToDoubles(value.value());
  if (!numbers.ok() || numbers.value().size() != 1) return false;
  *bound = numbers.value()[0];
  return true;
}

// Whether a range that holds 0 may take the node's place: Relu, and a Clip that lets 0 through.
bool IsAbsorbable(const Node& node, const GraphIndex& index) {
  if (node.Is("Relu")) return true;
  if (!node.Is("Clip")) return false;
  double low = node.FloatAttribute("min", -1.0F);
  double high = node.FloatAttribute("max", 1.0F);
  if (!ClipBound(node, index, 1, &low) || !ClipBound(node, index, 2, &high)) return false;
  return low <= 0 && high >= 0;
}

bool IsNearestResize(const Node& node) {
  const Attribute* mode = node.FindAttribute("mode");
  const Attribute* transform = node.FindAttribute("coordinate_transformation_mode");
  return (mode == nullptr || mode->s == "nearest") &&
         (transform == nullptr || transform->s != "tf_crop_and_resize");
}

bool IsFloat(const PlanContext& context, std::string_view tensor) {
  const auto type = context.types().find(tensor);
  return type == context.types().end() || type->second == DataType::kFloat32;
}

// Whether the engine has a kernel on codes for this very node, wherever it lies.
bool HasIntegerForm(const PlanContext& context, const Node& node) {
  const Role role = RuleOf(node).role;
  if (role != Role::kCombine && role != Role::kUnary && role != Role::kMover) return false;
  if (node.inputs.empty() || node.outputs.empty()) return false;
  for (const std::size_t input : ActivationInputs(node)) {
    const std::string& tensor = node.inputs[input];
    if (context.index().FindInitializer(tensor) != nullptr || !IsFloat(context, tensor))
      return false;
  }
  if (node.Is("Resize")) return IsNearestResize(node);
  if (node.Is("MaxPool")) return node.outputs.size() == 1;
  if (node.Is("Add") || node.Is("Mul")) return node.inputs.size() == 2;
  return true;
}

}  // namespace

const Node& IntegerRegion::NodeAt(std::int64_t node) const {
  return *context_->OuterNode(node).node;
}

std::int64_t IntegerRegion::AbsorbedBy(std::int64_t node) const {
  const auto found = absorber_of_.find(node);
  return found == absorber_of_.end() ? -1 : found->second;
}

std::vector<std::string> IntegerRegion::OutputsOf(std::int64_t node) const {
  const auto absorbed = last_of_.find(node);
  const Node& last = absorbed == last_of_.end() ? NodeAt(node) : NodeAt(absorbed->second);
  std::vector<std::string> outputs;
  for (const std::string& output : last.outputs) {
    if (!output.empty()) outputs.push_back(output);
  }
  return outputs;
}

std::vector<std::string> IntegerRegion::InputsOf(std::int64_t node) const {
  std::vector<std::string> inputs;
  for (const std::size_t input : ActivationInputs(NodeAt(node))) {
    inputs.push_back(NodeAt(node).inputs[input]);
  }
  return inputs;
}

std::set<std::string> IntegerRegion::Activations() const {
  std::set<std::string> tensors = coded_outputs_;
  for (const std::int64_t node : members_) {
    for (std::string& input : InputsOf(node)) tensors.insert(std::move(input));
  }
  return tensors;
}

void IntegerRegion::Absorb(const std::map<std::int64_t, std::int64_t>& anchors,
                           const std::map<std::int64_t, std::string>& excluded) {
  absorber_of_.clear();
  last_of_.clear();
  const GraphIndex& index = context_->index();
  for (const std::int64_t node : members_) {
    if (RuleOf(NodeAt(node)).role == Role::kMover) continue;
    const auto anchor = anchors.find(node);
    if (anchor != anchors.end() && anchor->second >= 0) {
      absorber_of_[anchor->second] = node;
      last_of_[node] = anchor->second;
    }
    const std::string output = OutputsOf(node).front();
    const auto readers = index.Consumers(output);
    if (readers.size() != 1 || index.IsGraphOutput(output) || excluded.contains(readers[0]))
      continue;
    if (!IsAbsorbable(NodeAt(readers[0]), index)) continue;
    absorber_of_[readers[0]] = node;
    last_of_[node] = readers[0];
  }
}

// A tensor read by no one but members, each time as an activation.
bool IntegerRegion::AllReadersAreMembers(const std::string& tensor) const {
  const auto readers = context_->index().Consumers(tensor);
  if (readers.empty() || context_->index().IsGraphOutput(tensor)) return false;
  return std::all_of(readers.begin(), readers.end(), [&](std::int64_t reader) {
    if (!IsMember(reader)) return false;
    const std::vector<std::string> inputs = InputsOf(reader);
    return std::find(inputs.begin(), inputs.end(), tensor) != inputs.end();
  });
}

void IntegerRegion::ChooseCoded() {
  coded_.clear();
  coded_outputs_.clear();
  for (const std::int64_t node : members_) {
    const bool may_be_float = NodeAt(node).Is("MatMul") || NodeAt(node).Is("Gemm");
    const std::vector<std::string> outputs = OutputsOf(node);
    if (may_be_float && !AllReadersAreMembers(outputs[0])) {
      // A float output keeps its Relu as a node of its own.
      const auto absorbed = last_of_.find(node);
      if (absorbed == last_of_.end()) continue;
      absorber_of_.erase(absorbed->second);
      last_of_.erase(absorbed);
      continue;
    }
    coded_.insert(node);
    coded_outputs_.insert(outputs.begin(), outputs.end());
  }
}

bool IntegerRegion::LiesBetween(std::int64_t node) const {
  const std::vector<std::string> inputs = InputsOf(node);
  const bool from_member =
      std::any_of(inputs.begin(), inputs.end(),
                  [&](const std::string& tensor) { return coded_outputs_.contains(tensor); });
  if (!from_member) return false;
  for (const std::string& output : OutputsOf(node)) {
    for (const std::int64_t reader : context_->index().Consumers(output)) {
      if (!IsMember(reader)) continue;
      const std::vector<std::string> reads = InputsOf(reader);
      if (std::find(reads.begin(), reads.end(), output) != reads.end()) return true;
    }
  }
  return false;
}

bool IntegerRegion::RemoveOutsiders(const std::map<std::int64_t, std::int64_t>& anchors,
                                    std::span<const std::int64_t> order) {
  bool changed = false;
  for (const std::int64_t node : order) {
    if (anchors.contains(node) || !IsMember(node) || LiesBetween(node)) continue;
    for (const std::string& output : OutputsOf(node)) coded_outputs_.erase(output);
    members_.erase(node);
    changed = true;
  }
  return changed;
}

IntegerRegion IntegerRegion::Grow(const PlanContext& context,
                                  const std::map<std::int64_t, std::int64_t>& anchors,
                                  const std::map<std::int64_t, std::string>& excluded) {
  IntegerRegion region(context);
  for (const NodeRef& node : context.nodes()) {
    if (node.index < 0 || excluded.contains(node.index)) continue;
    if (anchors.contains(node.index) || HasIntegerForm(context, *node.node)) {
      region.members_.insert(node.index);
    }
  }
  // From the back, ends fall one after the other in one sweep; from the front, beginnings do.
  std::vector<std::int64_t> order;
  for (bool changed = true; changed;) {
    region.Absorb(anchors, excluded);
    region.ChooseCoded();
    order.assign(region.members_.begin(), region.members_.end());
    changed = region.RemoveOutsiders(anchors, std::span(order));
    std::reverse(order.begin(), order.end());
    changed = region.RemoveOutsiders(anchors, std::span(order)) || changed;
  }
  return region;
}

}  // namespace quantbench
