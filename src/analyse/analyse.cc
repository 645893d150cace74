// Analysing: records of a study into statements.
#include "quantbench/analyse.h"

#include <algorithm>

#include "analyse/findings.h"
#include "analyse/gather.h"
#include "analyse/judge.h"

namespace quantbench {
namespace {

// Whether the study still has the case; cells are compared with those it expands to.
bool StillAsked(const std::vector<Case>& cases, const Record& record) {
  // An added cell belongs to those of other batches around it.
  const bool added = record.what.cell.added;
  Cell cell = record.what.cell;
  cell.added = false;
  return std::any_of(cases.begin(), cases.end(), [&](const Case& asked) {
    if (added) cell.batch = asked.cell.batch;
    return asked.kind == record.what.kind && asked.model == record.what.model &&
           asked.arm == record.what.arm && asked.cell == cell;
  });
}

// Whether `other` stands aside: it is older, or `record` was joined from it.
bool Supersedes(const Record& record, const Record& other) {
  if (record.settings["joined_from"].AsString() == other.key) return true;
  if (other.settings["joined_from"].AsString() == record.key) return false;
  return other.finished < record.finished;
}

// The newest record of each case: settings may have changed between runs.
std::vector<const Record*> Current(const Study& study, const std::vector<Record>& records) {
  const std::vector<Case> cases = Expand(study);
  std::vector<const Record*> current;
  for (const Record& record : records) {
    if (!StillAsked(cases, record)) continue;
    const auto same = std::find_if(current.begin(), current.end(), [&](const Record* other) {
      return other->what.Describe() == record.what.Describe();
    });
    if (same == current.end()) {
      current.push_back(&record);
    } else if (Supersedes(record, **same)) {
      *same = &record;
    }
  }
  const auto position = [&](const Record* record) {
    return std::find_if(
               cases.begin(), cases.end(),
               [&](const Case& asked) { return asked.Describe() == record->what.Describe(); }) -
           cases.begin();
  };
  std::stable_sort(current.begin(), current.end(),
                   [&](const Record* a, const Record* b) { return position(a) < position(b); });
  return current;
}

void AddEnvironment(const Json& environment, std::vector<Json>* environments) {
  if (environment.is_null()) return;
  if (std::find(environments->begin(), environments->end(), environment) == environments->end()) {
    environments->push_back(environment);
  }
}

}  // namespace

Analysis Analyse(const Study& study, const std::vector<Record>& records, const Json& frozen) {
  Analysis analysis;
  analysis.study = study;
  const std::vector<const Record*> current = Current(study, records);
  std::vector<const Record*> evaluations;
  for (const Record* record : current) {
    ++analysis.records;
    analysis.used.push_back(record->key);
    const bool failed = record->outcome != Outcome::kOk && record->outcome != Outcome::kSkipped;
    analysis.failed += failed ? 1 : 0;
    AddEnvironment(record->environment, &analysis.environments);
    switch (record->what.kind) {
      case CaseKind::kQuantize:
        analysis.quantized.push_back(GatherQuantize(*record));
        GatherSizes(*record, &analysis.sizes);
        break;
      case CaseKind::kMeasure: analysis.cells.push_back(GatherCell(study, *record)); break;
      case CaseKind::kEvaluate: evaluations.push_back(record); break;
      case CaseKind::kNatural: GatherNatural(study, *record, &analysis.natural); break;
      case CaseKind::kScenario: analysis.scenarios.push_back(GatherScenario(study, *record)); break;
    }
  }
  analysis.accuracies = GatherAccuracy(study, evaluations);
  analysis.trade_offs = FindTradeOffs(analysis);
  for (const Hypothesis& hypothesis : study.hypotheses) {
    analysis.hypotheses.push_back(Judge(hypothesis, analysis, frozen));
  }
  ShareErrorRate(&analysis.hypotheses);
  analysis.findings = FindFindings(analysis, current);
  return analysis;
}

}  // namespace quantbench
