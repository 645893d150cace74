// Judging the instrument: how often its intervals miss a truth that is known.
#include <algorithm>
#include <cmath>

#include "quantbench/analyse.h"
#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr double kNominal = 0.05;

// Gathers what sessions say about one effect.
class Effect {
 public:
  Effect(std::string name, double truth) : truth_(truth) { summary_.effect = std::move(name); }

  // `judged`: whether a verdict would have been given.
  void Add(const Interval& interval, bool judged) {
    if (!interval.valid()) return;
    ++summary_.sessions;
    const bool holds = interval.low <= truth_ && truth_ <= interval.high;
    summary_.missed += holds ? 0 : 1;
    biases_.push_back(interval.estimate / truth_ - 1);
    half_widths_.push_back((interval.high - interval.low) / 2 / truth_);
    if (!judged) return;
    ++summary_.judged;
    const bool slower = interval.low > 1;
    const bool faster = interval.high < 1;
    summary_.wrong += (truth_ > 1 ? faster : slower || faster) ? 1 : 0;
  }

  TrialSummary Done() {
    summary_.rate = WilsonInterval(summary_.missed, summary_.sessions);
    summary_.bias = Summarise(biases_).mean;
    summary_.half_width = Summarise(half_widths_).median;
    summary_.passed = summary_.missed <= MostAllowed(summary_.sessions);
    return std::move(summary_);
  }

 private:
  double truth_;
  TrialSummary summary_;
  std::vector<double> biases_;
  std::vector<double> half_widths_;
};

// Whether a verdict on latency would be given in that cell.
bool Judged(const CellResult& cell) {
  return cell.contention <= kContended || (cell.contention <= kChaos && cell.cell.threads == 1);
}

}  // namespace

std::int64_t MostAllowed(std::int64_t n) {
  const double count = static_cast<double>(n);
  double term = std::exp(count * std::log1p(-kNominal));  // P[Bin(n, 0.05) = 0]
  double sum = term;
  std::int64_t most = 0;
  while (most < n && 1 - sum > kNominal) {
    ++most;
    const double k = static_cast<double>(most);
    term *= (count - k + 1) / k * kNominal / (1 - kNominal);
    sum += term;
  }
  return most;
}

std::vector<TrialSummary> SummariseTrials(std::span<const TrialSession> sessions) {
  std::vector<TrialSummary> summaries;
  if (sessions.empty()) return summaries;
  Effect control("A/A", 1);
  for (const TrialSession& session : sessions)
    control.Add(session.cell.control, Judged(session.cell));
  summaries.push_back(control.Done());
  for (std::size_t i = 0; i < sessions.front().planted.size(); ++i) {
    const double truth = sessions.front().planted[i].first;
    Effect effect(Format("{:.3g} % slower", (truth - 1) * 100), truth);
    for (const TrialSession& session : sessions) {
      effect.Add(session.planted[i].second, Judged(session.cell));
    }
    summaries.push_back(effect.Done());
  }
  Effect naive("A/A, one after the other", 1);
  for (const TrialSession& session : sessions) naive.Add(session.naive, true);
  summaries.push_back(naive.Done());
  return summaries;
}

}  // namespace quantbench
