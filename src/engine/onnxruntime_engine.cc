// ONNX Runtime behind the Engine interface.
#include "quantbench/base/format.h"
#include "quantbench/engine.h"

#include "engine/onnxruntime_session.h"

namespace quantbench {
namespace {

// What the engine logs is not for our user's terminal: errors come back as values.
void ORT_API_CALL Discard(void*, OrtLoggingLevel, const char*, const char*, const char*,
                          const char*) {}

class OrtEngine final : public Engine {
 public:
  // Throws Ort::Exception.
  explicit OrtEngine(std::string version)
      : version_(std::move(version)),
        env_(ORT_LOGGING_LEVEL_FATAL, "quantbench", Discard, nullptr) {
    env_.DisableTelemetryEvents();
  }

  [[nodiscard]] std::string_view name() const override { return "onnxruntime"; }
  [[nodiscard]] std::string_view version() const override { return version_; }
  [[nodiscard]] std::vector<std::string> providers() const override {
    try {
      return Ort::GetAvailableProviders();
    } catch (const Ort::Exception&) {
      return {};
    }
  }

  [[nodiscard]] Result<std::unique_ptr<Session>> Load(const EngineModel& model,
                                                      const SessionOptions& options) override {
    try {
      return std::unique_ptr<Session>(std::make_unique<OrtSession>(env_, model, options));
    } catch (const Ort::Exception& exception) {
      return OrtError(exception);
    }
  }

 private:
  std::string version_;
  Ort::Env env_;
};

}  // namespace

Result<std::unique_ptr<Engine>> OpenOnnxRuntime(std::string_view flag) {
  QB_TRY(std::string version, OpenOrtLibrary(flag));
  try {
    return std::unique_ptr<Engine>(std::make_unique<OrtEngine>(std::move(version)));
  } catch (const Ort::Exception& exception) {
    return OrtError(exception);
  }
}

}  // namespace quantbench
