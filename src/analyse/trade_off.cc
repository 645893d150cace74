// The trade-off: which arms nothing beats in everything, and which to take within a budget.
#include <algorithm>
#include <cmath>

#include "analyse/gather.h"
#include "analyse/unknown.h"

namespace quantbench {
namespace {

const ArmLatency* FindLatency(const Analysis& analysis, const std::string& model,
                              const std::string& arm) {
  for (const CellResult& cell : analysis.cells) {
    if (cell.model != model || cell.outcome != Outcome::kOk) continue;
    if (cell.cell.include_data_loading) continue;
    for (const ArmLatency& row : cell.arms) {
      if (row.arm == arm && row.outcome == Outcome::kOk) return &row;
    }
    return nullptr;  // the first measured cell decides
  }
  return nullptr;
}

double SizeMb(const Analysis& analysis, const std::string& model, const std::string& arm) {
  for (const ArmSize& size : analysis.sizes) {
    if (size.model == model && size.arm == arm) {
      return static_cast<double>(size.size.total_bytes()) * 1e-6;
    }
  }
  return kNaN;
}

// The original's value moved by what is known of the difference: the interval is the paired one.
Interval Moved(const Interval& base, const ArmScore& score) {
  if (!score.difference.valid()) return score.value;
  const bool relative = score.score == Score::kPerplexity;
  const auto move = [&](double by) {
    return relative ? base.estimate * (1 + by) : base.estimate + by;
  };
  return {score.value.estimate, move(score.difference.low), move(score.difference.high)};
}

Interval LatencyInterval(const ArmLatency& arm, const ArmLatency& original) {
  if (!arm.ratio.valid() || arm.arm == kOriginal) return {arm.ms.mean, arm.ms.mean, arm.ms.mean};
  return {arm.ms.mean, original.ms.mean * arm.ratio.low, original.ms.mean * arm.ratio.high};
}

// Higher is better.
double Goodness(const TradeOff& row) {
  return HigherIsBetter(row.score) ? row.quality.estimate : -row.quality.estimate;
}

bool Dominates(const TradeOff& a, const TradeOff& b) {
  // A size that is not known (nothing was quantized) does not decide.
  const bool sizes = !std::isnan(a.size_mb) && !std::isnan(b.size_mb);
  const bool as_good = Goodness(a) >= Goodness(b) &&
                       a.latency_ms.estimate <= b.latency_ms.estimate &&
                       (!sizes || a.size_mb <= b.size_mb);
  const bool better = Goodness(a) > Goodness(b) || a.latency_ms.estimate < b.latency_ms.estimate ||
                      (sizes && a.size_mb < b.size_mb);
  return as_good && better;
}

// Whether even the bad end of the interval of the loss is within the drop.
bool KeepsQuality(const ArmScore& score, double drop) {
  if (!score.difference.valid()) return false;
  return HigherIsBetter(score.score) ? score.difference.low >= -drop
                                     : score.difference.high <= drop;
}

void FindDominated(std::vector<TradeOff>* rows) {
  for (TradeOff& row : *rows) {
    for (const TradeOff& other : *rows) {
      if (other.model != row.model || !Dominates(other, row)) continue;
      row.dominated_by = other.arm;
      break;
    }
  }
}

void FindBest(std::vector<TradeOff>* rows) {
  for (TradeOff& row : *rows) {
    row.best =
        row.within_budget && std::none_of(rows->begin(), rows->end(), [&](const TradeOff& other) {
          if (other.model != row.model || !other.within_budget) return false;
          const double faster = row.latency_ms.estimate - other.latency_ms.estimate;
          return faster > 0 || (faster == 0 && other.size_mb < row.size_mb);
        });
  }
}

}  // namespace

std::vector<TradeOff> FindTradeOffs(const Analysis& analysis) {
  const Budget& budget = analysis.study.budget;
  const double drop = budget.drop > 0 ? budget.drop : analysis.study.margin;
  std::vector<TradeOff> rows;
  for (const ArmAccuracy& accuracy : analysis.accuracies) {
    const ArmScore* score = accuracy.main();
    const ArmLatency* latency = FindLatency(analysis, accuracy.model, accuracy.arm);
    const ArmLatency* base = FindLatency(analysis, accuracy.model, std::string(kOriginal));
    if (score == nullptr || latency == nullptr || base == nullptr) continue;
    const auto original = std::find_if(
        analysis.accuracies.begin(), analysis.accuracies.end(), [&](const ArmAccuracy& other) {
          return other.model == accuracy.model && other.arm == kOriginal;
        });
    if (original == analysis.accuracies.end() || original->main() == nullptr) continue;
    TradeOff row;
    row.model = accuracy.model;
    row.arm = accuracy.arm;
    row.score = score->score;
    row.quality = Moved(original->main()->value, *score);
    row.latency_ms = LatencyInterval(*latency, *base);
    row.size_mb = SizeMb(analysis, accuracy.model, accuracy.arm);
    row.within_budget = (row.arm == kOriginal || KeepsQuality(*score, drop)) &&
                        (budget.latency_ms <= 0 || row.latency_ms.estimate <= budget.latency_ms) &&
                        (budget.size_mb <= 0 || row.size_mb <= budget.size_mb);
    rows.push_back(std::move(row));
  }
  FindDominated(&rows);
  FindBest(&rows);
  return rows;
}

}  // namespace quantbench
