// Cells, latency and memory of every arm, ways of use, real beside synthetic samples.
#include <cmath>

#include "export/tables.h"

namespace quantbench {
namespace {

ExportTable CellExport() {
  TableOf<CellResult> builder(
      "cells", "a row a set of circumstances in which all arms of a model were measured");
  builder.Text("model", "id of the model", [](const CellResult& row) -> Json { return row.model; })
      .Of([](const CellResult& row) -> const Cell& { return row.cell; })
      .Flag("added", "the sweep added this batch",
            [](const CellResult& row) -> Json { return row.cell.added; })
      .Text("outcome", "ok, skipped, failed, ...",
            [](const CellResult& row) -> Json { return Json(Name(row.outcome)); })
      .Text("reason", "one line when not ok",
            [](const CellResult& row) -> Json { return row.reason; })
      .Text("input", "where the input came from",
            [](const CellResult& row) -> Json { return row.input; })
      .Text("timebase", "of ratios: wall, or CPU where other processes had the processor",
            [](const CellResult& row) -> Json { return Json(Name(row.timebase)); })
      .Real("contention", "how many times longer runs took than the processor worked on them",
            [](const CellResult& row) -> Json { return row.contention; })
      .Between("control",
               "the original against its own copy, a ratio: what the measuring itself is worth",
               [](const CellResult& row) -> Interval { return row.control; })
      .Real("resolution",
            "the largest relative difference that the control leaves open; 0.01 is 1 %",
            [](const CellResult& row) -> Json { return row.resolution(); })
      .Real("widening", "factor of intervals whose number of processes was chosen by their width",
            [](const CellResult& row) -> Json { return row.widening; })
      .Text("stopped", "why no more processes were started",
            [](const CellResult& row) -> Json { return row.stopped; });
  return builder.From([](const ExportSource& source, const TableOf<CellResult>::Visit& visit) {
    for (const CellResult& row : source.analysis->cells) visit(row);
  });
}

struct ArmRow {
  const CellResult* cell;
  const ArmLatency* arm;
};

Json PercentileOf(const ArmRow& row, double percent) {
  for (const Percentile& percentile : row.arm->percentiles) {
    if (percentile.percent == percent) return percentile.value;
  }
  return nullptr;
}

// A figure of the work of a run, null where it was not counted.
TableOf<ArmRow>::MadeGet WorkOf(Json (*get)(const ModelWork&)) {
  return [get](const ArmRow& row) { return row.arm->work ? get(*row.arm->work) : Json(); };
}

void AddTimes(TableOf<ArmRow>* builder) {
  builder
      ->Int("runs", "timed, all processes together",
            [](const ArmRow& row) -> Json { return row.arm->ms.n; })
      .Real("mean_ms", "wall time of a run",
            [](const ArmRow& row) -> Json { return row.arm->ms.mean; })
      .Real("std_ms", "standard deviation, n - 1",
            [](const ArmRow& row) -> Json { return row.arm->ms.stddev; })
      .Real("mean_half_width", "of the 95 % interval of mean_ms over processes, relative",
            [](const ArmRow& row) -> Json { return row.arm->doubt; })
      .Real("median_ms", "", [](const ArmRow& row) -> Json { return row.arm->ms.median; })
      .Real("mad_ms", "median absolute deviation from the median, not scaled",
            [](const ArmRow& row) -> Json { return row.arm->ms.mad; })
      .Real("min_ms", "", [](const ArmRow& row) -> Json { return row.arm->ms.min; })
      .Real("max_ms", "", [](const ArmRow& row) -> Json { return row.arm->ms.max; })
      .Real("p90_ms",
            "what 90 % of runs take at most, with 95 % confidence; empty: too few runs to say",
            [](const ArmRow& row) -> Json { return PercentileOf(row, 90); })
      .Real("p95_ms", "the same for 95 %",
            [](const ArmRow& row) -> Json { return PercentileOf(row, 95); })
      .Real("p99_ms", "the same for 99 %",
            [](const ArmRow& row) -> Json { return PercentileOf(row, 99); })
      .Real("p999_ms", "the same for 99.9 %",
            [](const ArmRow& row) -> Json { return PercentileOf(row, 99.9); })
      .Real("cpu_mean_ms", "CPU time of a run, mean",
            [](const ArmRow& row) -> Json { return row.arm->cpu_ms.mean; })
      .Real("cpu_std_ms", "over laps",
            [](const ArmRow& row) -> Json { return row.arm->cpu_ms.stddev; })
      .Real("samples_per_s", "batch over mean_ms",
            [](const ArmRow& row) -> Json { return row.arm->samples_per_s; });
}

void AddRatios(TableOf<ArmRow>* builder) {
  builder
      ->Between("ratio",
                "time of the arm over time of the original, geometric mean over processes, on the "
                "cell's timebase",
                [](const ArmRow& row) -> Interval { return row.arm->ratio; })
      .Between("times_faster", "1 / ratio",
               [](const ArmRow& row) -> Interval { return row.arm->speedup; })
      .Between("wall_ratio", "ratio of wall times, whatever the timebase",
               [](const ArmRow& row) -> Interval { return row.arm->wall_ratio; })
      .Between("cpu_ratio", "ratio of CPU times",
               [](const ArmRow& row) -> Interval { return row.arm->cpu_ratio; })
      .Flag("estimators_disagree", "ratios of means and of medians differ beyond their intervals",
            [](const ArmRow& row) -> Json { return row.arm->estimators_disagree; });
}

void AddMeasuring(TableOf<ArmRow>* builder) {
  builder
      ->Int("processes", "fresh ones", [](const ArmRow& row) -> Json { return row.arm->processes; })
      .Real("load_ms", "median over processes",
            [](const ArmRow& row) -> Json { return row.arm->load_ms; })
      .Real("first_run_ms", "median over processes",
            [](const ArmRow& row) -> Json { return row.arm->first_run_ms; })
      .Real("switch_ms", "median of the runs right after another arm's",
            [](const ArmRow& row) -> Json { return row.arm->switch_ms; })
      .Real("warmup_runs", "median over processes",
            [](const ArmRow& row) -> Json { return row.arm->warmup_runs; })
      .Int("unsteady_processes", "whose times still moved when warming up ended",
           [](const ArmRow& row) -> Json { return row.arm->unsteady; })
      .Text("pattern", "flat, warm-up, slowdown, two speeds, no steady state",
            [](const ArmRow& row) -> Json { return Json(Name(row.arm->pattern)); });
}

void AddWork(TableOf<ArmRow>* builder) {
  builder
      ->Made("macs", ExportType::kInteger, "multiply-accumulates of a run",
             WorkOf([](const ModelWork& work) -> Json { return work.total.macs; }))
      .Made("integer_macs", ExportType::kInteger, "of them on codes",
            WorkOf([](const ModelWork& work) -> Json { return work.integer_macs; }))
      .Made("flops", ExportType::kInteger, "2 macs and elementwise operations of a run",
            WorkOf([](const ModelWork& work) -> Json { return work.total.flops(); }))
      .Made("transcendentals", ExportType::kInteger, "exp, tanh, ... of a run",
            WorkOf([](const ModelWork& work) -> Json { return work.total.transcendentals; }))
      .Made("bytes_moved", ExportType::kInteger, "read and written by operators of a run",
            WorkOf([](const ModelWork& work) -> Json { return work.total.bytes(); }))
      .Made("uncounted_operators", ExportType::kInteger, "whose work is not known",
            WorkOf([](const ModelWork& work) -> Json { return work.unknown; }));
}

ExportTable LatencyExport() {
  TableOf<ArmRow> builder("latency", "a row an arm in a cell: what it took, against the original");
  builder
      .Text("model", "id of the model", [](const ArmRow& row) -> Json { return row.cell->model; })
      .Of([](const ArmRow& row) -> const Cell& { return row.cell->cell; })
      .Text("arm", "original, or id of the variant",
            [](const ArmRow& row) -> Json { return row.arm->arm; })
      .Text("outcome", "ok, skipped, failed, ...",
            [](const ArmRow& row) -> Json { return Json(Name(row.arm->outcome)); })
      .Text("reason", "one line when not ok",
            [](const ArmRow& row) -> Json { return row.arm->reason; });
  AddTimes(&builder);
  AddRatios(&builder);
  AddMeasuring(&builder);
  AddWork(&builder);
  return builder.From([](const ExportSource& source, const TableOf<ArmRow>::Visit& visit) {
    for (const CellResult& cell : source.analysis->cells) {
      for (const ArmLatency& arm : cell.arms) visit({&cell, &arm});
    }
  });
}

struct MemoryRow {
  const CellResult* cell;
  const ArmMemory* arm;
};

ExportTable MemoryExport() {
  TableOf<MemoryRow> builder(
      "memory", "memory and loading of every arm alone, less what an engine without a model takes");
  builder
      .Text("model", "id of the model",
            [](const MemoryRow& row) -> Json { return row.cell->model; })
      .Of([](const MemoryRow& row) -> const Cell& { return row.cell->cell; })
      .Text("arm", "original, or id of the variant",
            [](const MemoryRow& row) -> Json { return row.arm->arm; })
      .Text("outcome", "ok, failed, ...",
            [](const MemoryRow& row) -> Json { return Json(Name(row.arm->outcome)); })
      .Text("reason", "one line when not ok",
            [](const MemoryRow& row) -> Json { return row.arm->reason; })
      .Int("loaded_bytes", "resident after loading",
           [](const MemoryRow& row) -> Json { return row.arm->loaded; })
      .Int("steady_bytes", "resident after some runs",
           [](const MemoryRow& row) -> Json { return row.arm->steady; })
      .Int("anonymous_bytes", "of steady_bytes what no file backs",
           [](const MemoryRow& row) -> Json { return row.arm->anonymous; })
      .Int("peak_bytes", "of loading and running",
           [](const MemoryRow& row) -> Json { return row.arm->peak; })
      .Real("cold_load_ms", "", [](const MemoryRow& row) -> Json { return row.arm->cold_load_ms; })
      .Real("warm_load_ms", "", [](const MemoryRow& row) -> Json { return row.arm->warm_load_ms; });
  return builder.From([](const ExportSource& source, const TableOf<MemoryRow>::Visit& visit) {
    for (const CellResult& cell : source.analysis->cells) {
      for (const ArmMemory& arm : cell.memory) visit({&cell, &arm});
    }
  });
}

struct ScenarioRow {
  const ScenarioResult* result;
  const ScenarioArm* arm;

