// One case of a study: what determines it, and doing it.
#include "run/study_case.h"

#include <algorithm>
#include <cmath>
#include <system_error>

#include "quantbench/base/clock.h"
#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/model/torchscript.h"

#include "run/arms.h"
#include "run/cell_journal.h"
#include "run/model_inputs.h"
#include "run/quantized_facts.h"
#include "run/rebatch.h"
#include "run/verify_model.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

bool AppliesTo(const StudyVariant& variant, const StudyModel& model) {
  if (variant.models.empty()) return true;
  for (const std::string& id : variant.models) {
    if (id == model.id) return true;
  }
  return false;
}

// The data a variant is calibrated with; absent: synthetic.
std::optional<DataSpec> CalibrationData(const Study& study, const StudyModel& model,
                                        const StudyVariant& variant) {
  const std::string& own = model.calibrate.empty() ? model.data : model.calibrate;
  const std::string& id = variant.calibrate_data.empty() ? own : variant.calibrate_data;
  const auto found = study.data.find(id);
  if (found == study.data.end()) return std::nullopt;
  return found->second;
}

InputSource InputOf(const Study& study, const StudyModel& model) {
  InputSource input;
  if (const auto found = study.data.find(model.data); found != study.data.end()) {
    input.data = found->second;
  }
  input.stated = model.inputs;
  input.dims = model.dims;
  input.constants = model.constants;
  input.vocabulary = model.vocabulary;
  return input;
}

Json VariantSettings(const Study& study, const StudyModel& model, const StudyVariant& variant) {
  const auto data = CalibrationData(study, model, variant);
  Json calibrate = variant.calibration.ToJson();
  calibrate.Set("data", data ? data->ToJson() : Json());
  return Json::MakeObject()
      .Set("id", variant.id)
      .Set("recipe", variant.recipe.ToJson())
      .Set("calibrate", std::move(calibrate));
}

// The settings of the case; with the model's hash they determine its result.
Json SettingsOf(const Study& study, const StudyModel& model, const Case& work) {
  Json settings = Json::MakeObject().Set("input", ToJson(InputOf(study, model)));
  Json variants = Json::Array{};
  for (const StudyVariant& variant : study.variants) {
    const bool all_arms = work.kind == CaseKind::kMeasure || work.kind == CaseKind::kNatural ||
                          work.kind == CaseKind::kScenario;
    if (!AppliesTo(variant, model) || !(all_arms || variant.id == work.arm)) continue;
    variants.Append(VariantSettings(study, model, variant));
  }
  settings.Set("variants", std::move(variants));
  if (work.kind == CaseKind::kMeasure) {
    settings.Set("cell", work.cell.ToJson()).Set("latency", study.latency.ToJson());
  }
  if (work.kind == CaseKind::kScenario) {
    settings.Set("cell", work.cell.ToJson())
        .Set("latency", study.latency.ToJson())
        .Set("scenario", study.scenario.ToJson(work.cell.scenario));
  }
  if (work.kind == CaseKind::kNatural) {
    settings.Set("cell", work.cell.ToJson())
        .Set("batches", study.natural_batches)
        .Set("processes", study.latency.processes);
  }
  if (work.kind == CaseKind::kEvaluate) {
    settings.Set("batch", study.evaluate.batch).Set("limit", study.evaluate.limit);
    if (study.until_decided) settings.Set("until_decided", study.margin);
  }
  return settings;
}

QuantizeOptions OptionsOf(const StudyContext& context, const StudyModel& model,
                          const StudyVariant& variant) {
  QuantizeOptions options;
  options.model = model.path;
  options.output = context.ArmPath(model, variant.id);
  options.recipe = variant.recipe;
  options.calibrate = CalibrationData(*context.study, model, variant);
  options.calibration = variant.calibration;
  options.stated = model.inputs;
  options.dims = model.dims;
  options.constants = model.constants;
  options.vocabulary = model.vocabulary;
  options.force = true;  // a file without a record is a left-over of an interrupted run
  return options;
}

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

WorkerOptions WorkerOf(const StudyContext& context) {
  WorkerOptions worker = context.options->worker;
  worker.timeout_s = context.study->timeout_s;
  return worker;
}

Result<ModelSize> SizeOfFile(const fs::path& path) {
  if (IsTorchScript(path)) {
    QB_TRY(const TorchScript model, LoadTorchScript(path));
    return SizeOf(model);
  }
  QB_TRY(const Model model, LoadModel(path));
  return SizeOf(model);
}

// A file that was made elsewhere: looked at and compared with the original, as if we had made it.
Result<QuantizeOutcome> TakeGiven(const QuantizeOptions& options, const WorkerOptions& worker,
                                  Progress& progress) {
  QuantizeOutcome outcome;
  outcome.plan.notes.emplace_back("not made here: given as a file");
  QB_TRY(outcome.before, SizeOfFile(options.model));
  QB_TRY(outcome.after, SizeOfFile(options.output));
  QB_TRY(const Verification verification, VerifyByWorker(options, worker, progress));
  outcome.verified = true;
  outcome.sqnr_db = verification.sqnr_db;
  outcome.verify_source = verification.source;
  outcome.outputs_original = verification.original;
  outcome.outputs = verification.quantized;
  QB_TRY(const auto file, MappedFile::Open(options.output));
  outcome.sha256 = Sha256(file->text());
  return outcome;
}

