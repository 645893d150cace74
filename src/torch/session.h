// A TorchScript model that is loaded: its ports, and forward passes over what is bound.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <torch/script.h>

#include "torch/module_abi.h"
#include "torch/profile.h"

// What the border calls a session. Members throw.
struct QbTorchSession {
 public:
  QbTorchSession(const void* bytes, std::uint64_t size, const nlohmann::json& options);

  [[nodiscard]] nlohmann::ordered_json Ports() const;
  void Bind(const QbTorchTensor* inputs, std::uint64_t count);
  void Run();
  void Fetch(QbTorchSee see, void* user) const;
  // From here on the operators of every run are timed.
  void BeginProfile();
  // Ends that; the events, as TorchProfile has them. Throws where nothing was begun.
  [[nodiscard]] nlohmann::ordered_json EndProfile();

 private:
  void ReadInputs(const nlohmann::json& described);
  void Freeze();
  // Which input a tensor of that name goes to, the `place`-th of those given.
  [[nodiscard]] std::size_t PlaceOf(const std::string& name, std::size_t place, bool by_name) const;

  torch::jit::Module module_;
  c10::Device device_ = torch::kCPU;
  int threads_ = 1;
  std::string quantized_engine_;
  bool frozen_ = false;
  std::vector<nlohmann::ordered_json> inputs_;  // ports; at least their names
  std::vector<std::string> output_names_;       // as described; may be empty
  std::vector<c10::IValue> bound_;
  c10::IValue result_;
  std::unique_ptr<quantbench::TorchProfile> profile_;  // null: not profiled
};
