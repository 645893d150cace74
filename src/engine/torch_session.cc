// A session of libtorch, behind the module's border.
#include "engine/torch_session.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

namespace quantbench {
namespace {

Result<std::vector<Port>> TorchPorts(const Json& json) {
  std::vector<Port> ports;
  for (const Json& entry : json.AsArray()) {
    Port port;
    port.name = entry["name"].AsString();
    if (entry.Has("type")) {
      QB_TRY(port.type, ParseDataType(entry["type"].AsString()));
    }
    for (const Json& dim : entry["dims"].AsArray()) {
      port.dims.push_back({dim.is_integer() ? dim.AsInt() : -1, dim.AsString()});
    }
    ports.push_back(std::move(port));
  }
  return ports;
}

// What fetching collects while the module shows outputs.
struct Fetched {
  std::vector<NamedTensor> outputs;
  std::optional<Error> error;
};

void TakeOutput(void* user, const QbTorchTensor* shown) {
  Fetched& fetched = *static_cast<Fetched*>(user);
  Shape shape(shown->shape, shown->shape + shown->rank);
  auto tensor = Tensor::Make(static_cast<DataType>(shown->type), std::move(shape));
  if (!tensor.ok() || tensor.value().bytes.size() != shown->size) {
    fetched.error =
        tensor.ok() ? Error(ErrorCode::kEngine, "has another size than its shape") : tensor.error();
    return;
  }
  NamedTensor named{shown->name, std::move(tensor).value()};
  if (shown->size > 0) std::memcpy(named.tensor.bytes.data(), shown->bytes, shown->size);
  fetched.outputs.push_back(std::move(named));
}

class TorchEngine final : public Engine {
 public:
  TorchEngine(const QbTorchApi& api, TorchSettings settings)
      : api_(api), settings_(std::move(settings)) {}

  [[nodiscard]] std::string_view name() const override { return "libtorch"; }
  [[nodiscard]] std::string_view version() const override { return api_.version; }
  [[nodiscard]] std::vector<std::string> providers() const override { return {}; }
  // The first product starts what libtorch starts late.
  [[nodiscard]] Status Prepare(std::span<const std::byte>) override {
    char* text = nullptr;
    QB_OK(TorchStatus(api_, api_.measure_blas(1, &text)));
    api_.free_text(text);
    return Ok();
  }
  [[nodiscard]] Result<std::unique_ptr<Session>> Load(const EngineModel& model,
                                                      const SessionOptions& options) override {
    return TorchSession::Load(api_, model, options, settings_);
  }

 private:
  const QbTorchApi& api_;
  TorchSettings settings_;
};

}  // namespace

Result<std::unique_ptr<Session>> TorchSession::Load(const QbTorchApi& api, const EngineModel& model,
                                                    const SessionOptions& options,
                                                    const TorchSettings& settings) {
  if (model.watcher != nullptr || !options.optimized_model_path.empty()) {
    return Error(ErrorCode::kUnsupported,
                 "a TorchScript model shows no values or graph of its own: export it to ONNX for "
                 "that");
  }
  Json json = settings.ToJson();
  json.Set("threads", options.threads);
  QbTorchSession* loaded = nullptr;
  QB_OK(TorchStatus(
      api, api.load(model.bytes.data(), model.bytes.size(), json.Dump().c_str(), &loaded)));
  auto session = std::unique_ptr<TorchSession>(new TorchSession(api, Handle(loaded, Free{&api})));
  if (!options.profile_prefix.empty()) {
    QB_OK(TorchStatus(api, api.begin_profile(loaded)));
    session->profile_prefix_ = options.profile_prefix;
  }
  char* text = nullptr;
  QB_OK(TorchStatus(api, api.ports(loaded, &text)));
  QB_TRY(const Json ports, TakeTorchJson(api, text));
  QB_TRY(session->inputs_, TorchPorts(ports["inputs"]));
  QB_TRY(session->outputs_, TorchPorts(ports["outputs"]));
  return std::unique_ptr<Session>(std::move(session));
}

Status TorchSession::Bind(std::span<const NamedTensor> inputs,
                          std::span<const std::string> outputs) {
  std::vector<QbTorchTensor> tensors;
  for (const NamedTensor& input : inputs) {
    const auto port = std::find_if(inputs_.begin(), inputs_.end(),
                                   [&](const Port& known) { return known.name == input.name; });
    if (port != inputs_.end() && port->type != DataType::kUndefined &&
        port->type != input.tensor.type) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("input \"{}\" takes {}, not {}", Printable(port->name), Name(port->type),
                          Name(input.tensor.type)));
    }
    tensors.push_back({input.name.c_str(), static_cast<std::int32_t>(input.tensor.type),
                       static_cast<std::int32_t>(input.tensor.shape.size()),
                       input.tensor.shape.data(), input.tensor.bytes.data(),
                       input.tensor.bytes.size()});
  }
  bound_ = false;
  QB_OK(TorchStatus(api_, api_.bind(session_.get(), tensors.data(), tensors.size())));
  wanted_.assign(outputs.begin(), outputs.end());
  bound_ = true;
  return Ok();
}

