// libquantbench_torch.so, opened at run time.
#include "engine/torch_module.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <dlfcn.h>

#include "quantbench/base/format.h"
#include "quantbench/engine.h"

namespace quantbench {
namespace {

constexpr const char* kTorchModule = "libquantbench_torch.so";

Result<const QbTorchApi*> OpenTorchCandidate(const EngineCandidate& candidate) {
  const auto fail = [&](std::string_view reason) {
    return Error(ErrorCode::kUnavailable, Format("torch engine {} (from {}): {}", candidate.path,
                                                 candidate.source, Printable(reason, 300)));
  };
  void* handle = dlopen(candidate.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return fail(reason == nullptr ? "cannot be opened" : reason);
  }
  const auto entry = reinterpret_cast<QbTorchEntry>(dlsym(handle, kQbTorchEntry));
  if (entry == nullptr) return fail("not a torch engine of quantbench");
  const QbTorchApi* api = entry();
  if (api->abi != kQbTorchAbi) {
    return fail(Format("was built for another quantbench (border {}, not {}): build both together",
                       api->abi, kQbTorchAbi));
  }
  return api;
}

Result<const QbTorchApi*> FindTorchModule() {
  for (const EngineCandidate& candidate : TorchCandidates()) {
    std::error_code ignored;
    const bool by_hand = candidate.source == "QUANTBENCH_TORCH";
    if (by_hand || std::filesystem::exists(candidate.path, ignored)) {
      return OpenTorchCandidate(candidate);
    }
  }
  return Error(ErrorCode::kUnavailable,
               "TorchScript models need the torch engine, which is not built in: ./dev setup "
               "--with-torch && ./dev build");
}

}  // namespace

std::vector<EngineCandidate> TorchCandidates() {
  namespace fs = std::filesystem;
  std::vector<EngineCandidate> candidates;
  const char* variable = std::getenv("QUANTBENCH_TORCH");  // NOLINT(concurrency-mt-unsafe)
  if (variable != nullptr && *variable != '\0') {
    candidates.push_back({"QUANTBENCH_TORCH", variable});
  }
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  if (failed) return candidates;
  const fs::path folder = program.parent_path();
  candidates.push_back({"beside the program", (folder / kTorchModule).string()});
  const fs::path installed = folder.parent_path() / "lib" / "quantbench" / kTorchModule;
  candidates.push_back({"installed", installed.string()});
  return candidates;
}

Result<const QbTorchApi*> OpenTorchModule() {
  static const Result<const QbTorchApi*> api = FindTorchModule();
  return api;
}

Status TorchStatus(const QbTorchApi& api, char* error) {
  if (error == nullptr) return Ok();
  const std::string reason = Printable(error, 600);
  api.free_text(error);
  return Error(ErrorCode::kEngine, Format("libtorch: {}", reason));
}

Result<Json> TakeTorchJson(const QbTorchApi& api, char* text) {
  if (text == nullptr) return Error(ErrorCode::kEngine, "libtorch: out of memory");
  auto json = Json::Parse(text);
  api.free_text(text);
  return json;
}

}  // namespace quantbench
