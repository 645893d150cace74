// What libtorch the workers have, and whether its float32 is what the processor can do.
#include "quantbench/base/format.h"
#include "quantbench/run.h"

#include "run/protocol.h"

namespace quantbench {
namespace {

// A good BLAS gets 60 to 95 % of the peak out of 256 x 256 (OpenBLAS, MKL); the reference BLAS, which
// does one product after the other, 1 to 5 %.
constexpr double kSlowShare = 0.2;

}  // namespace

Result<Json> DescribeTorchInWorker(const Json& request, Engine& engine, Progress& progress) {
  (void)engine;
  (void)progress;
  return DescribeTorch(TorchSettings::FromJson(request["torch"]));
}

Result<Json> DescribeTorchEngine(const WorkerOptions& worker) {
  SilentProgress silent;
  WorkerResult result =
      RunWorker(Json::MakeObject().Set("op", "describe-torch"), worker, silent);
  if (result.outcome != Outcome::kOk) return Error(result.code, std::move(result.reason));
  return std::move(result.reply);
}

std::string WhySlowFloat(const Json& facts, double peak) {
  const double gflops = facts["blas_gflops"].AsDouble();
  if (!(peak > 0) || !(gflops > 0) || gflops * 1e9 >= kSlowShare * peak) return "";
  return Format(
      "libtorch multiplies float32 with its {} ({}) at {:.3g} GFLOP/s on one thread, {:.0f} % of the "
      "{:.3g} that this processor can do: its float32 times say little about PyTorch (Debian: sudo "
      "apt-get install libopenblas0-pthread)",
      Printable(facts["blas"].AsString(), 60), Printable(facts["blas_file"].AsString(), 200), gflops,
      100 * gflops * 1e9 / peak, peak * 1e-9);
}

}  // namespace quantbench
