// A model some of whose tensors are shown while it runs.
#include "calibrate/watched_model.h"

#include <algorithm>
#include <optional>
#include <set>

#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"

namespace quantbench {
namespace {

constexpr std::string_view kWatchPrefix = "quantbench_watch_";

Model WithWatchNodes(const Model& model, const std::vector<std::string>& tensors,
                     std::vector<std::string>* outputs) {
  Model watched = model;
  watched.RequireOpset(kWatchDomain, 1);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    Node node;
    node.op_type = kWatchOperator;
    node.domain = kWatchDomain;
    node.name = Format("{}{}", kWatchPrefix, i);
    node.inputs = {tensors[i]};
    node.outputs = {node.name};
    node.attributes = {Attribute::Int(std::string(kWatchIndex), static_cast<std::int64_t>(i))};
    ValueInfo output;
    output.name = node.name;
    output.is_tensor = true;
    output.type = DataType::kUint8;
    watched.graph.outputs.push_back(std::move(output));
    outputs->push_back(node.name);
    watched.graph.nodes.push_back(std::move(node));
  }
  return watched;
}

std::int64_t BatchOf(const std::vector<InputSpec>& inputs) {
  for (const InputSpec& input : inputs) {
    if (input.batched) return std::max<std::int64_t>(1, input.dims.front());
  }
  return 1;
}

}  // namespace

SessionOptions Unfused(SessionOptions session) {
  session.optimization = GraphOptimization::kNone;
  session.config["session.intra_op.allow_spinning"] = "0";
  return session;
}

Status CheckTensorsExist(const Graph& graph, const std::vector<std::string>& tensors) {
  std::set<std::string_view> values;
  for (const ValueInfo& input : graph.inputs) values.insert(input.name);
  for (const Node& node : graph.nodes) values.insert(node.outputs.begin(), node.outputs.end());
  for (const std::string& tensor : tensors) {
    if (values.contains(tensor)) continue;
    return Error(ErrorCode::kInvalidArgument,
                 Format("the model has no tensor \"{}\"", Printable(tensor)));
  }
  return Ok();
}

// Keeps the first error until the run is over: none may cross the engine.
class WatchedModel::Eyes final : public Watcher {
 public:
  explicit Eyes(SeeTensor see) : see_(std::move(see)) {}

  void See(std::int64_t index, const TensorView& value) override {
    if (error_) return;
    if (auto seen = see_(static_cast<std::size_t>(index), value); !seen.ok()) {
      error_ = seen.error();
    }
  }
  [[nodiscard]] Status TakeStatus() {
    if (!error_) return Ok();
    Error error = *std::move(error_);
    error_.reset();
    return error;
  }

 private:
  SeeTensor see_;
  std::optional<Error> error_;
};

WatchedModel::WatchedModel(const WatchContext& context, std::vector<std::string> outputs,
                           SeeTensor see)
    : dataset_(context.dataset),
      inputs_(InputsOf(context.model)),
      batch_(BatchOf(inputs_)),
      bound_outputs_(std::move(outputs)),
      eyes_(std::make_unique<Eyes>(std::move(see))) {}
WatchedModel::~WatchedModel() = default;

Result<std::unique_ptr<WatchedModel>> WatchedModel::Load(const WatchContext& context,
                                                         const std::vector<std::string>& tensors,
                                                         SeeTensor see) {
  QB_OK(CheckTensorsExist(context.model.graph, tensors));
  std::vector<std::string> outputs;
  const Model watched = WithWatchNodes(context.model, tensors, &outputs);
  std::unique_ptr<WatchedModel> loaded(
      new WatchedModel(context, std::move(outputs), std::move(see)));
  QB_TRY(const std::vector<std::byte> bytes, EncodeToBytes(watched));
  EngineModel engine_model{bytes, {}, loaded->eyes_.get()};
  for (const auto& [location, file] : context.model.external_files) {
    engine_model.external.emplace_back(location, file->bytes());
  }
  QB_TRY(loaded->session_, context.engine.Load(engine_model, context.session));
  return loaded;
}

Result<std::vector<NamedTensor>> WatchedModel::Inputs(std::int64_t begin) const {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < batch_; ++i) indices.push_back((begin + i) % dataset_.size());
  QB_TRY(std::vector<Tensor> values, MakeBatch(dataset_, indices, inputs_));
  std::vector<NamedTensor> named;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    named.push_back({inputs_[i].name, std::move(values[i])});
  }
  return named;
}

Status WatchedModel::Run(std::int64_t begin) {
  const std::string where = Format("calibration sample {}", begin);
  const auto inputs = Inputs(begin);
  if (!inputs.ok()) return inputs.error().Within(where);
  if (auto bound = session_->Bind(inputs.value(), bound_outputs_); !bound.ok()) {
    return bound.error().Within(where);
  }
  if (auto ran = session_->Run(); !ran.ok()) return ran.error().Within(where);
  if (auto seen = eyes_->TakeStatus(); !seen.ok()) return seen.error().Within(where);
  return Ok();
}

}  // namespace quantbench
