// analyse: what the records mean. Pure: records in, statements with intervals out; it never
// measures.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "quantbench/results.h"
#include "quantbench/study.h"

namespace quantbench {

// Of a sample; stddev with n - 1, NaN for n < 2.
struct Summary {
  std::int64_t n = 0;
  double mean = 0;
  double stddev = 0;
  double median = 0;
  double min = 0;
  double max = 0;
};
[[nodiscard]] Summary Summarise(std::span<const double> values);

// An estimate with a 95 % interval; low and high are NaN where none can be given.
struct Interval {
  double estimate = 0;
  double low = 0;
  double high = 0;

  [[nodiscard]] bool valid() const { return low <= high; }
};

// Score interval of a proportion at 95 % [Wilson 1927].
[[nodiscard]] Interval WilsonInterval(std::int64_t successes, std::int64_t n);
// Difference of two paired proportions, from the discordant counts: `gained` where only the first
// is right, `lost` where only the second is; score interval at 95 % [Tango 1998].
[[nodiscard]] Interval PairedDifference(std::int64_t gained, std::int64_t lost, std::int64_t n);
// Geometric mean of ratios from one log-ratio a process, t interval over processes; no interval for
// fewer than two.
[[nodiscard]] Interval RatioFromLogs(std::span<const double> log_ratios);
// Quantile of Student's t, p in (0, 1), df >= 1.
[[nodiscard]] double StudentT(double p, double df);

// Exact two-sided p-value of McNemar's test: whether `gained` and `lost` are a fair coin's
// [McNemar 1947; binomial form]. 1 when none differ.
[[nodiscard]] double McNemarP(std::int64_t gained, std::int64_t lost);

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

// Whether an arm is worse than the original by a margin: the whole interval decides.
enum class NotWorse : std::uint8_t { kYes, kNo, kOpen, kUnknown };
[[nodiscard]] std::string_view Name(NotWorse verdict);  // "not worse", "worse", "open", ""

struct ArmScore {
  Score score = Score::kTop1;
  Interval value;
  Interval difference;                      // to the original; of perplexity relative
  double p_value = 0;                       // McNemar's, of kTop1 with a row a sample; else NaN
  NotWorse not_worse = NotWorse::kUnknown;  // by the study's margin
  std::int64_t needed = 0;  // samples that would decide an open one with 80 % power; 0: not known
};

// A class's right rows before and after, where they differ most.
struct ClassChange {
  std::int32_t label = 0;
  std::int64_t rows = 0;
  std::int64_t before = 0;
  std::int64_t after = 0;
  double p_value = 1;  // McNemar's, times the number of classes [Bonferroni]
};

struct ArmLatency {
  std::string arm;
  Outcome outcome = Outcome::kOk;
  std::string reason;
  Summary ms;                // of one forward pass, repetitions of all processes pooled
  Interval ratio;            // to the original, of means, process by process; 1 for the original
  Interval speedup;          // 1 / ratio
  double samples_per_s = 0;  // batch / mean
  std::int64_t processes = 0;
  std::int64_t passes = 1;
  double load_ms = 0;  // median over processes
  double first_run_ms = 0;
};

struct CellResult {
  std::string model;
  Cell cell;
  Outcome outcome = Outcome::kOk;
  std::string reason;
  std::string input;             // where the input came from
  std::vector<ArmLatency> arms;  // study order, original first
};

struct ArmSize {
  std::string model;
  std::string arm;
  ModelSize size;
  double ratio = 1;  // original bytes / bytes: 4 is a quarter of the size
};

struct ArmAccuracy {
  std::string model;
  std::string arm;
  Outcome outcome = Outcome::kOk;
  std::string reason;
  std::string data;
  bool labelled = false;
  std::int64_t rows = 0;
  std::int64_t correct = 0;
  Interval top1;                 // when labelled
  Interval difference;           // to the original, same samples; when both are there
  Interval agreement;            // with the original
  std::vector<ArmScore> scores;  // the main one first; top1 and difference above are its figures
  std::int64_t samples = 0;
  std::int64_t gained = 0;  // rows that only this arm has right; without labels: that changed
  std::int64_t lost = 0;    // rows that only the original has right
  std::vector<ClassChange> classes;  // at most five, most changed first
  std::vector<BadSample> bad;        // left out
  bool stopped = false;              // ended before the last sample: decided
  double sqnr_db = 0;                // of the output over the data; NaN: not known
  double kl = 0;                     // mean of a row, nats; NaN: not known

