// Raw samples: every process, lap, run, query and answer, as the records hold them.
#include <algorithm>

#include "export/tables.h"

namespace quantbench {
namespace {

// One arm in one process of one record.
struct ProcessRow {
  const Record* record = nullptr;
  std::string_view arm;
  std::int64_t process = 0;
  const Json* json = nullptr;
};

// Columns that say whose samples these are; Row has a ProcessRow `whose`.
template <typename Row>
void AddWhose(TableOf<Row>* builder) {
  builder
      ->Text("record", "key of its record",
             [](const Row& row) -> Json { return row.whose.record->key; })
      .Text("model", "id of the model",
            [](const Row& row) -> Json { return row.whose.record->what.model; })
      .Of([](const Row& row) -> const Cell& { return row.whose.record->what.cell; })
      .Text("arm", "original, id of the variant, or original': the second copy of the original",
            [](const Row& row) -> Json { return row.whose.arm; })
      .Int("process", "number of the process, from 0",
           [](const Row& row) -> Json { return row.whose.process; });
}

// Every arm of every process of the records of that kind that the analysis used.
void ForEachProcess(const ExportSource& source,
                    const std::function<void(const ProcessRow&)>& visit) {
  for (const Record& record : source.records) {
    if (!source.Uses(record)) continue;
    const bool timed =
        record.what.kind == CaseKind::kMeasure || record.what.kind == CaseKind::kScenario;
    if (!timed) continue;
    for (const Json& arm : record.results["arms"].AsArray()) {
      std::int64_t number = 0;
      for (const Json& process : arm["processes"].AsArray()) {
        visit({&record, arm["arm"].AsString(), number, &process});
        ++number;
      }
    }
  }
}

bool HasScenario(const ProcessRow& row, Scenario scenario) {
  return row.record->what.cell.scenario == scenario;
}

struct SamplesRow {
  ProcessRow whose;
  const LatencySamples* samples;
};

// Processes whose laps are made of runs.
void ForEachSamples(const ExportSource& source,
                    const std::function<void(const SamplesRow&)>& visit) {
  ForEachProcess(source, [&](const ProcessRow& row) {
    if (HasScenario(row, Scenario::kServer) || HasScenario(row, Scenario::kSustained)) return;
    const auto samples = LatencySamples::FromJson(*row.json);
    if (samples.ok()) visit({row, &samples.value()});
  });
}

ExportTable ProcessExport() {
  TableOf<SamplesRow> builder("processes", "raw: a row an arm in a process, before its laps");
  AddWhose(&builder);
  builder
      .Int("load_ns", "session creation",
           [](const SamplesRow& row) -> Json { return row.samples->load_ns; })
      .Int("first_run_ns", "the very first run",
           [](const SamplesRow& row) -> Json { return row.samples->first_run_ns; })
      .Int("warmup_runs", "before the first lap, the first run included",
           [](const SamplesRow& row) -> Json { return row.samples->warmup_runs; })
      .Int("warmup_ns", "what they took",
           [](const SamplesRow& row) -> Json { return row.samples->warmup_ns; })
      .Text("warmup_end", "steady, moving, too few runs",
            [](const SamplesRow& row) -> Json { return Json(Name(row.samples->warmup_end)); });
  return builder.From([](const ExportSource& source, const TableOf<SamplesRow>::Visit& visit) {
    ForEachSamples(source, visit);
  });
}

struct LapRow {
  ProcessRow whose;
  std::int64_t number = 0;
  std::int64_t runs = 0;
  Lap lap;  // without run_ns where only their sum is known
  std::int64_t wall_ns = 0;
  bool detailed = true;  // waits and faults are known
};

TableOf<LapRow>::MadeGet Detail(std::int64_t Lap::*member) {
  return [member](const LapRow& row) { return row.detailed ? Json(row.lap.*member) : Json(); };
}

void VisitSustained(const ProcessRow& row, const TableOf<LapRow>::Visit& visit) {
  const auto laps = SustainedLapsFromJson(*row.json);
  if (!laps.ok()) return;
  std::int64_t number = 0;
  for (const SustainedLap& lap : laps.value()) {
    LapRow made{row, number, lap.runs, {}, lap.wall_ns, false};
    made.lap.start_ns = lap.start_ns;
    made.lap.cpu_ns = lap.cpu_ns;
    visit(made);
    ++number;
  }
}

ExportTable LapExport() {
  TableOf<LapRow> builder("laps",
                          "raw: a row a lap: consecutive runs of one arm; nothing is dropped");
  AddWhose(&builder);
  builder
      .Int("lap", "number in the process, in the order of rounds, from 0",
           [](const LapRow& row) -> Json { return row.number; })
      .Int("start_ns", "since the process began to measure",
           [](const LapRow& row) -> Json { return row.lap.start_ns; })
      .Int("runs", "in the lap", [](const LapRow& row) -> Json { return row.runs; })
      .Int("wall_ns", "of all runs", [](const LapRow& row) -> Json { return row.wall_ns; })
      .Int("cpu_ns", "CPU time of the process over all runs",
           [](const LapRow& row) -> Json { return row.lap.cpu_ns; })
      .Made("switch_ns", ExportType::kInteger,
            "the run before them, right after another arm's; 0: none", Detail(&Lap::switch_ns))
      .Made("waited_ns", ExportType::kInteger,
            "ready to run but waiting for a processor; 0: unknown", Detail(&Lap::waited_ns))
      .Made("preempted", ExportType::kInteger, "involuntary context switches",
            Detail(&Lap::preempted))
      .Made("major_faults", ExportType::kInteger, "pages that came from the disk",
            Detail(&Lap::major_faults));
  return builder.From([](const ExportSource& source, const TableOf<LapRow>::Visit& visit) {
    ForEachProcess(source, [&](const ProcessRow& row) {
      if (HasScenario(row, Scenario::kSustained)) return VisitSustained(row, visit);
      if (HasScenario(row, Scenario::kServer)) return;
      const auto samples = LatencySamples::FromJson(*row.json);
      if (!samples.ok()) return;
      std::int64_t number = 0;
      for (const Lap& lap : samples.value().laps) {
        visit({row, number, std::ssize(lap.run_ns), lap, lap.wall_ns(), true});
        ++number;
      }
    });
  });
}

struct RunRow {
  ProcessRow whose;
  std::int64_t lap = 0;
  std::int64_t run = 0;
  std::int64_t ns = 0;
};

void VisitRuns(const SamplesRow& row, const TableOf<RunRow>::Visit& visit) {
  RunRow run{row.whose};
  for (const Lap& lap : row.samples->laps) {
    run.run = 0;
    for (const std::int64_t ns : lap.run_ns) {
      run.ns = ns;
      visit(run);
      ++run.run;
    }
    ++run.lap;
  }
}

ExportTable RunExport() {
  TableOf<RunRow> builder("runs", "raw: a row a forward pass; the longest table");
  AddWhose(&builder);
  builder.Int("lap", "number in the process", [](const RunRow& row) -> Json { return row.lap; })
      .Int("run", "number in the lap", [](const RunRow& row) -> Json { return row.run; })
      .Int("run_ns", "wall time", [](const RunRow& row) -> Json { return row.ns; });
  return builder.From([](const ExportSource& source, const TableOf<RunRow>::Visit& visit) {
    ForEachSamples(source, [&](const SamplesRow& row) { VisitRuns(row, visit); });
  });
}

struct QueryRow {
  ProcessRow whose;
  std::int64_t trial = 0;
  const RateTrial* rate = nullptr;
  std::int64_t query = 0;
  std::int64_t ns = 0;
};

void VisitQueries(const ProcessRow& row, const TableOf<QueryRow>::Visit& visit) {
  if (!HasScenario(row, Scenario::kServer)) return;
  const auto samples = ServerSamples::FromJson(*row.json);
  if (!samples.ok()) return;
  QueryRow query{row};
  for (const RateTrial& trial : samples.value().trials) {
    query.rate = &trial;
    query.query = 0;
    for (const std::int64_t ns : trial.latency_ns) {
      query.ns = ns;
      visit(query);
      ++query.query;
    }
    ++query.trial;
  }
}

ExportTable QueryExport() {
  TableOf<QueryRow> builder("queries", "raw: a row a query of the server scenario");
  AddWhose(&builder);
  builder
      .Int("trial", "number of the rate that was tried, from 0",
           [](const QueryRow& row) -> Json { return row.trial; })
      .Real("rate_per_s", "queries a second",
            [](const QueryRow& row) -> Json { return row.rate->rate; })
      .Flag("met", "no more were late than allowed",
            [](const QueryRow& row) -> Json { return row.rate->met; })
      .Int("query", "number in the trial", [](const QueryRow& row) -> Json { return row.query; })
      .Int("latency_ns", "from the arrival as scheduled",
           [](const QueryRow& row) -> Json { return row.ns; });
  return builder.From([](const ExportSource& source, const TableOf<QueryRow>::Visit& visit) {
    ForEachProcess(source, [&](const ProcessRow& row) { VisitQueries(row, visit); });
  });
}

struct ConditionRow {
  const Record* record = nullptr;
  std::int64_t process = 0;
  std::int64_t point = 0;
  Json at_ns;
  Conditions conditions;
};

TableOf<ConditionRow>::MadeGet Condition(std::int64_t Conditions::*member) {
  return [member](const ConditionRow& row) { return Known(row.conditions.*member); };
}

void VisitConditions(const Record& record, const TableOf<ConditionRow>::Visit& visit) {
  const Json::Array& processes = record.results["conditions"].AsArray();
  // Sustained has one process, and its moments stand in the list itself.
  const bool flat = !processes.empty() && !processes.front().is_array();
  ConditionRow row;
  row.record = &record;
  for (const Json& process : processes) {
    if (!flat) row.point = 0;
    const Json::Array one = {process};
    for (const Json& moment : flat ? one : process.AsArray()) {
      row.at_ns = moment["at_ns"];
      row.conditions = Conditions::FromJson(moment);
      visit(row);
      ++row.point;
    }
    if (!flat) ++row.process;
  }
}

ExportTable ConditionExport() {
  TableOf<ConditionRow> builder(
      "conditions",
      "raw: what the machine said of itself, before the first round of a process and after each");
  builder
      .Text("record", "key of its record",
            [](const ConditionRow& row) -> Json { return row.record->key; })
      .Text("model", "id of the model",
            [](const ConditionRow& row) -> Json { return row.record->what.model; })
      .Int("process", "number of the process, from 0",
           [](const ConditionRow& row) -> Json { return row.process; })
      .Int("point", "number of the moment, from 0",
           [](const ConditionRow& row) -> Json { return row.point; })
      .Int("at_ns", "sustained: since measuring began",
           [](const ConditionRow& row) -> Json { return row.at_ns; })
      .Made("frequency_khz", ExportType::kInteger, "mean over processors",
            Condition(&Conditions::frequency_khz))
      .Made("temperature_mc", ExportType::kInteger, "hottest zone, thousandths of a degree Celsius",
            Condition(&Conditions::temperature_mc))
      .Made("throttled", ExportType::kInteger,
            "times that a processor slowed down for heat, counter",
            Condition(&Conditions::throttled))
      .Made("under_voltage", ExportType::kInteger, "Raspberry Pi's get_throttled bits",
            Condition(&Conditions::under_voltage))
      .Made("steal_ms", ExportType::kInteger, "taken by the hypervisor, counter",
            Condition(&Conditions::steal_ms))
      .Made("quota_stopped_us", ExportType::kInteger, "stopped by the container's quota, counter",
            Condition(&Conditions::quota_stopped_us))
      .Made("swapped_pages", ExportType::kInteger, "in and out, counter",
            Condition(&Conditions::swapped_pages))
      .Made("pressure_us", ExportType::kInteger, "some task waited for a processor, counter",
            Condition(&Conditions::pressure_us));
  return builder.From([](const ExportSource& source, const TableOf<ConditionRow>::Visit& visit) {
    for (const Record& record : source.records) {
      if (source.Uses(record)) VisitConditions(record, visit);
    }
  });
}

}  // namespace

std::vector<ExportTable> RawExports() {
  return {ProcessExport(), LapExport(), RunExport(), QueryExport(), ConditionExport()};
}

}  // namespace quantbench
