// analyse: what the records mean. Pure: records in, statements with intervals out; it never
// measures.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "quantbench/flops.h"
#include "quantbench/results.h"
#include "quantbench/study.h"

namespace quantbench {

// Of a sample; stddev with n - 1, NaN for n < 2.
struct Summary {
  std::int64_t n = 0;
  double mean = 0;
  double stddev = 0;
  double median = 0;
  double mad = 0;  // median absolute deviation from the median, not scaled
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
// Quantile of Student's t, p in (0, 1), df >= 1.
[[nodiscard]] double StudentT(double p, double df);
// Probability that |T| is at least t, of Student's t; t >= 0, df >= 1.
[[nodiscard]] double StudentTail(double t, double df);
// Difference of means y - x of independent samples, Welch's interval [Welch 1947].
[[nodiscard]] Interval WelchDifference(std::span<const double> x, std::span<const double> y);

// A percentile that so many values can tell. `value` is the order statistic below which at least
// `percent` % of all runs lie with 95 % confidence [MLPerf, early stopping].
struct Percentile {
  double percent = 0;
  double value = 0;
};
// Least n at which that percentile may be given: 46 for 90, 93 for 95, 473 for 99, 4742 for 99.9.
[[nodiscard]] std::int64_t LeastForPercentile(double percent, double confidence = 0.95);
// Of 90, 95, 99 and 99.9 those that values.size() suffices for.
[[nodiscard]] std::vector<Percentile> ValidPercentiles(std::span<const double> values);

// Of n queries, the most that may take longer than a target which `percent` % of all queries keep
// with 95 % confidence, were they independent: 3 of 1000 for 99. -1 where n does not suffice.
[[nodiscard]] std::int64_t MostLate(std::int64_t n, double percent);

// --- ratios of latencies ---

// What stands for a lap.
enum class LapValue : std::uint8_t { kWallMean, kWallMedian, kCpu };

// ln(arm / original) of every process: the mean over its rounds. The process is what is repeated:
// laps and runs within one share its luck. Samples of one process stand at the same index.
[[nodiscard]] std::vector<double> LogRatios(std::span<const LatencySamples> arm,
                                            std::span<const LatencySamples> original,
                                            LapValue value);
// Geometric mean of ratios from one log-ratio a process with Student's t interval, its half-width
// times `widening`; no interval for fewer than two. Neighbouring processes that resemble each other
// (lag-1 correlation above 0.3 and significant, from 8 on) count as one.
[[nodiscard]] Interval RatioFromLogs(std::span<const double> log_ratios, double widening = 1);

// Keeps the coverage of intervals whose number of processes was chosen by their width: 4.2-7.3 % of
// false alarms without, 2.1-4.5 % with it, simulated [measuring.md 2.7 of the design].
inline constexpr double kWideningOfStopped = 1.15;
[[nodiscard]] double WideningOf(const LatencyPlan& plan);  // 1 when the number was fixed

// How much longer runs took than the processor worked on them. On one thread that only computes:
// wall time over CPU time; else 1 + time waited for a processor over CPU time.
[[nodiscard]] double ContentionOf(std::span<const LatencySamples> samples, const Cell& cell);
inline constexpr double kContentionNoted = 1.03;
inline constexpr double kContended = 1.10;  // no verdict on wall time
inline constexpr double kChaos = 1.50;      // no verdict at all

// How the times of an arm behave over a cell, after [Barrett et al. 2017]: they stay at one level;
// fall during each process (its warm-up was too short); rise during each process or over the cell
// (heat); jump between two levels; or have several.
enum class Pattern : std::uint8_t { kFlat, kWarmUp, kSlowdown, kTwoSpeeds, kUnsteady };
[[nodiscard]] std::string_view Name(Pattern pattern);  // "flat", "warm-up", "slowdown", ...
[[nodiscard]] Pattern PatternOf(std::span<const LatencySamples> processes);
// Indices at which the level of a series changes (exclusive of 0 and n): the segmentation of least
// squared error, a change costing 3 ln(n) times the noise's variance [Killick et al. 2012, PELT];
// the noise from the median absolute difference of neighbours.
[[nodiscard]] std::vector<std::size_t> ChangePoints(std::span<const double> series);

enum class Timebase : std::uint8_t { kWall, kCpu };
[[nodiscard]] std::string_view Name(Timebase timebase);  // "wall", "CPU"

// A process of a cell as far as it matters for how to go on.
struct MeasuredProcess {
  std::vector<LatencySamples> arms;  // the original first; the same arms in every process
  std::int64_t rounds_ns = 0;
  std::int64_t total_ns = 0;
};
struct NextStep {
  bool stop = false;
  std::string reason;     // of stopping
  int rounds = 4;         // of the next process
  double half_width = 0;  // relative, of the widest interval so far; infinity before there is one
};
// Whether another process is worth while and with how many rounds: sqrt of (cost of a process /
// cost of a round) (variance within / between processes) [Kalibera and Jones 2013], 4 to 40.
inline constexpr int kLeastProcesses = 3;  // whatever the budget
[[nodiscard]] NextStep NextProcess(const LatencyPlan& plan, const Cell& cell,
                                   std::span<const MeasuredProcess> done);

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
  Summary ms;                           // wall time of runs, all processes pooled
  std::vector<Percentile> percentiles;  // ms, those that ms.n suffices for
  Summary cpu_ms;                       // CPU time of a run, one value a lap
  double doubt = 0;     // relative half-width of the 95 % interval of ms.mean, over processes
  Interval ratio;       // to the original, on the cell's timebase; 1 for the original
  Interval speedup;     // 1 / ratio
  Interval wall_ratio;  // of mean wall times, whatever the timebase
  Interval cpu_ratio;   // of CPU times
  std::vector<double> log_ratios;  // that `ratio` came from, one a process
  double samples_per_s = 0;        // batch / mean
  std::int64_t processes = 0;
  double load_ms = 0;             // median over processes
  std::vector<double> load_logs;  // ln(time to load / the original's), one a process
  double first_run_ms = 0;        // median over processes
  double switch_ms = 0;           // median of the runs right after another arm's; NaN without
  double warmup_runs = 0;         // median over processes
  std::int64_t unsteady = 0;      // processes whose warm-up was still moving at its end
  Pattern pattern = Pattern::kFlat;
  std::optional<ModelWork> work;     // of one run, without its operators; where it was counted
  double least_ms = 0;               // that a run can take on this device [roofline]; 0: not known
  std::string roof;                  // that binds for the largest share of it: "int8", "memory"
  bool estimators_disagree = false;  // ratios of means and of medians differ beyond their intervals
};

// One arm alone in a worker, less what a worker with an engine and no model takes; bytes.
struct ArmMemory {
  std::string arm;
  Outcome outcome = Outcome::kOk;
  std::string reason;
  std::uint64_t loaded = 0;       // resident after loading
  std::uint64_t steady = 0;       // resident after some runs
  std::uint64_t anonymous = 0;    // of steady
  std::uint64_t file_backed = 0;  // of steady
  std::uint64_t peak = 0;         // of loading and running
  double cold_load_ms = 0;
  double warm_load_ms = 0;
};

struct CellResult {
  std::string model;
  Cell cell;
  Outcome outcome = Outcome::kOk;
  std::string reason;
  std::string input;                    // where the input came from
  std::vector<ArmLatency> arms;         // study order, original first
  std::vector<ArmMemory> memory;        // where it was measured
  Timebase timebase = Timebase::kWall;  // of ratios; CPU time where the processor was contended
  double contention = 1;
  Interval control;     // the original against its own copy, on `timebase`; unknown without a copy
  double widening = 1;  // of intervals: see WideningOf
  std::string stopped;  // why no more processes were started

