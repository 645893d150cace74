// One variant of a study: made, or taken as given, and compared with the original.
#include "run/quantize_case.h"

#include <cmath>
#include <system_error>
#include <utility>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "run/quantized_facts.h"
#include "run/size_of_file.h"
#include "run/verify_model.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

Json ResultsOf(const QuantizeOutcome& outcome, const fs::path& file) {
  return Json::MakeObject()
      .Set("file", file.filename().string())
      .Set("sha256", outcome.sha256)
      .Set("seconds", outcome.seconds)
      .Set("calibrate_seconds", outcome.calibrate_seconds)
      .Set("verify_seconds", outcome.verify_seconds)
      .Set("peak_bytes", outcome.peak_bytes)
      .Set("size_original", outcome.before.ToJson())
      .Set("size", outcome.after.ToJson())
      .Set("verified", outcome.verified)
      .Set("sqnr_db", outcome.sqnr_db)
      .Set("exact", outcome.verified && outcome.sqnr_db > 0 && std::isinf(outcome.sqnr_db))
      .Set("verify_source", outcome.verify_source)
      .Set("activations", outcome.activations.ToJson())
      .Set("outputs_original", outcome.outputs_original.ToJson())
      .Set("outputs", outcome.outputs.ToJson())
      .Set("plan", outcome.plan.ToJson());
}

// Compares what a variant is with the study's original.
Status CompareWithOriginal(QuantizeOptions options, const StudyModel& model,
                           const WorkerOptions& worker, QuantizeOutcome* outcome,
                           Progress& progress) {
  options.model = model.path;
  options.stated = model.inputs;
  QB_TRY(outcome->before, SizeOfFile(model.path));
  QB_TRY(const Verification verification, VerifyByWorker(options, worker, progress));
  verification.PutInto(outcome);
  return Ok();
}

// A file that was made elsewhere: looked at and compared with the original, as if we had made it.
Result<QuantizeOutcome> LookAtGiven(const QuantizeOptions& options, const StudyModel& model,
                                    const WorkerOptions& worker, Progress& progress) {
  QuantizeOutcome outcome;
  outcome.plan.notes.emplace_back("not made here: given as a file");
  QB_TRY(outcome.after, SizeOfFile(options.output));
  QB_OK(CompareWithOriginal(options, model, worker, &outcome, progress));
  QB_TRY(const auto file, MappedFile::Open(options.output));
  outcome.sha256 = Sha256(file->text());
  return outcome;
}

// By the recipe. What it quantizes may be another form of the model, which stays the original.
Result<QuantizeOutcome> MakeByRecipe(const QuantizeOptions& options, const StudyModel& model,
                                     const WorkerOptions& worker, Progress& progress) {
  QB_TRY(QuantizeOutcome outcome, QuantizeModel(options, worker, progress));
  if (options.model == model.path) return outcome;
  outcome.plan.notes.push_back(Format("made of {}, and compared with {}",
                                      Printable(options.model.filename().string()),
                                      Printable(model.path.filename().string())));
  if (auto compared = CompareWithOriginal(options, model, worker, &outcome, progress);
      !compared.ok()) {
    std::error_code ignored;
    fs::remove(options.output, ignored);
    return compared.error();
  }
  return outcome;
}

// The outcome's record.
CaseOutcome Recorded(Result<QuantizeOutcome> outcome, const QuantizeOptions& options,
                     const StudyModel& model, const WorkerOptions& worker, Progress& progress) {
  if (!outcome.ok()) {
    return {Outcome::kFailed, outcome.error().message(), outcome.error().code(), {}};
  }
  QuantizeOutcome found = std::move(outcome).value();
  found.before.denormals = DenormalsOf(model.path);
  found.after.denormals = DenormalsOf(options.output);
  Json results = ResultsOf(found, options.output);
  results.Set("loaded", OperatorsOf(options.output, worker, progress));
  return {Outcome::kOk, "", ErrorCode::kEngine, std::move(results)};
}

}  // namespace

CaseOutcome MakeVariant(const QuantizeOptions& options, const StudyModel& model,
                        const WorkerOptions& worker, Progress& progress) {
  return Recorded(MakeByRecipe(options, model, worker, progress), options, model, worker, progress);
}

CaseOutcome TakeVariant(const QuantizeOptions& options, const StudyModel& model,
                        const WorkerOptions& worker, Progress& progress) {
  return Recorded(LookAtGiven(options, model, worker, progress), options, model, worker, progress);
}

}  // namespace quantbench
