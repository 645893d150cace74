// A session of ONNX Runtime: options, binding, running, fetching.
#include "engine/onnxruntime_session.h"

#include <algorithm>
#include <cstring>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

GraphOptimizationLevel LevelOf(GraphOptimization level) {
  switch (level) {
    case GraphOptimization::kNone: return ORT_DISABLE_ALL;
    case GraphOptimization::kBasic: return ORT_ENABLE_BASIC;
    case GraphOptimization::kExtended: return ORT_ENABLE_EXTENDED;
    case GraphOptimization::kAll: return ORT_ENABLE_ALL;
  }
  return ORT_ENABLE_ALL;
}

Ort::SessionOptions OptionsOf(const EngineModel& model, const SessionOptions& options,
                              WatchDomain* watch) {
  Ort::SessionOptions ort;
  if (watch != nullptr) ort.Add(watch->domain());
  ort.SetIntraOpNumThreads(options.threads);
  ort.SetInterOpNumThreads(1);
  ort.SetGraphOptimizationLevel(LevelOf(options.optimization));
  ort.SetLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL);
  for (const auto& [key, value] : options.config) ort.AddConfigEntry(key.c_str(), value.c_str());
  if (!options.profile_prefix.empty()) ort.EnableProfiling(options.profile_prefix.c_str());
  if (!options.optimized_model_path.empty()) {
    ort.SetOptimizedModelFilePath(options.optimized_model_path.c_str());
  }
  if (!model.external.empty()) {
    std::vector<std::basic_string<ORTCHAR_T>> names;
    std::vector<char*> buffers;
    std::vector<std::size_t> lengths;
    for (const auto& [location, content] : model.external) {
      names.emplace_back(location);
      // The engine takes a mutable pointer and only reads.
      buffers.push_back(const_cast<char*>(reinterpret_cast<const char*>(content.data())));
      lengths.push_back(content.size());
    }
    ort.AddExternalInitializersFromFilesInMemory(names, buffers, lengths);
  }
  return ort;
}

Port PortOf(std::string name, const Ort::TypeInfo& info) {
  Port port;
  port.name = std::move(name);
  if (info.GetONNXType() != ONNX_TYPE_TENSOR) return port;
  const auto tensor = info.GetTensorTypeAndShapeInfo();
  port.type = static_cast<DataType>(tensor.GetElementType());
  const std::vector<std::int64_t> dims = tensor.GetShape();
  std::vector<const char*> names(dims.size());
  tensor.GetSymbolicDimensions(names.data(), names.size());
  for (std::size_t i = 0; i < dims.size(); ++i) {
    port.dims.push_back({dims[i] < 0 ? -1 : dims[i], names[i] == nullptr ? "" : names[i]});
  }
  return port;
}

bool Fits(const Shape& shape, const std::vector<PortDim>& dims) {
  if (shape.size() != dims.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (dims[i].value >= 0 && dims[i].value != shape[i]) return false;
  }
  return true;
}

std::string Describe(const std::vector<PortDim>& dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const PortDim& dim = dims[i];
    const std::string free = dim.name.empty() ? "?" : Printable(dim.name);
    text += (i == 0 ? "" : ", ") + (dim.value >= 0 ? Format("{}", dim.value) : free);
  }
  return text + "]";
}

Status CheckFit(const NamedTensor& input, const Port& port) {
  if (port.type == DataType::kUndefined || port.type == DataType::kString) {
    return Error(ErrorCode::kUnsupported,
                 Format("input \"{}\" is not a tensor of numbers", Printable(port.name)));
  }
  if (input.tensor.type != port.type) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("input \"{}\" takes {}, not {}", Printable(port.name), Name(port.type),
                        Name(input.tensor.type)));
  }
  if (!Fits(input.tensor.shape, port.dims)) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("input \"{}\" takes shape {}, not {}", Printable(port.name),
                        Describe(port.dims), ToString(input.tensor.shape)));
  }
  return Ok();
}

Result<NamedTensor> CopyOut(const std::string& name, const Ort::Value& value) {
  if (!value.IsTensor()) {
    return Error(ErrorCode::kUnsupported, Format("output \"{}\" is not a tensor", Printable(name)));
  }
  const auto info = value.GetTensorTypeAndShapeInfo();
  NamedTensor named;
  named.name = name;
  auto tensor = Tensor::Make(static_cast<DataType>(info.GetElementType()), info.GetShape());
  if (!tensor.ok()) return tensor.error().Within(Format("output \"{}\"", Printable(name)));
  named.tensor = std::move(tensor).value();
  if (!named.tensor.bytes.empty()) {
    std::memcpy(named.tensor.bytes.data(), value.GetTensorRawData(), named.tensor.bytes.size());
  }
  return named;
}

}  // namespace

