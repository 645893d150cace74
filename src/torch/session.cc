// A TorchScript model that is loaded: its ports, and forward passes over what is bound.
#include "torch/session.h"

#include <algorithm>
#include <stdexcept>
#include <thread>

#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/cuda.h>

#include "torch/archive.h"
#include "torch/element_types.h"
#include "torch/guard.h"
#include "torch/threads.h"

namespace quantbench {
namespace {

using OrderedJson = nlohmann::ordered_json;

// Ports as quantbench.json of the archive describes them; null where it has none.
nlohmann::json ParseDescription(const std::string& text) {
  if (text.empty()) return nullptr;
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object())
    throw std::runtime_error("quantbench.json of the archive is no JSON object");
  return json;
}

c10::Device DeviceNamed(const std::string& name) {
  if (name.empty() || name == "cpu") return torch::kCPU;
  if (name != "cuda") throw std::runtime_error("no device \"" + name + "\" (cpu, cuda)");
  if (!torch::cuda::is_available()) {
    throw std::runtime_error("libtorch sees no CUDA device here (or was built without CUDA)");
  }
  return {torch::kCUDA, 0};
}

// The tensors that forward must be given. Others must have defaults.
std::vector<std::string> TensorArguments(const torch::jit::Module& module) {
  const auto method = module.find_method("forward");
  if (!method) throw std::runtime_error("the module has no method forward");
  std::vector<std::string> names;
  const auto& arguments = method->function().getSchema().arguments();
  for (std::size_t i = 1; i < arguments.size(); ++i) {  // the first is the module
    const auto& argument = arguments[i];
    if (argument.default_value()) continue;
    if (argument.type()->kind() != c10::TypeKind::TensorType) {
      throw std::runtime_error("input \"" + argument.name() + "\" is a " + argument.type()->str() +
                               ", not a tensor");
    }
    names.push_back(argument.name());
  }
  return names;
}

// An output and the name that leads to it.
struct NamedOutput {
  std::string name;
  at::Tensor tensor;
};

void Flatten(const c10::IValue& value, const std::string& name, std::vector<NamedOutput>* outputs) {
  const auto below = [&](const std::string& part) {
    return name.empty() ? part : name + "_" + part;
  };
  if (value.isTensor()) {
    outputs->push_back({name, value.toTensor()});
  } else if (value.isTuple()) {
    const auto& parts = value.toTupleRef().elements();
    for (std::size_t i = 0; i < parts.size(); ++i)
      Flatten(parts[i], below(std::to_string(i)), outputs);
  } else if (value.isList() || value.isTensorList()) {
    const auto parts = value.toListRef();
    for (std::size_t i = 0; i < parts.size(); ++i)
      Flatten(parts[i], below(std::to_string(i)), outputs);
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      Flatten(entry.value(), below(entry.key().isString() ? entry.key().toStringRef() : "key"),
              outputs);
    }
  } else if (!value.isNone()) {
    throw std::runtime_error("output \"" + name + "\" is a " + value.tagKind() + ", not a tensor");
  }
}

at::Tensor Shown(const at::Tensor& tensor) {
  at::Tensor plain = tensor.detach().to(torch::kCPU);
  if (plain.is_quantized()) plain = plain.dequantize();
  if (plain.layout() != torch::kStrided) plain = plain.to_dense();
  return plain.contiguous();
}

}  // namespace
}  // namespace quantbench

using quantbench::OrderedJson;

QbTorchSession::QbTorchSession(const void* bytes, std::uint64_t size,
                               const nlohmann::json& options) {
  threads_ = options.value("threads", 1);
  if (threads_ <= 0) threads_ = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  device_ = quantbench::DeviceNamed(options.value("device", ""));
  // Packed weights are unpacked for the engine that is set while they are read.
  quantized_engine_ = quantbench::UseQuantizedEngine(options.value("quantized_engine", ""));
  quantbench::UseThreads(threads_);
  std::string described;
  module_ = quantbench::LoadArchive(bytes, size, &described);
  ReadInputs(quantbench::ParseDescription(described));
  if (!device_.is_cpu()) module_.to(device_);
  if (options.value("freeze", true)) Freeze();
}

