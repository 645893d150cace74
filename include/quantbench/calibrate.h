// calibrate: watches the values that flow through a model while it runs over samples.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/data.h"
#include "quantbench/engine.h"
#include "quantbench/model.h"

namespace quantbench {

// --- what was seen ---

// A sum of float32 values without rounding [Kulisch]: integers of 32 bits and room for 2^31
// summands. Order and split of the summands do not matter.
class ExactSum {
 public:
  void Add(float value);  // finite
  void Merge(const ExactSum& other);
  [[nodiscard]] double Value() const;
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<ExactSum> FromJson(const Json& json);
  friend bool operator==(const ExactSum&, const ExactSum&) = default;

 private:
  std::array<std::int64_t, 10> digits_{};  // of 32 bits; the first counts multiples of 2^-149
};

// Counts of float32 values by magnitude and sign, in bins of width 2^exponent: bin m of a sign
// holds the values of that sign with m <= |x| / width < m + 1. The width is the smallest power of
// two for which the largest magnitude so far fits; growing it joins pairs of bins. As
// floor(floor(x / w) / 2) = floor(x / 2w), the counts are those of a histogram made in one go: any
// order, split and merge of the values gives the same bits. Zeros are no bin's: they are counted
// apart, and every code represents them exactly.
struct Histogram {
  static constexpr int kBins = 2048;  // of each sign
  static constexpr int kNoExponent = -1000;

  int exponent = kNoExponent;          // kNoExponent: no value yet; else -126 to 117
  std::vector<std::int64_t> positive;  // kBins, or empty: none
  std::vector<std::int64_t> negative;

  void Add(std::span<const float> values);  // zeros, NaN and infinities are passed over
  // Widens the bins until they hold a finite magnitude.
  void Reach(float largest);
  [[nodiscard]] bool Holds(float largest) const;
  void Merge(const Histogram& other);
  [[nodiscard]] double width() const;
  friend bool operator==(const Histogram&, const Histogram&) = default;

 private:
  void Widen(int wanted);
};

// What was seen of one tensor: of fixed size, and exactly mergeable.
struct TensorStatistics {
  DataType type = DataType::kUndefined;
  Shape shape;                 // of the first sample
  std::int64_t samples = 0;    // runs of the model
  std::int64_t count = 0;      // values, finite or not
  std::int64_t nonfinite = 0;  // NaN and infinities among them
  std::string nonfinite_in;    // the first sample that had one
  std::int64_t zeros = 0;
  std::int64_t denormals = 0;  // of float32 tensors: below FLT_MIN and not zero
  double min = 0;              // of the finite values; 0 when there is none
  double max = 0;
  std::int64_t finite_samples = 0;  // with a finite value
  ExactSum low;                     // of the minima of these samples, rounded to float32
  ExactSum high;                    // of their maxima
  Histogram histogram;              // where asked for; of values rounded to float32

  [[nodiscard]] bool has_histogram() const { return histogram.exponent != Histogram::kNoExponent; }
  // Of the same tensor over other samples.
  void Merge(const TensorStatistics& other);
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<TensorStatistics> FromJson(const Json& json, std::string_view where);
  friend bool operator==(const TensorStatistics&, const TensorStatistics&) = default;
};

// A sample that could not be used.
struct SkippedSample {
  std::int64_t index = 0;
  std::string reason;
  friend bool operator==(const SkippedSample&, const SkippedSample&) = default;
};

// Adds the values of a floating-point tensor, as those of one sample. Order and split of the
// samples do not matter, nor do the threads (0: one a core).
[[nodiscard]] Status Observe(const TensorView& value, std::string_view sample, bool histogram,
                             TensorStatistics* seen, int threads = 1);

struct CalibrationStatistics {
  std::string source;        // "data images" or "synthetic, seed 1"
  std::int64_t samples = 0;  // used
  bool histograms = true;    // else only what minmax and average need
  bool stable = false;       // scales had settled: until_stable ended it
  double drift = 0;          // largest |log2(scale over n / scale over n / 2)| at the last look
  std::vector<SkippedSample> skipped;
  std::map<std::string, TensorStatistics, std::less<>> tensors;
  // Where the next run goes on: passes before are done. At the end: past the last pass.
  std::int64_t pass = 0;
  std::int64_t position = 0;  // sample
  // Ranges at the last look, for the next.
  std::map<std::string, std::pair<double, double>, std::less<>> looked;

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<CalibrationStatistics> FromJson(const Json& json);
};

// --- what range follows ---

enum class Observer : std::uint8_t {
  kMinMax,      // everything fits
  kAverage,     // mean of the samples' minima and of their maxima
  kPercentile,  // all but a share of the values fit
  kEntropy,     // least Kullback-Leibler divergence of the codes' distribution
  kMse,         // least mean squared error of the codes
};
[[nodiscard]] std::string_view Name(Observer observer);  // "minmax", "average", "percentile", ...
// kInvalidArgument names the nearest.
[[nodiscard]] Result<Observer> ParseObserver(std::string_view name);
[[nodiscard]] bool NeedsHistogram(Observer observer);

struct ObserverOptions {
  Observer observer = Observer::kMinMax;
  // kPercentile: share of the values that fit, in percent, above 50. One tail is cut where all
  // values have one sign, else both by half of the rest each.
  double percentile = 99.999;
  std::int64_t levels = 256;  // codes of the type that the activations become
};

struct Range {
  double low = 0;
  double high = 0;
};
// Within [min, max] of what was seen. kPercentile: by linear interpolation within a bin. kEntropy:
// thresholds on |x| as NVIDIA's calibrator tries them [Migacz, GTC 2017, s7310], zeros left out, so
// that those of a Relu do not decide. kMse: the pair of limits with the least sum of
// h(x) (x - Q(x))^2, found on a grid of sixteenths and then around the best of it; both as
// their codes would be (asymmetric, zero exact). All but minmax and average need the histogram.
[[nodiscard]] Range ChooseRange(const TensorStatistics& seen, const ObserverOptions& options);

// Share of all values that lie outside of the range, 0 to 1; by whole bins of the histogram.
[[nodiscard]] double ClippedShare(const TensorStatistics& seen, const Range& range);

// A tensor as planning sees it.
struct TensorRange {
  double min = 0;  // chosen by the observer, over the finite values of all samples
  double max = 0;
  std::int64_t count = 0;      // values seen, finite or not
  std::int64_t nonfinite = 0;  // NaN and infinities among them
  DataType type = DataType::kUndefined;
  Shape shape;                    // of the first sample
  std::string nonfinite_in = {};  // the first sample that had one
  std::int64_t denormals = 0;     // of float32: below FLT_MIN and not zero

