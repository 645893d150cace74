// An engine without arithmetic, for tests.
#include <utility>

#include "quantbench/engine.h"

namespace quantbench {
namespace {

class FakeSession final : public Session {
 public:
  FakeSession(FakeBehaviour behaviour, Watcher* watcher)
      : behaviour_(std::move(behaviour)), watcher_(watcher) {}

  [[nodiscard]] const std::vector<Port>& inputs() const override { return behaviour_.inputs; }
  [[nodiscard]] const std::vector<Port>& outputs() const override { return behaviour_.outputs; }
  [[nodiscard]] Status Bind(std::span<const NamedTensor>, std::span<const std::string>) override {
    return Ok();
  }
  [[nodiscard]] Status Run() override {
    const std::int64_t run = runs_++;
    if (behaviour_.on_run) behaviour_.on_run(run);
    if (run == behaviour_.fail_at_run)
      return Error(ErrorCode::kEngine, "the fake was told to fail");
    if (watcher_ == nullptr) return Ok();
    std::int64_t index = 0;
    for (const auto& [name, tensor] : behaviour_.watched) {
      watcher_->See(index++, {tensor.type, tensor.shape, tensor.bytes});
    }
    return Ok();
  }
  [[nodiscard]] Result<std::vector<NamedTensor>> Fetch() override { return behaviour_.results; }
  [[nodiscard]] Result<std::string> EndProfile() override {
    return Error(ErrorCode::kInvalidArgument, "the fake does not profile");
  }

 private:
  FakeBehaviour behaviour_;
  Watcher* watcher_;
  std::int64_t runs_ = 0;
};

class FakeEngine final : public Engine {
 public:
  explicit FakeEngine(FakeBehaviour behaviour) : behaviour_(std::move(behaviour)) {}

  [[nodiscard]] std::string_view name() const override { return "fake"; }
  [[nodiscard]] std::string_view version() const override { return "1"; }
  [[nodiscard]] std::vector<std::string> providers() const override { return {"fake"}; }
  [[nodiscard]] Result<std::unique_ptr<Session>> Load(const EngineModel& model,
                                                      const SessionOptions&) override {
    if (!behaviour_.load_error.empty()) return Error(ErrorCode::kEngine, behaviour_.load_error);
    return std::unique_ptr<Session>(std::make_unique<FakeSession>(behaviour_, model.watcher));
  }

 private:
  FakeBehaviour behaviour_;
};

}  // namespace

std::unique_ptr<Engine> MakeFakeEngine(FakeBehaviour behaviour) {
  return std::make_unique<FakeEngine>(std::move(behaviour));
}

}  // namespace quantbench