CaseOutcome Quantize(const StudyContext& context, const StudyModel& model, const Case& work,
                     Progress& progress) {
  const StudyVariant& variant = *context.study->FindVariant(work.arm);
  const QuantizeOptions options = OptionsOf(context, model, variant);
  auto outcome = variant.path.empty() ? QuantizeModel(options, WorkerOf(context), progress)
                                      : TakeGiven(options, WorkerOf(context), progress);
  if (!outcome.ok()) {
    return {Outcome::kFailed, outcome.error().message(), outcome.error().code(), {}};
  }
  QuantizeOutcome found = std::move(outcome).value();
  found.before.denormals = DenormalsOf(model.path);
  found.after.denormals = DenormalsOf(options.output);
  Json results = ResultsOf(found, options.output);
  results.Set("loaded", OperatorsOf(options.output, WorkerOf(context), progress));
  return {Outcome::kOk, "", ErrorCode::kEngine, std::move(results)};
}

// The arms whose files exist. Those of variants that could not be made are named in `missing`.
std::vector<Arm> ArmsOf(const StudyContext& context, const StudyModel& model,
                        std::vector<std::string>* missing) {
  std::vector<Arm> arms = {{std::string(kOriginal), model.path}};
  for (const StudyVariant& variant : context.study->variants) {
    if (!AppliesTo(variant, model)) continue;
    const fs::path path = context.ArmPath(model, variant.id);
    std::error_code ignored;
    if (fs::exists(path, ignored)) {
      arms.push_back({variant.id, path});
    } else {
      missing->push_back(variant.id);
    }
  }
  return arms;
}

// The cell without the swept dimensions that the model does not have, where they are at their first
// value: the model is measured there, and BenchCell skips it at the others.
Cell CellOf(const Study& study, const StudyModel& model, Cell cell) {
  const auto inputs = ReadInputs(model.path, InputOf(study, model));
  if (!inputs.ok()) return cell;
  const auto batched = ResolveInputs(FreeBatch(inputs.value(), cell.batch), cell.batch, {});
  if (!batched.ok()) return cell;
  for (const auto& [name, values] : study.sweep.dims) {
    const auto swept = cell.dims.find(name);
    if (swept == cell.dims.end() || swept->second != values.front()) continue;
    if (!CheckDims(batched.value(), {*swept}).ok()) cell.dims.erase(swept);
  }
  return cell;
}

// What is measured in the cell of the case; variants that could not be made are in `missing`.
BenchOptions BenchOptionsOf(const StudyContext& context, const StudyModel& model, const Case& work,
                            std::vector<std::string>* missing) {
  BenchOptions options;
  options.arms = ArmsOf(context, model, missing);
  options.cell = CellOf(*context.study, model, work.cell);
  options.latency = context.study->latency;
  options.input = InputOf(*context.study, model);
  options.peaks = context.peaks;
  return options;
}

// Names the variants that could not be made among the arms of an outcome.
void AddMissing(const std::vector<std::string>& missing, CaseOutcome* outcome) {
  Json arms = outcome->results["arms"];
  for (const std::string& arm : missing) {
    arms.Append(ArmFailure(arm, Outcome::kSkipped, "the variant could not be made"));
  }
  outcome->results.Set("arms", std::move(arms));
}

CaseOutcome Measure(const StudyContext& context, const StudyModel& model, const Case& work,
                    Progress& progress) {
  std::vector<std::string> missing;
  BenchOptions options = BenchOptionsOf(context, model, work, &missing);
  options.journal =
      context.options->results / kUnfinished / Format("{}.json", KeyOf(context, work));
  options.device = Format("{} {}", context.environment["host"].AsString(),
                          context.environment["cpu"].AsString());
  const WorkerOptions worker = WorkerOf(context);
  MemoryForecast& forecast = (*context.forecasts)[model.id];
  if (auto reason = forecast.WhyNot(options.cell, FreeMemory(worker.memory_bytes))) {
    return {Outcome::kSkipped, *std::move(reason), ErrorCode::kEngine, {}};
  }
  CaseOutcome outcome = BenchCell(options, worker, progress);
  if (outcome.outcome != Outcome::kOk) return outcome;
  forecast.Learn(options.cell, static_cast<std::uint64_t>(outcome.results["peak_bytes"].AsInt()));
  AddMissing(missing, &outcome);
  return outcome;
}

CaseOutcome Use(const StudyContext& context, const StudyModel& model, const Case& work,
                Progress& progress) {
  std::vector<std::string> missing;
  const ScenarioOptions options = {BenchOptionsOf(context, model, work, &missing),
                                   context.study->scenario};
  CaseOutcome outcome = MeasureScenario(options, WorkerOf(context), progress);
  if (outcome.outcome == Outcome::kOk) AddMissing(missing, &outcome);
  return outcome;
}

