// What a measuring worker feeds its models with.
#include "run/cell_input.h"

#include <algorithm>
#include <numeric>

#include "quantbench/calibrate.h"
#include "quantbench/model/torchscript.h"

#include "run/model_inputs.h"
#include "run/rebatch.h"
#include "run/tiny_model.h"

namespace quantbench {

Result<std::vector<NamedTensor>> CellInput::Batch(std::int64_t first) const {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(batch));
  std::iota(indices.begin(), indices.end(), first);
  for (std::int64_t& index : indices) index %= opened.dataset->size();
  QB_TRY(std::vector<Tensor> tensors, MakeBatch(*opened.dataset, indices, inputs));
  return NameTensors(inputs, std::move(tensors));
}

Result<CellInput> OpenCell(std::span<const std::filesystem::path> paths, const Cell& cell,
                           const InputSource& source, Engine& engine) {
  QB_TRY(std::vector<InputSpec> inputs, ReadInputs(paths, source, engine));
  return OpenCell(std::move(inputs), cell, source);
}

Result<CellInput> OpenCell(std::vector<InputSpec> raw, const Cell& cell,
                           const InputSource& source) {
  CellInput input;
  raw = FreeBatch(std::move(raw), cell.batch);
  DimValues dims = source.dims;
  for (const auto& [name, value] : cell.dims) dims[name] = value;
  QB_TRY(input.inputs, ResolveInputs(std::move(raw), cell.batch, dims));
  QB_TRY(input.opened, OpenInput(source, input.inputs));
  input.batch = cell.batch;
  return input;
}

Status BindFirst(Session& session, const CellInput& input) {
  QB_TRY(const std::vector<NamedTensor> batch, input.Batch(0));
  QB_OK(session.Bind(batch));
  return Ok();
}

Status StartEngines(Engine& engine, std::span<const std::filesystem::path> paths) {
  const auto torch = std::find_if(paths.begin(), paths.end(), IsTorchScript);
  if (torch != paths.end()) {
    QB_TRY(const auto file, MappedFile::Open(*torch));
    QB_OK(engine.Prepare(file->bytes()));
  }
  if (std::all_of(paths.begin(), paths.end(), IsTorchScript) && !paths.empty()) return Ok();
  QB_TRY(const std::vector<std::byte> bytes, EncodeToBytes(ProductChain(1, 1, 1)));
  auto session = engine.Load({bytes, {}}, {});
  if (!session.ok()) return session.error().Within("starting the engine");
  return Ok();
}

}  // namespace quantbench
