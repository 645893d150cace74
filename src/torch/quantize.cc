// Quantizing TorchScript.
#include "torch/quantize.h"

#include <stdexcept>

#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/frozen_graph_optimizations.h>
#include <torch/csrc/jit/serialization/export.h>

#include "torch/archive.h"
#include "torch/quantize_dynamic.h"
#include "torch/quantize_plan.h"
#include "torch/quantize_rewrite.h"

namespace quantbench {
namespace {

// One graph whose weights are constants; batch normalization goes into the convolutions before it.
void Freeze(torch::jit::Module* module) {
  if (!module->find_method("forward"))
    throw std::runtime_error("the model has no method \"forward\"");
  torch::jit::freeze_module_inplace(module);
  std::shared_ptr<torch::jit::Graph> graph = module->get_method("forward").graph();
  torch::jit::OptimizeFrozenGraph(graph, true);
}

std::vector<TorchLayerPlan> QuantizeDynamically(const TorchQuantizeOptions& options,
                                                TorchRewriter* rewriter) {
  const std::vector<TorchLayer> layers = FindTorchLayers(rewriter->graph());
  const std::vector<std::string> kept = KeptFloat(layers, options.keep_float);
  std::vector<TorchLayerPlan> plan;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const TorchLayer& layer = layers[i];
    std::string reason =
        kept[i].empty() ? WhyNotDynamic(layer) : "kept by keep_float \"" + kept[i] + "\"";
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

std::string NoLayerText(const std::vector<TorchLayerPlan>& plan) {
  if (plan.empty())
    return "the model has no layer that could be quantized: no product with weights";
  return "no layer can be quantized; the first, " + plan.front().layer + " (" + plan.front().op +
         "): " + plan.front().reason;
}

void CheckAnyQuantized(const std::vector<TorchLayerPlan>& plan) {
  for (const TorchLayerPlan& layer : plan) {
    if (layer.scheme != "float") return;
  }
  throw std::runtime_error(NoLayerText(plan));
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

}  // namespace

nlohmann::ordered_json QuantizeTorch(const QbTorchQuantizeRequest& request) {
  const at::NoGradGuard no_grad;
  const TorchQuantizeOptions options = ParseQuantizeOptions(request.options);
  const std::string engine = UseQuantizedEngine(options.quantized_engine);
  std::string extra;
  torch::jit::Module module = LoadArchive(request.bytes, request.size, &extra);
  Freeze(&module);
  TorchRewriter rewriter(&module);
  if (options.recipe != "dynamic-int8") {
    throw std::runtime_error("recipe \"" + options.recipe +
                             "\" is not one that TorchScript can take here");
  }
  const std::vector<TorchLayerPlan> plan = QuantizeDynamically(options, &rewriter);
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
          {"layers", ToReport(plan)}};
}

}  // namespace quantbench
