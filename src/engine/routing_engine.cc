// Takes every model to the engine it is for.
#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "quantbench/engine.h"

namespace quantbench {
namespace {

// An engine that is opened when it is first asked for.
class LazyEngine {
 public:
  explicit LazyEngine(EngineMaker make) : make_(std::move(make)) {}

  Result<Engine*> Open() {
    if (engine_ == nullptr) {
      QB_TRY(engine_, make_());
    }
    return engine_.get();
  }
  [[nodiscard]] const Engine* get() const { return engine_.get(); }

 private:
  EngineMaker make_;
  std::unique_ptr<Engine> engine_;
};

class RoutingEngine final : public Engine {
 public:
  RoutingEngine(EngineMaker onnx, EngineMaker torch)
      : onnx_(std::move(onnx)), torch_(std::move(torch)) {}

  // Of ONNX Runtime, once it is open.
  [[nodiscard]] std::string_view name() const override {
    return opened() == nullptr ? "" : opened()->name();
  }
  [[nodiscard]] std::string_view version() const override {
    return opened() == nullptr ? "" : opened()->version();
  }
  [[nodiscard]] std::vector<std::string> providers() const override {
    return opened() == nullptr ? std::vector<std::string>{} : opened()->providers();
  }
  [[nodiscard]] Status Prepare(std::span<const std::byte> head) override {
    QB_TRY(Engine* const engine, EngineFor(head));
    return engine->Prepare(head);
  }
  [[nodiscard]] Result<std::unique_ptr<Session>> Load(const EngineModel& model,
                                                      const SessionOptions& options) override {
    QB_TRY(Engine* const engine, EngineFor(model.bytes));
    return engine->Load(model, options);
  }

 private:
  Result<Engine*> EngineFor(std::span<const std::byte> head) {
    return IsForTorch(head) ? torch_.Open() : onnx_.Open();
  }
  [[nodiscard]] const Engine* opened() const {
    return onnx_.get() != nullptr ? onnx_.get() : torch_.get();
  }

  LazyEngine onnx_;
  LazyEngine torch_;
};

}  // namespace

bool IsForTorch(std::span<const std::byte> head) {
  constexpr std::array<std::byte, 4> kZip = {std::byte{'P'}, std::byte{'K'}, std::byte{3},
                                             std::byte{4}};
  return head.size() >= kZip.size() && std::equal(kZip.begin(), kZip.end(), head.begin());
}

std::unique_ptr<Engine> MakeRoutingEngine(EngineMaker onnx, EngineMaker torch) {
  return std::make_unique<RoutingEngine>(std::move(onnx), std::move(torch));
}

}  // namespace quantbench