  [[nodiscard]] const ArmScore* main() const { return scores.empty() ? nullptr : &scores.front(); }
};

// An arm at the samples' natural sizes, beside synthetic samples of the same shapes.
struct NaturalLatency {
  std::string model;
  std::string arm;
  std::int64_t batch = 1;
  std::int64_t size_from = 0;  // elements of the largest input, from and to; all sizes: 0
  std::int64_t size_to = 0;
  std::int64_t runs = 0;  // batches of samples in a process
  std::int64_t processes = 0;
  double real_ms = 0;  // mean
  double synthetic_ms = 0;
  Interval real_to_synthetic;  // geometric mean, over processes
  Interval ratio;              // to the original, on real samples
};

// An arm's place in the trade-off of its model.
struct TradeOff {
  std::string model;
  std::string arm;
  Score score = Score::kTop1;
  Interval quality;     // the score; of variants the original's plus the paired difference
  Interval latency_ms;  // in the model's first cell; of variants the original's times the ratio
  double size_mb = 0;
  std::string dominated_by;  // an arm that is at least as good in all and better in one; or empty
  bool within_budget = false;
  bool best = false;  // the fastest within the budget, then the smallest
};

struct QuantizeResult {
  std::string model;
  std::string variant;
  Outcome outcome = Outcome::kOk;
  std::string reason;
  Plan plan;
  std::int64_t layers = 0;  // that could be quantized
  std::int64_t quantized = 0;
  std::vector<std::pair<std::string, std::int64_t>> float_reasons;  // reason, layers; most first
  double sqnr_db = 0;                                               // NaN when not verified
  double seconds = 0;
  std::uint64_t peak_bytes = 0;
};

enum class Judgement : std::uint8_t { kSupported, kRefuted, kInconclusive, kNotJudged };
[[nodiscard]] std::string_view Name(Judgement judgement);

// A hypothesis at one place where it is claimed.
struct Verdict {
  std::string hypothesis;
  std::string model;
  std::string where;  // "batch 1, 1 thread"; empty when the metric has no cells
  Judgement judgement = Judgement::kNotJudged;
  Interval value;
  std::string explanation;  // one sentence
};

// A hypothesis over all its places: supported when it is everywhere, refuted when it is refuted
// somewhere (the places are named), not judged when nothing could be, else inconclusive.
struct HypothesisResult {
  Hypothesis hypothesis;
  Judgement judgement = Judgement::kNotJudged;
  std::string explanation;
  std::vector<Verdict> verdicts;
  bool written_before = true;  // frozen before the first measurement
};

// Something a reader should know: "resnet18 int8-dynamic is not smaller: 20 of 21 layers stayed
// float: ...".
struct Finding {
  enum class Level : std::uint8_t { kNote, kWarning };
  Level level = Level::kNote;
  std::string text;
};

struct Analysis {
  Study study;
  std::vector<ArmSize> sizes;
  std::vector<CellResult> cells;
  std::vector<ArmAccuracy> accuracies;
  std::vector<NaturalLatency> natural;
  std::vector<TradeOff> trade_offs;  // arms with a score and a latency
  std::vector<QuantizeResult> quantized;
  std::vector<HypothesisResult> hypotheses;
  std::vector<Finding> findings;
  std::vector<Json> environments;  // distinct ones
  std::int64_t records = 0;
  std::int64_t failed = 0;  // cases that failed, crashed, timed out or ran out of memory
};

// `frozen`: what `run` wrote before measuring ({"hypotheses": {id: hash}, "time"}); null when
// unknown. Records of models, arms or cells that the study no longer has are left out.
[[nodiscard]] Analysis Analyse(const Study& study, const std::vector<Record>& records,
                               const Json& frozen);

}  // namespace quantbench
