// Studies, hypotheses, cells and cases: names, JSON, expansion.
#include "quantbench/study.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr std::array<std::string_view, 5> kCaseKinds = {"quantize", "measure", "evaluate",
                                                        "natural", "scenario"};
constexpr std::array<std::string_view, 6> kScenarios = {"single-stream", "offline",    "server",
                                                        "sustained",     "end-to-end", "energy"};

template <typename Enum, std::size_t N>
Result<Enum> ParseName(const std::array<std::string_view, N>& names, std::string_view name,
                       std::string_view what) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  std::string message = Format("unknown {} \"{}\"", what, Printable(name));
  if (const auto nearest = Nearest(name, names); !nearest.empty()) {
    message += Format("; did you mean \"{}\"?", nearest);
  }
  return Error(ErrorCode::kInvalidArgument, message);
}

// Every combination of the named dimensions' values.
std::vector<DimValues> Combinations(const std::map<std::string, std::vector<std::int64_t>>& dims) {
  std::vector<DimValues> combinations(1);
  for (const auto& [name, values] : dims) {
    std::vector<DimValues> longer;
    for (const DimValues& combination : combinations) {
      for (const std::int64_t value : values) {
        longer.push_back(combination);
        longer.back()[name] = value;
      }
    }
    combinations = std::move(longer);
  }
  return combinations;
}

std::vector<Cell> CellsOf(const Study& study) {
  std::vector<Cell> cells;
  for (const DimValues& dims : Combinations(study.sweep.dims)) {
    for (const std::int64_t threads : study.sweep.threads) {
      for (const std::int64_t batch : study.sweep.batch) {
        cells.push_back({.batch = batch, .threads = threads, .dims = dims});
        if (!study.include_data_loading) continue;
        cells.push_back(cells.back());
        cells.back().include_data_loading = true;
      }
    }
  }
  return cells;
}

// Where a scenario is measured: like the first cell, but offline with all threads.
Cell ScenarioCell(const Study& study, Scenario scenario) {
  Cell cell = CellsOf(study).front();
  cell.scenario = scenario;
  if (scenario == Scenario::kOffline) cell.batch = 1;  // the best one is looked for
  if (scenario == Scenario::kOffline) cell.threads = 0;
  if (study.scenario.threads > 0) cell.threads = study.scenario.threads;
  return cell;
}

// One case for each variant that applies to the model.
void AddVariants(const Study& study, CaseKind kind, const StudyModel& model,
                 std::vector<Case>* cases) {
  for (const StudyVariant& variant : study.variants) {
    if (variant.AppliesTo(model.id)) cases->push_back({kind, model.id, variant.id, {}});
  }
}

}  // namespace

bool StudyVariant::AppliesTo(std::string_view model) const {
  return models.empty() || std::find(models.begin(), models.end(), model) != models.end();
}

std::string_view Name(CaseKind kind) {
  return kCaseKinds[static_cast<std::size_t>(kind)];
}

Result<CaseKind> ParseCaseKind(std::string_view name) {
  return ParseName<CaseKind>(kCaseKinds, name, "kind of case");
}

std::string_view Name(Scenario scenario) {
  return kScenarios[static_cast<std::size_t>(scenario)];
}

Result<Scenario> ParseScenario(std::string_view name) {
  return ParseName<Scenario>(kScenarios, name, "scenario");
}

Json ScenarioPlan::ToJson(Scenario scenario) const {
  Json json = Json::MakeObject().Set("scenario", Name(scenario));
  switch (scenario) {
    case Scenario::kOffline: return json.Set("batch", Json::List(batch));
    case Scenario::kServer:
      return json.Set("p99_ms", p99_ms).Set("queries", queries).Set("processes", processes);
    case Scenario::kSustained: return json.Set("duration_s", duration_s);
    case Scenario::kEnergy:
      return json.Set("sensor", sensor)
          .Set("block_s", block_s)
          .Set("rounds", rounds)
          .Set("processes", processes);
    case Scenario::kSingleStream:
    case Scenario::kEndToEnd: break;
  }
  return json;
}

