// Joins profiles with graphs: classes, layers and what is around them, reasons.
#include "quantbench/explain.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "quantbench/graph.h"

#include "explain/float_tables.h"
#include "explain/pair.h"
#include "explain/reasons.h"
#include "explain/torch_operators.h"

namespace quantbench {
namespace {

// A layer and what follows it.
struct TimedLayer {
  std::size_t op = 0;  // of the profile
  std::int64_t macs = 0;
  double us = 0;
  double error_us = 0;
  double around_us = 0;
  double between_us = 0;
};

// The layers of one side of a pair, summed.
struct Joined {
  double us = 0;
  double error_us = 0;
  double around_us = 0;
  double between_us = 0;
  std::string types;  // of their operators
};

// One model: its operators with the nodes they are.
class Side {
 public:
  explicit Side(const ProfiledModel& model) : model_(model), index_(graph()) {
    for (const NodeRef& ref : ListNodes(graph())) nodes_[ref.name] = ref.node;
    const SideOfExplanation totals = Totals();
    if (totals.unattributed_us > 0) {
      plain_gaps_ = (totals.plain_run_us() - totals.operators_us) / totals.unattributed_us;
    }
    std::map<OperatorClass, ClassTime> classes;
    for (std::size_t i = 0; i < Operators().size(); ++i) Add(i, &classes);
    for (const auto& [what, time] : classes) times_.push_back(time);
  }

  [[nodiscard]] const std::vector<ProfiledOperator>& Operators() const {
    return model_.profile.operators;
  }
  [[nodiscard]] const std::vector<TimedLayer>& layers() const { return layers_; }
  [[nodiscard]] const ProfiledOperator& OperatorOf(const TimedLayer& layer) const {
    return Operators()[layer.op];
  }
  [[nodiscard]] const Node* NodeOf(const ProfiledOperator& op) const {
    const auto found = nodes_.find(op.name);
    return found == nodes_.end() || found->second->op_type != op.op_type ? nullptr : found->second;
  }
  [[nodiscard]] const Graph& graph() const {
    static const Graph none;
    return model_.optimized == nullptr ? none : model_.optimized->graph;
  }
  [[nodiscard]] const GraphIndex& index() const { return index_; }
  [[nodiscard]] std::string_view engine() const { return model_.profile.engine; }

  [[nodiscard]] std::vector<LayerKey> Keys() const {
    std::vector<LayerKey> keys;
    for (const TimedLayer& layer : layers_) keys.push_back({layer.macs, OperatorOf(layer).name});
    return keys;
  }

  [[nodiscard]] SideOfExplanation Totals() const {
    SideOfExplanation side;
    side.classes = times_;
    side.operators_us = model_.profile.operators_us();
    side.run_us = model_.profile.run_us();
    side.unattributed_us = model_.profile.between_us;
    side.unprofiled_us = model_.unprofiled_us;
    return side;
  }

 private:
  void Add(std::size_t place, std::map<OperatorClass, ClassTime>* classes) {
    const ProfiledOperator& op = Operators()[place];
    ClassTime& time = (*classes)[ClassOf(op, NodeOf(op))];
    time.what = ClassOf(op, NodeOf(op));
    ++time.operators;
    time.us += op.us;
    const std::int64_t macs = MacsOf(op);
    if (macs > 0) {
      layers_.push_back({place, macs, op.us, op.error_us, 0, 0});
    } else if (!layers_.empty()) {
      layers_.back().around_us += op.us;
    }
    if (!layers_.empty()) layers_.back().between_us += plain_gaps_ * op.after_us;
  }

  [[nodiscard]] std::optional<ValueFacts> ConstantOf(const std::string& name) const {
    const Initializer* constant = name.empty() ? nullptr : index_.FindInitializer(name);
    if (constant == nullptr) return std::nullopt;
    ValueFacts facts;
    facts.type = constant->type;
    facts.shape = constant->dims;
    return facts;
  }

  static bool IsSame(const ValueFacts& a, const ValueFacts& b) {
    return a.type == b.type && a.shape == b.shape;
  }

  // From the shapes that were seen. Inputs that are omitted are not in the profile, nor are
  // constants that the engine gave away once it had packed them for its kernels.
  [[nodiscard]] std::int64_t MacsOf(const ProfiledOperator& op) const {
    if (op.macs >= 0) return op.macs;
    RunNode run;
    Node stand_in;
    stand_in.op_type = op.op_type;
    stand_in.inputs.assign(op.inputs.size(), "given");
    stand_in.outputs.assign(op.outputs.size(), "given");
    const Node* node = NodeOf(op);
    run.node = node == nullptr ? &stand_in : node;
    std::size_t next = 0;
    for (const std::string& input : run.node->inputs) {
      const bool there = !input.empty() && next < op.inputs.size();
      const std::optional<ValueFacts> constant = ConstantOf(input);
      if (constant && !(there && IsSame(*constant, op.inputs[next]))) {
        run.inputs.push_back(*constant);
        continue;
      }
      run.inputs.push_back(there ? op.inputs[next++] : ValueFacts());
    }
    run.outputs = op.outputs;
    return WorkOf(run, nullptr).macs;
  }