  // The largest relative difference that the control leaves open, 0.01 for 1 %; NaN without one.
  [[nodiscard]] double resolution() const;
  [[nodiscard]] bool control_failed() const;  // its interval does not hold 1
};
// "differences below 0.8 % cannot be seen on this device today"; empty without a control.
[[nodiscard]] std::string DescribeResolution(const CellResult& cell);

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

// Mean milliseconds of a pass from file to answer.
struct PartTimes {
  double load = 0;        // files read and decoded
  double preprocess = 0;  // until the batch is what the model takes
  double copy = 0;        // into the engine's memory, and answers out of it
  double run = 0;         // the forward pass

  [[nodiscard]] double total() const { return load + preprocess + copy + run; }
};

// An arm in a scenario; only the fields of that scenario say something.
struct ScenarioArm {
  std::string arm;
  Outcome outcome = Outcome::kOk;
  std::string reason;
  std::int64_t processes = 0;
  // Samples a second (offline), queries a second (server, lowest to highest of the processes'
  // interval); mean time of a pass from file to answer, or over all laps (sustained), in ms;
  // joules.
  Interval value;
  Interval better;          // than the original: times the throughput, the rate, or the speed
  std::int64_t batch = 1;   // offline: its own
  double service_ms = 0;    // server: a pass without waiting
  double p99_ms = 0;        // server: at the highest rate that was met, median over processes
  std::int64_t trials = 0;  // server: rates tried
  PartTimes parts;          // end to end
  Interval run_faster;      // end to end: than the original's, the forward pass alone
  double first_ms = 0;      // sustained: mean of a pass in the first window and in the last
  double last_ms = 0;
  Interval slowdown;      // sustained: last over first
  Interval better_first;  // sustained: times faster than the original in the first window
  Interval better_last;   // and in the last
  // Energy: `value` is the joules of an inference, gross, and `better` how many times fewer they
  // are; these are net of what idling takes.
  Interval net;
  Interval better_net;
  double watts = 0;     // energy: while it ran, gross
  double carbon_g = 0;  // energy: CO2-equivalent of a million inferences, gross; NaN: not stated
};

struct ScenarioResult {
  CellResult cell;                // without arms; its control and resolution are of `better`
  std::vector<ScenarioArm> arms;  // study order, original first
  double target_ms = 0;           // server
  std::int64_t queries = 0;       // server: of a trial
  double window_s = 0;            // sustained: what "first" and "last" are
  double duration_s = 0;          // sustained
  std::string source;             // energy: "rapl, counter: the processor package"
  double idle_watts = 0;          // energy: mean over idle blocks
};

// Sustained: the first window of a measurement against its last: 60 s, or a third of the whole.
// Both are cut into blocks of equal time; a block's value is the mean logarithm of its laps' time a
// pass, and blocks are what is repeated. Pairs of arms are compared block by block.
struct SustainedChange {
  double window_s = 0;
  double first_ms = 0;
  double last_ms = 0;
  Interval slowdown;  // last over first, Welch's interval over blocks, wider where they are alike
  Interval ratio_first;  // to the original, in the first window, Student's t over blocks
  Interval ratio_last;
};
[[nodiscard]] SustainedChange ChangeOf(std::span<const SustainedLap> arm,
                                       std::span<const SustainedLap> original);

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
  std::int64_t operators = 0;      // that the engine runs; 0: not known
  std::int64_t conversions = 0;    // of them, those that only turn floats into codes or back
  DenormalCount activations;       // of the original while calibrating
  DenormalCount outputs_original;  // while the two were compared
  DenormalCount outputs;
  double seconds = 0;
  std::uint64_t peak_bytes = 0;
};