  [[nodiscard]] bool Is(Scenario scenario) const { return result->cell.cell.scenario == scenario; }
};

// A figure that only one scenario has.
TableOf<ScenarioRow>::MadeGet Only(Scenario scenario, TableOf<ScenarioRow>::Get get) {
  return [scenario, get](const ScenarioRow& row) { return row.Is(scenario) ? get(row) : Json(); };
}

std::string_view UnitOf(Scenario scenario) {
  if (scenario == Scenario::kOffline) return "samples/s";
  return scenario == Scenario::kServer ? "queries/s" : "ms";
}

void AddScenarioParts(TableOf<ScenarioRow>* builder) {
  using Row = ScenarioRow;
  builder
      ->Made("own_batch", ExportType::kInteger, "offline: the arm's best batch",
             Only(Scenario::kOffline, [](const Row& row) -> Json { return row.arm->batch; }))
      .Made("target_ms", ExportType::kReal, "server: a query that takes longer is late",
            Only(Scenario::kServer, [](const Row& row) -> Json { return row.result->target_ms; }))
      .Made("queries", ExportType::kInteger, "server: of a rate that is tried",
            Only(Scenario::kServer, [](const Row& row) -> Json { return row.result->queries; }))
      .Made("service_ms", ExportType::kReal, "server: a run without waiting",
            Only(Scenario::kServer, [](const Row& row) -> Json { return row.arm->service_ms; }))
      .Made("p99_ms", ExportType::kReal, "server: at the highest rate that was met",
            Only(Scenario::kServer, [](const Row& row) -> Json { return row.arm->p99_ms; }))
      .Made("load_ms", ExportType::kReal, "end to end: files read and decoded",
            Only(Scenario::kEndToEnd, [](const Row& row) -> Json { return row.arm->parts.load; }))
      .Made("preprocess_ms", ExportType::kReal,
            "end to end: until the batch is what the model takes",
            Only(Scenario::kEndToEnd,
                 [](const Row& row) -> Json { return row.arm->parts.preprocess; }))
      .Made("copy_ms", ExportType::kReal, "end to end: into the engine's memory and out of it",
            Only(Scenario::kEndToEnd, [](const Row& row) -> Json { return row.arm->parts.copy; }))
      .Made("run_ms", ExportType::kReal, "end to end: the forward pass",
            Only(Scenario::kEndToEnd, [](const Row& row) -> Json { return row.arm->parts.run; }))
      .Made(
          "duration_s", ExportType::kReal, "sustained: of all",
          Only(Scenario::kSustained, [](const Row& row) -> Json { return row.result->duration_s; }))
      .Made("window_s", ExportType::kReal, "sustained: what first and last are",
            Only(Scenario::kSustained, [](const Row& row) -> Json { return row.result->window_s; }))
      .Made("first_ms", ExportType::kReal, "sustained: a run in the first window",
            Only(Scenario::kSustained, [](const Row& row) -> Json { return row.arm->first_ms; }))
      .Made("last_ms", ExportType::kReal, "sustained: a run in the last window",
            Only(Scenario::kSustained, [](const Row& row) -> Json { return row.arm->last_ms; }));
}

ExportTable ScenarioExport() {
  TableOf<ScenarioRow> builder("scenarios", "a row an arm in another way of use");
  builder
      .Text("model", "id of the model",
            [](const ScenarioRow& row) -> Json { return row.result->cell.model; })
      .Of([](const ScenarioRow& row) -> const Cell& { return row.result->cell.cell; })
      .Text("arm", "original, or id of the variant",
            [](const ScenarioRow& row) -> Json { return row.arm->arm; })
      .Text("outcome", "ok, failed, ...",
            [](const ScenarioRow& row) -> Json { return Json(Name(row.arm->outcome)); })
      .Text("reason", "one line when not ok",
            [](const ScenarioRow& row) -> Json { return row.arm->reason; })
      .Int("processes", "fresh ones",
           [](const ScenarioRow& row) -> Json { return row.arm->processes; })
      .Between("value", "throughput, highest rate, or mean time of a run",
               [](const ScenarioRow& row) -> Interval { return row.arm->value; })
      .Text("unit", "of value: samples/s, queries/s or ms",
            [](const ScenarioRow& row) -> Json {
              return Json(UnitOf(row.result->cell.cell.scenario));
            })
      .Between("times_better", "than the original; above 1 is better",
               [](const ScenarioRow& row) -> Interval { return row.arm->better; });
  AddScenarioParts(&builder);
  builder.Between("slowdown", "sustained: last over first", [](const ScenarioRow& row) -> Interval {
    return row.Is(Scenario::kSustained) ? row.arm->slowdown : Interval{NAN, NAN, NAN};
  });
  return builder.From([](const ExportSource& source, const TableOf<ScenarioRow>::Visit& visit) {
    for (const ScenarioResult& result : source.analysis->scenarios) {
      for (const ScenarioArm& arm : result.arms) visit({&result, &arm});
    }
  });
}

ExportTable NaturalExport() {
  TableOf<NaturalLatency> builder(
      "natural", "latency at the samples' own sizes, beside synthetic samples of the same shapes");
  builder
      .Text("model", "id of the model", [](const NaturalLatency& row) -> Json { return row.model; })
      .Text("arm", "original, or id of the variant",
            [](const NaturalLatency& row) -> Json { return row.arm; })
      .Int("batch", "samples of a run", [](const NaturalLatency& row) -> Json { return row.batch; })
      .Int("size_from", "elements of the largest input; 0: all sizes",
           [](const NaturalLatency& row) -> Json { return row.size_from; })
      .Int("size_to", "", [](const NaturalLatency& row) -> Json { return row.size_to; })
      .Int("runs", "batches in a process",
           [](const NaturalLatency& row) -> Json { return row.runs; })
      .Int("processes", "fresh ones",
           [](const NaturalLatency& row) -> Json { return row.processes; })
      .Real("real_ms", "mean of a run on real samples",
            [](const NaturalLatency& row) -> Json { return row.real_ms; })
      .Real("synthetic_ms", "mean of a run on synthetic ones",
            [](const NaturalLatency& row) -> Json { return row.synthetic_ms; })
      .Between("real_to_synthetic", "ratio of the two, geometric mean over processes",
               [](const NaturalLatency& row) -> Interval { return row.real_to_synthetic; })
      .Between("ratio", "to the original, on real samples",
               [](const NaturalLatency& row) -> Interval { return row.ratio; });
  return builder.From([](const ExportSource& source, const TableOf<NaturalLatency>::Visit& visit) {
    for (const NaturalLatency& row : source.analysis->natural) visit(row);
  });
}

}  // namespace

std::vector<ExportTable> LatencyExports() {
  return {CellExport(), LatencyExport(), MemoryExport(), ScenarioExport(), NaturalExport()};
}

}  // namespace quantbench
