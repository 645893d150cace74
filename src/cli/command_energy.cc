// quantbench energy: joules from an external meter, for blocks that were run before.
#include <algorithm>
#include <memory>
#include <optional>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "cli/command.h"

namespace quantbench {
namespace {

constexpr std::uint64_t kMostLogBytes = 256U << 20U;

struct EnergyFlags {
  std::string results;
  std::string meter;
  std::string zone;
  double offset_s = 0;
  double carbon_g_per_kwh = 0;
  OutputFlag output;
};

struct MeterLog {
  PowerLog log;
  Json described;
};

Result<MeterLog> ReadLog(const EnergyFlags& flags) {
  PowerLogOptions options;
  options.offset_s = flags.offset_s;
  if (!flags.zone.empty()) {
    QB_TRY(options.zone_minutes, ParseZone(flags.zone));
  }
  QB_TRY(const std::string text, ReadFile(flags.meter, kMostLogBytes));
  QB_TRY(PowerLog log, ParsePowerLog(text, Printable(flags.meter), options));
  Json described =
      Json::MakeObject()
          .Set("file", std::filesystem::path(flags.meter).filename().string())
          .Set("sha256", Sha256(text))
          .Set("offset_s", flags.offset_s)
          .Set("zone_minutes", options.zone_minutes ? Json(*options.zone_minutes) : Json());
  return MeterLog{std::move(log), std::move(described)};
}

// Blocks that were run, and not the outcome of joining others.
bool HasBlocks(const Record& record) {
  return record.what.kind == CaseKind::kScenario &&
         record.what.cell.scenario == Scenario::kEnergy && record.outcome == Outcome::kOk &&
         !record.settings.Has("joined_from");
}

// Records are untrusted, and the model's id becomes part of a file name.
bool IsId(const std::string& id) {
  return !id.empty() && id.front() != '.' && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-' || c == '.';
  });
}

// A study of that record alone.
Study StudyOfRecord(const Record& record) {
  Study study;
  StudyModel model;
  model.id = record.what.model;
  study.models.push_back(std::move(model));
  for (const Json& arm : record.results["arms"].AsArray()) {
    const std::string& id = arm["arm"].AsString();
    if (id == kOriginal || id == kControl) continue;
    StudyVariant variant;
    variant.id = id;
    study.variants.push_back(std::move(variant));
  }
  const Cell& cell = record.what.cell;
  study.sweep.batch = {cell.batch};
  study.sweep.threads = {cell.threads};
  for (const auto& [name, value] : cell.dims) study.sweep.dims[name] = {value};
  study.scenario.scenarios = {Scenario::kEnergy};
  return study;
}

// What the joined record says, under the names of the files that bench was given.
Analysis AnalysisOf(const Record& record, const EnergyFlags& flags) {
  Study study = StudyOfRecord(record);
  study.scenario.carbon_g_per_kwh = flags.carbon_g_per_kwh;
  Analysis analysis = Analyse(study, {record}, nullptr);
  std::vector<std::string> files;
  for (const Json& file : record.settings["files"].AsArray()) files.push_back(file.AsString());
  if (files.size() == study.variants.size() + 1) NameArmsByFile(files, &analysis);
  return analysis;
}

struct JoinedAll {
  Analysis shown;
  std::vector<Error> refused;
};

// Joins every record that has blocks and writes what comes of it. Errors: those of writing.
Result<JoinedAll> JoinAll(const std::vector<Record>& records, const MeterLog& log,
                          const EnergyFlags& flags, Store* store) {
  JoinedAll all;
  all.shown.study.scenario.carbon_g_per_kwh = flags.carbon_g_per_kwh;
  for (const Record& record : records) {
    if (!HasBlocks(record) || !IsId(record.what.model)) continue;
    auto joined = JoinMeter(record, log.log, log.described);
    if (!joined.ok()) {
      all.refused.push_back(joined.error().Within(
          Format("{} with {}", Printable(record.what.Describe()), Printable(flags.meter))));
      continue;
    }
    QB_OK(store->Write(joined.value()));
    for (ScenarioResult& result : AnalysisOf(joined.value(), flags).scenarios) {
      all.shown.scenarios.push_back(std::move(result));
    }
  }
  if (all.shown.scenarios.empty() && all.refused.empty()) {
    return Error(ErrorCode::kNotFound,
                 Format("{}: no blocks to join: run bench --scenario energy --sensor meter --keep "
                        "FOLDER, or a study with sensor = \"meter\"",
                        Printable(flags.results)));
  }
  return all;
}

Result<JoinedAll> ReadAndJoin(const EnergyFlags& flags, Terminal& terminal) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(std::filesystem::path(flags.results) / "records", ignored)) {
    return Error(ErrorCode::kNotFound, Format("{}: no records here", Printable(flags.results)));
  }
  QB_TRY(const MeterLog log, ReadLog(flags));
  QB_TRY(Store store, Store::Open(flags.results));
  std::vector<std::string> problems;
  QB_TRY(const std::vector<Record> records, store.ReadAll(&problems));
  for (const std::string& problem : problems) terminal.Note(problem);
  return JoinAll(records, log, flags, &store);
}

int JoinEnergy(const EnergyFlags& flags, Terminal& terminal) {
  const OutputFormat format = flags.output.format();
  const auto joined = ReadAndJoin(flags, terminal);
  if (!joined.ok()) return terminal.Fail(joined.error(), format);
  const JoinedAll& all = joined.value();
  if (all.shown.scenarios.empty()) return terminal.Fail(all.refused.front(), format);
  for (const Error& error : all.refused) terminal.Note(error.message());
  terminal.Print(Render(ScenarioTables(all.shown), format));
  return all.refused.empty() ? kExitDone : kExitCasesFailed;
}

}  // namespace

Action AddEnergy(CLI::App& app) {
  auto flags = std::make_shared<EnergyFlags>();
  Describe(
      app,
      "Joins the log of an external power meter with the blocks of an energy scenario that was "
      "run\n"
      "while it logged, and writes new records with its joules; the report takes these.",
      "  quantbench bench cnn.onnx cnn.int8.onnx --scenario energy --sensor meter --keep run\n"
      "  quantbench energy run --meter power.csv\n"
      "  quantbench energy results --meter power.csv --zone +02:00 --offset -1.5 --carbon 380");
  app.add_option("results", flags->results, "folder of records (of --keep, or a study's results)")
      ->required();
  app.add_option("--meter", flags->meter,
                 "the log, a CSV with a heading: columns time and watts (or joules)")
      ->required();
  app.add_option("--offset", flags->offset_s,
                 "seconds to add to the log's times, where the meter's clock is behind")
      ->check(CLI::Range(-1e8, 1e8));
  app.add_option("--zone", flags->zone, "of times without a zone: Z, +02:00");
  app.add_option("--carbon", flags->carbon_g_per_kwh,
                 "grams of CO2-equivalent of a kWh of your grid; without it none is told")
      ->check(CLI::Range(0.0, 10000.0));
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return JoinEnergy(*flags, terminal); };
}

}  // namespace quantbench
