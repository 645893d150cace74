// Judging: hypotheses against what was measured.
#include "analyse/judge.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "analyse/unknown.h"

namespace quantbench {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"supported", "refuted", "inconclusive",
                                                    "not judged"};

std::string Show(const Interval& value) {
  if (!value.valid()) return Format("{:.4g}", value.estimate);
  return Format("{:.4g} [{:.4g}, {:.4g}]", value.estimate, value.low, value.high);
}

bool Inside(double value, const Expectation& expect) {
  return value >= expect.low && value <= expect.high;
}

// `exact`: the value is known without error, the point decides.
void Decide(const Expectation& expect, bool exact, Verdict* verdict) {
  const Interval& value = verdict->value;
  if (std::isnan(value.estimate)) {
    verdict->judgement = Judgement::kNotJudged;
    if (verdict->explanation.empty()) verdict->explanation = "was not measured";
    return;
  }
  if (exact) {
    const bool inside = Inside(value.estimate, expect);
    verdict->judgement = inside ? Judgement::kSupported : Judgement::kRefuted;
    verdict->explanation = Format("{:.4g}, expected {}", value.estimate, expect.text);
    return;
  }
  if (!value.valid()) {
    verdict->judgement = Judgement::kInconclusive;
    verdict->explanation =
        Format("{} without an interval: measured in one process only", Show(value));
    return;
  }
  const bool all = Inside(value.low, expect) && Inside(value.high, expect);
  const bool none = value.high < expect.low || value.low > expect.high;
  verdict->judgement = all    ? Judgement::kSupported
                       : none ? Judgement::kRefuted
                              : Judgement::kInconclusive;
  verdict->explanation = Format("{}, expected {}", Show(value), expect.text);
  if (verdict->judgement == Judgement::kInconclusive) {
    verdict->explanation +=
        "; the interval reaches over the border: more processes or samples "
        "would narrow it";
  }
}

class Court {
 public:
  Court(const Hypothesis& hypothesis, const Analysis& analysis)
      : hypothesis_(hypothesis), analysis_(analysis) {}

