// Judging: hypotheses against what was measured.
#include "analyse/judge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "analyse/decide.h"
#include "analyse/evidence.h"
#include "analyse/over_places.h"
#include "analyse/slopes.h"
#include "analyse/wording.h"

namespace quantbench {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"supported", "refuted", "inconclusive",
                                                    "not judged"};

// No verdict on wall time where others had the processor; on CPU time where that means the same.
void HeedContention(const CellResult& cell, Verdict* verdict) {
  if (cell.contention <= kContended || std::isnan(verdict->value.estimate)) return;
  if (verdict->judgement == Judgement::kNotJudged) return;
  if (cell.contention <= kChaos && cell.cell.threads == 1) {
    verdict->explanation = Format("by CPU time, since runs took {:.2f} times their CPU time: {}",
                                  cell.contention, verdict->explanation);
    return;
  }
  verdict->judgement = Judgement::kNotJudged;
  verdict->p = 1;
  verdict->explanation = Format(
      "other processes had the processor: runs took {:.2f} times their CPU time; by CPU times: {}",
      cell.contention, verdict->explanation);
}

// The coordinate of a cell that a claim goes along; nothing of a dimension that it does not have.
std::optional<std::int64_t> Coordinate(const Cell& cell, const std::string& along) {
  if (along == "batch") return cell.batch;
  if (along == "threads") return cell.threads;
  const auto found = cell.dims.find(along);
  if (found == cell.dims.end()) return std::nullopt;
  return found->second;
}

// The cell without that coordinate, as words: cells of one series are the same.
std::string SeriesOf(Cell cell, const std::string& along) {
  if (along == "batch") {
    cell.batch = 1;
    return cell.Describe().substr(std::string_view("batch 1, ").size());
  }
  if (along == "threads") {
    cell.threads = 1;
    std::string words = cell.Describe();
    constexpr std::string_view kOneThread = ", 1 thread";
    if (const auto at = words.find(kOneThread); at != std::string::npos) {
      words.erase(at, kOneThread.size());
    }
    return words;
  }
  cell.dims.erase(along);
  return cell.Describe();
}

// The cell in which others had most of the processor; of one or more.
const CellResult& Busiest(const std::vector<const CellResult*>& cells) {
  return **std::max_element(cells.begin(), cells.end(), [](const auto* a, const auto* b) {
    return a->contention < b->contention;
  });
}

class Court {
 public:
  Court(const Hypothesis& hypothesis, const Analysis& analysis)
      : hypothesis_(hypothesis), words_(WordsOf(hypothesis)), analysis_(analysis) {}

  std::vector<Verdict> Verdicts() {
    const std::string& along = hypothesis_.along;
    if (along == kAlongModels) {
      OverModels();
      return std::move(verdicts_);
    }
    for (const StudyModel& model : analysis_.study.models) {
      if (!IsClaimedOf(model.id)) continue;
      if (!along.empty() && along != kAlongArms && along != kAlongSize) {
        Series(model.id);
      } else if (IsOfCells(hypothesis_.metric)) {
        Cells(model.id);
      } else {
        Single(model.id);
      }
    }
    return std::move(verdicts_);
  }

 private:
  [[nodiscard]] Verdict Start(const std::string& model, std::string where) const {
    Verdict verdict;
    verdict.hypothesis = hypothesis_.id;
    verdict.model = model;
    verdict.where = std::move(where);
    verdict.value = kUnknown;
    return verdict;
  }

  // Not of models that an arm of it is not made for, unless it names the model.
  [[nodiscard]] bool IsClaimedOf(const std::string& model) const {
    if (!hypothesis_.model.empty()) return hypothesis_.model == model;
    const auto& variants = analysis_.study.variants;
    return std::all_of(variants.begin(), variants.end(), [&](const StudyVariant& variant) {
      return variant.AppliesTo(model) ||
             std::count(hypothesis_.arms.begin(), hypothesis_.arms.end(), variant.id) == 0;
    });
  }

