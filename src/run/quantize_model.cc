// Quantizing a file: prepare, calibrate, plan, apply, write, re-open, compare.
#include <cmath>
#include <filesystem>
#include <limits>
#include <system_error>

#include "quantbench/base/clock.h"
#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/model/torchscript.h"
#include "quantbench/run.h"

#include "run/calibrate_model.h"
#include "run/quantize_torch.h"
#include "run/recover_model.h"
#include "run/replacement.h"
#include "run/verify_model.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

Status CheckPaths(const QuantizeOptions& options) {
  std::error_code error;
  if (fs::equivalent(options.model, options.output, error) && !error) {
    return Error(
        ErrorCode::kInvalidArgument,
        Format("{}: output and input are the same file; quantbench never quantizes in place",
               options.output.string()));
  }
  if (fs::exists(options.output, error) && !options.force) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("{}: exists already; --force replaces it", options.output.string()));
  }
  const fs::path folder = options.output.parent_path();
  if (!folder.empty() && !fs::is_directory(folder, error)) {
    return Error(ErrorCode::kNotFound,
                 Format("{}: the output folder does not exist", folder.string()));
  }
  return Ok();
}

Result<std::string> HashOfFile(const fs::path& path) {
  QB_TRY(const auto file, MappedFile::Open(path));
  return Sha256(file->text());
}

double Seconds(std::int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) * 1e-9;
}

// The prepared model, and the plan: the one given, or one of our own.
Result<Model> PlanModel(const QuantizeOptions& options, const CalibrationTable* table, Model model,
                        WeightFacts* facts, QuantizeOutcome* outcome) {
  if (options.plan) {
    outcome->plan = *options.plan;
    return PrepareFor(std::move(model), outcome->plan, nullptr);
  }
  std::vector<std::string> notes;
  QB_TRY(Model prepared, PrepareFor(std::move(model), options.recipe, &notes));
  QB_TRY(outcome->plan, PlanQuantization(prepared, options.recipe, table, facts));
  outcome->plan.notes.insert(outcome->plan.notes.begin(), notes.begin(), notes.end());
  return prepared;
}

// From bytes to bytes. Fills plan, size before and seconds.
Status Convert(const QuantizeOptions& options, const CalibrationTable* table,
               const WorkerOptions& worker, QuantizeOutcome* outcome, Progress& progress) {
  const double watched = outcome->calibrate_seconds;
  const std::int64_t start = SystemClock().NowNs();
  progress.Update("quantizing", 0, 0);
  QB_TRY(Model model, LoadModel(options.model));
  QB_OK(CheckModel(model));
  if (outcome->before.total_bytes() == 0) outcome->before = SizeOf(model);
  const std::shared_ptr<WeightFacts> facts = MakeWeightFacts();
  QB_TRY(Model prepared, PlanModel(options, table, std::move(model), facts.get(), outcome));
  LeaveOutUnfed(options, &outcome->plan.recovery, &outcome->plan.notes);
  if (options.plan_only) {
    QB_OK(WriteFileAtomic(options.output, outcome->plan.ToJson().Dump(2) + "\n"));
  } else {
    QB_TRY(const Solutions solutions, SolveByWorker(options, worker, prepared, outcome, progress));
    QB_TRY(const Model quantized, ApplyPlan(std::move(prepared), outcome->plan,
                                            {options.threads, &solutions, facts.get()}));
    QB_OK(SaveModel(quantized, options.output, {}));
  }
  outcome->seconds =
      Seconds(SystemClock().NowNs() - start) - (outcome->calibrate_seconds - watched);
  outcome->peak_bytes = PeakResidentBytes();
  return Ok();
}

// The written file read back from disk.
Status Reopen(const QuantizeOptions& options, QuantizeOutcome* outcome) {
  QB_TRY(const Model written, LoadModel(options.output));
  QB_OK(CheckModel(written));
  outcome->after = SizeOf(written);
  return Ok();
}

Status Verify(const QuantizeOptions& options, const WorkerOptions& worker, QuantizeOutcome* outcome,
              Progress& progress) {
  outcome->sqnr_db = std::numeric_limits<double>::quiet_NaN();
  if (!options.verify) return Ok();
  const std::int64_t start = SystemClock().NowNs();
  QB_TRY(const Verification verification, VerifyByWorker(options, worker, progress));
  verification.PutInto(outcome);
  QB_TRY(outcome->sha256, HashOfFile(options.output));
  outcome->verify_seconds = Seconds(SystemClock().NowNs() - start);
  return Ok();
}

Result<QuantizeOutcome> QuantizeTorchScriptFile(const QuantizeOptions& options,
                                                const WorkerOptions& worker, Progress& progress) {
  Replacement replacement(options.output);
  QB_TRY(QuantizeOutcome outcome, QuantizeByTorch(options, worker, progress));
  QB_OK(Verify(options, worker, &outcome, progress));
  replacement.Keep();
  return outcome;
}

}  // namespace

Result<QuantizeOutcome> QuantizeModel(const QuantizeOptions& asked, const WorkerOptions& worker,
                                      Progress& progress) {
  QB_OK(CheckPaths(asked));
  if (IsTorchScript(asked.model)) return QuantizeTorchScriptFile(asked, worker, progress);
  QuantizeOutcome outcome;
  // Where steps rewrite the model first, all but the comparison starts from the rewritten one.
  QB_TRY(const EasedModel eased, EaseByWorker(asked, worker, &outcome, progress));
  const QuantizeOptions& options = eased.options();
  std::optional<CalibrationTable> table;
  if (!options.plan && options.recipe.needs_calibration()) {
    const std::int64_t start = SystemClock().NowNs();
    QB_TRY(QuantizeCalibration calibration, CalibrateFor(options, worker, progress));
    table = std::move(calibration.table);
    outcome.calibrate_peak_bytes = calibration.peak_bytes;
    for (const auto& [name, range] : table->ranges) {
      outcome.activations.Add(name, range.count, range.denormals);
    }
    outcome.calibrated = Format("{} over {}", table->observer, table->source);
    outcome.calibrate_seconds = Seconds(SystemClock().NowNs() - start);
  }
  Replacement replacement(options.output);
  QB_OK(Convert(options, table ? &*table : nullptr, worker, &outcome, progress));
  outcome.sqnr_db = std::numeric_limits<double>::quiet_NaN();
  if (options.plan_only) {
    replacement.Keep();
    return outcome;
  }
  if (auto reopened = Reopen(options, &outcome); !reopened.ok()) {
    return Error(ErrorCode::kInternal,
                 "the written model is not sound: " + reopened.error().message());
  }
  QB_OK(Verify(asked, worker, &outcome, progress));
  replacement.Keep();
  return outcome;
}

}  // namespace quantbench
