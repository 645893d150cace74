// quantbench roofline: what this device can do at most, and what models can gain there.
#include <algorithm>
#include <memory>

#include "quantbench/base/format.h"
#include "quantbench/model.h"

#include "cli/command.h"

namespace quantbench {
namespace {

struct RooflineFlags {
  std::vector<std::string> models;
  std::int64_t batch = 0;  // 0: the model's own, else 1
  std::int64_t threads = 1;
  std::size_t top = 10;
  double budget_s = 3;
  bool loaded = false;
  InputFlags input;
  WorkerFlags worker;
  OutputFlag output;
};

std::string Scaled(double value, double factor) {
  return Format("{:.4g}", value * factor);
}

// The operators that need the most time, and all others together.
Table TopOperators(const std::string& file, const PlacedModel& model, std::size_t most) {
  std::vector<const PlacedOperator*> operators;
  for (const PlacedOperator& op : model.operators) operators.push_back(&op);
  std::stable_sort(
      operators.begin(), operators.end(),
      [](const PlacedOperator* a, const PlacedOperator* b) { return a->least_s() > b->least_s(); });
  Table table;
  table.title = Format("Operators of {}", Printable(file));
  table.columns = {{"operator", false}, {"type", false}, {"MFLOP"},    {"kB"},
                   {"FLOP/byte"},       {"least µs"},    {"% of all"}, {"bound by", false}};
  double others = 0;
  for (std::size_t i = 0; i < operators.size(); ++i) {
    const PlacedOperator& op = *operators[i];
    if (i >= most) {
      others += op.least_s();
      continue;
    }
    table.rows.push_back({op.name, op.op_type, Scaled(static_cast<double>(op.operations), 1e-6),
                          Scaled(static_cast<double>(op.bytes), 1e-3),
                          op.bytes > 0 ? Scaled(op.intensity(), 1) : "-", Scaled(op.least_s(), 1e6),
                          Format("{:.1f}", 100 * op.least_s() / model.least_s), op.roof});
  }
  if (operators.size() > most) {
    table.rows.push_back({Format("{} others", operators.size() - most), "-", "-", "-", "-",
                          Scaled(others, 1e6), Format("{:.1f}", 100 * others / model.least_s),
                          "-"});
  }
  return table;
}

Table Bounds(const std::vector<std::string>& files, const std::vector<PlacedModel>& models) {
  Table table;
  table.title = "Bounds";
  table.columns = {{"model", false}, {"least ms"}, {"bound by", false}, {"at most times faster"}};
  for (std::size_t i = 0; i < models.size(); ++i) {
    const double bound = i == 0 ? 0 : SpeedupBound(models.front(), models[i]);
    table.rows.push_back({files[i], Scaled(models[i].least_s, 1e3), models[i].roof,
                          bound > 0 ? Format("{:.3g}", bound) : "-"});
  }
  return table;
}

void TellHowToRead(const DevicePeaks& peaks, std::size_t models, Terminal& terminal) {
  if (peaks.is_doubtful()) {
    terminal.Note(
        "the machine was busy: peaks may be higher than measured; run it again when it is idle");
  }
  if (models == 0) return;
  terminal.Note(
      "least: no run can take less, each operator at the peak of what binds it; 1 MAC is 2 FLOP");
  if (models < 2) return;
  terminal.Note(
      "at most: the speed-up where the original runs at its roofs; a larger one measured says that "
      "the original does not (docs/roofline.md)");
}

int Roofline(const RooflineFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.output.format();
  RooflineOptions options;
  options.models.assign(flags.models.begin(), flags.models.end());
  options.cell.batch = flags.batch;
  options.cell.threads = flags.threads;
  options.loaded = flags.loaded;
  auto dims = flags.input.Dims();
  if (!dims.ok()) return terminal.Fail(dims.error(), format);
  options.cell.dims = std::move(dims).value();
  auto constants = flags.input.Constants();
  if (!constants.ok()) return terminal.Fail(constants.error(), format);
  options.input.constants = std::move(constants).value();
  options.input.vocabulary = flags.input.vocabulary;
  for (const std::string& file : flags.models) {  // before the peaks take their time
    const auto model = LoadModel(file);
    if (!model.ok()) return terminal.Fail(model.error(), format);
  }
  PeakOptions measuring;
  measuring.budget_ns = static_cast<std::int64_t>(flags.budget_s * 1e9);
  const DevicePeaks peaks = MeasurePeaks(measuring, terminal);
  const auto placed = PlaceModels(options, peaks, flags.worker.Options(), terminal);
  if (!placed.ok()) return terminal.Fail(placed.error(), format);
  std::vector<Table> tables = {PeaksTable(peaks)};
  for (std::size_t i = 0; i < flags.models.size(); ++i) {
    tables.push_back(TopOperators(flags.models[i], placed.value()[i], flags.top));
  }
  if (!flags.models.empty()) tables.push_back(Bounds(flags.models, placed.value()));
  terminal.Print(Render(tables, format));
  TellHowToRead(peaks, flags.models.size(), terminal);
  return kExitDone;
}

}  // namespace

Action AddRoofline(CLI::App& app) {
  auto flags = std::make_shared<RooflineFlags>();
  Describe(
      app,
      "Measures what this processor can do at most: float32, int8 by every set of instructions "
      "it\nhas, and reading from each cache and from memory. With models: the least time of "
      "each and of\nits operators, and by how much a quantized one can be faster.",
      "  quantbench roofline\n"
      "  quantbench roofline model.onnx model.int8.onnx --threads 2\n"
      "  quantbench roofline bert.onnx bert.int8.onnx --batch 8 --dim seq=128 -o md\n"
      "  quantbench roofline model.onnx model.int8.onnx --loaded");
  app.add_option("models", flags->models, "models, .onnx files; the first is the original");
  app.add_option("--batch", flags->batch, "batch size (default: the model's, or 1)")
      ->check(CLI::PositiveNumber);
  app.add_option("--threads", flags->threads, "threads that models run on")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--top", flags->top, "operators to list, those that need the most time")
      ->capture_default_str();
  app.add_option("--budget", flags->budget_s, "seconds for the peaks, about")
      ->check(CLI::Range(0.01, 600.0))
      ->capture_default_str();
  app.add_flag("--loaded", flags->loaded,
               "the graphs as the engine runs them, each operator with all it moves");
  flags->input.Add(app);
  flags->worker.Add(app);
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return Roofline(*flags, terminal); };
}

}  // namespace quantbench
