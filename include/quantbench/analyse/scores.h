// Scores of evaluations, their intervals, and tests that may be asked at any time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "quantbench/analyse/statistics.h"
#include "quantbench/measure.h"

namespace quantbench {

// What an evaluation is scored by.
enum class Score : std::uint8_t {
  kTop1,        // share of rows whose class is the label
  kTop5,        // share of rows whose label is among the five best
  kF1,          // of two classes: of class 1; else the mean over the classes that occur
  kMatthews,    // correlation of answers and labels, -1 to 1 [Matthews 1975; Gorodkin 2004]
  kPerplexity,  // exp of the mean negative log-likelihood of a row; lower is better
  kWordErrors,  // word edits over words of the truth; lower is better
  kMap50,       // mean average precision at overlap 0.5, 101 recalls [COCO]
  kMap,         // the same, mean over overlaps 0.5, 0.55 ... 0.95
};
[[nodiscard]] std::string_view Name(Score score);  // "top1", "f1", "perplexity", "map50", ...
[[nodiscard]] Result<Score> ParseScore(std::string_view name);
[[nodiscard]] bool HigherIsBetter(Score score);
// Of the task, the main one first.
[[nodiscard]] std::vector<Score> ScoresOf(Task task);

// A score as a function of the samples' weights: built once, asked for every resample.
class Scorer {
 public:
  Scorer() = default;
  Scorer(const Scorer&) = delete;
  Scorer& operator=(const Scorer&) = delete;
  Scorer(Scorer&&) = delete;
  Scorer& operator=(Scorer&&) = delete;
  virtual ~Scorer() = default;
  // NaN where it is not defined (no labels, no words).
  [[nodiscard]] virtual double Value(std::span<const double> weights) const = 0;
};
[[nodiscard]] std::unique_ptr<Scorer> MakeScorer(Score score, const Predictions& predictions);

// Bootstrap over samples, or over streams where samples depend on each other [Efron 1979]: the same
// resamples for both arms. `relative`: the difference is over the reference's score. 95 %
// percentiles; of fewer than 50 groups the standard error of the resamples times Student's t.
// `reference` null: the score itself.
struct ResampleOptions {
  int resamples = 1000;
  std::uint64_t seed = 1;
  bool relative = false;
};
[[nodiscard]] Interval Bootstrap(const Scorer& scorer, const Scorer* reference,
                                 const Predictions& predictions, const ResampleOptions& options);

// Whether the mean of paired differences in [-1, 1] lies above or below -margin, asked after every
// sample: a test martingale on each side, the mean over 32 bets of products of 1 + bet *
// (difference
// + margin); each side errs with at most 2.5 % however often it is asked [Ville 1939; Waudby-Smith,
// Ramdas 2024, "Estimating means of bounded random variables by betting"]. Samples must come in
// random order.
class SequentialTest {
 public:
  enum class Decision : std::uint8_t { kOpen, kNotWorse, kWorse };
  explicit SequentialTest(double margin);
  void Add(double difference);
  [[nodiscard]] Decision decision() const { return decision_; }

 private:
  static constexpr std::size_t kBets = 32;
  double margin_;
  std::array<double, kBets> log_above_{};  // logarithms of the capital of each bet
  std::array<double, kBets> log_below_{};
  Decision decision_ = Decision::kOpen;
};

// Samples at which a paired difference `drop` of two proportions is seen with 80 % power at 5 %
// two-sided, when a share `discordant` of the samples is right in one arm only [Connor 1987].
[[nodiscard]] std::int64_t SamplesForDrop(double drop, double discordant);

}  // namespace quantbench
