// Quantizing TorchScript.
#include "torch/quantize.h"

#include <stdexcept>

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/frozen_graph_optimizations.h>
#include <torch/csrc/jit/passes/remove_mutation.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/export.h>

#include "torch/archive.h"
#include "torch/element_types.h"
#include "torch/quantize_dynamic.h"
#include "torch/quantize_plan.h"
#include "torch/quantize_rewrite.h"
#include "torch/quantize_static.h"
#include "torch/threads.h"

namespace quantbench {
namespace {

// One graph whose weights are constants; batch normalization goes into the convolutions before it.
void Freeze(torch::jit::Module* module) {
  if (!module->find_method("forward"))
    throw TorchRefusal("malformed", "the model has no method \"forward\"");
  torch::jit::freeze_module_inplace(module);
  std::shared_ptr<torch::jit::Graph> graph = module->get_method("forward").graph();
  torch::jit::OptimizeFrozenGraph(graph, true);
}

using Plan = std::vector<TorchLayerPlan>;

std::string NoLayerText(const Plan& plan) {
  if (plan.empty())
    return "the model has no layer that could be quantized: no product with weights";
  return "no layer can be quantized; the first, " + plan.front().layer + " (" + plan.front().op +
         "): " + plan.front().reason;
}

void CheckAnyQuantized(const Plan& plan) {
  for (const TorchLayerPlan& layer : plan) {
    if (layer.scheme != "float") return;
  }
  throw TorchRefusal("unsupported", NoLayerText(plan));
}

Plan QuantizeDynamically(const TorchQuantizeOptions& options, TorchRewriter* rewriter) {
  const std::vector<TorchLayer> layers = FindTorchLayers(*rewriter->graph());
  const std::vector<std::string> kept = KeptFloat(*rewriter->graph(), layers, options.keep_float);
  Plan plan;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const TorchLayer& layer = layers[i];
    std::string reason = kept[i].empty() ? WhyNotDynamic(layer) : kept[i];
    if (!reason.empty()) {
      plan.push_back(FloatPlan(layer, std::move(reason)));
      continue;
    }
    try {
      const std::string form = MakeDynamic(layer, options.per_channel, rewriter);
      plan.push_back(IntegerPlan(layer, "dynamic-int8", form, options.per_channel));
    } catch (const std::exception& exception) {
      throw std::runtime_error("layer " + layer.name + ": " + exception.what());
    }
  }
  return plan;
}

// Layers and the steps that follow from them; the plan points to the layers.
struct StaticWork {
  std::vector<TorchLayer> layers;
  StaticPlan plan;
};

StaticWork PlanStatically(const TorchQuantizeOptions& options, TorchRewriter* rewriter) {
  std::shared_ptr<torch::jit::Graph> graph = rewriter->graph();
  torch::jit::RemoveTensorMutation(graph);
  StaticWork work;
  work.layers = FindTorchLayers(*graph);
  const std::vector<std::string> kept = KeptFloat(*graph, work.layers, options.keep_float);
  const auto kept_op = [&](const std::string& op) {
    return MatchesOperator(options.keep_float, op);
  };
  work.plan = PlanStatic(graph, work.layers, kept, kept_op);
  return work;
}

// `forms`: of each layer that becomes integers; empty: not made yet.
Plan ReportStatic(const StaticWork& work, const TorchQuantizeOptions& options,
                  const std::map<std::string, std::string>& forms) {
  Plan plan;
  for (const TorchLayer& layer : work.layers) {
    const auto why = work.plan.why_float.find(&layer);
    if (why != work.plan.why_float.end()) {
      plan.push_back(FloatPlan(layer, why->second));
      continue;
    }
    const auto form = forms.find(layer.name);
    plan.push_back(IntegerPlan(layer, "static-int8", form == forms.end() ? "" : form->second,
                               options.per_channel));
  }
  return plan;
}

// Operators between layers that are computed on codes.
std::map<std::string, int> CountBetween(const StaticPlan& plan) {
  std::map<std::string, int> counts;
  for (const StaticStep& step : plan.steps) {
    if (step.kind != StaticKind::kLayer) ++counts[step.node->kind().toQualString()];
  }
  return counts;
}

Plan QuantizeStatically(const TorchQuantizeOptions& options, TorchRewriter* rewriter,
                        std::map<std::string, int>* between) {
  const StaticWork work = PlanStatically(options, rewriter);
  CheckAnyQuantized(ReportStatic(work, options, {}));
  *between = CountBetween(work.plan);  // applying takes the nodes away
  const int levels = options.reduce_range ? 128 : 256;
  return ReportStatic(
      work, options,
      ApplyStatic(work.plan, {options.per_channel, levels, options.ranges}, rewriter));
}

// What the archive's quantbench.json said stays; how it was quantized joins it.
std::string DescribeMaking(const std::string& before, const TorchQuantizeOptions& options,
                           const std::string& engine) {
  auto json = nlohmann::ordered_json::parse(before, nullptr, false);
  if (!json.is_object()) json = nlohmann::ordered_json::object();
  json["recipe"] = options.recipe;
  json["quantized_engine"] = engine;
  if (!options.made_by.empty()) json["made_by"] = options.made_by;
  return json.dump();
}

// forward's arguments, as the caller names them or in the order in which it gives them.
std::vector<c10::IValue> ArgumentsOf(const torch::jit::Module& module, const QbTorchTensor* tensors,
                                     std::uint64_t count) {
  const auto& schema = module.get_method("forward").function().getSchema();
  std::vector<c10::IValue> arguments(count);
  bool by_name = true;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto index = schema.argumentIndexWithName(tensors[i].name);
    by_name = by_name && index && *index >= 1 && static_cast<std::uint64_t>(*index) <= count;
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const QbTorchTensor& tensor = tensors[i];
    auto* bytes = const_cast<void*>(tensor.bytes);  // only read: copied at once
    const at::IntArrayRef shape(tensor.shape, static_cast<std::size_t>(tensor.rank));
    const auto place =
        by_name ? static_cast<std::size_t>(*schema.argumentIndexWithName(tensor.name)) - 1 : i;
    arguments[place] =
        at::from_blob(bytes, shape, at::TensorOptions(ScalarTypeOf(tensor.type))).clone();
  }
  return arguments;
}

