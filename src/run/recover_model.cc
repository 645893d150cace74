// The steps that win accuracy back.
#include "run/recover_model.h"

#include <system_error>

#include "quantbench/base/clock.h"
#include "quantbench/base/format.h"

#include "run/input_statistics.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

// What a worker saw of the requests; nothing where there are none.
Result<std::optional<GatheredStatistics>> Gather(const QuantizeOptions& options,
                                                 const std::vector<InputRequest>& requests,
                                                 const WorkerOptions& worker,
                                                 QuantizeOutcome* outcome, Progress& progress) {
  if (requests.empty()) return std::optional<GatheredStatistics>();
  InputStatisticsOptions gather;
  gather.samples = options.calibration.samples;
  gather.threads = options.threads;
  const std::int64_t start = SystemClock().NowNs();
  QB_TRY(GatheredStatistics gathered, GatherByWorker(options, requests, gather, worker, progress));
  outcome->calibrate_seconds += static_cast<double>(SystemClock().NowNs() - start) * 1e-9;
  return std::optional<GatheredStatistics>(std::move(gathered));
}

InputsSeen SourceOf(const std::optional<GatheredStatistics>& gathered) {
  if (!gathered) return {};
  return [&gathered](std::int64_t request) { return gathered->Get(request); };
}

// The worker prepares the model as the plan's own recipe did.
QuantizeOptions PreparedAs(const Plan& plan, QuantizeOptions options) {
  if (!options.plan) return options;
  auto recipe = FindRecipe(plan.calibrated ? "static-int8" : "float16");
  QB_CHECK(recipe.ok(), "recipes of ours");
  options.recipe = std::move(recipe).value();
  options.recipe.weighs_costs = false;  // the plan says what computes on floats
  for (const LayerPlan& layer : plan.layers) {
    const bool is_float_conv = layer.op_type == "Conv" && layer.scheme != Scheme::kStaticInt8;
    if (is_float_conv) options.recipe.keep_float.push_back(layer.layer);
  }
  return options;
}

// A plan that is given has the steps, and the name of the recipe it came from.
Recipe EasingRecipe(const QuantizeOptions& options) {
  Recipe recipe = options.recipe;
  if (!options.plan) return recipe;
  if (auto named = FindRecipe(options.plan->recipe); named.ok()) recipe = std::move(named).value();
  recipe.recovery = options.plan->recovery;
  return recipe;
}

}  // namespace

void LeaveOutUnfed(const QuantizeOptions& options, Recovery* recovery,
                   std::vector<std::string>* notes) {
  if (options.calibrate) return;
  const std::string names = recovery->LeaveOutInputs();
  if (!names.empty()) notes->push_back(Format("no calibration data: left out {}", names));
}

Result<Solutions> SolveByWorker(const QuantizeOptions& options, const WorkerOptions& worker,
                                const Model& prepared, QuantizeOutcome* outcome,
                                Progress& progress) {
  QB_TRY(const auto gathered,
         Gather(PreparedAs(outcome->plan, options), InputsToObserve(prepared, outcome->plan),
                worker, outcome, progress));
  QB_TRY(Solutions solutions,
         SolveWeights(prepared, outcome->plan, SourceOf(gathered), options.threads, progress));
  std::vector<std::string>& notes = outcome->plan.notes;
  notes.insert(notes.end(), solutions.notes.begin(), solutions.notes.end());
  return solutions;
}

EasedModel::~EasedModel() {
  if (file_.empty()) return;
  std::error_code ignored;
  fs::remove(file_, ignored);
  fs::remove(fs::path(file_.string() + ".data"), ignored);
}

Result<EasedModel> EaseByWorker(const QuantizeOptions& options, const WorkerOptions& worker,
                                QuantizeOutcome* outcome, Progress& progress) {
  Recipe recipe = EasingRecipe(options);
  std::vector<std::string> notes;
  LeaveOutUnfed(options, &recipe.recovery, &notes);
  if (!recipe.recovery.rewrites()) return EasedModel(options);
  if (!options.table.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("{}: its ranges are those of the model before steps rewrite it",
                        options.table.string()));
  }
  QB_TRY(Model model, LoadModel(options.model));
  QB_OK(CheckModel(model));
  outcome->before = SizeOf(model);
  QB_TRY(Model prepared, PrepareFor(std::move(model), recipe, nullptr));
  QuantizeOptions eased = options;
  eased.recipe = recipe;
  QB_TRY(const auto gathered,
         Gather(eased, InputsToEase(prepared, recipe), worker, outcome, progress));
  QB_TRY(const Model rewritten,
         EaseWeights(std::move(prepared), recipe, SourceOf(gathered), options.threads, &notes));
  eased.recipe = options.recipe;
  eased.model = fs::path(options.output.string() + ".eased.onnx");
  SaveOptions save;
  save.replace_existing = true;
  QB_OK(SaveModel(rewritten, eased.model, save));
  for (const std::string& note : notes) progress.Note(note);
  return EasedModel(eased, eased.model);
}

}  // namespace quantbench
