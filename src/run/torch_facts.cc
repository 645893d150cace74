// What libtorch the workers have, and whether its float32 is what the processor can do.
#include <algorithm>

#include "quantbench/base/format.h"
#include "quantbench/model/torchscript.h"
#include "quantbench/run.h"

#include "run/protocol.h"

namespace quantbench {
namespace {

// A good BLAS gets 60 to 95 % of the peak out of 256 x 256 (OpenBLAS, MKL); the reference BLAS,
// which does one product after the other, 1 to 5 %.
constexpr double kSlowShare = 0.2;

std::string VersionOf(const Json& facts) {
  return Format("libtorch {} ({}, quantized engine {}, BLAS: {})",
                Printable(facts["version"].AsString(), 40), facts["device"].AsString(),
                Printable(facts["quantized_engine"].AsString(), 40),
                Printable(facts["blas"].AsString(), 60));
}

}  // namespace

Result<Json> LoadedTorchFacts(const std::filesystem::path& model, const WorkerOptions& worker) {
  SilentProgress silent;
  WorkerResult result = RunWorker(
      Json::MakeObject().Set("op", "input-names").Set("path", model.string()), worker, silent);
  if (result.outcome != Outcome::kOk) return Error(result.code, std::move(result.reason));
  return std::move(result.reply);
}

std::vector<std::string> TorchNotes(std::span<const std::filesystem::path> models,
                                    const std::optional<DevicePeaks>& peaks,
                                    const WorkerOptions& worker) {
  if (std::none_of(models.begin(), models.end(), IsTorchScript)) return {};
  const auto facts = DescribeTorchEngine(worker);
  if (!facts.ok()) return {};  // measuring says so
  std::vector<std::string> notes;
  for (const std::filesystem::path& model : models) {
    if (!IsTorchScript(model)) continue;
    notes.push_back(Format("{}: run by {}; work and roofline are known of ONNX only",
                           Printable(model.filename().string()), VersionOf(facts.value())));
  }
  const Peak* peak = peaks ? peaks->Fastest(PeakKind::kFloat32, 1) : nullptr;
  std::string slow = WhySlowFloat(facts.value(), peak == nullptr ? 0 : peak->one.per_s);
  if (!slow.empty()) notes.push_back(std::move(slow));
  return notes;
}

Result<Json> DescribeTorchInWorker(const Json& request, Engine& engine, Progress& progress) {
  (void)engine;
  (void)progress;
  return DescribeTorch(TorchSettings::FromJson(request["torch"]));
}

Result<Json> DescribeTorchEngine(const WorkerOptions& worker) {
  SilentProgress silent;
  WorkerResult result = RunWorker(Json::MakeObject().Set("op", "describe-torch"), worker, silent);
  if (result.outcome != Outcome::kOk) return Error(result.code, std::move(result.reason));
  return std::move(result.reply);
}

std::string WhySlowFloat(const Json& facts, double peak) {
  const double gflops = facts["blas_gflops"].AsDouble();
  if (!(peak > 0) || !(gflops > 0) || gflops * 1e9 >= kSlowShare * peak) return "";
  return Format(
      "libtorch multiplies float32 with its {} ({}) at {:.3g} GFLOP/s on one thread, {:.0f} % of "
      "the "
      "{:.3g} that this processor can do: its float32 times say little about PyTorch (Debian: sudo "
      "apt-get install libopenblas0-pthread)",
      Printable(facts["blas"].AsString(), 60), Printable(facts["blas_file"].AsString(), 200),
      gflops, 100 * gflops * 1e9 / peak, peak * 1e-9);
}

}  // namespace quantbench
