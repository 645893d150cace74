// Solved weights: rows and layouts, and which layers of a plan the steps are for.
#include "quantize/solved_weight.h"

#include <algorithm>
#include <cmath>

#include "quantize/turned.h"

namespace quantbench {
namespace {

// A Gram matrix beyond this many inputs would take more than 2 GB.
constexpr std::int64_t kMostInputs = 16384;

// Blocks that are only clipped are so while they are written (block_clip.h): nothing is solved.
bool HasSteps(const LayerPlan& plan, const Recovery& recovery) {
  if (plan.weight.empty()) return false;
  const auto has_beyond = [&](Step first) {
    return std::any_of(recovery.steps.begin(), recovery.steps.end(),
                       [&](Step step) { return step >= first; });
  };
  if (plan.scheme == Scheme::kWeightOnly) return has_beyond(Step::kHqq);
  const bool any = has_beyond(Step::kClip);
  if (plan.scheme != Scheme::kStaticInt8 || plan.weight_axis < 0) return false;
  if (plan.op_type == "Gather") return false;
  return any || plan.weight_type == DataType::kInt4;
}

// Some step after planning needs inputs.
bool SolvesByInputs(const Recovery& recovery) {
  return std::any_of(recovery.steps.begin(), recovery.steps.end(),
                     [](Step step) { return step >= Step::kClip && NeedsInputs(step); });
}

std::int64_t Requested(InputRequest request, std::vector<InputRequest>* requests) {
  for (std::size_t i = 0; i < requests->size(); ++i) {
    const InputRequest& other = (*requests)[i];
    if (other.tensor == request.tensor && other.reading == request.reading) {
      return static_cast<std::int64_t>(i);
    }
  }
  requests->push_back(std::move(request));
  return static_cast<std::int64_t>(requests->size()) - 1;
}

}  // namespace

Result<WeightMatrix> WeightMatrix::Of(const Initializer& weight, Channels outputs) {
  QB_TRY(const FloatValues floats, FloatValues::Of(weight));
  WeightMatrix matrix;
  matrix.values = floats.All();
  for (const float value : matrix.values) {
    if (!std::isfinite(value)) return NotFinite(weight, value);
  }
  const auto count = static_cast<std::int64_t>(matrix.values.size());
  matrix.rows = weight.dims[outputs == Channels::kColumns ? 1 : 0];
  matrix.columns = matrix.rows == 0 ? 0 : count / matrix.rows;
  if (outputs == Channels::kColumns) {
    matrix.values = TurnedRows(std::span<const float>(matrix.values), matrix.columns, matrix.rows);
  }
  return matrix;
}

WeightRows WeightMatrix::Part(std::int64_t begin, std::int64_t count) const {
  return {std::span(values).subspan(static_cast<std::size_t>(begin * columns),
                                    static_cast<std::size_t>(count * columns)),
          count, columns};
}

Tensor CodesInLayout(const SolvedWeight& solved, int bits, const Shape& dims, Channels outputs) {
  std::vector<std::int8_t> codes;
  codes.reserve(solved.coded.codes.size());
  const int middle = 1 << (bits - 1);
  for (const std::uint8_t code : solved.coded.codes) {
    codes.push_back(static_cast<std::int8_t>(code - middle));
  }
  if (outputs == Channels::kColumns) {
    codes = TurnedRows(std::span<const std::int8_t>(codes), solved.rows, solved.columns);
  }
  return Tensor::Of(DataType::kInt8, dims, codes);
}

StepWork WorkOf(const Scopes& scopes, const Plan& plan) {
  StepWork work;
  std::map<std::string_view, const NodeRef*> nodes;
  for (const NodeRef& ref : scopes.nodes()) nodes.emplace(ref.name, &ref);
  std::vector<StepLayer> inside;  // after all whose inputs are seen: a weight is solved once
  for (const LayerPlan& line : plan.layers) {
    const auto found = nodes.find(line.layer);
    if (!HasSteps(line, plan.recovery) || found == nodes.end()) continue;
    const NodeRef& ref = *found->second;
    const Node& node = *ref.node;
    StepLayer step{&line, &node, InspectLayer(node, *ref.graph, scopes.Of(ref).index, {}),
                   Channels::kRows, -1};
    // ApplyPlan says what is wrong with a plan that does not fit.
    const Initializer* weight = step.layer.weight;
    if (!step.layer.reason.empty() || weight == nullptr || weight->name != line.weight) continue;
    step.layer.per_channel = true;
    if (!node.Is("Gather")) step.outputs = step.layer.channels;
    const Shape& dims = weight->dims;
    const std::int64_t outputs = dims[step.outputs == Channels::kColumns ? 1 : 0];
    // What flows inside a body is not observed.
    const bool is_seen = ref.index >= 0 && !node.Is("Gather");
    const bool is_known = SolvesByInputs(plan.recovery) && is_seen && outputs > 0 &&
                          Elements(*weight) / outputs <= kMostInputs;
    if (const auto reading = ReadingOf(node, dims); is_known && reading.ok()) {
      step.request = Requested({node.inputs[0], reading.value(), true, {}}, &work.requests);
    }
    (ref.index < 0 ? inside : work.layers).push_back(std::move(step));
  }
  std::move(inside.begin(), inside.end(), std::back_inserter(work.layers));
  return work;
}

std::vector<InputRequest> InputsToObserve(const Model& prepared, const Plan& plan) {
  if (!SolvesByInputs(plan.recovery)) return {};
  return WorkOf(Scopes(prepared.graph), plan).requests;
}

}  // namespace quantbench