  friend bool operator==(const TensorRange&, const TensorRange&) = default;
};

struct CalibrationTable {
  std::string observer = "minmax";
  std::string source;  // "data images, 128 samples" or "synthetic, seed 1"
  std::int64_t samples = 0;
  bool stable = false;                                     // scales had settled
  std::vector<SkippedSample> skipped;                      // samples that could not be used
  std::map<std::string, TensorRange, std::less<>> ranges;  // by tensor name

  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<CalibrationTable> FromJson(const Json& json);
};
// kInvalidArgument when the observer needs histograms that were not kept.
[[nodiscard]] Result<CalibrationTable> ChooseRanges(const CalibrationStatistics& seen,
                                                    const ObserverOptions& options);

// --- watching ---

struct CalibrateOptions {
  std::int64_t samples = 128;  // at most the data set's size
  // Looks at the scales at 16, 32, 64 ... samples and stops, within `samples`, when none has
  // changed by more than 2^0.02 since the last look.
  bool until_stable = false;
  ObserverOptions observer;                  // of the table, and of the scales that are looked at
  bool histograms = false;                   // also where the observer needs none
  std::uint64_t memory_bytes = 512U << 20U;  // of statistics; tensors are split into passes
  SessionOptions session;
  // Statistics of the same model, data and tensors to go on from; null: none.
  const CalibrationStatistics* resume = nullptr;
  // Called after each run with all that is known so far; may be empty.
  std::function<Status(const CalibrationStatistics&)> checkpoint = {};
};

// What a user says of calibrating; the same in a study, on a command line and in a request.
struct CalibrationSettings {
  std::int64_t samples = 128;
  bool until_stable = false;  // "auto"; `samples` is the most
  ObserverOptions observer;
  bool observer_asked = false;  // else the observer is the recipe's
  std::uint64_t memory_bytes = 512U << 20U;

