// What this libtorch is, and how fast it multiplies.
#include "torch/describe.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <string>

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/core/InferenceMode.h>
#include <dlfcn.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include "torch/archive.h"
#include "torch/threads.h"

namespace quantbench {
namespace {

// The file that the matrix product comes from: the machine's BLAS, or libtorch itself.
std::string BlasFile() {
  void* symbol = dlsym(RTLD_DEFAULT, "sgemm_");
  Dl_info info = {};
  if (symbol == nullptr || dladdr(symbol, &info) == 0 || info.dli_fname == nullptr) return "";
  char* real = realpath(info.dli_fname, nullptr);
  std::string path = real == nullptr ? info.dli_fname : real;
  std::free(real);
  return path;
}

// What people call it.
std::string BlasName(const std::string& file) {
  if (at::hasMKL()) return "MKL";
  for (const char* known : {"openblas", "blis", "atlas", "mkl"}) {
    if (file.find(known) != std::string::npos) return known;
  }
  if (file.find("libtorch") != std::string::npos) return "built into libtorch";
  return file.find("/blas/") != std::string::npos ? "reference BLAS" : "unknown";
}

}  // namespace

nlohmann::ordered_json DescribeTorch() {
  const std::string file = BlasFile();
  return {{"name", "libtorch"},
          {"version", TORCH_VERSION},
          {"quantized_engines", QuantizedEngines()},
          {"quantized_engine", UseQuantizedEngine("")},
          {"cuda_devices", static_cast<std::int64_t>(torch::cuda::device_count())},
          {"onednn", at::hasMKLDNN()},
          {"blas", BlasName(file)},
          {"blas_file", file},
          {"threads", at::get_num_threads()},
          {"parallel", at::get_parallel_info()},
          {"config", at::show_config()}};
}

nlohmann::ordered_json MeasureBlas(int threads) {
  using Clock = std::chrono::steady_clock;
  constexpr std::int64_t kSize = 256;
  constexpr std::chrono::milliseconds kTime(50);
  constexpr int kLeast = 3;
  const c10::InferenceMode guard;
  const int before = at::get_num_threads();
  UseThreads(threads);
  const at::Tensor a = at::ones({kSize, kSize});
  const at::Tensor b = at::ones({kSize, kSize});
  at::Tensor out = at::mm(a, b);  // allocates, and starts what starts late
  double best_s = std::numeric_limits<double>::infinity();
  const auto end = Clock::now() + kTime;
  for (int i = 0; i < kLeast || Clock::now() < end; ++i) {
    const auto start = Clock::now();
    at::mm_out(out, a, b);
    best_s = std::min(best_s, std::chrono::duration<double>(Clock::now() - start).count());
  }
  UseThreads(before);
  const double operations = 2.0 * kSize * kSize * kSize;
  return {{"size", kSize}, {"threads", threads}, {"gflops", operations / best_s * 1e-9}};
}

}  // namespace quantbench
