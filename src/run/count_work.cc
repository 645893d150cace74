// Counting the work of a model in a cell: shapes come from a batch of its input, not from a run.
#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"
#include "quantbench/run.h"

#include "run/arms.h"
#include "run/cell_input.h"

namespace quantbench {
namespace {

// The integers of a small tensor: sizes and conditions may follow from them.
std::optional<std::vector<std::int64_t>> IntegersOf(const Tensor& tensor) {
  constexpr std::int64_t kMost = 64;
  const bool whole = IsInteger(tensor.type) || tensor.type == DataType::kBool;
  if (!whole || tensor.elements() > kMost) return std::nullopt;
  const auto values = ToDoubles(tensor);
  if (!values.ok()) return std::nullopt;
  std::vector<std::int64_t> integers;
  for (const double value : values.value()) integers.push_back(static_cast<std::int64_t>(value));
  return integers;
}

GivenInputs GivenBy(const std::vector<NamedTensor>& batch) {
  GivenInputs given;
  for (const NamedTensor& input : batch) {
    given[input.name] = {input.tensor.shape, IntegersOf(input.tensor)};
  }
  return given;
}

}  // namespace

Result<ModelWork> CountModelWork(const Model& model, const Cell& cell, const InputSource& source,
                                 std::vector<std::string>* notes) {
  QB_TRY(const auto batched, ResolveInputs(InputsOf(model), cell.batch, {}));
  QB_OK(CheckDims(batched, cell.dims));
  QB_TRY(const CellInput input, OpenCell(InputsOf(model), cell, source));
  QB_TRY(const std::vector<NamedTensor> batch, input.Batch(0));
  if (notes != nullptr) *notes = input.opened.notes;
  return CountWork(model, GivenBy(batch));
}

Json CountArms(const BenchOptions& options) {
  Json works = Json::Array{};
  for (const Arm& arm : options.arms) {
    const auto model = LoadModel(arm.path);
    if (!model.ok()) continue;  // its measurement says why
    const auto work = CountModelWork(model.value(), options.cell, options.input, nullptr);
    if (!work.ok()) continue;
    Json json = work.value().ToJson().Set("arm", arm.id);
    if (options.peaks) {
      const auto threads = static_cast<int>(options.cell.threads);
      json.Set("roofline",
               PlaceModel(work.value(), *options.peaks, threads, Fusing::kBest).ToJson());
    }
    works.Append(std::move(json));
  }
  return works;
}

}  // namespace quantbench
