// analyse: what the records mean. Pure: records in, statements with intervals out; it never
// measures.
#pragma once

#include <cstdint>
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
// is right, `lost` where only the second is; normal interval [quantization.md 3.12 of the design;
// McNemar 1947].
[[nodiscard]] Interval PairedDifference(std::int64_t gained, std::int64_t lost, std::int64_t n);
// Geometric mean of ratios from one log-ratio a process, t interval over processes; no interval for
// fewer than two.
[[nodiscard]] Interval RatioFromLogs(std::span<const double> log_ratios);
// Quantile of Student's t, p in (0, 1), df >= 1.
[[nodiscard]] double StudentT(double p, double df);

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
  Interval top1;        // when labelled
  Interval difference;  // to the original, same samples; when both are there
  Interval agreement;   // with the original
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
