// quantbench bench --scenario: models side by side, used in other ways than one pass after another.
#include "cli/bench_scenario.h"

#include <algorithm>
#include <map>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

namespace quantbench {
namespace {

const std::map<std::string, double> kSeconds = {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};

// The scenarios that were asked for, and how they are measured.
Result<ScenarioPlan> PlanOf(const ScenarioFlags& flags, const ScenarioBench& bench, bool has_data) {
  ScenarioPlan plan;
  for (const std::string& name : flags.names) {
    QB_TRY(const Scenario scenario, ParseScenario(name));
    if (std::ranges::count(plan.scenarios, scenario) == 0) plan.scenarios.push_back(scenario);
  }
  const auto asked = [&](Scenario one) { return std::ranges::count(plan.scenarios, one) > 0; };
  const auto refuse = [](std::string text) {
    return Error(ErrorCode::kInvalidArgument, std::move(text));
  };
  if (asked(Scenario::kServer) && flags.p99_s <= 0) {
    return refuse("--scenario server needs --p99, e.g. --p99 20ms");
  }
  if (asked(Scenario::kEndToEnd) && !has_data) return refuse("--scenario end-to-end needs --data");
  if (bench.threads.size() > 1) return refuse("a scenario is measured at one number of --threads");
  const bool only_offline = plan.scenarios.size() == 1 && asked(Scenario::kOffline);
  if (bench.batch.size() > 1 && !only_offline) {
    return refuse("only --scenario offline chooses between several values of --batch");
  }
  plan.batch = bench.batch;
  plan.threads = bench.threads.empty() ? 0 : bench.threads.front();
  plan.p99_ms = flags.p99_s * 1e3;
  plan.queries = flags.queries;
  plan.duration_s = flags.duration_s;
  plan.sensor = flags.sensor;
  plan.block_s = flags.block_s;
  plan.rounds = flags.rounds;
  plan.carbon_g_per_kwh = flags.carbon_g_per_kwh;
  const bool by_meter = asked(Scenario::kEnergy) && flags.sensor == kExternalMeter;
  if (by_meter && flags.keep.empty()) {
    return refuse("--sensor meter needs --keep FOLDER: there the blocks wait for the meter's log");
  }
  if (bench.processes > 0) plan.processes = bench.processes;
  return plan;
}

// What the interval of an arm says: "1.8 times more samples a second".
std::string_view WordsFor(Scenario scenario) {
  switch (scenario) {
    case Scenario::kOffline: return "times more samples a second";
    case Scenario::kServer: return "times more queries a second";
    case Scenario::kSustained: return "times faster in the end";
    case Scenario::kEnergy: return "times less energy";
    case Scenario::kSingleStream:
    case Scenario::kEndToEnd: break;
  }
  return "times faster";
}

std::string ToldOf(const ScenarioResult& result) {
  std::string line = Format("{}: {}", result.cell.cell.Describe(), Name(result.cell.outcome));
  if (!result.cell.reason.empty()) line += ": " + result.cell.reason;
  for (const ScenarioArm& arm : result.arms) {
    if (arm.outcome != Outcome::kOk) {
      line += Format(", but {}: {}: {}", arm.arm, Name(arm.outcome), arm.reason);
    } else if (arm.better.valid() && &arm != &result.arms.front()) {
      line += Format(": {} {:.3f} {} [{:.3f}, {:.3f}]", arm.arm, arm.better.estimate,
                     WordsFor(result.cell.cell.scenario), arm.better.low, arm.better.high);
    }
  }
  const std::string resolution = DescribeResolution(result.cell);
  return resolution.empty() ? line : line + "; " + resolution;
}

// Writes a record where quantbench energy finds it.
Status Keep(const ScenarioFlags& flags, const ScenarioBench& bench, Record record) {
  if (flags.keep.empty()) return Ok();
  QB_TRY(Store store, Store::Open(flags.keep));
  record.settings.Set("files", Json::List(bench.models));
  record.key = Sha256(record.ToJson().Dump()).substr(0, 32);
  return store.Write(record);
}

bool AllFine(const Analysis& analysis) {
  for (const ScenarioResult& result : analysis.scenarios) {
    for (const ScenarioArm& arm : result.arms) {
      if (arm.outcome != Outcome::kOk) return false;
    }
  }
  return analysis.failed == 0;
}

}  // namespace

void ScenarioFlags::Add(CLI::App& app) {
  app.add_option("--scenario", names,
                 "instead of one run after another: offline (samples/s at the best of the --batch "
                 "sizes), server (highest rate of Poisson arrivals under --p99), sustained (first "
                 "against last minute of --duration), end-to-end (from file to answer, in parts), "
                 "energy (joules, by a sensor)")
      ->delimiter(',')
      ->check(CLI::IsMember({"offline", "server", "sustained", "end-to-end", "energy"}));
  app.add_option("--p99", p99_s, "server: 99 % of queries must take at most so long, e.g. 20ms")
      ->transform(CLI::AsNumberWithUnit(kSeconds, CLI::AsNumberWithUnit::UNIT_REQUIRED));
  app.add_option("--queries", queries, "server: queries of every rate that is tried")
      ->check(CLI::Range(473, 1'000'000))
      ->capture_default_str();
  app.add_option("--duration", duration_s, "sustained: e.g. 90s or 30m (default: 10m)")
      ->transform(CLI::AsNumberWithUnit(kSeconds, CLI::AsNumberWithUnit::UNIT_REQUIRED));
  AddEnergy(app);
}

void ScenarioFlags::AddEnergy(CLI::App& app) {
  app.add_option("--sensor", sensor,
                 "energy: by its name (quantbench doctor lists them), or meter: the blocks run for "
                 "an external meter (default: the best)");
  app.add_option("--block", block_s, "energy: of each block of work and of idling (default: 5s)")
      ->transform(CLI::AsNumberWithUnit(kSeconds, CLI::AsNumberWithUnit::UNIT_REQUIRED))
      ->check(CLI::Range(0.02, 600.0));
  app.add_option("--rounds", rounds, "energy: blocks of every model in a process")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--carbon", carbon_g_per_kwh,
                 "energy: grams of CO2-equivalent of a kWh of your grid; without it none is told")
      ->check(CLI::Range(0.0, 10000.0));
  app.add_option("--sensor-root", sensor_root,
                 "energy: where the file system lies whose sensors are read (in a container: the "
                 "host's)")
      ->check(CLI::ExistingDirectory);
  app.add_option("--keep", keep, "scenarios: also write the records into that folder");
}