const StudyModel* Study::FindModel(std::string_view id) const {
  for (const StudyModel& model : models) {
    if (model.id == id) return &model;
  }
  return nullptr;
}

const StudyVariant* Study::FindVariant(std::string_view id) const {
  for (const StudyVariant& variant : variants) {
    if (variant.id == id) return &variant;
  }
  return nullptr;
}

Json Cell::ToJson() const {
  Json sizes = Json::MakeObject();
  for (const auto& [name, value] : dims) sizes.Set(name, value);
  Json json = Json::MakeObject()
                  .Set("batch", batch)
                  .Set("threads", threads)
                  .Set("dims", std::move(sizes))
                  .Set("include_data_loading", include_data_loading);
  // Absent where it is the usual one: keys of cases stay what they were before there were others.
  if (scenario != Scenario::kSingleStream) json.Set("scenario", Name(scenario));
  if (added) json.Set("added", true);
  return json;
}

Result<Cell> Cell::FromJson(const Json& json) {
  Cell cell;
  QB_TRY(cell.batch, json.RequireInt("batch", "cell"));
  QB_TRY(cell.threads, json.RequireInt("threads", "cell"));
  for (const auto& [name, value] : json["dims"].AsObject()) cell.dims[name] = value.AsInt();
  cell.include_data_loading = json["include_data_loading"].AsBool();
  cell.added = json["added"].AsBool();
  if (json.Has("scenario")) {
    QB_TRY(cell.scenario, ParseScenario(json["scenario"].AsString()));
  }
  return cell;
}

std::string Cell::Describe() const {
  const std::string count =
      threads == 0 ? "all threads" : Format("{} thread{}", threads, threads == 1 ? "" : "s");
  // Offline every arm has a batch of its own.
  std::string text = scenario == Scenario::kOffline ? count : Format("batch {}, {}", batch, count);
  for (const auto& [name, value] : dims) text += Format(", {} {}", Printable(name), value);
  if (include_data_loading) text += ", data loading included";
  if (scenario != Scenario::kSingleStream) text += Format(", {}", Name(scenario));
  if (added) text += ", added";
  return text;
}

std::string Case::Describe() const {
  std::string text = Format("{} {}", Name(kind), model);
  if (!arm.empty()) text += Format(" {}", arm);
  if (kind == CaseKind::kNatural) text += Format(", batch {}, natural sizes", cell.batch);
  if (kind == CaseKind::kMeasure || kind == CaseKind::kScenario) {
    text += Format(", {}", cell.Describe());
  }
  return text;
}

std::vector<Case> Expand(const Study& study) {
  std::vector<Case> cases;
  for (const StudyModel& model : study.models) {
    AddVariants(study, CaseKind::kQuantize, model, &cases);
  }
  for (const StudyModel& model : study.models) {
    if (model.data.empty()) continue;
    cases.push_back({CaseKind::kEvaluate, model.id, std::string(kOriginal), {}});
    AddVariants(study, CaseKind::kEvaluate, model, &cases);
  }
  for (const StudyModel& model : study.models) {
    for (const Cell& cell : CellsOf(study)) {
      cases.push_back({CaseKind::kMeasure, model.id, "", cell});
    }
  }
  for (const StudyModel& model : study.models) {
    if (study.natural_batches < 1 || model.data.empty()) continue;
    cases.push_back({CaseKind::kNatural, model.id, "", CellsOf(study).front()});
  }
  for (const StudyModel& model : study.models) {
    for (const Scenario scenario : study.scenario.scenarios) {
      if (scenario == Scenario::kEndToEnd && model.data.empty()) continue;
      cases.push_back({CaseKind::kScenario, model.id, "", ScenarioCell(study, scenario)});
    }
  }
  return cases;
}

}  // namespace quantbench
