// What the inputs of a cell's models are: ONNX says it, TorchScript may not.
#include "run/model_inputs.h"

#include <algorithm>
#include <optional>

#include "quantbench/base/clock.h"
#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"
#include "quantbench/model/torchscript.h"

#include "run/arms.h"
#include "run/protocol.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

std::vector<InputSpec> DescribedInputs(const TorchScript& model) {
  std::vector<InputSpec> inputs;
  for (const ValueInfo& value : model.inputs) {
    InputSpec input;
    input.name = value.name;
    input.type = value.type;
    for (const Dimension& dim : value.dims) {
      input.dims.push_back(dim.value);
      input.dim_names.push_back(dim.value < 0 ? dim.name : "");
    }
    inputs.push_back(std::move(input));
  }
  MarkBatched(&inputs);
  return inputs;
}

// What the model itself says; none where it does not.
Result<std::vector<InputSpec>> OwnInputs(const fs::path& path) {
  if (IsTorchScript(path)) {
    QB_TRY(const TorchScript model, LoadTorchScript(path));
    return DescribedInputs(model);
  }
  QB_TRY(const Model model, LoadModel(path));
  return InputsOf(model);
}

// "a.pt: TorchScript does not say what its inputs x, mask are: --input ..."
Error UnknownInputs(const fs::path& path, std::span<const std::string> names) {
  std::string listed;
  std::string options;
  for (const std::string& name : names) {
    listed += Format("{}\"{}\"", listed.empty() ? " " : ", ", Printable(name));
    options += Format(" --input '{}=float32[batch,3,224,224]'", Printable(name));
  }
  if (names.empty()) options = " --input 'NAME=float32[batch,3,224,224]', in order";
  return {ErrorCode::kInvalidArgument,
          Format("{}: TorchScript does not say of what type and shape its input{}{} {}; say it "
                 "with{} (a study: inputs = [\"...\"] of its [[model]])",
                 path.string(), names.size() == 1 ? "" : "s", listed,
                 names.size() == 1 ? "is" : "are", options)};
}

// Ok with the inputs, or with nothing where nobody says what they are.
Result<std::optional<std::vector<InputSpec>>> KnownInputs(std::span<const fs::path> paths,
                                                          const InputSource& source) {
  const bool any_torch = std::any_of(paths.begin(), paths.end(), IsTorchScript);
  if (!source.stated.empty() && !any_torch) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("types and shapes of inputs are stated for TorchScript only: {} says what "
                        "its own are",
                        paths.front().string()));
  }
  QB_TRY(std::vector<InputSpec> own, OwnInputs(paths.front()));
  if (!IsTorchScript(paths.front())) return std::optional(std::move(own));
  if (!source.stated.empty()) {
    std::vector<InputSpec> stated = source.stated;
    MarkBatched(&stated);
    return std::optional(std::move(stated));
  }
  if (!own.empty()) return std::optional(std::move(own));
  for (const fs::path& path : paths.subspan(1)) {
    auto others = OwnInputs(path);
    if (others.ok() && !others.value().empty()) return std::optional(std::move(others).value());
  }
  return std::optional<std::vector<InputSpec>>();
}

// Names as forward has them.
Result<std::vector<std::string>> NamesOfInputs(Engine& engine, const fs::path& path) {
  QB_TRY(const LoadedArm arm, LoadArm(engine, path, SessionOptions{}));
  std::vector<std::string> names;
  for (const Port& port : arm.session->inputs()) names.push_back(port.name);
  return names;
}

}  // namespace

Result<std::vector<InputSpec>> ReadInputs(std::span<const fs::path> paths,
                                          const InputSource& source) {
  QB_TRY(auto known, KnownInputs(paths, source));
  if (!known) return UnknownInputs(paths.front(), {});
  return *std::move(known);
}

Result<std::vector<InputSpec>> ReadInputs(const fs::path& path, const InputSource& source) {
  return ReadInputs(std::span(&path, 1), source);
}

Result<std::vector<InputSpec>> ReadInputs(std::span<const fs::path> paths,
                                          const InputSource& source, Engine& engine) {
  QB_TRY(auto known, KnownInputs(paths, source));
  if (known) return *std::move(known);
  QB_TRY(const std::vector<std::string> names, NamesOfInputs(engine, paths.front()));
  return UnknownInputs(paths.front(), names);
}

Result<std::vector<InputSpec>> ReadInputs(std::span<const fs::path> paths,
                                          const InputSource& source, const WorkerOptions& worker) {
  QB_TRY(auto known, KnownInputs(paths, source));
  if (known) return *std::move(known);
  SilentProgress silent;
  const WorkerResult asked =
      RunWorker(Json::MakeObject().Set("op", "input-names").Set("path", paths.front().string()),
                worker, silent);
  if (asked.outcome != Outcome::kOk) return Error(asked.code, asked.reason);
  std::vector<std::string> names;
  for (const Json& name : asked.reply["names"].AsArray()) names.push_back(name.AsString());
  return UnknownInputs(paths.front(), names);
}

Result<Json> InputNamesInWorker(const Json& request, Engine& engine, Progress& progress) {
  (void)progress;
  const std::int64_t start = SystemClock().NowNs();
  QB_TRY(const std::vector<std::string> names, NamesOfInputs(engine, request["path"].AsString()));
  return Json::MakeObject()
      .Set("names", Json::List(names))
      .Set("engine", engine.name())
      .Set("version", engine.version())
      .Set("load_ms", static_cast<double>(SystemClock().NowNs() - start) * 1e-6);
}

}  // namespace quantbench