  // Added cells lie where something was odd: claims are not about those.
  [[nodiscard]] bool ClaimedAt(const CellResult& cell, const std::string& model) const {
    if (cell.model != model || cell.cell.include_data_loading || cell.cell.added) return false;
    if (hypothesis_.batch && *hypothesis_.batch != cell.cell.batch) return false;
    if (hypothesis_.threads && *hypothesis_.threads != cell.cell.threads) return false;
    return std::all_of(hypothesis_.dims.begin(), hypothesis_.dims.end(), [&](const auto& dim) {
      const auto found = cell.cell.dims.find(dim.first);
      return found != cell.cell.dims.end() && found->second == dim.second;
    });
  }

  // Where it is claimed and could be: not at sizes that the model does not have.
  [[nodiscard]] std::vector<const CellResult*> Places(const std::string& model) const {
    std::vector<const CellResult*> places;
    for (const CellResult& cell : analysis_.cells) {
      if (ClaimedAt(cell, model) && cell.outcome != Outcome::kSkipped) places.push_back(&cell);
    }
    return places;
  }

  // From arm to arm, as listed; `cell` null: of the model.
  [[nodiscard]] std::vector<ClaimStep> StepsOverArms(const CellResult* cell,
                                                     const std::string& model) const {
    std::vector<ClaimStep> steps;
    for (std::size_t i = 1; i < hypothesis_.arms.size(); ++i) {
      const std::string& from = hypothesis_.arms[i - 1];
      const std::string& to = hypothesis_.arms[i];
      steps.push_back({ChangeBetween(analysis_, cell, model, hypothesis_.metric, from, to),
                       Format("from {} to {}", from, to), ValueOfArm(cell, model, from),
                       ValueOfArm(cell, model, to)});
    }
    return steps;
  }

  // Of a metric that one arm has by itself; else NaN.
  [[nodiscard]] double ValueOfArm(const CellResult* cell, const std::string& model,
                                  const std::string& arm) const {
    switch (hypothesis_.metric) {
      case Metric::kLatency:
      case Metric::kThroughput: return EvidenceIn(*cell, hypothesis_.metric, {arm}).value.estimate;
      case Metric::kAccuracy:
      case Metric::kSqnr:
        return EvidenceOf(analysis_, model, hypothesis_.metric, {arm}).value.estimate;
      default: return kNaN;
    }
  }

  void DecideIn(const CellResult& cell, Verdict* verdict) const {
    if (hypothesis_.along == kAlongArms) {
      DecideDirection(hypothesis_.expect.claim, StepsOverArms(&cell, cell.model), words_, verdict);
    } else {
      const std::array<const CellResult*, 1> alone = {&cell};
      const Evidence evidence = hypothesis_.along == kAlongSize
                                    ? SlopeOnSize(analysis_, alone, hypothesis_.arms, 1)
                                    : EvidenceIn(cell, hypothesis_.metric, hypothesis_.arms);
      DecideRegion(hypothesis_.expect, evidence, cell.resolution(), words_, verdict);
    }
    HeedContention(cell, verdict);
  }

  void Cells(const std::string& model) {
    const std::vector<const CellResult*> places = Places(model);
    for (const CellResult* cell : places) {
      Verdict verdict = Start(model, cell->cell.Describe());
      DecideIn(*cell, &verdict);
      verdicts_.push_back(std::move(verdict));
    }
    if (places.empty()) NoCell(model);
  }

  // One verdict for all models in the same circumstances.
  void OverModels() {
    std::vector<std::pair<std::string, std::vector<const CellResult*>>> places;
    for (const StudyModel& model : analysis_.study.models) {
      for (const CellResult* cell : Places(model.id)) {
        if (cell->outcome != Outcome::kOk) continue;
        const std::string where = cell->cell.Describe();
        auto found = std::find_if(places.begin(), places.end(),
                                  [&](const auto& place) { return place.first == where; });
        if (found == places.end()) found = places.insert(found, {where, {}});
        found->second.push_back(cell);
      }
    }
    for (const auto& [where, cells] : places) {
      Verdict verdict = Start("", where);
      DecideRegion(hypothesis_.expect, SlopeOnSize(analysis_, cells, hypothesis_.arms, 2), kNaN,
                   words_, &verdict);
      HeedContention(Busiest(cells), &verdict);
      verdicts_.push_back(std::move(verdict));
    }
    if (places.empty()) NoCell("");
  }

