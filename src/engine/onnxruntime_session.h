// A session of ONNX Runtime.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "quantbench/engine.h"

#include "engine/onnxruntime_library.h"
#include "engine/onnxruntime_watch.h"

namespace quantbench {

class OrtSession final : public Session {
 public:
  // Throws Ort::Exception. Ports that are not tensors make their use fail, not the loading.
  OrtSession(const Ort::Env& env, const EngineModel& model, const SessionOptions& options);

  [[nodiscard]] const std::vector<Port>& inputs() const override { return inputs_; }
  [[nodiscard]] const std::vector<Port>& outputs() const override { return outputs_; }
  [[nodiscard]] Status Bind(std::span<const NamedTensor> inputs,
                            std::span<const std::string> outputs) override;
  [[nodiscard]] Status Run() override;
  [[nodiscard]] Result<std::vector<NamedTensor>> Fetch() override;
  [[nodiscard]] Result<std::string> EndProfile() override;

 private:
  [[nodiscard]] Status CheckInputs(std::span<const NamedTensor> inputs) const;

  std::unique_ptr<WatchDomain> watch_;  // outlives the session, whose nodes call it
  Ort::Session session_;
  Ort::RunOptions run_options_;
  Ort::MemoryInfo memory_;
  bool profiles_;
  std::unique_ptr<Ort::IoBinding> binding_;
  std::vector<NamedTensor> bound_;  // the memory the engine reads from
  std::vector<std::string> bound_outputs_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
};

}  // namespace quantbench