CaseOutcome Evaluate(const StudyContext& context, const StudyModel& model, const Case& work,
                     Progress& progress) {
  EvalOptions options;
  options.arm = {work.arm, context.ArmPath(model, work.arm)};
  std::error_code ignored;
  if (!fs::exists(options.arm.path, ignored)) {
    return {Outcome::kSkipped, "the variant could not be made", ErrorCode::kNotFound, {}};
  }
  if (work.arm != kOriginal) options.reference = model.path;
  options.until_decided =
      context.study->until_decided ? std::optional(context.study->margin) : std::nullopt;
  options.input = InputOf(*context.study, model);
  if (options.until_decided && options.input.data) options.input.data->shuffle = true;
  options.evaluate = context.study->evaluate;
  options.threads = 0;
  return EvaluateArm(options, WorkerOf(context), progress);
}

CaseOutcome Natural(const StudyContext& context, const StudyModel& model, const Case& work,
                    Progress& progress) {
  NaturalOptions options;
  std::vector<std::string> missing;  // the measuring case names them
  options.arms = ArmsOf(context, model, &missing);
  options.input = InputOf(*context.study, model);
  const bool stream =
      std::any_of(options.input.data->inputs.begin(), options.input.data->inputs.end(),
                  [](const auto& rule) { return !rule.second.feedback.empty(); });
  options.batch = work.cell.batch;
  const auto inputs = ReadInputs(model.path, options.input);
  const auto fits = inputs.ok() ? ResolveInputs(inputs.value(), options.batch, {})
                                : Result<std::vector<InputSpec>>(inputs.error());
  if (!fits.ok()) return {Outcome::kSkipped, fits.error().message(), fits.error().code(), {}};
  if (stream) {
    return {Outcome::kSkipped, "the steps of a stream have one size", ErrorCode::kUnsupported, {}};
  }
  options.batches = context.study->natural_batches;
  options.threads = work.cell.threads;
  options.processes = context.study->latency.processes;
  return MeasureNaturalSizes(options, WorkerOf(context), progress);
}

CaseOutcome Do(const StudyContext& context, const StudyModel& model, const Case& work,
               Progress& progress) {
  switch (work.kind) {
    case CaseKind::kQuantize: return Quantize(context, model, work, progress);
    case CaseKind::kMeasure: return Measure(context, model, work, progress);
    case CaseKind::kEvaluate: return Evaluate(context, model, work, progress);
    case CaseKind::kNatural: return Natural(context, model, work, progress);
    case CaseKind::kScenario: return Use(context, model, work, progress);
  }
  return {Outcome::kFailed, "unknown kind of case", ErrorCode::kInternal, {}};
}

}  // namespace

std::string GivenKey(const StudyVariant& variant) {
  return variant.path.empty() ? "" : Format("sha256 of variant {}", variant.id);
}

fs::path StudyContext::ArmPath(const StudyModel& model, std::string_view arm) const {
  if (arm == kOriginal) return model.path;
  const StudyVariant* variant = study->FindVariant(arm);
  if (variant != nullptr && !variant->path.empty()) return variant->path;
  const char* kind = IsTorchScript(model.path) ? "pt" : "onnx";
  return options->results / "models" / Format("{}.{}.{}", model.id, arm, kind);
}

std::string KeyOf(const StudyContext& context, const Case& work) {
  const StudyModel& model = *context.study->FindModel(work.model);
  Json question = Json::MakeObject()
                      .Set("schema", kRecordSchema)
                      .Set("quantbench", QB_VERSION)
                      .Set("kind", Name(work.kind))
                      .Set("model", work.model)
                      .Set("model_sha256", context.model_hashes.at(work.model))
                      .Set("arm", work.arm)
                      .Set("settings", SettingsOf(*context.study, model, work));
  for (const StudyVariant& variant : context.study->variants) {
    const auto hash = context.model_hashes.find(GivenKey(variant));
    const bool takes_part =
        AppliesTo(variant, model) && (work.arm.empty() || work.arm == variant.id);
    if (hash != context.model_hashes.end() && takes_part) question.Set(hash->first, hash->second);
  }
  return Sha256(question.Dump()).substr(0, 32);
}

Record RunCase(const StudyContext& context, const Case& work, Progress& progress) {
  const StudyModel& model = *context.study->FindModel(work.model);
  Record record;
  record.key = KeyOf(context, work);
  record.what = work;
  record.started = UtcNow();
  record.environment = context.environment;
  record.settings = SettingsOf(*context.study, model, work);
  record.settings.Set("model_sha256", context.model_hashes.at(work.model));
  CaseOutcome outcome = Do(context, model, work, progress);
  record.outcome = outcome.outcome;
  record.reason = std::move(outcome.reason);
  record.results = std::move(outcome.results);
  record.finished = UtcNow();
  return record;
}

bool StillThere(const StudyContext& context, const Record& record) {
  if (record.what.kind != CaseKind::kQuantize || record.outcome != Outcome::kOk) return true;
  const StudyModel* model = context.study->FindModel(record.what.model);
  std::error_code ignored;
  return model != nullptr && fs::exists(context.ArmPath(*model, record.what.arm), ignored);
}

}  // namespace quantbench