  void NoCell(const std::string& model) {
    Verdict verdict = Start(model, "");
    verdict.explanation = "no such cell is in the sweep";
    for (const CellResult& cell : analysis_.cells) {
      if (ClaimedAt(cell, model)) verdict.explanation = cell.reason;
    }
    verdicts_.push_back(std::move(verdict));
  }

  // Along batch, threads or a dimension: one verdict for all that is alike but for it.
  void Series(const std::string& model) {
    std::map<std::string, std::vector<const CellResult*>> series;
    for (const CellResult* cell : Places(model)) {
      if (cell->outcome == Outcome::kOk && Coordinate(cell->cell, hypothesis_.along)) {
        series[SeriesOf(cell->cell, hypothesis_.along)].push_back(cell);
      }
    }
    for (auto& [where, cells] : series) {
      std::stable_sort(cells.begin(), cells.end(), [&](const auto* a, const auto* b) {
        return Coordinate(a->cell, hypothesis_.along) < Coordinate(b->cell, hypothesis_.along);
      });
      Verdict verdict = Start(model, where);
      DecideSeries(cells, &verdict);
      verdicts_.push_back(std::move(verdict));
    }
    if (series.empty()) NoCell(model);
  }

  void DecideSeries(const std::vector<const CellResult*>& cells, Verdict* verdict) const {
    std::vector<Evidence> values;
    std::vector<double> places;
    for (const CellResult* cell : cells) {
      values.push_back(EvidenceIn(*cell, hypothesis_.metric, hypothesis_.arms));
      places.push_back(static_cast<double>(*Coordinate(cell->cell, hypothesis_.along)));
    }
    if (hypothesis_.expect.claim == Claim::kSlope) {
      DecideRegion(hypothesis_.expect, SlopeOf(places, values), kNaN, words_, verdict);
    } else {
      std::vector<ClaimStep> steps;
      for (std::size_t i = 1; i < values.size(); ++i) {
        steps.push_back({StepBetween(values[i - 1], values[i]),
                         Format("from {} {} to {}", hypothesis_.along, places[i - 1], places[i]),
                         values[i - 1].value.estimate, values[i].value.estimate});
      }
      DecideDirection(hypothesis_.expect.claim, steps, words_, verdict);
    }
    HeedContention(Busiest(cells), verdict);
  }

  void Single(const std::string& model) {
    Verdict verdict = Start(model, "");
    if (hypothesis_.along == kAlongArms) {
      DecideDirection(hypothesis_.expect.claim, StepsOverArms(nullptr, model), words_, &verdict);
    } else {
      DecideRegion(hypothesis_.expect,
                   EvidenceOf(analysis_, model, hypothesis_.metric, hypothesis_.arms), kNaN, words_,
                   &verdict);
    }
    verdicts_.push_back(std::move(verdict));
  }

  const Hypothesis& hypothesis_;
  Wording words_;
  const Analysis& analysis_;
  std::vector<Verdict> verdicts_;
};

}  // namespace

std::string_view Name(Judgement judgement) {
  return kNames[static_cast<std::size_t>(judgement)];
}

HypothesisResult Judge(const Hypothesis& hypothesis, const Analysis& analysis, const Json& frozen) {
  HypothesisResult result;
  result.hypothesis = hypothesis;
  result.verdicts = Court(hypothesis, analysis).Verdicts();
  SummariseVerdicts(&result);
  const Json& known = frozen["hypotheses"][hypothesis.id];
  result.written_before = known["sha256"].AsString() == Sha256(hypothesis.ToJson().Dump()) &&
                          known["time"].AsString() <= frozen["time"].AsString();
  return result;
}

}  // namespace quantbench
