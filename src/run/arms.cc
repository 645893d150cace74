// What workers share: a model in the engine's hands, and the data that feeds it.
#include "run/arms.h"

#include "quantbench/base/clock.h"
#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"
#include "quantbench/model/torchscript.h"
#include "quantbench/quantize.h"

#include "run/rebatch.h"

namespace quantbench {
namespace {

Result<LoadedArm> LoadTorchArm(Engine& engine, const std::filesystem::path& path,
                               const SessionOptions& options) {
  const std::int64_t start = SystemClock().NowNs();
  QB_TRY(const TorchScript model, LoadTorchScript(path));
  auto session = engine.Load({model.file->bytes(), {}}, options);
  if (!session.ok()) return session.error().Within(path.string());
  return LoadedArm{std::move(session).value(), SystemClock().NowNs() - start};
}

}  // namespace

Result<EngineEntries> EntriesOf(std::span<const std::filesystem::path> paths) {
  EngineEntries entries;
  for (const std::filesystem::path& path : paths) {
    const auto model = LoadModel(path);
    if (!model.ok()) continue;  // TorchScript, or loading it says what is wrong
    for (const auto& [key, value] : EngineOptionsOf(model.value())) {
      const auto [entry, is_new] = entries.emplace(key, value);
      if (!is_new && entry->second != value) {
        return Error(ErrorCode::kInvalidArgument,
                     Format("the models ask the engine for different values of {}: \"{}\" and "
                            "\"{}\"",
                            Printable(key), Printable(entry->second), Printable(value)));
      }
    }
  }
  return entries;
}

Result<LoadedArm> LoadArm(Engine& engine, const std::filesystem::path& path, int threads,
                          const EngineEntries& entries, std::int64_t batch) {
  SessionOptions options;
  options.threads = threads;
  options.config = entries;
  return LoadArm(engine, path, options, batch);
}

Result<LoadedArm> LoadArm(Engine& engine, const std::filesystem::path& path,
                          const SessionOptions& options, std::int64_t batch) {
  if (IsTorchScript(path)) return LoadTorchArm(engine, path, options);
  const std::int64_t start = SystemClock().NowNs();
  QB_TRY(const Model model, LoadModel(path));
  EngineModel bytes;
  bytes.bytes = model.origin.view;
  std::vector<std::byte> rewritten;
  if (const std::int64_t fixed = batch > 0 ? FixedBatch(InputsOf(model)) : 0;
      fixed > 0 && fixed != batch) {
    auto made = Rebatched(model, fixed, batch);
    if (!made.ok()) return made.error().Within(path.string());
    rewritten = std::move(made).value();
    bytes.bytes = rewritten;
  }
  for (const auto& [location, file] : model.external_files) {
    bytes.external.emplace_back(location, file->bytes());
  }
  auto session = engine.Load(bytes, options);
  if (!session.ok()) return session.error().Within(path.string());
  return LoadedArm{std::move(session).value(), SystemClock().NowNs() - start};
}

Result<OpenedInput> OpenInput(const InputSource& input, const std::vector<InputSpec>& inputs) {
  OpenedInput opened;
  if (input.data) {
    QB_TRY(opened.dataset, OpenDataset(*input.data, inputs));
    opened.source = Format("data {}", input.data->id);
    return opened;
  }
  SyntheticSpec spec;
  spec.dims = input.dims;
  spec.vocabulary = input.vocabulary;
  spec.seed = input.seed;
  spec.constants = input.constants;
  QB_TRY(opened.dataset, MakeSynthetic(spec, inputs, &opened.notes));
  opened.source = Format("synthetic, seed {}", input.seed);
  return opened;
}

Json ToJson(const DimValues& dims) {
  Json json = Json::MakeObject();
  for (const auto& [name, value] : dims) json.Set(name, value);
  return json;
}

DimValues DimValuesFromJson(const Json& json) {
  DimValues dims;
  for (const auto& [name, value] : json.AsObject()) dims[name] = value.AsInt();
  return dims;
}

Json ToJson(const InputSource& input) {
  Json constants = Json::MakeObject();
  for (const auto& [name, value] : input.constants) constants.Set(name, value);
  Json json = Json::MakeObject();
  json.Set("data", input.data ? input.data->ToJson() : Json())
      .Set("dims", ToJson(input.dims))
      .Set("constants", std::move(constants))
      .Set("vocabulary", input.vocabulary)
      .Set("seed", input.seed);
  Json stated = Json::Array{};
  for (const InputSpec& one : input.stated) stated.Append(ToString(one));
  if (!input.stated.empty()) json.Set("inputs", std::move(stated));
  return json;
}

Result<InputSource> InputSourceFromJson(const Json& json) {
  InputSource input;
  if (!json["data"].is_null()) {
    QB_TRY(DataSpec data, DataSpec::FromJson(json["data"]));
    input.data = std::move(data);
  }
  for (const Json& text : json["inputs"].AsArray()) {
    QB_TRY(InputSpec stated, ParseInputSpec(text.AsString()));
    input.stated.push_back(std::move(stated));
  }
  input.dims = DimValuesFromJson(json["dims"]);
  for (const auto& [name, value] : json["constants"].AsObject()) {
    input.constants[name] = value.AsDouble();
  }
  input.vocabulary = json["vocabulary"].AsInt(input.vocabulary);
  input.seed = static_cast<std::uint64_t>(json["seed"].AsInt(1));
  return input;
}

Json ArmFailure(std::string_view arm, Outcome outcome, std::string_view reason) {
  return Json::MakeObject().Set("arm", arm).Set("outcome", Name(outcome)).Set("reason", reason);
}

}  // namespace quantbench