enum class Judgement : std::uint8_t { kSupported, kRefuted, kInconclusive, kNotJudged };
[[nodiscard]] std::string_view Name(Judgement judgement);

// A hypothesis at one place where it is claimed.
struct Verdict {
  std::string hypothesis;
  std::string model;  // empty: over several
  std::string where;  // "batch 1, 1 thread"; empty when the metric has no cells
  Judgement judgement = Judgement::kNotJudged;
  Interval value;
  std::string explanation;  // one sentence, with the value
  double p = 1;  // two-sided, of a border of the claim; 0 where the value is known; 1 while open
};

// A hypothesis over all its places: supported when it is everywhere, refuted when it is refuted
// somewhere (the places are named), not judged when nothing could be, else inconclusive.
struct HypothesisResult {
  Hypothesis hypothesis;
  Judgement judgement = Judgement::kNotJudged;
  std::string explanation;
  std::vector<Verdict> verdicts;
  bool written_before = true;  // frozen before the first measurement
  // Of the verdicts: the largest where it is supported everywhere, the smallest times their number
  // where it is refuted somewhere; 0 where all values are known.
  double p = 1;
};

// How well confidence that was stated before fits the verdicts: the mean squared distance of each
// from 1 (supported) or 0 (refuted) [Brier 1950]. 0 is perfect, 0.25 what saying 50 % always gets.
struct ConfidenceScore {
  std::int64_t judged = 0;  // supported or refuted, with a confidence
  std::int64_t supported = 0;
  double mean_confidence = 0;
  double brier = 0;
};
[[nodiscard]] ConfidenceScore ScoreOfConfidence(const std::vector<HypothesisResult>& results);

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
  std::vector<ScenarioResult> scenarios;
  std::vector<TradeOff> trade_offs;  // arms with a score and a latency
  std::vector<QuantizeResult> quantized;
  std::vector<HypothesisResult> hypotheses;
  std::vector<Finding> findings;
  std::vector<Json> environments;  // distinct ones
  std::vector<std::string> used;   // keys of the records it came from
  std::int64_t records = 0;
  std::int64_t failed = 0;  // cases that failed, crashed, timed out or ran out of memory
};

