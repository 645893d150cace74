// The ONNX Runtime library, opened at run time.
#include "engine/onnxruntime_library.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <dlfcn.h>

#include "quantbench/base/format.h"
#include "quantbench/engine.h"

namespace quantbench {
namespace {

using GetApiBase = const OrtApiBase*(ORT_API_CALL*)();

struct OpenLibrary {
  void* handle;
  std::string path;
};

// The first candidate that can be opened. One that was named by hand must open.
Result<OpenLibrary> OpenFirst(std::string_view flag) {
  std::string tried;
  for (const EngineCandidate& candidate : EngineCandidates(flag)) {
    const bool is_path = candidate.path.find('/') != std::string::npos;
    const bool by_hand = candidate.source != "set-up copy" && candidate.source != "system";
    std::error_code ignored;
    tried += Format("{}{} ({})", tried.empty() ? "" : ", ", candidate.path, candidate.source);
    if (is_path && !by_hand && !std::filesystem::exists(candidate.path, ignored)) continue;
    void* handle = dlopen(candidate.path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle != nullptr) return OpenLibrary{handle, candidate.path};
    if (by_hand) {
      const char* reason = dlerror();
      return Error(ErrorCode::kUnavailable,
                   Format("engine {} (from {}) cannot be opened: {}", candidate.path,
                          candidate.source, reason == nullptr ? "no reason given" : reason));
    }
  }
  return Error(
      ErrorCode::kUnavailable,
      Format("no ONNX Runtime library found; looked at {}; ./dev setup places one", tried));
}

// Telemetry is on by default from 1.30 on and starts with the environment: this must come first.
void SilenceTelemetry() {
  setenv("ORT_DISABLE_TELEMETRY", "1", 1);  // NOLINT(concurrency-mt-unsafe): before any thread
}

Result<std::string> Initialize(std::string_view flag) {
  SilenceTelemetry();
  QB_TRY(const OpenLibrary library, OpenFirst(flag));
  const auto get_base = reinterpret_cast<GetApiBase>(dlsym(library.handle, "OrtGetApiBase"));
  if (get_base == nullptr) {
    return Error(ErrorCode::kUnavailable,
                 Format("engine {}: not an ONNX Runtime library", library.path));
  }
  const OrtApiBase* base = get_base();
  const std::string version = base->GetVersionString();
  const OrtApi* api = base->GetApi(kOrtApiVersion);
  if (api == nullptr) {
    return Error(ErrorCode::kUnavailable,
                 Format("engine {}: version {} is too old, 1.{} is the first that serves",
                        library.path, version, kOrtApiVersion));
  }
  Ort::InitApi(api);
  return version;
}

}  // namespace

Result<std::string> OpenOrtLibrary(std::string_view flag) {
  static const Result<std::string> version = Initialize(flag);
  return version;
}

Error OrtError(const Ort::Exception& exception) {
  std::string message = exception.what();
  std::replace(message.begin(), message.end(), '\n', ' ');
  return {ErrorCode::kEngine, Format("onnxruntime: {}", Printable(message, 600))};
}

std::vector<EngineCandidate> EngineCandidates(std::string_view flag) {
  std::vector<EngineCandidate> candidates;
  if (!flag.empty()) candidates.push_back({"--engine", std::string(flag)});
  const char* variable = std::getenv("QUANTBENCH_ORT");  // NOLINT(concurrency-mt-unsafe)
  if (variable != nullptr && *variable != '\0') candidates.push_back({"QUANTBENCH_ORT", variable});
  candidates.push_back({"set-up copy", QB_ENGINE_DEFAULT});
  candidates.push_back({"system", "libonnxruntime.so.1"});
  candidates.push_back({"system", "libonnxruntime.so"});
  return candidates;
}

}  // namespace quantbench
