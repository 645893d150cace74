// quantbench explain: why a model is as it is. Each mode is a flag.
#include <algorithm>
#include <cmath>
#include <memory>

#include "quantbench/base/format.h"

#include "cli/command.h"
#include "cli/explain_speed.h"

namespace quantbench {
namespace {

struct ExplainFlags {
  std::string model;
  std::string quantized;
  std::int64_t batch = 1;
  bool all = false;
  bool accuracy = false;
  std::string recipe = "static-int8";
  std::vector<std::string> keep_float;
  std::string table;
  std::int64_t compare = 8;
  bool quick = false;
  std::string figures;
  int threads = 0;
  CalibrationFlags calibration;
  InputFlags input;
  WorkerFlags worker;
  OutputFlag print;
};

Result<ExplainOptions> ExplainOptionsOf(const ExplainFlags& flags) {
  ExplainOptions options;
  QuantizeOptions& quantize = options.quantize;
  quantize.model = flags.model;
  QB_TRY(quantize.recipe, FindRecipe(flags.recipe));
  quantize.recipe.keep_float = flags.keep_float;
  quantize.table = flags.table;
  QB_TRY(quantize.calibrate, flags.calibration.Data());
  QB_TRY(quantize.calibration, flags.calibration.Settings());
  QB_TRY(quantize.dims, flags.input.Dims());
  QB_TRY(quantize.constants, flags.input.Constants());
  quantize.vocabulary = flags.input.vocabulary;
  quantize.threads = flags.threads;
  options.samples = flags.compare;
  options.one_by_one = !flags.quick;
  return options;
}

std::string Db(double db) {
  if (std::isnan(db)) return "-";
  return std::isinf(db) ? (db > 0 ? "equal" : "lost") : Format("{:.1f}", db);
}

std::string Nats(double divergence) {
  return std::isnan(divergence) ? "-" : Format("{:.3g}", divergence);
}

std::string RangeText(const Range& range) {
  return Format("{:.3g} to {:.3g}", range.low, range.high);
}

// Layers that hurt most on their own come first; where none was tried alone, those whose output is
// worst.
std::vector<const LayerAccuracy*> Ranked(const AccuracyExplanation& explanation) {
  std::vector<const LayerAccuracy*> layers;
  for (const LayerAccuracy& layer : explanation.layers) layers.push_back(&layer);
  const auto key = [](const LayerAccuracy& layer) {
    const double db = std::isnan(layer.only_db) ? layer.accumulated_db : layer.only_db;
    return std::isnan(db) ? std::numeric_limits<double>::infinity() : db;
  };
  std::stable_sort(layers.begin(), layers.end(),
                   [&](const auto* a, const auto* b) { return key(*a) < key(*b); });
  return layers;
}

Table LayersTable(const AccuracyExplanation& explanation) {
  Table table;
  table.title = "Layers, those that cost most first";
  table.columns = {{"rank"},          {"layer", false},   {"operator", false}, {"became", false},
                   {"local dB"},      {"accumulated dB"}, {"only it dB"},      {"only it KL"},
                   {"all but it dB"}, {"all but it KL"},  {"weights", false},  {"input", false},
                   {"clipped %"}};
  std::int64_t rank = 0;
  for (const LayerAccuracy* layer : Ranked(explanation)) {
    table.rows.push_back({Format("{}", ++rank), layer->layer, layer->op_type, layer->treatment,
                          Db(layer->local_db), Db(layer->accumulated_db), Db(layer->only_db),
                          Nats(layer->only_divergence), Db(layer->without_db),
                          Nats(layer->without_divergence), RangeText(layer->weights),
                          layer->observed ? RangeText(layer->input) : "-",
                          layer->observed ? Format("{:.3g}", 100 * layer->clipped) : "-"});
  }
  return table;
}

Table AccuracySummary(const ExplainFlags& flags, const AccuracyExplanation& explanation) {
  Table table;
  table.title = "Result";
  table.columns = {{"what", false}, {"value", false, true}};
  table.rows = {
      {"recipe", flags.recipe},
      {"ranges", explanation.calibrated.empty() ? "none are fixed" : explanation.calibrated},
      {"compared over", explanation.source},
      {"output SQNR, all layers quantized", Format("{} dB", Db(explanation.output_db))},
      {"output KL divergence, mean", Nats(explanation.output_divergence) + " nats"}};
  const auto gain = [&](const LayerAccuracy& layer) {
    return layer.without_db - explanation.output_db;
  };
  const LayerAccuracy* best = nullptr;
  for (const LayerAccuracy& layer : explanation.layers) {
    if (!std::isfinite(gain(layer))) continue;
    if (best == nullptr || gain(layer) > gain(*best)) best = &layer;
  }
  if (best != nullptr) {
    table.rows.push_back({"most gained by leaving one float",
                          Format("{:.1f} dB: --keep-float '{}'", gain(*best), best->layer)});
  }
  return table;
}

Status DrawExplanation(const ExplainFlags& flags, const AccuracyExplanation& explanation,
                       Terminal& terminal) {
  LayerErrors errors;
  errors.title = Format("{}: accuracy of {} by layer",
                        std::filesystem::path(flags.model).stem().string(), flags.recipe);
  errors.curves = {{"its output, it alone quantized", {}},
                   {"its output, all quantized", {}},
                   {"the model's output, it alone quantized", {}},
                   {"the model's output, all but it quantized", {}}};
  for (const LayerAccuracy& layer : explanation.layers) {
    errors.layers.push_back(layer.layer);
    errors.curves[0].db.push_back(layer.local_db);
    errors.curves[1].db.push_back(layer.accumulated_db);
    errors.curves[2].db.push_back(layer.only_db);
    errors.curves[3].db.push_back(layer.without_db);
  }
  std::string missing;
  QB_TRY(const auto drawn, DrawLayerErrors(errors, "accuracy-by-layer", flags.figures, &missing));
  for (const auto& path : drawn) terminal.Note("figure: " + path.string());
  if (!missing.empty()) terminal.Note(missing);
  return Ok();
}

int ExplainAccuracyOf(const ExplainFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.print.format();
  const auto options = ExplainOptionsOf(flags);
  if (!options.ok()) return terminal.Fail(options.error(), format);
  const auto explanation = ExplainAccuracy(options.value(), flags.worker.Options(), terminal);
  if (!explanation.ok()) return terminal.Fail(explanation.error(), format);
  terminal.Print(Render(std::vector<Table>{LayersTable(explanation.value()),
                                           AccuracySummary(flags, explanation.value())},
                        format));
  if (flags.figures.empty()) return kExitDone;
  const auto drawn = DrawExplanation(flags, explanation.value(), terminal);
  return drawn.ok() ? kExitDone : terminal.Fail(drawn.error(), format);
}

Result<ExplainSpeedOptions> ExplainSpeedOptionsOf(const ExplainFlags& flags) {
  ExplainSpeedOptions options;
  options.original = flags.model;
  options.quantized = flags.quantized;
  options.cell.batch = flags.batch;
  options.cell.threads = std::max(1, flags.threads);
  QB_TRY(options.cell.dims, flags.input.Dims());
  QB_TRY(options.input.constants, flags.input.Constants());
  QB_TRY(options.input.stated, flags.input.Stated());
  options.input.vocabulary = flags.input.vocabulary;
  return options;
}

int ExplainSpeedBy(const ExplainFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.print.format();
  const auto options = ExplainSpeedOptionsOf(flags);
  if (!options.ok()) return terminal.Fail(options.error(), format);
  return ShowSpeed(options.value(), flags.worker.Options(), flags.all, format, terminal);
}

int Explain(const ExplainFlags& flags, Terminal& terminal) {
  if (flags.accuracy && !flags.quantized.empty()) {
    return terminal.Fail(Error(ErrorCode::kInvalidArgument,
                               "--accuracy quantizes by itself: one model, the float one"));
  }
  if (flags.accuracy) return ExplainAccuracyOf(flags, terminal);
  if (flags.quantized.empty()) {
    return terminal.Fail(Error(ErrorCode::kInvalidArgument,
                               "say what to explain: a quantized model beside the original, or "
                               "--accuracy (see --help)"));
  }
  return ExplainSpeedBy(flags, terminal);
}

}  // namespace

Action AddExplain(CLI::App& app) {
  auto flags = std::make_shared<ExplainFlags>();
  Describe(
      app,
      "Says why a quantized model is as fast as it is: what the engine made of every layer of the\n"
      "original and of the quantized model, the time of each, and why layers stayed float or are "
      "not\nfaster. Works for models that other tools quantized.\n"
      "With --accuracy says where a recipe loses accuracy, layer by layer, without labels: every\n"
      "layer's output with it alone and with all quantized, and the model's output with each "
      "layer\n"
      "alone and with all but it. SQNR: signal to noise of the float model's values, in dB; 6 dB "
      "are a bit.",
      "  quantbench explain model.onnx model.int8.onnx\n"
      "  quantbench explain bert.onnx bert.int8.onnx --dim seq=128 --all\n"
      "  quantbench explain traced.pt traced.int8.pt --input 'x=float32[batch,64]'\n"
      "  quantbench explain model.onnx --accuracy --calibrate images.toml\n"
      "  quantbench explain model.onnx --accuracy --calibration table.json --observer mse "
      "--figures out\n"
      "  quantbench explain model.onnx --accuracy --recipe dynamic-int8 --quick");
  app.add_option("model", flags->model, "the float model, .onnx or TorchScript .pt")->required();
  app.add_option("quantized", flags->quantized, "the quantized model, of the same inputs");
  app.add_option("--batch", flags->batch, "batch size that is profiled")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--all", flags->all, "every layer, not only those with something to say");
  app.add_flag("--accuracy", flags->accuracy, "where accuracy is lost, in place of time");
  app.add_option("--recipe", flags->recipe, "what to quantize by; see quantbench quantize --help")
      ->capture_default_str();
  app.add_option("--keep-float", flags->keep_float,
                 "layers to leave alone: names, operator types, * and ?")
      ->delimiter(',');
  flags->calibration.Add(app, "--calibrate");
  app.add_option("--calibration", flags->table, "a table that `quantbench calibrate` made");
  app.add_option("--compare", flags->compare, "how many samples to compare the models over")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--quick", flags->quick,
               "only with all layers quantized: one model, not two a layer");
  app.add_option("--figures", flags->figures, "a folder for the figure");
  app.add_option("--threads", flags->threads, "of the engine; with --accuracy 0 is one a core")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  flags->input.Add(app);
  flags->worker.Add(app);
  flags->print.Add(app, "-o,--print");
  return [flags](Terminal& terminal) { return Explain(*flags, terminal); };
}

}  // namespace quantbench