  const ProfiledModel& model_;
  GraphIndex index_;
  std::unordered_map<std::string, const Node*> nodes_;
  std::vector<TimedLayer> layers_;
  std::vector<ClassTime> times_;
  double plain_gaps_ = 1;  // what of the time between operators is there without profiling, too
};

Joined Join(const Side& side, const std::vector<std::size_t>& members) {
  Joined sum;
  for (const std::size_t member : members) {
    const TimedLayer& layer = side.layers()[member];
    sum.us += layer.us;
    sum.error_us = std::hypot(sum.error_us, layer.error_us);
    sum.around_us += layer.around_us;
    sum.between_us += layer.between_us;
    const std::string& type = side.OperatorOf(layer).op_type;
    if (sum.types.empty()) {
      sum.types = type;
    } else if (!sum.types.ends_with(type)) {
      sum.types += " + " + type;
    }
  }
  if (members.size() > 1) sum.types += " x" + std::to_string(members.size());
  return sum;
}

LayerFamily FamilyOf(const ProfiledOperator& op, const Node* node) {
  const std::string& type = op.op_type;
  if (IsTorchOperator(type)) return FamilyOfTorch(op);
  if (type.find("LSTM") != std::string::npos || type == "GRU" || type == "RNN") {
    return LayerFamily::kRecurrence;
  }
  if (type.find("Conv") == std::string::npos) return LayerFamily::kProduct;
  const std::int64_t groups = node == nullptr ? 1 : node->IntAttribute("group", 1);
  const bool one_each = groups > 1 && !op.outputs.empty() && op.outputs[0].shape &&
                        std::ranges::count(*op.outputs[0].shape, groups) > 0;
  return one_each ? LayerFamily::kDepthwise : LayerFamily::kConvolution;
}

void FillShape(std::int64_t macs, const ProfiledOperator& op, LayerTime* row) {
  if (op.outputs.empty() || !op.outputs[0].shape || op.outputs[0].shape->empty()) return;
  const Shape& shape = *op.outputs[0].shape;
  const bool has_channels =
      row->family == LayerFamily::kConvolution || row->family == LayerFamily::kDepthwise;
  std::int64_t outputs = 1;
  for (const std::int64_t dim : shape) outputs *= std::max<std::int64_t>(1, dim);
  const std::int64_t channels = has_channels && shape.size() > 1 ? shape[1] : shape.back();
  row->channels = std::max<std::int64_t>(1, channels);
  row->positions = outputs / row->channels;
  row->terms = std::max<std::int64_t>(1, macs / outputs);
}

LayerTime TimeOf(const PairedLayer& pair, const Side& original, const Side& quantized,
                 std::string_view isa) {
  LayerTime row;
  const Joined before = Join(original, pair.original);
  const Joined after = Join(quantized, pair.quantized);
  row.original_us = before.us;
  row.around_original_us = before.around_us;
  row.between_original_us = before.between_us;
  row.original = before.types;
  row.quantized_us = after.us;
  row.around_quantized_us = after.around_us;
  row.between_quantized_us = after.between_us;
  row.quantized = after.types;
  row.error_us = std::hypot(before.error_us, after.error_us);
  const bool has_original = !pair.original.empty();
  const Side& named = has_original ? original : quantized;
  const std::vector<std::size_t>& members = has_original ? pair.original : pair.quantized;
  const ProfiledOperator& first = named.OperatorOf(named.layers()[members.front()]);
  row.layer = first.name;
  row.family = FamilyOf(first, named.NodeOf(first));
  FillShape(named.layers()[members.front()].macs, first, &row);
  for (const std::size_t member : members) row.macs += named.layers()[member].macs;
  if (pair.quantized.empty()) {
    row.kind = ReasonKind::kMissing;
    row.why = "not in the quantized model, or not as many MACs";
    return row;
  }
  const ProfiledOperator& op = quantized.OperatorOf(quantized.layers()[pair.quantized.front()]);
  const Node* node = quantized.NodeOf(op);
  row.what = ClassOf(op, node);
  Reason reason = ReasonOf({&op, node, &quantized.graph(), &quantized.index(), row.what, row.macs,
                            row.original_us, row.quantized_us, row.around_quantized_us,
                            row.around_original_us, row.error_us, quantized.engine()},
                           isa);
  row.kind = reason.kind;
  row.why = std::move(reason.why);
  row.cure = std::move(reason.cure);
  return row;
}

}  // namespace

double SideOfExplanation::overhead() const {
  return unprofiled_us > 0 ? run_us / unprofiled_us - 1 : 0;
}

double SideOfExplanation::plain_run_us() const {
  return unprofiled_us > 0 ? std::max(operators_us, std::min(run_us, unprofiled_us)) : run_us;
}

SpeedExplanation ExplainSpeed(const ProfiledModel& original, const ProfiledModel& quantized,
                              std::string_view isa) {
  const Side before(original);
  const Side after(quantized);
  SpeedExplanation explanation;
  explanation.original = before.Totals();
  explanation.quantized = after.Totals();
  for (const PairedLayer& pair : PairLayers(before.Keys(), after.Keys())) {
    explanation.layers.push_back(TimeOf(pair, before, after, isa));
  }
  Forecasts(&explanation);
  explanation.float_tables = FindFloatTables(quantized);
  return explanation;
}

}  // namespace quantbench