OrtSession::OrtSession(const Ort::Env& env, const EngineModel& model, const SessionOptions& options)
    : watch_(model.watcher == nullptr ? nullptr : std::make_unique<WatchDomain>(model.watcher)),
      session_(env, model.bytes.data(), model.bytes.size(),
               OptionsOf(model, options, watch_.get())),
      memory_(Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU)),
      profiles_(!options.profile_prefix.empty()) {
  const Ort::AllocatorWithDefaultOptions allocator;
  for (std::size_t i = 0; i < session_.GetInputCount(); ++i) {
    inputs_.push_back(
        PortOf(session_.GetInputNameAllocated(i, allocator).get(), session_.GetInputTypeInfo(i)));
  }
  for (std::size_t i = 0; i < session_.GetOutputCount(); ++i) {
    outputs_.push_back(
        PortOf(session_.GetOutputNameAllocated(i, allocator).get(), session_.GetOutputTypeInfo(i)));
  }
}

Status OrtSession::CheckInputs(std::span<const NamedTensor> inputs) const {
  for (const Port& port : inputs_) {
    const auto given = std::find_if(inputs.begin(), inputs.end(), [&](const NamedTensor& input) {
      return input.name == port.name;
    });
    if (given == inputs.end()) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("input \"{}\" is not given", Printable(port.name)));
    }
    QB_OK(CheckFit(*given, port));
  }
  for (const NamedTensor& input : inputs) {
    const auto known = std::find_if(inputs_.begin(), inputs_.end(),
                                    [&](const Port& port) { return port.name == input.name; });
    if (known == inputs_.end()) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("the model has no input \"{}\"", Printable(input.name)));
    }
  }
  return Ok();
}

Status OrtSession::Bind(std::span<const NamedTensor> inputs, std::span<const std::string> outputs) {
  QB_OK(CheckInputs(inputs));
  try {
    binding_ = std::make_unique<Ort::IoBinding>(session_);
    bound_.assign(inputs.begin(), inputs.end());
    for (NamedTensor& input : bound_) {
      const Ort::Value value = Ort::Value::CreateTensor(
          memory_, input.tensor.bytes.data(), input.tensor.bytes.size(), input.tensor.shape.data(),
          input.tensor.shape.size(), static_cast<ONNXTensorElementDataType>(input.tensor.type));
      binding_->BindInput(input.name.c_str(), value);
    }
    bound_outputs_.assign(outputs.begin(), outputs.end());
    if (outputs.empty()) {
      for (const Port& port : outputs_) bound_outputs_.push_back(port.name);
    }
    for (const std::string& output : bound_outputs_) binding_->BindOutput(output.c_str(), memory_);
    return Ok();
  } catch (const Ort::Exception& exception) {
    return OrtError(exception);
  }
}

Status OrtSession::Run() {
  if (binding_ == nullptr) return Error(ErrorCode::kInvalidArgument, "nothing is bound");
  try {
    session_.Run(run_options_, *binding_);
    return Ok();
  } catch (const Ort::Exception& exception) {
    return OrtError(exception);
  }
}

Result<std::vector<NamedTensor>> OrtSession::Fetch() {
  if (binding_ == nullptr) return Error(ErrorCode::kInvalidArgument, "nothing is bound");
  try {
    const std::vector<Ort::Value> values = binding_->GetOutputValues();
    std::vector<NamedTensor> outputs;
    for (std::size_t i = 0; i < values.size(); ++i) {
      QB_TRY(NamedTensor output, CopyOut(bound_outputs_[i], values[i]));
      outputs.push_back(std::move(output));
    }
    return outputs;
  } catch (const Ort::Exception& exception) {
    return OrtError(exception);
  }
}

Result<std::string> OrtSession::EndProfile() {
  if (!profiles_) return Error(ErrorCode::kInvalidArgument, "the session does not profile");
  try {
    profiles_ = false;
    const Ort::AllocatorWithDefaultOptions allocator;
    return std::string(session_.EndProfilingAllocated(allocator).get());
  } catch (const Ort::Exception& exception) {
    return OrtError(exception);
  }
}

}  // namespace quantbench