  static constexpr std::int64_t kMostSamples = 1024;  // of "auto"
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<CalibrationSettings> FromJson(const Json& json);
};

// Bytes that the statistics of one tensor take.
[[nodiscard]] std::uint64_t StatisticsBytes(bool histograms);

// Runs the model over the first samples of the data set, one by one, and shows the tensors to their
// statistics as they are computed (engine.h, Watch): nothing is kept of the values, no file is
// written, and the memory needed does not depend on the number of samples. Tensors whose statistics
// exceed the budget are watched in further passes, which is said beforehand. Tensors that are not
// floats are left out. A sample that cannot be read or run is left out and listed; errors when
// that are more than a tenth of the samples. Errors: kInvalidArgument for a tensor that the model
// does not have, kEngine, kMalformed naming the sample.
[[nodiscard]] Result<CalibrationStatistics> ObserveTensors(const Model& model, Engine& engine,
                                                           const Dataset& dataset,
                                                           const std::vector<std::string>& tensors,
                                                           const CalibrateOptions& options,
                                                           Progress& progress);
// ObserveTensors, then ChooseRanges.
[[nodiscard]] Result<CalibrationTable> Calibrate(const Model& model, Engine& engine,
                                                 const Dataset& dataset,
                                                 const std::vector<std::string>& tensors,
                                                 const CalibrateOptions& options,
                                                 Progress& progress);

// --- errors of tensors ---

// A tensor of a model, and the one that stands for it in another.
struct TensorPair {
  std::string reference;
  std::string other;
  bool divergence = false;  // also as distributions over the last axis
};

// Over all values of all samples.
struct TensorError {
  double signal = 0;  // sum of x^2 of the reference
  double noise = 0;   // sum of (x - y)^2
  std::int64_t count = 0;
  // Sum over rows of the Kullback-Leibler divergence of the other's distribution from the
  // reference's, in nats: of the softmax of a row, or of the row itself where it sums to one.
  double divergence = 0;
  std::int64_t rows = 0;
  // 10 log10(signal / noise): infinity when they are equal, NaN when nothing was seen.
  [[nodiscard]] double SqnrDb() const;
};

struct CompareOptions {
  std::int64_t samples = 8;  // at most the data set's size
  std::uint64_t memory_bytes =
      512U << 20U;  // of values held for one sample; more pairs than 4 are split into passes
  SessionOptions session;
};

// What runs models, and the samples that they run over.
struct EngineAndData {
  Engine& engine;
  const Dataset& dataset;
};

// Runs both models over the first samples and compares pairs of tensors of equal shapes, in the
// order given. kMalformed when the shapes of a pair differ; else as ObserveTensors.
[[nodiscard]] Result<std::vector<TensorError>> CompareTensors(
    const Model& reference, const Model& other, const EngineAndData& over,
    const std::vector<TensorPair>& pairs, const CompareOptions& options, Progress& progress);

// --- statistics of layer inputs, for the algorithms that choose weights by them ---

// How a layer with weights reads its activation: as rows x of products x W, of `depth` numbers
// each.
struct InputReading {
  // False: MatMul, Gemm: the last axis is the depth, every other index is a row.
  // True: Conv: a row is the patch under the kernel at one output position, zeros where it hangs
  // over the border; its numbers are ordered as those of a filter, [channels / groups, kernel...].
  bool patches = false;
  std::int64_t groups = 1;           // of a Conv: each has rows of its own, over its own channels
  std::vector<std::int64_t> kernel;  // one entry a spatial axis, as all below
  std::vector<std::int64_t> strides;
  std::vector<std::int64_t> dilations;
  std::vector<std::int64_t> pads;  // all begins, then all ends; negative: crops
  std::string auto_pad;            // "SAME_UPPER", "SAME_LOWER": replaces `pads`; else empty

  friend bool operator==(const InputReading&, const InputReading&) = default;
};
// Of a Conv, Gemm or MatMul whose weight has these dimensions [ONNX Conv-11, Gemm-13, MatMul-13].
// kUnsupported for another operator, a Gemm with transA, attributes that do not fit.
[[nodiscard]] Result<InputReading> ReadingOf(const Node& node, const Shape& weight);

struct InputRequest {
  std::string tensor;  // an activation: layers that share it and read it alike share one request
  InputReading reading;
  bool gram = true;                  // false: channel statistics only
  std::vector<std::string> outputs;  // activations whose channel means are wanted too
};

// What was seen of one request, over all rows of all samples (finite or not: NaN stays NaN).
// Channel j is number j of a row; group g's are [g * depth, (g + 1) * depth).
struct InputStatistics {
  std::string tensor;
  InputReading reading;
  std::int64_t groups = 1;
  std::int64_t depth = 0;
  std::int64_t rows = 0;         // of every group
  std::vector<double> mean;      // [groups * depth]
  std::vector<double> abs_mean;  // [groups * depth], mean of |x|
  std::vector<double> min;       // [groups * depth]
  std::vector<double> max;       // [groups * depth]
  std::vector<double> abs_max;   // [groups * depth]
  // Sum over the rows of x^T x, not divided: [groups, depth, depth], row-major, both triangles.
  // Products are summed in float32 over at most 128 rows, then in double. Empty when not asked for.
  std::vector<double> gram;
  // By tensor: means over samples and positions, one a channel (axis 1 where the reading is of
  // patches, else the last).
  std::map<std::string, std::vector<double>, std::less<>> output_means;
};

struct InputStatisticsOptions {
  std::int64_t samples = 128;                // at most the data set's size
  std::uint64_t memory_bytes = 512U << 20U;  // of accumulators; requests are split into passes
  // Patches of a Conv that one sample contributes at most: that many, evenly spaced. 0: all.
  std::int64_t patches_per_sample = 256;
  int threads = 0;         // of the sums, 0: one per core; the results do not depend on it
  SessionOptions session;  // of the engine
};

// Called once a request, in the order of the requests.
using InputStatisticsSink = std::function<Status(InputStatistics)>;

// Streams the first samples through the model and hands out what was asked for, pass by pass: as
// many requests at a time as their accumulators fit the budget, always at least one. The bits of
// the sums depend on model, samples and requests only. Errors: as Calibrate.
[[nodiscard]] Status StreamInputStatistics(const Model& model, const EngineAndData& over,
                                           const std::vector<InputRequest>& requests,
                                           const InputStatisticsOptions& options,
                                           const InputStatisticsSink& sink, Progress& progress);

// The inputs of a model as a data set must fill them (initializers listed as inputs left out).
// Batched are those with a free first dimension; where no input has one, those that agree with the
// first. Rows are those of the tables that a Gather looks up, quantized ones too.
[[nodiscard]] std::vector<InputSpec> InputsOf(const Model& model);

}  // namespace quantbench