int BenchScenarios(const ScenarioFlags& flags, const ScenarioBench& bench, Study study,
                   ScenarioHow how, Terminal& terminal) {
  auto plan = PlanOf(flags, bench, how.options.input.data.has_value());
  if (!plan.ok()) return terminal.Fail(plan.error(), bench.format);
  study.scenario = std::move(plan).value();
  if (how.options.input.data) study.models.front().data = how.options.input.data->id;
  std::vector<Record> records;
  bool no_sensor = false;
  const std::vector<Case> cases = Expand(study);
  for (const Case& work : cases) {
    if (work.kind != CaseKind::kScenario) continue;
    how.options.cell = work.cell;
    terminal.Update(work.cell.Describe(), 0, 0);
    CaseOutcome outcome =
        MeasureScenario({how.options, study.scenario, flags.sensor_root}, how.worker, terminal);
    // With nothing else to show, why the only one failed is the answer.
    if (outcome.outcome == Outcome::kFailed && study.scenario.scenarios.size() == 1) {
      return terminal.Fail(Error(outcome.code, outcome.reason), bench.format);
    }
    no_sensor = outcome.outcome == Outcome::kSkipped && outcome.code == ErrorCode::kUnavailable &&
                study.scenario.scenarios.size() == 1;
    records.push_back(AdHocRecord(work, std::move(outcome)));
    if (auto kept = Keep(flags, bench, records.back()); !kept.ok()) {
      return terminal.Fail(kept.error(), bench.format);
    }
    Analysis one = Analyse(study, {records.back()}, nullptr);
    NameArmsByFile(bench.models, &one);
    terminal.Note(ToldOf(one.scenarios.front()));
  }
  Analysis analysis = Analyse(study, records, nullptr);
  NameArmsByFile(bench.models, &analysis);
  terminal.Print(Render(ScenarioTables(analysis), bench.format));
  if (no_sensor) return kExitMachine;
  return AllFine(analysis) ? kExitDone : kExitCasesFailed;
}

}  // namespace quantbench