Status TorchSession::Run() {
  if (!bound_) return Error(ErrorCode::kInvalidArgument, "nothing is bound");
  return TorchStatus(api_, api_.run(session_.get()));
}

Result<std::vector<NamedTensor>> TorchSession::Fetch() {
  if (!bound_) return Error(ErrorCode::kInvalidArgument, "nothing is bound");
  Fetched fetched;
  QB_OK(TorchStatus(api_, api_.fetch(session_.get(), TakeOutput, &fetched)));
  if (fetched.error) return fetched.error->Within("an output");
  if (!wanted_.empty()) {
    std::erase_if(fetched.outputs, [&](const NamedTensor& output) {
      return std::find(wanted_.begin(), wanted_.end(), output.name) == wanted_.end();
    });
  }
  return std::move(fetched.outputs);
}

Result<std::string> TorchSession::EndProfile() {
  if (profile_prefix_.empty()) {
    return Error(ErrorCode::kInvalidArgument, "the session does not profile");
  }
  char* text = nullptr;
  QB_OK(TorchStatus(api_, api_.end_profile(session_.get(), &text)));
  const std::string events(text);
  api_.free_text(text);
  std::string path = profile_prefix_ + ".json";
  QB_OK(WriteFileAtomic(path, events));
  return path;
}

Result<std::unique_ptr<Engine>> OpenTorch(const TorchSettings& settings) {
  QB_TRY(const QbTorchApi* const api, OpenTorchModule());
  return std::unique_ptr<Engine>(std::make_unique<TorchEngine>(*api, settings));
}

Result<Json> DescribeTorch(const TorchSettings& settings) {
  QB_TRY(const QbTorchApi* const api, OpenTorchModule());
  char* text = nullptr;
  QB_OK(TorchStatus(*api, api->describe(&text)));
  QB_TRY(Json facts, TakeTorchJson(*api, text));
  char* measured = nullptr;
  QB_OK(TorchStatus(*api, api->measure_blas(1, &measured)));
  QB_TRY(const Json blas, TakeTorchJson(*api, measured));
  if (!settings.quantized_engine.empty()) {
    facts.Set("quantized_engine", settings.quantized_engine);
  }
  return facts.Set("blas_gflops", blas["gflops"])
      .Set("device", settings.device.empty() ? "cpu" : settings.device)
      .Set("freeze", settings.freeze);
}

Json TorchSettings::ToJson() const {
  return Json::MakeObject()
      .Set("device", device)
      .Set("quantized_engine", quantized_engine)
      .Set("freeze", freeze);
}

TorchSettings TorchSettings::Over(const TorchSettings& others) const {
  return {device.empty() ? others.device : device,
          quantized_engine.empty() ? others.quantized_engine : quantized_engine,
          freeze && others.freeze};
}

Json TorchSettings::Unusual() const {
  Json json;
  if (!device.empty() && device != "cpu") json.Set("device", device);
  if (!quantized_engine.empty()) json.Set("quantized_engine", quantized_engine);
  if (!freeze) json.Set("freeze", false);
  return json;
}

TorchSettings TorchSettings::FromJson(const Json& json) {
  return {json["device"].AsString(), json["quantized_engine"].AsString(),
          json["freeze"].AsBool(true)};
}

}  // namespace quantbench