void QbTorchSession::ReadInputs(const nlohmann::json& described) {
  const std::vector<std::string> names = quantbench::TensorArguments(module_);
  for (const std::string& name : names) inputs_.push_back(OrderedJson{{"name", name}});
  if (!described.is_object()) return;
  if (const auto ports = described.find("inputs"); ports != described.end() && ports->is_array()) {
    if (ports->size() != names.size()) {
      throw std::runtime_error("quantbench.json of the archive describes " +
                               std::to_string(ports->size()) + " inputs, forward takes " +
                               std::to_string(names.size()));
    }
    for (std::size_t i = 0; i < ports->size(); ++i) inputs_[i] = OrderedJson((*ports)[i]);
  }
  if (const auto ports = described.find("outputs"); ports != described.end() && ports->is_array()) {
    for (const auto& port : *ports) output_names_.push_back(port.value("name", ""));
  }
}

// Modules that cannot be frozen run as they are.
void QbTorchSession::Freeze() {
  try {
    module_ = torch::jit::freeze(module_);
    frozen_ = true;
  } catch (const std::exception&) {
    frozen_ = false;
  }
}

OrderedJson QbTorchSession::Ports() const {
  OrderedJson outputs = OrderedJson::array();
  for (const std::string& name : output_names_) outputs.push_back({{"name", name}});
  return {{"inputs", inputs_},
          {"outputs", outputs},
          {"device", device_.str()},
          {"quantized_engine", quantized_engine_},
          {"frozen", frozen_}};
}

std::size_t QbTorchSession::PlaceOf(const std::string& name, std::size_t place,
                                    bool by_name) const {
  if (!by_name) return place;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].value("name", "") == name) return i;
  }
  return inputs_.size();
}

void QbTorchSession::Bind(const QbTorchTensor* inputs, std::uint64_t count) {
  if (count != inputs_.size()) {
    throw std::runtime_error("the model takes " + std::to_string(inputs_.size()) + " inputs, not " +
                             std::to_string(count));
  }
  bool by_name = true;
  for (std::size_t i = 0; i < count; ++i) {
    by_name = by_name && PlaceOf(inputs[i].name, i, true) < inputs_.size();
  }
  quantbench::UseThreads(threads_);
  std::vector<c10::IValue> bound(count);
  for (std::size_t i = 0; i < count; ++i) {
    const QbTorchTensor& input = inputs[i];
    const auto type = quantbench::ScalarTypeOf(input.type);
    const at::IntArrayRef shape(input.shape, static_cast<std::size_t>(input.rank));
    auto* data = const_cast<void*>(input.bytes);  // only read: copied at once
    const at::Tensor seen = at::from_blob(data, shape, at::TensorOptions(type));
    bound[PlaceOf(input.name, i, by_name)] = seen.clone().to(device_);
  }
  bound_ = std::move(bound);
  result_ = c10::IValue();
}

void QbTorchSession::Run() {
  const c10::InferenceMode guard;
  if (profile_) profile_->BeginRun();
  result_ = module_.forward(bound_);
  if (!device_.is_cpu()) torch::cuda::synchronize();
  if (profile_) profile_->EndRun();
}

void QbTorchSession::BeginProfile() {
  if (!device_.is_cpu()) throw std::runtime_error("operators are timed on the processor only");
  profile_ = std::make_unique<quantbench::TorchProfile>(quantized_engine_);
}

OrderedJson QbTorchSession::EndProfile() {
  if (!profile_) throw std::runtime_error("the session does not profile");
  OrderedJson events = profile_->Events();
  profile_.reset();
  return events;
}

void QbTorchSession::Fetch(QbTorchSee see, void* user) const {
  const c10::InferenceMode guard;
  std::vector<quantbench::NamedOutput> outputs;
  quantbench::Flatten(result_, "", &outputs);
  const bool described = output_names_.size() == outputs.size();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const at::Tensor tensor = quantbench::Shown(outputs[i].tensor);
    std::string name = described ? output_names_[i] : outputs[i].name;
    if (name.empty()) name = "output";
    if (!described && name.find_first_not_of("0123456789_") == std::string::npos)
      name = "output_" + name;
    see(user, [&] {
      static thread_local QbTorchTensor shown;
      shown.name = name.c_str();
      shown.type = quantbench::CodeOf(tensor.scalar_type());
      shown.rank = static_cast<std::int32_t>(tensor.dim());
      shown.shape = tensor.sizes().data();
      shown.bytes = tensor.data_ptr();
      shown.size = tensor.nbytes();
      return &shown;
    }());
  }
}