// --- how latency grows with the batch ---

struct ScalingPoint {
  std::int64_t batch = 1;
  double ms = 0;     // mean of a run
  double doubt = 0;  // relative half-width of its 95 % interval, over processes
};
// One arm over the batches of otherwise equal cells.
struct Scaling {
  std::string model;
  std::string where;  // "2 threads, seq 64"
  std::string arm;
  std::vector<ScalingPoint> points;  // by rising batch
  double fixed_ms = 0;  // ms = fixed + per_sample * batch, least squares of relative errors
  double per_sample_ms = 0;
  double worst = 0;       // largest relative error of that line
  std::int64_t knee = 0;  // from this batch on two steps gained less than 3 % each; 0: none seen
  std::vector<std::pair<std::int64_t, std::int64_t>> dips;  // steps that cost throughput
  bool contended = false;  // CPU time stands in for wall time somewhere
};
// Those with two batches or more.
[[nodiscard]] std::vector<Scaling> ScalingsOf(const Analysis& analysis);
// What a sweep should measure beside what it has: the batches half way from one at which throughput
// falls, beyond its interval, to its neighbours. Marked as added; at most 8, and none around cells
// that were added themselves.
[[nodiscard]] std::vector<Case> CellsToAdd(const Analysis& analysis);

// --- how far the instrument itself can be trusted ---

// One session of a self-test: a cell with copies of one model, some made slower by a known factor.
struct TrialSession {
  CellResult cell;
  std::vector<std::pair<double, Interval>> planted;  // true ratio, measured
  Interval
      naive;  // ratio of means, one copy after the other, k runs each, as Welch's interval says
};
// Sessions with one effect. For the control and the naive way a miss is a false alarm.
struct TrialSummary {
  std::string effect;  // "A/A", "2 % slower", "A/A, one after the other"
  std::int64_t sessions = 0;
  std::int64_t missed = 0;  // the interval does not hold the truth
  Interval rate;            // of missing, with Wilson's interval
  double bias = 0;          // mean of estimate / truth - 1
  double half_width = 0;    // median, relative
  std::int64_t judged = 0;  // contention allowed a verdict whether the copy is slower
  std::int64_t wrong = 0;   // verdicts: slower where it is not, faster where it is slower
  bool passed = true;       // `missed` is what a rate of 5 % allows
};
[[nodiscard]] std::vector<TrialSummary> SummariseTrials(std::span<const TrialSession> sessions);
// The most of n trials that a rate of 5 % exceeds with a probability of at most 5 %: 9 of 100.
[[nodiscard]] std::int64_t MostAllowed(std::int64_t n);

// `frozen`: what `run` wrote before measuring ({"hypotheses": {id: hash}, "time"}); null when
// unknown. Records of models, arms or cells that the study no longer has are left out.
[[nodiscard]] Analysis Analyse(const Study& study, const std::vector<Record>& records,
                               const Json& frozen);

}  // namespace quantbench
