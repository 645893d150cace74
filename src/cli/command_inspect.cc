// quantbench inspect: what a model is.
#include <memory>

#include "quantbench/base/format.h"
#include "quantbench/measure.h"
#include "quantbench/model.h"
#include "quantbench/run.h"

#include "cli/command.h"

namespace quantbench {
namespace {

struct InspectFlags {
  std::string model;
  bool loaded = false;
  WorkerFlags worker;
  OutputFlag output;
};

Table Facts(const Model& model, const ModelSize& size) {
  Table table;
  table.title = "Model";
  table.columns = {{"what", false}, {"value", false}};
  const auto row = [&](std::string what, std::string value) {
    table.rows.push_back({std::move(what), std::move(value)});
  };
  row("file bytes", Format("{}", size.file_bytes));
  if (size.external_bytes > 0) row("external bytes", Format("{}", size.external_bytes));
  row("size", FormatBytes(size.total_bytes()));
  row("parameters", Format("{}", size.parameters()));
  row("nodes", Format("{}", model.graph.nodes.size()));
  row("IR version", Format("{}", model.ir_version));
  for (const Opset& opset : model.opsets) {
    row("opset", Format("{} {}", opset.domain.empty() ? "ai.onnx" : opset.domain, opset.version));
  }
  if (!model.producer_name.empty()) {
    row("producer", Format("{} {}", model.producer_name, model.producer_version));
  }
  if (model.functions > 0) row("local functions", Format("{}", model.functions));
  for (const auto& [key, value] : model.metadata) row(key, value);
  return table;
}

Table Types(const ModelSize& size) {
  Table table;
  table.title = "Weights and constants by element type";
  table.columns = {{"type", false}, {"tensors"}, {"elements"}, {"bytes"}};
  for (const auto& [name, share] : size.by_type) {
    table.rows.push_back({name, Format("{}", share.tensors), Format("{}", share.elements),
                          Format("{}", share.bytes)});
  }
  return table;
}

Table Ports(const Model& model) {
  Table table;
  table.title = "Inputs and outputs";
  table.columns = {{"port", false}, {"name", false}, {"type", false}, {"shape", false}};
  const auto add = [&](std::string port, const ValueInfo& value) {
    table.rows.push_back({std::move(port), value.name,
                          value.is_tensor ? Name(value.type) : "not a tensor",
                          value.has_shape ? ToString(value.dims) : "unknown"});
  };
  for (const ValueInfo* input : model.RuntimeInputs()) add("input", *input);
  for (const ValueInfo& output : model.graph.outputs) add("output", output);
  return table;
}

Table Operators(const Model& model) {
  std::map<std::string, std::int64_t> counts;
  for (const Node& node : model.graph.nodes) {
    ++counts[node.domain.empty() ? node.op_type : node.domain + "." + node.op_type];
  }
  Table table;
  table.title = "Operators";
  table.columns = {{"operator", false}, {"nodes"}};
  for (const auto& [name, count] : counts) table.rows.push_back({name, Format("{}", count)});
  return table;
}

// `title` says whether the layers are those of the file or those of the loaded model.
Table Layers(const std::vector<LayerKernel>& layers, std::string title) {
  Table table;
  table.title = std::move(title);
  table.columns = {{"layer", false},   {"operator", false},    {"kernel", false},
                   {"weights", false}, {"granularity", false}, {"bytes"}};
  for (const LayerKernel& layer : layers) {
    table.rows.push_back({layer.layer, layer.op_type, std::string(Name(layer.kind)),
                          Name(layer.weight_type) + (layer.decoded ? ", decoded to float" : ""),
                          layer.granularity.empty() ? "-" : layer.granularity,
                          Format("{}", layer.weight_bytes)});
  }
  return table;
}

Table Kernels(const std::vector<LayerKernel>& layers) {
  std::int64_t integer = 0;
  std::int64_t products = 0;
  std::uint64_t float_bytes = 0;
  std::uint64_t bytes = 0;
  for (const LayerKernel& layer : layers) {
    bytes += layer.weight_bytes;
    if (layer.weight_type == DataType::kFloat32) float_bytes += layer.weight_bytes;
    if (!layer.is_product()) continue;
    ++products;
    if (layer.kind == KernelKind::kInteger) ++integer;
  }
  const double share =
      bytes == 0 ? 0 : 100 * static_cast<double>(float_bytes) / static_cast<double>(bytes);
  Table table;
  table.title = "Kernels";
  table.columns = {{"what", false}, {"value", false}};
  table.rows = {
      {"products with weights that are integer kernels", Format("{} of {}", integer, products)},
      {"weights that are float32", Format("{:.1f} % of their bytes", share)}};
  return table;
}

int Inspect(const InspectFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.output.format();
  const auto model = LoadModel(flags.model);
  if (!model.ok()) return terminal.Fail(model.error(), format);
  if (const auto sound = CheckModel(model.value()); !sound.ok()) {
    return terminal.Fail(sound.error().Within(flags.model), format);
  }
  const ModelSize size = SizeOf(model.value());
  std::vector<LayerKernel> layers = CensusOf(model.value());
  std::string title = "Layers, as they stand in the file";
  if (flags.loaded) {
    auto loaded = LoadedCensus(flags.model, flags.worker.Options(), terminal);
    if (!loaded.ok()) return terminal.Fail(loaded.error(), format);
    layers = std::move(loaded).value();
    title = "Layers, as the engine runs them here";
  }
  terminal.Print(Render(std::vector<Table>{Facts(model.value(), size), Types(size),
                                           Ports(model.value()), Operators(model.value()),
                                           Layers(layers, std::move(title)), Kernels(layers)},
                        format));
  return kExitDone;
}

}  // namespace

Action AddInspect(CLI::App& app) {
  auto flags = std::make_shared<InspectFlags>();
  Describe(
      app,
      "Shows what a model is: sizes by element type, and what every layer with weights is made "
      "of.",
      "  quantbench inspect model.onnx\n  quantbench inspect model.int8.onnx --loaded\n"
      "  quantbench inspect model.onnx -o json");
  app.add_option("model", flags->model, "the model, an .onnx file")->required();
  app.add_flag("--loaded", flags->loaded,
               "load it with the engine, and show the kernels that really run");
  flags->worker.Add(app);
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return Inspect(*flags, terminal); };
}

}  // namespace quantbench
