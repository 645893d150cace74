// Applying a plan: every node as its layer's scheme says, then the weights that are only stored.
#include <algorithm>

#include "quantbench/base/format.h"
#include "quantbench/quantize.h"

#include "quantize/emit_static.h"
#include "quantize/emitter.h"
#include "quantize/tied_weights.h"
#include "quantize/to_qoperator.h"

namespace quantbench {
namespace {

constexpr std::string_view kOptionPrefix = "quantbench.session.";

// The operator set that the forms of the plan need.
Status RaiseOpsetFor(const Plan& plan, Model* model) {
  const auto uses = [&](Scheme scheme) {
    return std::any_of(plan.layers.begin(), plan.layers.end(), [&](const LayerPlan& layer) {
      return layer.scheme == scheme && layer.op_type != "Gather" && layer.op_type != "LSTM";
    });
  };
  std::int64_t opset = 0;
  if (uses(Scheme::kDynamicInt8)) {
    if (const std::string reason = WhyNotOpset(*model, kDynamicOpset); !reason.empty()) {
      return Error(ErrorCode::kInvalidArgument, "the plan " + reason);
    }
    opset = kDynamicOpset;
  }
  if (uses(Scheme::kStaticInt8)) {
    const std::int64_t wanted = StaticOpset(*model);
    if (wanted == 0) {
      return Error(ErrorCode::kInvalidArgument, "the plan " + WhyNotOpset(*model, kOldestIntegers));
    }
    opset = std::max(opset, wanted);
  }
  if (opset > 0) RaiseOpset(opset, model);
  return Ok();
}

Status EmitNode(const PlannedNode& planned, StaticEmitter* statics, Emitter* emitter);

Status EmitBody(const Graph& original, bool repeats, Graph* body, Emitter* outer) {
  Emitter inner(original, repeats, outer);
  for (const PlannedNode& planned : inner.PlannedNodes()) {
    QB_OK(EmitNode(planned, nullptr, &inner));
  }
  std::move(inner).Finish(body);
  return Ok();
}

// The layers inside the bodies of a node as the plan has them.
Status EmitBodies(const Node& original, Node* node, Emitter* emitter) {
  const bool repeats = original.Is("Loop") || original.Is("Scan");
  std::vector<std::pair<const Graph*, Graph*>> changed;
  for (std::size_t a = 0; a < original.attributes.size(); ++a) {
    const std::vector<Graph>& bodies = original.attributes[a].graphs;
    for (std::size_t b = 0; b < bodies.size(); ++b) {
      if (!emitter->Changes(bodies[b])) continue;
      changed.emplace_back(&bodies[b], &node->attributes[a].graphs[b]);
    }
  }
  for (const auto& [body, result] : changed) QB_OK(EmitBody(*body, repeats, result, emitter));
  return Ok();
}

Status KeepNode(const Node& original, Emitter* emitter) {
  Node node = original;
  QB_OK(EmitBodies(original, &node, emitter));
  emitter->Add(std::move(node));
  return Ok();
}

// `statics`: null in bodies, whose values nobody can calibrate.
Status EmitNode(const PlannedNode& planned, StaticEmitter* statics, Emitter* emitter) {
  const Scheme scheme = planned.plan == nullptr ? Scheme::kKeepFloat : planned.plan->scheme;
  const bool needs_ranges = scheme == Scheme::kStaticInt8 || scheme == Scheme::kFloat8;
  if (needs_ranges && statics == nullptr) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("the plan makes layer \"{}\", inside the body of another node, {}: no "
                        "ranges are known there",
                        Printable(planned.name), Name(scheme)));
  }
  switch (scheme) {
    case Scheme::kKeepFloat:
    case Scheme::kStored: return KeepNode(*planned.node, emitter);
    case Scheme::kDynamicInt8: return EmitDynamic(planned, emitter);
    case Scheme::kStaticInt8: return statics->Emit(planned);
    case Scheme::kWeightOnly: return EmitWeightOnly(planned, emitter);
    case Scheme::kFloat8: return EmitFloat8(planned, emitter);
  }
  return Ok();
}

// The steps that need nothing but the weights.
Result<Solutions> SolveWithoutInputs(const Model& model, Plan plan, int threads) {
  plan.recovery.LeaveOutInputs();
  SilentProgress silent;
  return SolveWeights(model, plan, {}, threads, silent);
}

// One layer that asks for it is enough: what lies between its codes has no format of its own.
bool WantsQOperator(const Plan& plan) {
  return std::any_of(plan.layers.begin(), plan.layers.end(), [](const LayerPlan& layer) {
    return layer.scheme == Scheme::kStaticInt8 && layer.format == QuantFormat::kQOperator;
  });
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

Result<Model> ApplyPlan(Model model, const Plan& plan, const ApplyOptions& options) {
  WeightFacts unshared;
  WeightFacts* facts = options.facts != nullptr ? options.facts : &unshared;
  QB_OK(CheckTied(model, plan, facts));
  QB_OK(RaiseOpsetFor(plan, &model));
  std::optional<Solutions> own;
  if (options.solutions == nullptr) {
    QB_TRY(own, SolveWithoutInputs(model, plan, options.threads));
  }
  QB_TRY(const auto emission,
         Emission::Of(model, plan, own ? &*own : options.solutions, facts, options.threads));
  Emitter emitter(emission.get());
  QB_TRY(StaticEmitter statics, StaticEmitter::Of(emitter.PlannedNodes(), &emitter));
  for (const PlannedNode& planned : emitter.PlannedNodes()) {
    QB_OK(EmitNode(planned, &statics, &emitter));
  }
  std::move(emitter).Finish(&model.graph);
  if (emission->uses_contrib) model.RequireOpset(kContribDomain, 1);
  if (WantsQOperator(plan)) ToQOperator(&model);
  QB_OK(StoreWeights(plan, options.threads, facts, &model));
  SetMetadata("quantbench.recipe", plan.recipe, &model);
  SetMetadata("quantbench.version", QB_VERSION, &model);
  for (const auto& [key, value] : plan.engine_options) {
    SetMetadata(std::string(kOptionPrefix) + key, value, &model);
  }
  return model;
}

std::map<std::string, std::string> EngineOptionsOf(const Model& model) {
  std::map<std::string, std::string> options;
  for (const auto& [key, value] : model.metadata) {
    if (key.starts_with(kOptionPrefix)) options[key.substr(kOptionPrefix.size())] = value;
  }
  return options;
}

}  // namespace quantbench