  std::vector<Verdict> Verdicts() {
    for (const StudyModel& model : analysis_.study.models) {
      if (!hypothesis_.model.empty() && hypothesis_.model != model.id) continue;
      if (hypothesis_.metric == Metric::kLatencyRatio) {
        Latency(model.id);
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

  [[nodiscard]] bool ClaimedAt(const Cell& cell) const {
    if (hypothesis_.batch && *hypothesis_.batch != cell.batch) return false;
    if (hypothesis_.threads && *hypothesis_.threads != cell.threads) return false;
    return std::all_of(hypothesis_.dims.begin(), hypothesis_.dims.end(), [&](const auto& dim) {
      const auto found = cell.dims.find(dim.first);
      return found != cell.dims.end() && found->second == dim.second;
    });
  }

  // The ratio of two arms of a cell; between two variants process by process, as to the original.
  static Interval RatioOf(const CellResult& cell, const std::string& over,
                          const std::string& under) {
    const ArmLatency* top = nullptr;
    const ArmLatency* bottom = nullptr;
    for (const ArmLatency& arm : cell.arms) {
      if (arm.outcome != Outcome::kOk) continue;
      if (arm.arm == over) top = &arm;
      if (arm.arm == under) bottom = &arm;
    }
    if (top == nullptr || bottom == nullptr) return kUnknown;
    if (under == kOriginal) return top->ratio;
    if (over == kOriginal) return bottom->speedup;
    std::vector<double> logs;
    for (std::size_t i = 0; i < std::min(top->log_ratios.size(), bottom->log_ratios.size()); ++i) {
      logs.push_back(top->log_ratios[i] - bottom->log_ratios[i]);
    }
    return RatioFromLogs(logs, cell.widening);
  }

  // No verdict on wall time where others had the processor; on CPU time where that means the same.
  static void DecideTime(const Expectation& expect, const CellResult& cell, Verdict* verdict) {
    if (cell.contention <= kContended || std::isnan(verdict->value.estimate)) {
      return Decide(expect, false, verdict);
    }
    if (cell.contention <= kChaos && cell.cell.threads == 1) {
      Decide(expect, false, verdict);
      verdict->explanation = Format("by CPU time, since runs took {:.2f} times their CPU time: {}",
                                    cell.contention, verdict->explanation);
      return;
    }
    verdict->judgement = Judgement::kNotJudged;
    verdict->explanation = Format(
        "other processes had the processor: runs took {:.2f} times their CPU time; the ratio "
        "of CPU times is {}",
        cell.contention, Show(verdict->value));
  }

  void Latency(const std::string& model) {
    bool any = false;
    for (const CellResult& cell : analysis_.cells) {
      // Added cells lie where something was odd: claims are not about those.
      if (cell.model != model || cell.cell.include_data_loading || cell.cell.added) continue;
      if (!ClaimedAt(cell.cell)) continue;
      any = true;
      Verdict verdict = Start(model, cell.cell.Describe());
      verdict.value = RatioOf(cell, hypothesis_.arms[0], hypothesis_.arms[1]);
      if (cell.outcome != Outcome::kOk) verdict.explanation = cell.reason;
      DecideTime(hypothesis_.expect, cell, &verdict);
      verdicts_.push_back(std::move(verdict));
    }
    if (any) return;
    Verdict verdict = Start(model, "");
    verdict.explanation = "no such cell is in the sweep";
    verdicts_.push_back(std::move(verdict));
  }

  [[nodiscard]] const ArmAccuracy* FindAccuracy(const std::string& model,
                                                const std::string& arm) const {
    for (const ArmAccuracy& row : analysis_.accuracies) {
      if (row.model == model && row.arm == arm && row.outcome == Outcome::kOk) return &row;
    }
    return nullptr;
  }

  [[nodiscard]] double SizeOf(const std::string& model, const std::string& arm) const {
    for (const ArmSize& size : analysis_.sizes) {
      if (size.model == model && size.arm == arm) {
        return static_cast<double>(size.size.total_bytes());
      }
    }
    return kNaN;
  }

  [[nodiscard]] Interval Sqnr(const std::string& model) const {
    for (const QuantizeResult& row : analysis_.quantized) {
      if (row.model == model && row.variant == hypothesis_.arms[0])
        return {row.sqnr_db, kNaN, kNaN};
    }
    return kUnknown;
  }

  // Differences and agreements are kept against the original; either side may be it.
  [[nodiscard]] Interval Paired(const std::string& model) const {
    const bool first_is_original = hypothesis_.arms[0] == kOriginal;
    const std::string& other = first_is_original ? hypothesis_.arms[1] : hypothesis_.arms[0];
    const ArmAccuracy* row = FindAccuracy(model, other);
    const bool against_original = first_is_original || hypothesis_.arms[1] == kOriginal;
    if (row == nullptr || !against_original) return kUnknown;
    if (hypothesis_.metric == Metric::kAgreement) return row->agreement;
    const Interval& d = row->difference;
    return first_is_original ? Interval{-d.estimate, -d.high, -d.low} : d;
  }

  void Single(const std::string& model) {
    Verdict verdict = Start(model, "");
    bool exact = false;
    switch (hypothesis_.metric) {
      case Metric::kSizeRatio:
        verdict.value.estimate =
            SizeOf(model, hypothesis_.arms[0]) / SizeOf(model, hypothesis_.arms[1]);
        exact = true;
        break;
      case Metric::kSqnr:
        verdict.value = Sqnr(model);
        exact = true;
        break;
      case Metric::kAccuracy:
        if (const ArmAccuracy* row = FindAccuracy(model, hypothesis_.arms[0])) {
          verdict.value = row->top1;
        }
        break;
      case Metric::kAccuracyDifference:
      case Metric::kAgreement: verdict.value = Paired(model); break;
      case Metric::kLatencyRatio: break;
    }
    Decide(hypothesis_.expect, exact, &verdict);
    verdicts_.push_back(std::move(verdict));
  }

  const Hypothesis& hypothesis_;
  const Analysis& analysis_;
  std::vector<Verdict> verdicts_;
};

// Where the verdicts of one kind were reached.
std::string Places(const std::vector<Verdict>& verdicts, Judgement judgement) {
  std::string places;
  for (const Verdict& verdict : verdicts) {
    if (verdict.judgement != judgement) continue;
    places += Format("{}{}{}{}", places.empty() ? "" : "; ", verdict.model,
                     verdict.where.empty() ? "" : ", ", verdict.where);
  }
  return places;
}

void SummariseJudged(HypothesisResult* result) {
  const auto count = [&](Judgement judgement) {
    return std::count_if(result->verdicts.begin(), result->verdicts.end(),
                         [&](const Verdict& verdict) { return verdict.judgement == judgement; });
  };
  const auto total = static_cast<std::ptrdiff_t>(result->verdicts.size());
  if (count(Judgement::kRefuted) > 0) {
    result->judgement = Judgement::kRefuted;
    result->explanation = Format("refuted at {} of {}: {}", count(Judgement::kRefuted), total,
                                 Places(result->verdicts, Judgement::kRefuted));
  } else if (count(Judgement::kNotJudged) == total) {
    result->judgement = Judgement::kNotJudged;
    result->explanation = total == 0 ? "claimed nowhere" : result->verdicts.front().explanation;
  } else if (count(Judgement::kSupported) == total) {
    result->judgement = Judgement::kSupported;
    result->explanation =
        total == 1 ? result->verdicts.front().explanation : Format("holds at all {} places", total);
  } else {
    result->judgement = Judgement::kInconclusive;
    result->explanation =
        Format("holds at {} of {}; open: {}{}", count(Judgement::kSupported), total,
               Places(result->verdicts, Judgement::kInconclusive),
               count(Judgement::kNotJudged) > 0
                   ? Format("; not judged: {}", Places(result->verdicts, Judgement::kNotJudged))
                   : "");
  }
}

}  // namespace

std::string_view Name(Judgement judgement) {
  return kNames[static_cast<std::size_t>(judgement)];
}

HypothesisResult Judge(const Hypothesis& hypothesis, const Analysis& analysis, const Json& frozen) {
  HypothesisResult result;
  result.hypothesis = hypothesis;
  result.verdicts = Court(hypothesis, analysis).Verdicts();
  SummariseJudged(&result);
  const Json& known = frozen["hypotheses"][hypothesis.id];
  result.written_before = known["sha256"].AsString() == Sha256(hypothesis.ToJson().Dump()) &&
                          known["time"].AsString() <= frozen["time"].AsString();
  return result;
}

}  // namespace quantbench
