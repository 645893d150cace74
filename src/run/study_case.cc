// One case of a study: what determines it, and doing it.
#include "run/study_case.h"

#include <algorithm>
#include <system_error>

#include "quantbench/base/clock.h"
#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/model/torchscript.h"

#include "run/arms.h"
#include "run/cell_journal.h"
#include "run/model_inputs.h"
#include "run/quantize_case.h"
#include "run/rebatch.h"
#include "run/variant_files.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

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
  Json settings = Json::MakeObject()
                      .Set("id", variant.id)
                      .Set("recipe", variant.recipe.ToJson())
                      .Set("calibrate", std::move(calibrate));
  // Absent where they are as usual: keys of cases stay what they were before there were others.
  const fs::path* from = FileFor(variant.from, model);
  if (from != nullptr) settings.Set("from", from->filename().string());
  if (PerChannelDynamic(variant, model)) settings.Set("per_channel_dynamic", true);
  return settings;
}

// Whether the variant's file is used in the case.
bool TakesPart(const StudyVariant& variant, const StudyModel& model, const Case& work) {
  return variant.AppliesTo(model.id) && (work.arm.empty() || work.arm == variant.id);
}

// Whether libtorch has something to do in the case.
bool RunsTorch(const Study& study, const StudyModel& model, const Case& work) {
  bool runs = IsTorchScript(model.path);
  for (const StudyVariant& variant : study.variants) {
    if (!TakesPart(variant, model, work)) continue;
    const fs::path* given = FileFor(variant.given, model);
    runs = runs || IsTorchScript(given == nullptr ? SourceOf(variant, model) : *given);
  }
  return runs;
}

// How libtorch runs the models of the case. What a recipe makes has integer operators of the
// processor: it is made and compared there, wherever it is measured.
TorchSettings TorchOf(const Study& study, const RunStudyOptions& options, const Case& work) {
  TorchSettings torch = options.worker.torch.Over(study.torch);
  if (work.kind != CaseKind::kQuantize) return torch;
  if (study.FindVariant(work.arm)->given.empty()) torch.device.clear();
  return torch;
}

// The settings of the case; with the model's hash they determine its result.
Json SettingsOf(const StudyContext& context, const StudyModel& model, const Case& work) {
  const Study& study = *context.study;
  Json settings = Json::MakeObject().Set("input", ToJson(InputOf(study, model)));
  Json variants = Json::Array{};
  for (const StudyVariant& variant : study.variants) {
    if (TakesPart(variant, model, work)) variants.Append(VariantSettings(study, model, variant));
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
  Json torch = TorchOf(study, *context.options, work).Unusual();
  if (!torch.is_null() && RunsTorch(study, model, work)) settings.Set("torch", std::move(torch));
  return settings;
}

QuantizeOptions OptionsOf(const StudyContext& context, const StudyModel& model,
                          const StudyVariant& variant) {
  QuantizeOptions options;
  options.model = SourceOf(variant, model);
  options.output = context.ArmPath(model, variant.id);
  options.recipe = variant.recipe;
  options.calibrate = CalibrationData(*context.study, model, variant);
  options.calibration = variant.calibration;
  options.stated = model.inputs;
  if (options.model != model.path && !IsTorchScript(options.model)) options.stated.clear();
  options.per_channel_dynamic = PerChannelDynamic(variant, model);
  options.dims = model.dims;
  options.constants = model.constants;
  options.vocabulary = model.vocabulary;
  options.force = true;  // a file without a record is a left-over of an interrupted run
  return options;
}

WorkerOptions WorkerOf(const StudyContext& context, const Case& work) {
  WorkerOptions worker = context.options->worker;
  worker.torch = TorchOf(*context.study, *context.options, work);
  worker.timeout_s = context.study->timeout_s;
  return worker;
}

CaseOutcome Quantize(const StudyContext& context, const StudyModel& model, const Case& work,
                     Progress& progress) {
  const StudyVariant& variant = *context.study->FindVariant(work.arm);
  const QuantizeOptions options = OptionsOf(context, model, variant);
  const WorkerOptions worker = WorkerOf(context, work);
  return variant.given.empty() ? MakeVariant(options, model, worker, progress)
                               : TakeVariant(options, model, worker, progress);
}

// The arms whose files exist. Those of variants that could not be made are named in `missing`.
std::vector<Arm> ArmsOf(const StudyContext& context, const StudyModel& model,
                        std::vector<std::string>* missing) {
  std::vector<Arm> arms = {{std::string(kOriginal), model.path}};
  for (const StudyVariant& variant : context.study->variants) {
    if (!variant.AppliesTo(model.id)) continue;
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
  const WorkerOptions worker = WorkerOf(context, work);
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
  CaseOutcome outcome = MeasureScenario(options, WorkerOf(context, work), progress);
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
  return EvaluateArm(options, WorkerOf(context, work), progress);
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
  return MeasureNaturalSizes(options, WorkerOf(context, work), progress);
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

std::string StudyContext::HashOf(const fs::path& file) const {
  const auto found = hashes.find(file);
  return found == hashes.end() ? "" : found->second;
}

fs::path StudyContext::ArmPath(const StudyModel& model, std::string_view arm) const {
  if (arm == kOriginal) return model.path;
  const StudyVariant* variant = study->FindVariant(arm);
  const fs::path* given = variant == nullptr ? nullptr : FileFor(variant->given, model);
  if (given != nullptr) return *given;
  const fs::path& source = variant == nullptr ? model.path : SourceOf(*variant, model);
  const char* kind = IsTorchScript(source) ? "pt" : "onnx";
  return options->results / "models" / Format("{}.{}.{}", model.id, arm, kind);
}

std::string KeyOf(const StudyContext& context, const Case& work) {
  const StudyModel& model = *context.study->FindModel(work.model);
  Json question = Json::MakeObject()
                      .Set("schema", kRecordSchema)
                      .Set("quantbench", QB_VERSION)
                      .Set("kind", Name(work.kind))
                      .Set("model", work.model)
                      .Set("model_sha256", context.HashOf(model.path))
                      .Set("arm", work.arm)
                      .Set("settings", SettingsOf(context, model, work));
  for (const StudyVariant& variant : context.study->variants) {
    if (!TakesPart(variant, model, work)) continue;
    const fs::path* given = FileFor(variant.given, model);
    const fs::path* from = FileFor(variant.from, model);
    if (given != nullptr) {
      question.Set(Format("sha256 of variant {}", variant.id), context.HashOf(*given));
    }
    if (from != nullptr) {
      question.Set(Format("sha256 of what variant {} is made of", variant.id),
                   context.HashOf(*from));
    }
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
  record.settings = SettingsOf(context, model, work);
  record.settings.Set("model_sha256", context.HashOf(model.path));
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
