// quantbench inspect: what a model is.
#include <memory>

#include "quantbench/base/format.h"
#include "quantbench/measure.h"
#include "quantbench/model.h"

#include "cli/command.h"

namespace quantbench {
namespace {

struct InspectFlags {
  std::string model;
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

int Inspect(const InspectFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.output.format();
  const auto model = LoadModel(flags.model);
  if (!model.ok()) return terminal.Fail(model.error(), format);
  if (const auto sound = CheckModel(model.value()); !sound.ok()) {
    return terminal.Fail(sound.error().Within(flags.model), format);
  }
  const ModelSize size = SizeOf(model.value());
  terminal.Print(Render(std::vector<Table>{Facts(model.value(), size), Types(size),
                                           Ports(model.value()), Operators(model.value())},
                        format));
  return kExitDone;
}

}  // namespace

Action AddInspect(CLI::App& app) {
  auto flags = std::make_shared<InspectFlags>();
  Describe(app, "Shows what a model is, without running it.",
           "  quantbench inspect model.onnx\n  quantbench inspect model.onnx -o json");
  app.add_option("model", flags->model, "the model, an .onnx file")->required();
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return Inspect(*flags, terminal); };
}

}  // namespace quantbench
