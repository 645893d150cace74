// NVML, opened with dlopen. Only the five functions in use, declared as its reference manual does.
#include "energy/nvml.h"

#include <array>
#include <cstdint>

#include <dlfcn.h>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr std::size_t kNameBytes = 96;  // NVML_DEVICE_NAME_V2_BUFFER_SIZE
constexpr int kNvmlSuccess = 0;

struct Nvml {
  int (*start)() = nullptr;
  int (*count)(unsigned int* count) = nullptr;
  int (*handle)(unsigned int index, void** device) = nullptr;
  int (*name)(void* device, char* name, unsigned int length) = nullptr;
  int (*millijoules)(void* device, unsigned long long* energy) = nullptr;
  bool started = false;
};

template <typename Function>
bool Find(void* library, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  return *function != nullptr;
}

Nvml OpenNvml() {
  Nvml nvml;
  void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nvml;
  const bool found = Find(library, "nvmlInit_v2", &nvml.start) &&
                     Find(library, "nvmlDeviceGetCount_v2", &nvml.count) &&
                     Find(library, "nvmlDeviceGetHandleByIndex_v2", &nvml.handle) &&
                     Find(library, "nvmlDeviceGetName", &nvml.name) &&
                     Find(library, "nvmlDeviceGetTotalEnergyConsumption", &nvml.millijoules);
  nvml.started = found && nvml.start() == kNvmlSuccess;
  return nvml;
}

const Nvml& TheNvml() {
  static const Nvml nvml = OpenNvml();
  return nvml;
}

}  // namespace

std::vector<std::string> NvmlGpus() {
  const Nvml& nvml = TheNvml();
  std::vector<std::string> names;
  unsigned int count = 0;
  if (!nvml.started || nvml.count(&count) != kNvmlSuccess) return names;
  for (unsigned int i = 0; i < count; ++i) {
    void* device = nullptr;
    std::array<char, kNameBytes> name{};
    const bool told = nvml.handle(i, &device) == kNvmlSuccess &&
                      nvml.name(device, name.data(), kNameBytes - 1) == kNvmlSuccess;
    names.emplace_back(told ? name.data() : "unknown");
  }
  return names;
}

Result<double> NvmlJoules(std::size_t index) {
  const Nvml& nvml = TheNvml();
  void* device = nullptr;
  unsigned long long millijoules = 0;
  if (!nvml.started || nvml.handle(static_cast<unsigned int>(index), &device) != kNvmlSuccess) {
    return Error(ErrorCode::kUnavailable, Format("NVML does not know GPU {}", index));
  }
  const int code = nvml.millijoules(device, &millijoules);
  if (code != kNvmlSuccess) {
    return Error(ErrorCode::kUnavailable, Format("does not count its energy (NVML code {})", code));
  }
  return static_cast<double>(millijoules) * 1e-3;
}

}  // namespace quantbench
