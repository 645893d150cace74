// quantbench explain ORIGINAL QUANTIZED: where the time of both goes, and why.
#include "cli/explain_speed.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "quantbench/base/format.h"
#include "quantbench/model/torchscript.h"

namespace quantbench {
namespace {

std::string Micros(double us) {
  return Format("{:.1f}", us);
}
std::string ShareOf(double us, double whole) {
  return whole > 0 ? Format("{:.1f}", 100 * us / whole) : "-";
}

const ClassTime* FindClass(const SideOfExplanation& side, OperatorClass what) {
  const auto found = std::find_if(side.classes.begin(), side.classes.end(),
                                  [&](const ClassTime& time) { return time.what == what; });
  return found == side.classes.end() ? nullptr : &*found;
}

// Shares are of the whole profiled run.
Table ClassesTable(const SpeedExplanation& explanation) {
  Table table;
  table.title = "Where the time goes";
  table.columns = {{"what", false},         {"original operators"}, {"original µs"}, {"original %"},
                   {"quantized operators"}, {"quantized µs"},       {"quantized %"}};
  for (const OperatorClass what :
       {OperatorClass::kInteger, OperatorClass::kFloat, OperatorClass::kElementwise,
        OperatorClass::kQuantize, OperatorClass::kLayout}) {
    std::vector<std::string> row = {std::string(Name(what))};
    bool any = false;
    for (const auto* side : {&explanation.original, &explanation.quantized}) {
      const ClassTime* time = FindClass(*side, what);
      any = any || time != nullptr;
      row.push_back(time == nullptr ? "0" : Format("{}", time->operators));
      row.push_back(Micros(time == nullptr ? 0 : time->us));
      row.push_back(ShareOf(time == nullptr ? 0 : time->us, side->run_us));
    }
    if (any) table.rows.push_back(std::move(row));
  }
  std::vector<std::string> between = {"unattributed, between operators"};
  std::vector<std::string> whole = {"a run, with the profiler"};
  std::vector<std::string> plain = {"a run, without it"};
  for (const auto* side : {&explanation.original, &explanation.quantized}) {
    for (std::vector<std::string>* row : {&between, &whole, &plain}) row->emplace_back("-");
    between.push_back(Micros(side->unattributed_us));
    between.push_back(ShareOf(side->unattributed_us, side->run_us));
    whole.push_back(Micros(side->run_us));
    whole.emplace_back("100.0");
    plain.push_back(Micros(side->unprofiled_us));
    plain.push_back(ShareOf(side->unprofiled_us, side->run_us));
  }
  for (std::vector<std::string>* row : {&between, &whole, &plain}) {
    table.rows.push_back(std::move(*row));
  }
  return table;
}

std::vector<std::string> LayerRow(const LayerTime& layer) {
  const bool paired = layer.original_us > 0 && layer.quantized_us > 0;
  return {layer.layer,
          Format("{:.3g}", static_cast<double>(layer.macs) * 1e-6),
          layer.original.empty() ? "-" : layer.original,
          layer.quantized.empty() ? "-" : layer.quantized,
          layer.quantized.empty() ? "-" : std::string(Name(layer.what)),
          Micros(layer.original_us),
          Micros(layer.quantized_us),
          paired ? Format("{:.2f}", layer.original_us / layer.quantized_us) : "-",
          Micros(layer.around_original_us),
          Micros(layer.around_quantized_us)};
}

std::vector<Column> LayerColumns() {
  return {{"layer", false},        {"MMAC"},          {"original", false},
          {"quantized", false},    {"kernel", false}, {"original µs"},
          {"quantized µs"},        {"times faster"},  {"around µs"},
          {"around, quantized µs"}};
}

Table LayersOf(const SpeedExplanation& explanation) {
  Table table;
  table.title = "Layers";
  table.columns = LayerColumns();
  for (const LayerTime& layer : explanation.layers) table.rows.push_back(LayerRow(layer));
  return table;
}

// "12.3 (10.0 to 15.0)".
std::string Expected(const Forecast& forecast) {
  return Format("{:.1f} ({:.1f} to {:.1f})", forecast.us, forecast.low_us, forecast.high_us);
}

Table BlamesOf(const SpeedExplanation& explanation) {
  Table table;
  table.title = "Why it is not faster";
  table.columns = {{"reason", false},          {"layers"},       {"original µs"},
                   {"quantized µs"},           {"% of the run"}, {"expected µs"},
                   {"what to do", false, true}};
  for (const Blame& blame : explanation.blames) {
    table.rows.push_back(
        {std::string(Name(blame.kind)), Format("{}", blame.layers), Micros(blame.original_us),
         Micros(blame.quantized_us), ShareOf(blame.quantized_us, explanation.quantized.run_us),
         blame.cured_us ? Expected(*blame.cured_us) : "-", blame.cure.empty() ? "-" : blame.cure});
  }
  return table;
}

// Layers of one operator with the same reason.
struct LayersAlike {
  const LayerTime* slowest = nullptr;
  std::size_t count = 0;
  double original_us = 0;
  double quantized_us = 0;
  double with_around_us = 0;
};

// What has a reason, the most time first; `together`: those alike are one.
std::vector<LayersAlike> LayersWithReasons(const SpeedExplanation& explanation, bool together) {
  std::vector<const LayerTime*> layers;
  for (const LayerTime& layer : explanation.layers) {
    if (!layer.why.empty()) layers.push_back(&layer);
  }
  const auto slower = [](const LayerTime* a, const LayerTime* b) {
    return a->quantized_with_around_us() > b->quantized_with_around_us();
  };
  std::stable_sort(layers.begin(), layers.end(), slower);
  std::vector<LayersAlike> rows;
  for (const LayerTime* layer : layers) {
    const auto alike = std::find_if(rows.begin(), rows.end(), [&](const LayersAlike& row) {
      return together && row.slowest->why == layer->why &&
             row.slowest->quantized == layer->quantized;
    });
    LayersAlike& row = alike != rows.end() ? *alike : rows.emplace_back(LayersAlike{layer});
    ++row.count;
    row.original_us += layer->original_us;
    row.quantized_us += layer->quantized_us;
    row.with_around_us += layer->quantized_with_around_us();
  }
  std::stable_sort(rows.begin(), rows.end(), [](const LayersAlike& a, const LayersAlike& b) {
    return a.with_around_us > b.with_around_us;
  });
  return rows;
}

// `most` rows; `left` (out): layers in none of them.
Table ReasonsOf(const SpeedExplanation& explanation, bool together, std::size_t most,
                std::size_t* left) {
  Table table;
  table.title = "Layers that stayed float or are not faster";
  table.columns = {{"layer", false}, {"operator", false}, {"original µs"},
                   {"quantized µs"}, {"% of the run"},    {"why", false, true}};
  *left = 0;
  for (const LayersAlike& row : LayersWithReasons(explanation, together)) {
    if (table.rows.size() == most) {
      *left += row.count;
      continue;
    }
    const LayerTime& layer = *row.slowest;
    table.rows.push_back(
        {row.count == 1 ? layer.layer : Format("{} and {} alike", layer.layer, row.count - 1),
         layer.quantized.empty() ? "-" : layer.quantized, Micros(row.original_us),
         Micros(row.quantized_us), ShareOf(row.quantized_us, explanation.quantized.run_us),
         layer.why});
  }
  return table;
}

// Those with the largest part of unsafe outputs first.
Table SaturatingOf(std::vector<SaturatingLayer> layers, std::size_t most) {
  const auto part = [](const SaturatingLayer& layer) {
    return static_cast<double>(layer.unsafe_outputs) / static_cast<double>(layer.outputs);
  };
  std::stable_sort(layers.begin(), layers.end(),
                   [&](const auto& a, const auto& b) { return part(a) > part(b); });
  layers.resize(std::min(layers.size(), most));
  Table table;
  table.title = "Layers whose sums can saturate on this processor";
  table.columns = {{"layer", false}, {"operator", false}, {"outputs"}, {"of these can saturate"}};
  for (const SaturatingLayer& layer : layers) {
    table.rows.push_back({layer.name, layer.op_type, Format("{}", layer.outputs),
                          Format("{}", layer.unsafe_outputs)});
  }
  return table;
}

// Of the file of `bytes`.
Table FloatTablesOf(const std::vector<FloatTable>& tables, std::uint64_t bytes) {
  Table table;
  table.title = "Embeddings that stayed float";
  table.columns = {{"layer", false}, {"rows"}, {"width"}, {"MB"}, {"% of the file"}};
  for (const FloatTable& entry : tables) {
    table.rows.push_back({entry.layer, Format("{}", entry.rows), Format("{}", entry.width),
                          Format("{:.1f}", static_cast<double>(entry.bytes) * 1e-6),
                          ShareOf(static_cast<double>(entry.bytes), static_cast<double>(bytes))});
  }
  return table;
}

// What curing promises; no rows when nothing can be forecast.
Table PromiseOf(const SpeedExplanation& told) {
  Table table;
  table.title = "With all that has an expected time cured";
  table.columns = {
      {"quantized µs"}, {"expected µs"}, {"times as fast as now"}, {"at least"}, {"at most"}};
  if (!told.cured_run_us || told.cured_run_us->low_us <= 0) return table;
  const double now = told.quantized.plain_run_us();
  const Forecast& run = *told.cured_run_us;
  table.rows.push_back({Micros(now), Micros(run.us), Format("{:.3f}", now / run.us),
                        Format("{:.3f}", now / run.high_us), Format("{:.3f}", now / run.low_us)});
  return table;
}

}  // namespace

namespace {

// How fast floats can be is asked only where libtorch may be slower than that.
std::optional<DevicePeaks> PeaksFor(std::span<const std::filesystem::path> models,
                                    Terminal& terminal) {
  if (std::none_of(models.begin(), models.end(), IsTorchScript)) return std::nullopt;
  PeakOptions options;
  options.budget_ns = kPeaksBesideMeasuringNs;
  return MeasurePeaks(options, terminal);
}

}  // namespace

int ShowSpeed(const ExplainSpeedOptions& options, const WorkerOptions& worker, bool all,
              OutputFormat format, Terminal& terminal) {
  const auto explained = ExplainSpeedOf(options, worker, terminal);
  if (!explained.ok()) return terminal.Fail(explained.error(), format);
  const SpeedExplanation& told = explained.value().speed;
  constexpr std::size_t kMostReasons = 12;
  const bool whole = all || format == OutputFormat::kJson || format == OutputFormat::kCsv;
  std::size_t left = 0;
  std::vector<Table> tables = {ClassesTable(told)};
  if (whole) tables.push_back(LayersOf(told));
  if (!told.blames.empty()) tables.push_back(BlamesOf(told));
  if (Table promise = PromiseOf(told); !promise.rows.empty()) tables.push_back(std::move(promise));
  tables.push_back(ReasonsOf(told, !whole, whole ? told.layers.size() : kMostReasons, &left));
  const std::vector<SaturatingLayer>& saturating = explained.value().saturating;
  if (!saturating.empty()) {
    tables.push_back(SaturatingOf(saturating, whole ? saturating.size() : kMostReasons));
  }
  if (!told.float_tables.empty()) {
    tables.push_back(FloatTablesOf(told.float_tables, explained.value().quantized_bytes));
  }
  terminal.Print(Render(tables, format));
  const std::array<std::filesystem::path, 2> models = {options.original, options.quantized};
  for (const std::string& note : TorchNotes(models, PeaksFor(models, terminal), worker)) {
    terminal.Note(note);
  }
  terminal.Note(
      Format("profiling made the original {:+.1f} % and the quantized model {:+.1f} % "
             "slower; shares are of profiled runs, `quantbench bench` measures the ratio",
             100 * told.original.overhead(), 100 * told.quantized.overhead()));
  constexpr double kDisturbed = 1.1;
  if (explained.value().contention > kDisturbed) {
    terminal.Note(
        Format("other processes were busy (runs took {:.2f} times their CPU time): times of "
               "long operators are too long, measure again when the machine is quiet",
               explained.value().contention));
  }
  if (!saturating.empty()) {
    terminal.Note(
        "sums that saturate are wrong without a word: write 7-bit weights (quantbench "
        "quantize repairs these layers), or use a processor with VNNI");
  }
  if (!told.float_tables.empty()) {
    terminal.Note(
        "embeddings are looked up, not multiplied: as floats they cost no time, but size and "
        "memory; "
        "quantbench's recipes for ONNX quantize them");
  }
  if (left > 0) terminal.Note(Format("{} more layers: --all", left));
  return kExitDone;
}

}  // namespace quantbench
