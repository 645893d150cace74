// The integer region: the greatest set of nodes that satisfies its rules, found by removing.
#include "quantize/integer_region.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "quantize/rules.h"

namespace quantbench {
namespace {

// The number an initializer of one element holds; none when it is no such initializer.
std::optional<double> ScalarOf(const std::string& name, const GraphIndex& index) {
  const Initializer* tensor = index.FindInitializer(name);
  if (tensor == nullptr || Elements(*tensor) != 1) return std::nullopt;
  const auto value = ReadTensor(*tensor);
  if (!value.ok()) return std::nullopt;
  const auto numbers = ToDoubles(value.value());
  if (!numbers.ok() || numbers.value().size() != 1) return std::nullopt;
  return numbers.value()[0];
}

// A scalar attribute (old Clip) or constant input; false when it is neither there nor a constant.
bool ClipBound(const Node& node, const GraphIndex& index, std::size_t input, double* bound) {
  if (node.inputs.size() <= input || node.inputs[input].empty()) return true;
  const std::optional<double> value = ScalarOf(node.inputs[input], index);
  if (value) *bound = *value;
  return value.has_value();
}

// The bounds of a node whose place a range that holds 0 may take: Relu, and a Clip that lets 0
// through.
std::optional<ClampBounds> BoundsOf(const Node& node, const GraphIndex& index) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (node.Is("Relu")) return ClampBounds{0, kInfinity};
  if (!node.Is("Clip")) return std::nullopt;
  // Before opset 11 the bounds are attributes.
  ClampBounds bounds{-kInfinity, kInfinity};
  if (node.FindAttribute("min") != nullptr) bounds.low = node.FloatAttribute("min", 0);
  if (node.FindAttribute("max") != nullptr) bounds.high = node.FloatAttribute("max", 0);
  if (!ClipBound(node, index, 1, &bounds.low) || !ClipBound(node, index, 2, &bounds.high)) {
    return std::nullopt;
  }
  if (bounds.low > 0 || bounds.high < 0) return std::nullopt;
  return bounds;
}

bool IsNearestResize(const Node& node) {
  const Attribute* mode = node.FindAttribute("mode");
  const Attribute* transform = node.FindAttribute("coordinate_transformation_mode");
  return (mode == nullptr || mode->s == "nearest") &&
         (transform == nullptr || transform->s != "tf_crop_and_resize");
}

// A Pad of zeros: the zero point takes their place.
bool IsZeroPad(const PlanContext& context, const Node& node) {
  const Attribute* mode = node.FindAttribute("mode");
  const bool is_constant = mode == nullptr || mode->s == "constant";
  if (!is_constant || node.inputs.size() < 2) return false;
  if (!MovesCodes(node, DataType::kInt8, OnnxOpset(context.model()))) return false;
  if (node.inputs.size() < 3 || node.inputs[2].empty()) return true;
  return ScalarOf(node.inputs[2], context.index()) == 0.0;
}

bool IsFloat(const PlanContext& context, std::string_view tensor) {
  const auto type = context.types().find(tensor);
  return type == context.types().end() || type->second == DataType::kFloat32;
}

bool IsArithmetic(const Node& node) {
  return (node.Is("Add") || node.Is("Mul")) && node.inputs.size() == 2;
}

// Add and Mul may have one constant operand: it becomes codes beforehand.
bool MayBeConstant(const PlanContext& context, const Node& node, const std::string& tensor) {
  const Initializer* constant = context.index().FindInitializer(tensor);
  return constant != nullptr && IsArithmetic(node) && constant->type == DataType::kFloat32 &&
         Elements(*constant) > 0;
}

// Whether the engine has a kernel on codes for this very node, wherever it lies.
bool HasIntegerForm(const PlanContext& context, const Node& node) {
  const Role role = RuleOf(node).role;
  if (role != Role::kCombine && role != Role::kUnary && role != Role::kMover) return false;
  if (node.inputs.empty() || node.outputs.empty()) return false;
  std::size_t activations = 0;
  for (const std::size_t input : ActivationInputs(node)) {
    const std::string& tensor = node.inputs[input];
    if (MayBeConstant(context, node, tensor)) continue;
    if (context.index().FindInitializer(tensor) != nullptr || !IsFloat(context, tensor))
      return false;
    ++activations;
  }
  if (activations == 0) return false;
  if (node.Is("Resize")) return IsNearestResize(node);
  if (node.Is("Pad")) return IsZeroPad(context, node);
  if (node.Is("MaxPool")) return node.outputs.size() == 1;
  if (node.Is("Add") || node.Is("Mul")) return IsArithmetic(node);
  return true;
}

}  // namespace

const Node& IntegerRegion::NodeAt(std::int64_t node) const {
  return *context_->NodeOf(node).node;
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
    const std::string& tensor = NodeAt(node).inputs[input];
    if (context_->index().FindInitializer(tensor) == nullptr) inputs.push_back(tensor);
  }
  return inputs;
}

const ClampBounds* IntegerRegion::ClampOf(const std::string& tensor) const {
  const auto found = clamps_.find(tensor);
  return found == clamps_.end() ? nullptr : &found->second;
}

double IntegerRegion::FactorOf(std::int64_t node) const {
  const Node& operation = NodeAt(node);
  if (!operation.Is("Mul") || !IsMember(node) || last_of_.contains(node)) return 0;
  for (const std::string& input : operation.inputs) {
    const std::optional<double> factor = ScalarOf(input, context_->index());
    if (factor) return *factor > 0 && std::isfinite(*factor) ? *factor : 0;
  }
  return 0;
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
  clamps_.clear();
  const GraphIndex& index = context_->index();
  for (const std::int64_t node : members_) {
    if (RuleOf(NodeAt(node)).role == Role::kMover) continue;
    const auto anchor = anchors.find(node);
    if (anchor != anchors.end() && anchor->second >= 0 && NodeAt(node).Is("Conv")) {
      absorber_of_[anchor->second] = node;
      last_of_[node] = anchor->second;
    }
    const std::string output = OutputsOf(node).front();
    const auto readers = index.Consumers(output);
    if (readers.size() != 1 || index.IsGraphOutput(output) || excluded.contains(readers[0]))
      continue;
    const std::optional<ClampBounds> bounds = BoundsOf(NodeAt(readers[0]), index);
    if (!bounds) continue;
    absorber_of_[readers[0]] = node;
    last_of_[node] = readers[0];
    clamps_[NodeAt(readers[0]).outputs[0]] = *bounds;
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
      clamps_.erase(NodeAt(absorbed->second).outputs[0]);
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
  // A Pad in front of the first layer: its input is smaller, and so cheaper to quantize.
  const bool is_front = NodeAt(node).Is("Pad") && AllReadersAreMembers(NodeAt(node).outputs[0]);
  const bool from_member =
      is_front || std::any_of(inputs.begin(), inputs.end(), [&](const std::string& tensor) {
        return coded_outputs_.contains(tensor);
      });
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
  std::set<std::int64_t> biases;
  for (const auto& [anchor, adder] : anchors) biases.insert(adder);
  for (const NodeRef& node : context.nodes()) {
    if (node.index < 0 || excluded.contains(node.index) || biases.contains(node.index)) continue;
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
