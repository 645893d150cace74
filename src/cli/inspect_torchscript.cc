// quantbench inspect of a TorchScript model.
#include "cli/inspect_torchscript.h"

#include "quantbench/base/format.h"
#include "quantbench/model/torchscript.h"

namespace quantbench {
namespace {

Table TorchFactsTable(const TorchScript& model) {
  Table table;
  table.title = "Model";
  table.columns = {{"what", false}, {"value", false}};
  table.rows = {{"kind", "TorchScript, run by libtorch"},
                {"file bytes", Format("{}", model.file_bytes())},
                {"size", FormatBytes(model.file_bytes())},
                {"bytes of tensors", Format("{}", model.tensor_bytes)},
                {"stored tensors", Format("{}", model.tensors)},
                {"bytes of code", Format("{}", model.code_bytes)}};
  return table;
}

Table TorchPortsTable(const TorchScript& model) {
  Table table;
  table.title = "Inputs and outputs";
  table.columns = {{"port", false}, {"name", false}, {"type", false}, {"shape", false}};
  for (const ValueInfo& input : model.inputs) {
    table.rows.push_back({"input", input.name, Name(input.type), ToString(input.dims)});
  }
  for (const std::string& output : model.outputs) {
    table.rows.push_back({"output", output, "unknown", "unknown"});
  }
  return table;
}

Table LoadedTable(const Json& facts) {
  Table table;
  table.title = "Loaded";
  table.columns = {{"what", false}, {"value", false}};
  for (const auto& [key, value] : facts.AsObject()) {
    table.rows.push_back({key, value.is_string() ? value.AsString() : value.Dump()});
  }
  return table;
}

}  // namespace

int InspectTorchScript(const std::string& path, bool loaded, const WorkerFlags& worker,
                       OutputFormat format, Terminal& terminal) {
  const auto model = LoadTorchScript(path);
  if (!model.ok()) return terminal.Fail(model.error(), format);
  std::vector<Table> tables = {TorchFactsTable(model.value()), TorchPortsTable(model.value())};
  if (loaded) {
    const auto facts = LoadedTorchFacts(path, worker.Options());
    if (!facts.ok()) return terminal.Fail(facts.error(), format);
    tables.push_back(LoadedTable(facts.value()));
  }
  terminal.Print(Render(tables, format));
  if (model.value().inputs.empty()) {
    terminal.Note(
        "the archive does not describe its inputs: commands take them from --input "
        "'NAME=float32[batch,3,224,224]'");
  }
  terminal.Note(
      "operators, element types and work of TorchScript are not shown: an ONNX export "
      "states them");
  return kExitDone;
}

}  // namespace quantbench