// Runs the float model over all samples and shows what its integer form must know.
nlohmann::ordered_json ObserveStatically(const TorchQuantizeOptions& options,
                                         const QbTorchQuantizeRequest& request,
                                         torch::jit::Module* module, TorchRewriter* rewriter) {
  if (request.next == nullptr || request.see == nullptr) {
    throw std::runtime_error("static-int8 needs samples to observe");
  }
  const StaticWork work = PlanStatically(options, rewriter);
  CheckAnyQuantized(ReportStatic(work, options, {}));
  const std::vector<std::string>& names = work.plan.names;
  const StaticSee see = [&](std::size_t index, const at::Tensor& value) {
    const at::Tensor plain = value.detach().to(at::kFloat).contiguous();
    const QbTorchTensor shown = {names[index].c_str(),
                                 CodeOf(plain.scalar_type()),
                                 static_cast<std::int32_t>(plain.dim()),
                                 plain.sizes().data(),
                                 plain.data_ptr(),
                                 plain.nbytes()};
    request.see(request.see_user, &shown);
  };
  InsertWatches(*rewriter->graph(), work.plan, &see);
  const torch::jit::GraphOptimizerEnabledGuard as_written(false);  // nothing moves past a watch
  std::int64_t samples = 0;
  for (;; ++samples) {
    const QbTorchTensor* inputs = nullptr;
    std::uint64_t count = 0;
    if (const char* error = request.next(request.next_user, &inputs, &count); error != nullptr) {
      throw std::runtime_error(error);
    }
    if (count == 0) break;
    module->forward(ArgumentsOf(*module, inputs, count));
  }
  return {{"observed", names}, {"samples", samples}};
}

constexpr const char* kRecipes = "dynamic-int8 and static-int8";

void CheckRecipe(const TorchQuantizeOptions& options) {
  if (options.recipe == "dynamic-int8" || options.recipe == "static-int8") return;
  throw TorchRefusal("invalid-argument", "recipe \"" + options.recipe +
                                             "\" is not for TorchScript, which takes " + kRecipes);
}

nlohmann::ordered_json Quantized(const QbTorchQuantizeRequest& request) {
  const at::NoGradGuard no_grad;
  const TorchQuantizeOptions options = ParseQuantizeOptions(request.options);
  CheckRecipe(options);
  const std::string engine = UseQuantizedEngine(options.quantized_engine);
  if (options.threads > 0) UseThreads(options.threads);
  std::string extra;
  torch::jit::Module module = LoadArchive(request.bytes, request.size, &extra);
  Freeze(&module);
  TorchRewriter rewriter(&module);
  if (options.observe) return ObserveStatically(options, request, &module, &rewriter);
  std::map<std::string, int> between;
  const Plan plan = options.recipe == "static-int8"
                        ? QuantizeStatically(options, &rewriter, &between)
                        : QuantizeDynamically(options, &rewriter);
  CheckAnyQuantized(plan);
  rewriter.Tidy();
  const auto write = [&](const void* bytes, std::size_t size) {
    request.sink(request.sink_user, bytes, size);
    return size;
  };
  torch::jit::ExportModule(module, write,
                           {{"quantbench.json", DescribeMaking(extra, options, engine)}});
  return {{"recipe", options.recipe},
          {"libtorch", TORCH_VERSION},
          {"quantized_engine", engine},
          {"between", between},
          {"layers", ToReport(plan)}};
}

}  // namespace

nlohmann::ordered_json QuantizeTorch(const QbTorchQuantizeRequest& request) {
  try {
    return Quantized(request);
  } catch (const TorchRefusal& refusal) {
    return {{"refused", refusal.what()}, {"code", refusal.code()}};
  }
}

}  // namespace quantbench
