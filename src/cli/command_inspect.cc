// quantbench inspect: what a model is.
#include <algorithm>
#include <memory>
#include <optional>

#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"
#include "quantbench/measure.h"
#include "quantbench/model.h"
#include "quantbench/model/torchscript.h"
#include "quantbench/run.h"

#include "cli/command.h"
#include "cli/inspect_torchscript.h"

namespace quantbench {
namespace {

struct InspectFlags {
  std::string model;
  bool loaded = false;
  bool flops = false;
  std::int64_t batch = 0;  // 0: the model's own, else 1
  InputFlags input;
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

std::string Count(std::int64_t count) {
  return Format("{}", count);
}

// Totals of one forward pass.
// `notes`: choices made for free dimensions.
Table TotalWork(const ModelWork& work, const Cell& cell, const std::vector<std::string>& notes,
                bool loaded) {
  const Work& total = work.total;
  Table table;
  table.title = "Work of one forward pass";
  table.columns = {{"what", false}, {"value", false}};
  std::string batch = loaded ? "the graph as the engine runs it here; " : "";
  batch += Format("batch {}", cell.batch);
  for (const auto& [name, value] : cell.dims) batch += Format("; {} = {}", Printable(name), value);
  for (const std::string& note : notes) batch += "; " + note;
  table.rows = {{"for", batch},
                {"MACs", Count(total.macs)},
                {"of them of codes", Count(work.integer_macs)},
                {"elementwise operations", Count(total.elementwise)},
                {"FLOPs (2 MACs + elementwise)", Count(total.flops())},
                {"transcendental functions", Count(total.transcendentals)},
                {"bytes read", Count(total.bytes_read)},
                {"bytes written", Count(total.bytes_written)},
                {"parameters of operators", Count(work.parameters)},
                {"of them read by several", Count(work.shared_parameters)},
                {"operators not wholly counted", Count(work.unknown)}};
  return table;
}

Table OperatorWorks(const ModelWork& work) {
  Table table;
  table.title = "Work, operator by operator";
  table.columns = {{"operator", false},
                   {"type", false},
                   {"MACs"},
                   {"of codes", false},
                   {"elementwise"},
                   {"transcendental"},
                   {"bytes read"},
                   {"bytes written"},
                   {"parameters"},
                   {"not counted because", false, true}};
  for (const OperatorWork& op : work.operators) {
    table.rows.push_back({op.name, op.op_type, Count(op.work.macs),
                          op.work.macs == 0 ? "-" : (op.integer ? "yes" : "no"),
                          Count(op.work.elementwise), Count(op.work.transcendentals),
                          Count(op.work.bytes_read), Count(op.work.bytes_written),
                          Count(op.parameters), op.unknown});
  }
  return table;
}

// The batch that the model is fixed to, else 1.
std::int64_t BatchOf(const Model& model) {
  for (const InputSpec& input : InputsOf(model)) {
    if (input.batched && !input.dims.empty()) return std::max<std::int64_t>(1, input.dims[0]);
  }
  return 1;
}

// The tables of work; without --flops only the totals. What cannot be counted is no error: the rest
// of the tables still holds.
Result<std::vector<Table>> WorkTables(const Model& model, const InspectFlags& flags,
                                      Terminal& terminal) {
  Cell cell;
  cell.batch = flags.batch > 0 ? flags.batch : BatchOf(model);
  InputSource source;
  QB_TRY(cell.dims, flags.input.Dims());
  QB_TRY(source.constants, flags.input.Constants());
  source.vocabulary = flags.input.vocabulary;
  std::vector<std::string> notes;
  auto work = CountModelWork(model, cell, source, &notes);
  if (!work.ok()) {
    if (flags.flops) return work.error();
    terminal.Note("work not counted: " + work.error().message());
    return std::vector<Table>{};
  }
  std::vector<Table> tables = {TotalWork(work.value(), cell, notes, flags.loaded)};
  if (flags.flops) tables.push_back(OperatorWorks(work.value()));
  return tables;
}

int Inspect(const InspectFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.output.format();
  if (IsTorchScript(flags.model) && !flags.flops) {
    return InspectTorchScript(flags.model, flags.loaded, flags.worker, format, terminal);
  }
  const auto model = LoadModel(flags.model);
  if (!model.ok()) return terminal.Fail(model.error(), format);
  if (const auto sound = CheckModel(model.value()); !sound.ok()) {
    return terminal.Fail(sound.error().Within(flags.model), format);
  }
  const ModelSize size = SizeOf(model.value());
  std::optional<Model> loaded;
  if (flags.loaded) {
    auto optimized = LoadedModel(flags.model, flags.worker.Options(), terminal);
    if (!optimized.ok()) return terminal.Fail(optimized.error(), format);
    loaded = std::move(optimized).value();
  }
  const Model& shown = loaded ? *loaded : model.value();
  const std::vector<LayerKernel> layers = CensusOf(shown);
  auto work = WorkTables(shown, flags, terminal);
  if (!work.ok()) return terminal.Fail(work.error().Within(flags.model), format);
  std::vector<Table> tables = {Facts(model.value(), size),
                               Types(size),
                               Ports(model.value()),
                               Operators(model.value()),
                               Layers(layers, loaded ? "Layers, as the engine runs them here"
                                                     : "Layers, as they stand in the file"),
                               Kernels(layers)};
  if (flags.flops) tables.clear();
  for (Table& table : work.value()) tables.push_back(std::move(table));
  terminal.Print(Render(tables, format));
  return kExitDone;
}

}  // namespace

Action AddInspect(CLI::App& app) {
  auto flags = std::make_shared<InspectFlags>();
  Describe(
      app,
      "Shows what a model is: sizes by element type, what every layer with weights is made of, "
      "and\nhow much a forward pass computes.",
      "  quantbench inspect model.onnx\n  quantbench inspect model.int8.onnx --loaded\n"
      "  quantbench inspect bert.onnx --flops --batch 8 --dim seq=128\n"
      "  quantbench inspect model.onnx -o json");
  app.add_option("model", flags->model, "the model, an .onnx or TorchScript .pt file")->required();
  app.add_flag("--loaded", flags->loaded,
               "load it with the engine, and show the kernels that really run");
  app.add_flag(
      "--flops", flags->flops,
      "only the work of a forward pass, operator by operator; docs/flops.md says how it is "
      "counted");
  app.add_option("--batch", flags->batch,
                 "batch size that work is counted for (default: the model's, or 1)")
      ->check(CLI::PositiveNumber);
  flags->input.Add(app);
  flags->worker.Add(app);
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return Inspect(*flags, terminal); };
}

}  // namespace quantbench
