// Calibrating: the unfused graph runs over samples, watched tensors are outputs.
#include "quantbench/calibrate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

// Widens the range by the finite values of a tensor. `count` counts those only; the others are
// added when the table is finished.
void Observe(std::span<const double> values, TensorRange* range) {
  for (const double value : values) {
    if (!std::isfinite(value)) {
      ++range->nonfinite;
      continue;
    }
    range->min = range->count == 0 ? value : std::min(range->min, value);
    range->max = range->count == 0 ? value : std::max(range->max, value);
    ++range->count;
  }
}

// The names that the model computes or takes.
std::set<std::string, std::less<>> ValuesOf(const Graph& graph) {
  std::set<std::string, std::less<>> values;
  for (const ValueInfo& input : graph.inputs) values.insert(input.name);
  for (const Node& node : graph.nodes) values.insert(node.outputs.begin(), node.outputs.end());
  return values;
}

// The model with `tensors` as further outputs.
Model Expose(const Model& model, std::span<const std::string> tensors) {
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

// The watching of one group of tensors over all samples.
class Watch {
 public:
  Watch(const Dataset& dataset, const std::vector<InputSpec>& inputs,
        const CalibrateOptions& options)
      : dataset_(dataset), inputs_(inputs), options_(options) {}

  // Samples are stacked to the model's own batch when that is fixed.
  [[nodiscard]] std::int64_t batch() const {
    for (const InputSpec& input : inputs_) {
      if (input.batched && !input.dims.empty())
        return std::max<std::int64_t>(1, input.dims.front());
    }
    return 1;
  }

  [[nodiscard]] Status Run(const Model& model, Engine& engine, std::span<const std::string> tensors,
                           std::int64_t samples, CalibrationTable* table,
                           Progress& progress) const {
    const Model exposed = Expose(model, tensors);
    QB_TRY(const std::vector<std::byte> bytes, EncodeToBytes(exposed));
    EngineModel engine_model{bytes, {}};
    for (const auto& [location, file] : model.external_files) {
      engine_model.external.emplace_back(location, file->bytes());
    }
    SessionOptions session_options = options_.session;
    session_options.optimization = GraphOptimization::kNone;
    QB_TRY(const auto session, engine.Load(engine_model, session_options));
    const std::vector<std::string> wanted(tensors.begin(), tensors.end());
    for (std::int64_t begin = 0; begin < samples; begin += batch()) {
      QB_OK(Sample(*session, wanted, begin, table));
      progress.Update("calibrating", std::min(samples, begin + batch()), samples);
    }
    return Ok();
  }

 private:
  [[nodiscard]] Status Sample(Session& session, const std::vector<std::string>& wanted,
                              std::int64_t begin, CalibrationTable* table) const {
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < batch(); ++i) indices.push_back((begin + i) % dataset_.size());
    QB_TRY(std::vector<Tensor> batch, MakeBatch(dataset_, indices, inputs_));
    std::vector<NamedTensor> named;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      named.push_back({inputs_[i].name, std::move(batch[i])});
    }
    QB_OK(session.Bind(named, wanted));
    if (auto ran = session.Run(); !ran.ok()) return ran.error().Within(Format("sample {}", begin));
    QB_TRY(const std::vector<NamedTensor> outputs, session.Fetch());
    for (const NamedTensor& output : outputs) {
      if (!IsFloatingPoint(output.tensor.type)) continue;
      TensorRange& range = table->ranges[output.name];
      if (range.type == DataType::kUndefined) {
        range.type = output.tensor.type;
        range.shape = output.tensor.shape;
      }
      QB_TRY(const std::vector<double> values, ToDoubles(output.tensor));
      Observe(values, &range);
    }
    return Ok();
  }

  const Dataset& dataset_;
  const std::vector<InputSpec>& inputs_;
  const CalibrateOptions& options_;
};

// Bytes that each watched tensor holds for one sample, from a run of the model itself.
Result<std::vector<std::uint64_t>> SizesOf(const CalibrationTable& first,
                                           const std::vector<std::string>& tensors) {
  std::vector<std::uint64_t> sizes;
  for (const std::string& tensor : tensors) {
    const auto found = first.ranges.find(tensor);
    if (found == first.ranges.end()) {
      sizes.push_back(0);
      continue;
    }
    QB_TRY(const std::uint64_t bytes, ByteCount(found->second.type, found->second.shape));
    sizes.push_back(bytes * 3);  // the engine's copy, ours, and its widened values in part
  }
  return sizes;
}

// Consecutive tensors whose values fit the budget together; a larger one stands alone.
std::vector<std::vector<std::string>> Group(const std::vector<std::string>& tensors,
                                            const std::vector<std::uint64_t>& sizes,
                                            std::uint64_t budget) {
  std::vector<std::vector<std::string>> groups(1);
  std::uint64_t used = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (used + sizes[i] > budget && !groups.back().empty()) {
      groups.emplace_back();
      used = 0;
    }
    groups.back().push_back(tensors[i]);
    used += sizes[i];
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
  const auto known = ValuesOf(model.graph);
  for (const std::string& tensor : tensors) {
    if (!known.contains(tensor)) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("the model has no tensor \"{}\"", Printable(tensor)));
    }
  }
  const Watch watch(dataset, options.inputs, options);
  CalibrationTable table;
  table.observer = options.observer;
  table.samples = std::min(options.samples, dataset.size());
  if (tensors.empty()) return table;
  // Sizes are known only from a run: one sample with everything exposed tells them.
  CalibrationTable first;
  SilentProgress silent;
  QB_OK(watch.Run(model, engine, tensors, 1, &first, silent));
  QB_TRY(const std::vector<std::uint64_t> sizes, SizesOf(first, tensors));
  for (const auto& group : Group(tensors, sizes, options.memory_bytes)) {
    QB_OK(watch.Run(model, engine, group, table.samples, &table, progress));
  }
  for (auto& [name, range] : table.ranges) range.count += range.nonfinite;
  return table;
}

}  // namespace quantbench
