// quantbench calibrate: what flows through a model, kept in a table.
#include <memory>

#include "quantbench/base/format.h"

#include "cli/command.h"
#include "cli/output_file.h"

namespace quantbench {
namespace {

struct CalibrateFlags {
  std::string model;
  std::string output;
  std::string recipe = "static-int8";
  int threads = 0;
  bool force = false;
  CalibrationFlags calibration;
  InputFlags input;
  WorkerFlags worker;
  OutputFlag print;
};

Result<QuantizeOptions> CalibrateOptionsOf(const CalibrateFlags& flags) {
  QuantizeOptions options;
  options.model = flags.model;
  options.output = flags.output;
  QB_TRY(options.recipe, FindRecipe(flags.recipe));
  options.recipe.weighs_costs = false;  // the table is for whatever will become integers
  QB_TRY(options.calibrate, flags.calibration.Data());
  QB_TRY(options.calibration, flags.calibration.Settings());
  QB_TRY(options.dims, flags.input.Dims());
  QB_TRY(options.constants, flags.input.Constants());
  options.vocabulary = flags.input.vocabulary;
  options.threads = flags.threads;
  options.force = flags.force;
  return options;
}

Table Ranges(const CalibrateOutcome& outcome) {
  Table table;
  table.title = Format("Ranges of {}", outcome.ranges.observer);
  table.columns = {{"tensor", false}, {"shape", false}, {"values"},  {"seen low"},  {"seen high"},
                   {"low"},           {"high"},         {"zeros %"}, {"clipped %"}, {"not finite"}};
  for (const auto& [name, seen] : outcome.seen.tensors) {
    const TensorRange& range = outcome.ranges.ranges.at(name);
    const double count = static_cast<double>(std::max<std::int64_t>(1, seen.count));
    table.rows.push_back(
        {name, ToString(seen.shape), Format("{}", seen.count), Format("{:.5g}", seen.min),
         Format("{:.5g}", seen.max), Format("{:.5g}", range.min), Format("{:.5g}", range.max),
         Format("{:.1f}", 100 * static_cast<double>(seen.zeros) / count),
         Format("{:.3g}", 100 * ClippedShare(seen, {range.min, range.max})),
         seen.nonfinite == 0 ? "-" : Format("{}, first in {}", seen.nonfinite, seen.nonfinite_in)});
  }
  return table;
}

Table OutcomeTable(const CalibrateFlags& flags, const CalibrateOutcome& outcome) {
  Table table;
  table.title = "Result";
  table.columns = {{"what", false}, {"value", false}};
  table.rows = {{"table", flags.output},
                {"tensors", Format("{}", outcome.seen.tensors.size())},
                {"samples", Format("{}{}", outcome.seen.source,
                                   outcome.seen.stable ? ": scales had settled" : "")},
                {"went on from", Format("{} samples", outcome.resumed)},
                {"left out", Format("{} samples", outcome.seen.skipped.size())},
                {"time", Format("{:.2f} s", outcome.seconds)},
                {"peak memory, model and engine included", FormatBytes(outcome.peak_bytes)}};
  return table;
}

int RunCalibrate(const CalibrateFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.print.format();
  const auto output = OutputFile::For(flags.output);
  if (!output.ok()) return terminal.Fail(output.error(), format);
  auto options = CalibrateOptionsOf(flags);
  if (!options.ok()) return terminal.Fail(options.error(), format);
  options.value().output = output.value().path();
  if (!options.value().calibrate) {
    terminal.Note("no --data: ranges come from synthetic input, which real data will exceed");
  }
  const auto outcome = CalibrateModel(options.value(), flags.worker.Options(), terminal);
  if (!outcome.ok()) return terminal.Fail(outcome.error(), format);
  if (output.value().is_stdout()) return output.value().Print(terminal);
  terminal.Print(Render(
      std::vector<Table>{Ranges(outcome.value()), OutcomeTable(flags, outcome.value())}, format));
  return kExitDone;
}

}  // namespace

Action AddCalibrate(CLI::App& app) {
  auto flags = std::make_shared<CalibrateFlags>();
  Describe(app,
           "Runs a model over data and writes what flowed through it as a table that `quantize\n"
           "--calibration` reads with any observer. Needs the same memory for ten samples and ten\n"
           "thousand; interrupted and called again, it goes on where it was.",
           "  quantbench calibrate model.onnx --data images.toml --samples 512 -o table.json\n"
           "  quantbench calibrate model.onnx --data images.toml --samples auto -o table.json\n"
           "  quantbench quantize model.onnx --calibration table.json --observer percentile -o "
           "model.int8.onnx");
  app.add_option("model", flags->model, "the model, an .onnx file")->required();
  app.add_option("-o,--output", flags->output, "the table, a JSON file; - is stdout")->required();
  app.add_option("--recipe", flags->recipe, "whose activations: a recipe with static scales")
      ->capture_default_str();
  flags->calibration.Add(app, "--data");
  app.add_flag("--force", flags->force, "replace an existing table");
  app.add_option("--threads", flags->threads, "of the engine, 0: one a core")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  flags->input.Add(app);
  flags->worker.Add(app);
  flags->print.Add(app, "--print");
  return [flags](Terminal& terminal) { return RunCalibrate(*flags, terminal); };
}

}  // namespace quantbench
