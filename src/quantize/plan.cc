// The doors of planning and applying: which scheme's part does the work.
#include "quantbench/base/format.h"
#include "quantbench/quantize.h"

#include "quantize/emitter.h"
#include "quantize/planner.h"

namespace quantbench {
namespace {

Plan PlanNothing(const PlanContext& context) {
  Plan plan;
  for (const NodeRef& node : context.nodes()) {
    if (context.WeightsOf(*node.node).empty()) continue;
    plan.layers.push_back(FloatLayer(context, node, "the recipe keeps everything float"));
  }
  return plan;
}

Result<Plan> PlanScheme(const PlanContext& context, const CalibrationTable* table) {
  switch (context.recipe().scheme) {
    case Scheme::kKeepFloat: break;
    case Scheme::kDynamicInt8: return PlanDynamic(context);
    case Scheme::kStaticInt8: return PlanStatic(context, *table);
    case Scheme::kFloat16: return PlanHalf(context);
  }
  return PlanNothing(context);
}

Result<Model> ApplyScheme(Model model, const Plan& plan, int threads) {
  switch (plan.scheme) {
    case Scheme::kKeepFloat: break;
    case Scheme::kDynamicInt8: return ApplyDynamic(std::move(model), plan, threads);
    case Scheme::kStaticInt8: return ApplyStatic(std::move(model), plan, threads);
    case Scheme::kFloat16: return ApplyHalf(std::move(model), plan, threads);
  }
  return model;
}

void SetMetadata(std::string_view key, std::string_view value, Model* model) {
  for (auto& [name, text] : model->metadata) {
    if (name != key) continue;
    text = value;
    return;
  }
  model->metadata.emplace_back(key, value);
}

}  // namespace

Result<Plan> PlanQuantization(const Model& prepared, const Recipe& recipe,
                              const CalibrationTable* table) {
  if (recipe.needs_calibration() && table == nullptr) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("recipe {} needs calibration, and none was given", recipe.name));
  }
  QB_TRY(const PlanContext context, PlanContext::Of(prepared, recipe));
  QB_TRY(Plan plan, PlanScheme(context, table));
  plan.recipe = recipe.name;
  plan.scheme = recipe.scheme;
  plan.target = recipe.target;
  return plan;
}

Result<Model> ApplyPlan(Model prepared, const Plan& plan, const ApplyOptions& options) {
  QB_TRY(Model model, ApplyScheme(std::move(prepared), plan, options.threads));
  SetMetadata("quantbench.recipe", plan.recipe, &model);
  SetMetadata("quantbench.version", QB_VERSION, &model);
  return model;
}

}  // namespace quantbench
