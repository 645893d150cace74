// A session of libtorch, behind the module's border.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "quantbench/engine.h"

#include "engine/torch_module.h"

namespace quantbench {

class TorchSession final : public Session {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Session>> Load(const QbTorchApi& api,
                                                             const EngineModel& model,
                                                             const SessionOptions& options,
                                                             const TorchSettings& settings);

  [[nodiscard]] const std::vector<Port>& inputs() const override { return inputs_; }
  [[nodiscard]] const std::vector<Port>& outputs() const override { return outputs_; }
  [[nodiscard]] Status Bind(std::span<const NamedTensor> inputs,
                            std::span<const std::string> outputs) override;
  [[nodiscard]] Status Run() override;
  [[nodiscard]] Result<std::vector<NamedTensor>> Fetch() override;
  [[nodiscard]] Result<std::string> EndProfile() override;

 private:
  struct Free {
    const QbTorchApi* api;
    void operator()(QbTorchSession* session) const { api->free_session(session); }
  };
  using Handle = std::unique_ptr<QbTorchSession, Free>;

  TorchSession(const QbTorchApi& api, Handle session) : api_(api), session_(std::move(session)) {}

  const QbTorchApi& api_;
  Handle session_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
  std::vector<std::string> wanted_;  // outputs; empty: all
  bool bound_ = false;
  std::string profile_prefix_;  // empty: not profiled
};

}  // namespace quantbench
