// Calibrating: the unfused graph runs over samples, watched tensors are outputs.
#include "quantbench/calibrate.h"

#include <algorithm>
#include <memory>
#include <set>
#include <span>

#include "quantbench/base/format.h"

#include "calibrate/observe.h"

namespace quantbench {
namespace {

// Tensors exposed at first, while their sizes are not known.
constexpr std::size_t kFirstGroup = 16;
// A watched value is held by the engine and copied out.
constexpr std::uint64_t kCopies = 2;

using Tensors = std::vector<std::string>;

Status CheckKnown(const Graph& graph, const Tensors& tensors) {
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

// The model with `tensors` as further outputs; the engine infers their types.
Model Expose(const Model& model, const Tensors& tensors) {
  Model exposed = model;
  std::set<std::string, std::less<>> outputs;
  for (const ValueInfo& output : model.graph.outputs) outputs.insert(output.name);
  for (const std::string& tensor : tensors) {
    if (!outputs.insert(tensor).second) continue;
    ValueInfo output;
    output.name = tensor;
    exposed.graph.outputs.push_back(std::move(output));
  }
  return exposed;
}

Status ObserveAll(const std::vector<NamedTensor>& values, CalibrationTable* table) {
  for (const NamedTensor& value : values) {
    if (!IsFloatingPoint(value.tensor.type)) continue;
    QB_OK(Observe(value.tensor, &table->ranges[value.name]));
  }
  return Ok();
}

class Calibrator {
 public:
  Calibrator(const Model& model, Engine& engine, const Dataset& dataset,
             const CalibrateOptions& options)
      : model_(model),
        engine_(engine),
        dataset_(dataset),
        inputs_(quantbench::InputsOf(model)),
        options_(options) {}

  // Bytes that each tensor takes while it is watched. Sizes are known only from a run: the first
  // sample runs with few tensors exposed, then with as many as the largest so far allows.
  [[nodiscard]] Result<std::map<std::string, std::uint64_t>> Sizes(const Tensors& tensors) const {
    std::map<std::string, std::uint64_t> sizes;
    std::uint64_t largest = 1;
    for (std::size_t begin = 0; begin < tensors.size();) {
      const std::uint64_t fitting = begin == 0 ? kFirstGroup : options_.memory_bytes / 2 / largest;
      const std::size_t count = std::clamp<std::uint64_t>(fitting, 1, tensors.size() - begin);
      const Tensors group(tensors.begin() + static_cast<std::ptrdiff_t>(begin),
                          tensors.begin() + static_cast<std::ptrdiff_t>(begin + count));
      QB_TRY(const auto session, Load(group));
      QB_TRY(const std::vector<NamedTensor> values, Run(*session, group, 0));
      for (const NamedTensor& value : values) {
        const std::uint64_t bytes = kCopies * value.tensor.bytes.size();
        sizes[value.name] = bytes;
        largest = std::max(largest, bytes);
      }
      begin += count;
    }
    return sizes;
  }

  [[nodiscard]] Status Watch(const Tensors& group, std::int64_t samples, CalibrationTable* table,
                             Progress& progress) const {
    QB_TRY(const auto session, Load(group));
    for (std::int64_t begin = 0; begin < samples; begin += batch()) {
      QB_TRY(const std::vector<NamedTensor> values, Run(*session, group, begin));
      QB_OK(ObserveAll(values, table));
      progress.Update("calibrating", std::min(samples, begin + batch()), samples);
    }
    return Ok();
  }

 private:
  // Samples are stacked to the model's own batch where that is fixed.
  [[nodiscard]] std::int64_t batch() const {
    for (const InputSpec& input : inputs_) {
      if (input.batched) return std::max<std::int64_t>(1, input.dims.front());
    }
    return 1;
  }

  [[nodiscard]] Result<std::unique_ptr<Session>> Load(const Tensors& group) const {
    QB_TRY(const std::vector<std::byte> bytes, EncodeToBytes(Expose(model_, group)));
    EngineModel engine_model{bytes, {}};
    for (const auto& [location, file] : model_.external_files) {
      engine_model.external.emplace_back(location, file->bytes());
    }
    SessionOptions session = options_.session;
    session.optimization = GraphOptimization::kNone;
    return engine_.Load(engine_model, session);
  }

  [[nodiscard]] Result<std::vector<NamedTensor>> Run(Session& session, const Tensors& group,
                                                     std::int64_t begin) const {
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < batch(); ++i) indices.push_back((begin + i) % dataset_.size());
    QB_TRY(std::vector<Tensor> values, MakeBatch(dataset_, indices, inputs_));
    std::vector<NamedTensor> named;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      named.push_back({inputs_[i].name, std::move(values[i])});
    }
    const std::string where = Format("calibration sample {}", begin);
    if (auto bound = session.Bind(named, group); !bound.ok()) return bound.error().Within(where);
    if (auto ran = session.Run(); !ran.ok()) return ran.error().Within(where);
    return session.Fetch();
  }

  const Model& model_;
  Engine& engine_;
  const Dataset& dataset_;
  std::vector<InputSpec> inputs_;
  const CalibrateOptions& options_;
};

// Consecutive tensors whose values fit the budget together; a larger one stands alone.
std::vector<Tensors> Group(const Tensors& tensors,
                           const std::map<std::string, std::uint64_t>& sizes,
                           std::uint64_t budget) {
  std::vector<Tensors> groups(1);
  std::uint64_t used = 0;
  for (const std::string& tensor : tensors) {
    const auto found = sizes.find(tensor);
    const std::uint64_t size = found == sizes.end() ? 0 : found->second;
    if (used + size > budget && !groups.back().empty()) {
      groups.emplace_back();
      used = 0;
    }
    groups.back().push_back(tensor);
    used += size;
  }
  return groups;
}

}  // namespace

Result<CalibrationTable> Calibrate(const Model& model, Engine& engine, const Dataset& dataset,
                                   const std::vector<std::string>& tensors,
                                   const CalibrateOptions& options, Progress& progress) {
  if (options.observer != "minmax") {
    return Error(ErrorCode::kInvalidArgument,
                 Format("unknown observer \"{}\"; known: minmax", Printable(options.observer)));
  }
  QB_OK(CheckKnown(model.graph, tensors));
  CalibrationTable table;
  table.observer = options.observer;
  table.samples = std::min(options.samples, dataset.size());
  if (table.samples <= 0) {
    return Error(ErrorCode::kInvalidArgument, "calibration needs at least one sample");
  }
  if (tensors.empty()) return table;
  const Calibrator calibrator(model, engine, dataset, options);
  QB_TRY(const auto sizes, calibrator.Sizes(tensors));
  for (const Tensors& group : Group(tensors, sizes, options.memory_bytes)) {
    QB_OK(calibrator.Watch(group, table.samples, &table, progress));
  }
  return table;
}

}  // namespace quantbench
