// quantbench quantize: one model, one recipe.
#include <cmath>
#include <memory>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "cli/command.h"
#include "cli/output_file.h"
#include "cli/recipe_figures.h"

namespace quantbench {
namespace {

struct QuantizeFlags {
  std::string model;
  std::string output;
  std::string recipe = "static-int8";
  std::vector<std::string> keep_float;
  std::vector<std::string> rules;
  std::string embeddings;
  std::string target;
  std::string format;
  std::string plan;
  std::optional<std::vector<std::string>> steps;
  double damping = 0.01;
  bool act_order = false;
  std::int64_t block = 0;
  bool asymmetric = false;
  bool plan_only = false;
  std::string table;
  CalibrationFlags calibration;
  int threads = 0;
  bool per_tensor = false;
  bool per_channel = false;
  bool no_verify = false;
  bool force = false;
  InputFlags input;
  WorkerFlags worker;
  OutputFlag print;
};

Result<Recipe> RecipeOf(const QuantizeFlags& flags) {
  QB_TRY(Recipe recipe, FindRecipe(flags.recipe));
  for (const std::string& text : flags.rules) {
    QB_TRY(RecipeRule rule, ParseRule(text));
    recipe.rules.push_back(std::move(rule));
  }
  if (!flags.embeddings.empty()) {
    QB_TRY(recipe.embeddings, ParseTreatments(flags.embeddings));
  }
  if (!flags.target.empty()) {
    QB_TRY(recipe.target, ParseTarget(flags.target));
  }
  if (!flags.format.empty()) {
    QB_TRY(const QuantFormat format, ParseQuantFormat(flags.format));
    recipe.SetFormat(format);
  }
  if (flags.per_tensor) recipe.SetPerChannel(false);
  if (flags.asymmetric) recipe.SetSymmetric(false);
  if (flags.block > 0) recipe.SetBlock(flags.block);
  recipe.keep_float = flags.keep_float;
  if (flags.steps) {
    QB_TRY(recipe.recovery.steps, ParseSteps(*flags.steps));
  }
  if (flags.damping != recipe.recovery.damping) recipe.recovery.damping = flags.damping;
  if (flags.act_order) recipe.recovery.act_order = true;
  return recipe;
}

Result<Plan> ReadPlan(const std::string& path) {
  QB_TRY(const std::string text, ReadFile(path));
  const auto json = Json::Parse(text);
  if (!json.ok()) return json.error().Within(path);
  auto plan = Plan::FromJson(json.value());
  if (!plan.ok()) return plan.error().Within(path);
  return plan;
}

Result<QuantizeOptions> OptionsOf(const QuantizeFlags& flags) {
  QuantizeOptions options;
  options.model = flags.model;
  options.output = flags.output;
  QB_TRY(options.recipe, RecipeOf(flags));
  if (!flags.plan.empty()) {
    QB_TRY(options.plan, ReadPlan(flags.plan));
  }
  options.plan_only = flags.plan_only;
  QB_TRY(options.calibrate, flags.calibration.Data());
  QB_TRY(options.calibration, flags.calibration.Settings());
  options.table = flags.table;
  QB_TRY(options.dims, flags.input.Dims());
  QB_TRY(options.constants, flags.input.Constants());
  QB_TRY(options.stated, flags.input.Stated());
  options.vocabulary = flags.input.vocabulary;
  options.per_channel_dynamic = flags.per_channel;
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

Table NotesOf(const Plan& plan) {
  Table table;
  table.title = "Result";
  table.columns = {{"what", false}, {"value", false}};
  for (const std::string& note : plan.notes) table.rows.push_back({"note", note});
  return table;
}

// "int8 109 MB, float32 0.62 MB"
std::string BytesByType(const ModelSize& size) {
  std::string text;
  for (const auto& [type, share] : size.by_type) {
    text += Format("{}{} {}", text.empty() ? "" : ", ", type, FormatBytes(share.bytes));
  }
  return text;
}

std::string FloatShare(const ModelSize& size) {
  const auto found = size.by_type.find("float32");
  if (found == size.by_type.end()) return "nothing";
  const double total = static_cast<double>(std::max<std::uint64_t>(1, size.total_bytes()));
  return Format("{}, scales and biases included: {:.1f} % of the file",
                FormatBytes(found->second.bytes),
                100 * static_cast<double>(found->second.bytes) / total);
}

// Of layers that were left alone.
std::string FloatWeights(const Plan& plan) {
  std::uint64_t bytes = 0;
  for (const LayerPlan& layer : plan.layers) {
    if (layer.scheme == Scheme::kKeepFloat) bytes += layer.weight_bytes_after;
  }
  return Format("{} of weights of layers, and biases and normalizations", FormatBytes(bytes));
}

// "74 dynamic-int8, 3 stored, 121 float"
std::string LayersByScheme(const Plan& plan) {
  std::map<Scheme, std::int64_t> counts;
  for (const LayerPlan& layer : plan.layers) ++counts[layer.scheme];
  std::string text;
  for (auto entry = counts.rbegin(); entry != counts.rend(); ++entry) {
    text += Format("{}{} {}", text.empty() ? "" : ", ", entry->second, Name(entry->first));
  }
  return text;
}

// Other quantizers verify nothing: what that costs stands apart.
std::string Times(const QuantizeOutcome& outcome) {
  std::string text = Format("{:.2f} s to quantize", outcome.seconds);
  if (outcome.calibrate_seconds > 0) {
    text += Format(", {:.2f} s to calibrate", outcome.calibrate_seconds);
  }
  if (outcome.verified) text += Format(", {:.2f} s to verify", outcome.verify_seconds);
  return text;
}

std::string PeakMemory(const QuantizeOutcome& outcome) {
  std::string text = FormatBytes(outcome.peak_bytes);
  if (outcome.calibrate_peak_bytes > 0) {
    text += Format("; calibrating, model and engine included: {}",
                   FormatBytes(outcome.calibrate_peak_bytes));
  }
  return text;
}

Table Overview(const QuantizeOutcome& outcome) {
  if (outcome.after.total_bytes() == 0) return NotesOf(outcome.plan);
  const double before = static_cast<double>(outcome.before.total_bytes());
  const double after = static_cast<double>(std::max<std::uint64_t>(1, outcome.after.total_bytes()));
  Table table;
  table.title = "Result";
  table.columns = {{"what", false}, {"value", false}};
  table.rows = {
      {"recipe", outcome.plan.recipe},
      {"size", Format("{} to {}, {:.2f} times smaller", FormatBytes(outcome.before.total_bytes()),
                      FormatBytes(outcome.after.total_bytes()), before / after)},
      {"bytes by type", BytesByType(outcome.after)},
      {"stayed float32", FloatShare(outcome.after)},
      {"layers", LayersByScheme(outcome.plan)},
      {"output SQNR, worst output", Decibels(outcome)},
      {"time", Times(outcome)},
      {"peak memory", PeakMemory(outcome)}};
  if (outcome.after.by_type.count("unknown") != 0) {  // TorchScript: types are in its program
    table.rows[2] = {"bytes of tensors", BytesByType(outcome.after)};
    table.rows[3] = {"stayed float32", FloatWeights(outcome.plan)};
  }
  if (!outcome.calibrated.empty()) table.rows.push_back({"ranges", outcome.calibrated});
  for (const std::string& note : outcome.plan.notes) table.rows.push_back({"note", note});
  return table;
}

int Quantize(const QuantizeFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.print.format();
  const Status named = flags.plan_only ? Ok() : RefuseStdout(flags.output, "a model");
  if (!named.ok()) return terminal.Fail(named.error(), format);
  const auto output = OutputFile::For(flags.output);
  if (!output.ok()) return terminal.Fail(output.error(), format);
  auto options = OptionsOf(flags);
  if (!options.ok()) return terminal.Fail(options.error(), format);
  options.value().output = output.value().path();
  const bool calibrates = !options.value().plan && options.value().recipe.needs_calibration();
  if (calibrates && !options.value().calibrate && options.value().table.empty()) {
    terminal.Note(
        "no --calibrate: ranges come from synthetic input, so expect less accuracy than with real "
        "data");
  }
  const auto outcome = QuantizeModel(options.value(), flags.worker.Options(), terminal);
  if (!outcome.ok()) return terminal.Fail(outcome.error(), format);
  if (output.value().is_stdout()) return output.value().Print(terminal);
  terminal.Print(Render(
      std::vector<Table>{PlanTable(outcome.value().plan), Overview(outcome.value())}, format));
  return kExitDone;
}

std::string StepHelp() {
  std::string text = "Steps that win accuracy back, for --step (none: --step none):\n";
  for (const StepEntry& step : Steps()) text += Format("  {:<14} {}\n", step.name, step.summary);
  return text;
}

std::string RecipeHelp() {
  std::string text = "Recipes. " + RecipeFiguresHeader();
  for (const RecipeEntry& recipe : Recipes()) {
    text += Format("  {:<16} {}  {}\n", recipe.name, RecipeFiguresOf(recipe.name), recipe.summary);
  }
  return text +
         "Treatments, for --rule and --embeddings:\n"
         "  float, stored-int8, float16, bfloat16, weight-int8, weight-int4, dynamic-int8,\n"
         "  static-int8, w4a8, static-int16, float8\n" +
         StepHelp();
}

void AddFormFlags(QuantizeFlags* flags, CLI::App& app) {
  app.add_option("--target", flags->target,
                 "the processor it is made for: x64, x64-vnni, arm, portable (default: this one)");
  app.add_option("--format", flags->format, "engine, qdq or qoperator");
  app.add_option("--block", flags->block, "numbers that share a scale, of weight-int4 and -int8")
      ->check(CLI::IsMember({16, 32, 64, 128, 256}));
  app.add_flag("--asymmetric", flags->asymmetric, "weights in blocks with zero points");
  app.add_flag("--per-tensor", flags->per_tensor,
               "one scale a weight tensor instead of one a channel");
  app.add_flag("--per-channel", flags->per_channel,
               "dynamic-int8 of TorchScript: one scale a channel; PyTorch's own has one a tensor");
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
           "  quantbench quantize model.onnx --keep-float '*classifier*' -o model.int8.onnx\n"
           "  quantbench quantize model.onnx --recipe weight-int4 --rule 'lm_head=dynamic-int8' -o "
           "small.onnx\n"
           "  quantbench quantize traced.pt --recipe dynamic-int8 --input 'x=float32[batch,64]' -o "
           "traced.int8.pt\n"
           "  quantbench quantize model.onnx --plan-only -o plan.json\n"
           "  quantbench quantize model.onnx --plan plan.json -o model.int8.onnx");
  app.footer(RecipeHelp());
  app.add_option("model", flags->model, "the model, an .onnx or TorchScript .pt file")->required();
  app.add_option("-o,--output", flags->output,
                 "the quantized model; with --plan-only the plan, where - is stdout")
      ->required();
  app.add_option("--recipe", flags->recipe, "see below")->capture_default_str();
  flags->calibration.Add(app, "--calibrate");
  app.add_option("--calibration", flags->table,
                 "a table that `quantbench calibrate` made: nothing is observed then");
  app.add_option("--keep-float", flags->keep_float,
                 "layers to leave alone: names, operator types, * and ?")
      ->delimiter(',');
  app.add_option("--rule", flags->rules,
                 "PATTERN=TREATMENT[,TREATMENT]: what these layers become, whatever the recipe "
                 "says; may be repeated");
  app.add_option("--step", flags->steps,
                 "steps that win accuracy back, instead of the recipe's: see below")
      ->delimiter(',');
  app.add_option("--damping", flags->damping,
                 "of gptq and reconstruct: share of the inputs' mean square added to each")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
  app.add_flag("--act-order", flags->act_order, "gptq: inputs with large values first");
  app.add_option("--embeddings", flags->embeddings, "what tables of embeddings become");
  app.add_flag("--plan-only", flags->plan_only,
               "write what would be done, as JSON that can be edited, and stop");
  app.add_option("--plan", flags->plan, "do what this plan says (the recipe does not matter)");
  AddFormFlags(flags.get(), app);
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
