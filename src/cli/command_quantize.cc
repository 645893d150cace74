// quantbench quantize: one model, one recipe.
#include <cmath>
#include <memory>

#include "quantbench/base/format.h"

#include "cli/command.h"

namespace quantbench {
namespace {

struct QuantizeFlags {
  std::string model;
  std::string output;
  std::string recipe = "static-int8";
  std::string calibrate;
  std::vector<std::string> keep_float;
  std::int64_t samples = 128;
  int threads = 0;
  bool per_tensor = false;
  bool no_verify = false;
  bool force = false;
  InputFlags input;
  WorkerFlags worker;
  OutputFlag print;
};

Result<QuantizeOptions> OptionsOf(const QuantizeFlags& flags) {
  QuantizeOptions options;
  options.model = flags.model;
  options.output = flags.output;
  QB_TRY(options.recipe, FindRecipe(flags.recipe));
  if (flags.per_tensor) options.recipe.SetPerChannel(false);
  options.recipe.keep_float = flags.keep_float;
  if (!flags.calibrate.empty()) {
    QB_TRY(DataSpec data, LoadDataSpec(flags.calibrate));
    options.calibrate = std::move(data);
  }
  options.calibrate_samples = flags.samples;
  QB_TRY(options.dims, flags.input.Dims());
  QB_TRY(options.constants, flags.input.Constants());
  options.vocabulary = flags.input.vocabulary;
  options.verify = !flags.no_verify;
  options.force = flags.force;
  options.threads = flags.threads;
  return options;
}

std::string Decibels(const QuantizeOutcome& outcome) {
  if (!outcome.verified) return "not verified (--no-verify)";
  if (std::isinf(outcome.sqnr_db))
    return Format("equal to the original ({})", outcome.verify_source);
  return Format("{:.1f} dB ({})", outcome.sqnr_db, outcome.verify_source);
}

Table Overview(const QuantizeOutcome& outcome) {
  const double before = static_cast<double>(outcome.before.total_bytes());
  const double after = static_cast<double>(std::max<std::uint64_t>(1, outcome.after.total_bytes()));
  std::int64_t quantized = 0;
  for (const LayerPlan& layer : outcome.plan.layers) {
    quantized += layer.scheme == Scheme::kKeepFloat ? 0 : 1;
  }
  Table table;
  table.title = "Result";
  table.columns = {{"what", false}, {"value", false}};
  table.rows = {
      {"recipe", outcome.plan.recipe},
      {"size", Format("{} to {}, {:.2f} times smaller", FormatBytes(outcome.before.total_bytes()),
                      FormatBytes(outcome.after.total_bytes()), before / after)},
      {"layers quantized", Format("{} of {}", quantized, outcome.plan.layers.size())},
      {"output SQNR, worst output", Decibels(outcome)},
      {"time", Format("{:.2f} s to quantize, {:.2f} s to calibrate", outcome.seconds,
                      outcome.calibrate_seconds)},
      {"peak memory", FormatBytes(outcome.peak_bytes)}};
  for (const std::string& note : outcome.plan.notes) table.rows.push_back({"note", note});
  return table;
}

int Quantize(const QuantizeFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.print.format();
  const auto options = OptionsOf(flags);
  if (!options.ok()) return terminal.Fail(options.error(), format);
  if (options.value().recipe.needs_calibration() && !options.value().calibrate) {
    terminal.Note(
        "no --calibrate: ranges come from synthetic input, so expect less accuracy than with real "
        "data");
  }
  const auto outcome = QuantizeModel(options.value(), flags.worker.Options(), terminal);
  if (!outcome.ok()) return terminal.Fail(outcome.error(), format);
  terminal.Print(Render(
      std::vector<Table>{PlanTable(outcome.value().plan), Overview(outcome.value())}, format));
  return kExitDone;
}

std::string RecipeHelp() {
  std::string text = "Recipes:\n";
  for (const RecipeEntry& recipe : Recipes())
    text += Format("  {:<14} {}\n", recipe.name, recipe.summary);
  return text;
}

}  // namespace

Action AddQuantize(CLI::App& app) {
  auto flags = std::make_shared<QuantizeFlags>();
  Describe(app,
           "Writes a quantized copy of a model, says what became of every layer and why the rest "
           "stayed\n"
           "float, then loads it and compares its outputs with the original's before it reports "
           "success.",
           "  quantbench quantize model.onnx --recipe dynamic-int8 -o model.int8.onnx\n"
           "  quantbench quantize model.onnx --recipe static-int8 --calibrate images.toml -o "
           "model.int8.onnx\n"
           "  quantbench quantize model.onnx --keep-float '*classifier*' -o model.int8.onnx");
  app.footer(RecipeHelp());
  app.add_option("model", flags->model, "the model, an .onnx file")->required();
  app.add_option("-o,--output", flags->output, "the quantized model")->required();
  app.add_option("--recipe", flags->recipe, "see below")->capture_default_str();
  app.add_option("--calibrate", flags->calibrate,
                 "data to observe ranges on: a .toml, an image folder, .npy, .npz or IDX (default: "
                 "synthetic)");
  app.add_option("--samples", flags->samples, "how many samples to calibrate with")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--keep-float", flags->keep_float,
                 "layers to leave alone: names, operator types, * and ?")
      ->delimiter(',');
  app.add_flag("--per-tensor", flags->per_tensor,
               "one scale a weight tensor instead of one a channel");
  app.add_flag("--no-verify", flags->no_verify,
               "do not load and compare; for devices too small for it");
  app.add_flag("--force", flags->force, "replace an existing output");
  app.add_option("--threads", flags->threads, "threads of the quantizer, 0: one a core")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  flags->input.Add(app);
  flags->worker.Add(app);
  flags->print.Add(app, "--print");
  return [flags](Terminal& terminal) { return Quantize(*flags, terminal); };
}

}  // namespace quantbench
