// recover: wins back the accuracy that quantizing costs. Better ranges, better rounding, weights
// that are easier to quantize. Pure functions over matrices of weights and what is known of the
// inputs they meet; the same bits at any number of threads. docs/quantization.md derives them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "quantbench/base/status.h"

namespace quantbench {

// Weights as rows, one an output: [rows, columns], row-major, all finite. Borrowed.
struct WeightRows {
  std::span<const float> values;
  std::int64_t rows = 0;
  std::int64_t columns = 0;  // K, the inputs of an output
};

// Second moments of the inputs, H = X^T X: [columns, columns], symmetric, positive semidefinite, in
// any positive unit (a sum or a mean). Borrowed.
using Gram = std::span<const double>;

// real = scale * (code - zero_point). A scale may be negative where the codes' user takes that.
struct CodeScale {
  float scale = 1;
  float zero_point = 0;

  friend bool operator==(const CodeScale&, const CodeScale&) = default;
};

// Which codes weights may become: those of [low, high], 0 <= low < high <= 255.
struct CodeGrid {
  std::int64_t group = 0;  // neighbours of a row that share a scale; 0: the whole row
  std::int32_t low = 0;
  std::int32_t high = 15;
  // The scale for numbers that lie in [low, high], both finite, low <= 0 <= high.
  std::function<CodeScale(double low, double high)> of_range;

  [[nodiscard]] std::int64_t GroupsOf(std::int64_t columns) const;
  [[nodiscard]] std::int64_t GroupSize(std::int64_t columns) const;
};

// What weights became.
struct CodedRows {
  std::vector<std::uint8_t> codes;  // [rows, columns]
  std::vector<CodeScale> scales;    // [rows, groups]
};
// The real numbers that codes stand for, [rows, columns].
[[nodiscard]] std::vector<float> DecodeRows(const CodedRows& coded, std::int64_t columns,
                                            const CodeGrid& grid);

// --- scales ---

// The scale of every group from its smallest and largest number, [rows, groups].
[[nodiscard]] std::vector<CodeScale> ScalesOfRanges(const WeightRows& weights, const CodeGrid& grid,
                                                    int threads);

// Factors that clipping tries on a range: 1, 0.96 .. 0.24, then 0.01 apart up to 0.04 to either
// side of the best.
inline constexpr int kCoarseClips = 20;
inline constexpr double kCoarseClip = 0.04;
inline constexpr int kFineClips = 4;
inline constexpr double kFineClip = 0.01;

// Clipping by MSE: the range of every group, shrunk by that of the factors with which rounding to
// nearest makes the smallest sum of importance_k (w - w')^2.
// `importance`: one number >= 0 a column, such as the diagonal of H; empty: all alike. A factor
// below 1 is taken only where it is better.     [spec: Banner 2019 "ACIQ", GPTQ's `mse` option]
[[nodiscard]] std::vector<CodeScale> ClipByMse(const WeightRows& weights, const CodeGrid& grid,
                                               std::span<const double> importance, int threads);

// --- rounding ---

// code = clamp(round(w / scale + zero_point), low, high), halves to even.
[[nodiscard]] CodedRows RoundToNearest(const WeightRows& weights, const CodeGrid& grid,
                                       std::vector<CodeScale> scales, int threads);

struct GptqOptions {
  double damping = 0.01;  // of the mean of H's diagonal, added to it; 10 times more until H factors
  bool act_order =
      false;          // columns of large inputs first; groups keep their places (static groups)
  bool clip = false;  // scales by ClipByMse with H's diagonal instead of by range
};
// GPTQ: rounds column after column and moves the error of each to those still free, so that
// ||X w - X w'||^2 becomes small. Scales of a group are chosen when its first column is reached,
// from the weights as they are by then (with act_order, or with `scales` given: before). Inputs
// that are always 0 get the code nearest to 0. Codes are final: rounding the result again on
// another grid loses what was won.    [Frantar 2022, algorithm 1]
// `scales`: [rows, groups], or empty. kMalformed: H is not finite or stays singular.
// Cost: K^3 for H, rows * K^2 / 2 for the rounding; memory 3 K^2 doubles.
[[nodiscard]] Result<CodedRows> RoundByGptq(const WeightRows& weights, Gram gram,
                                            const CodeGrid& grid, std::vector<CodeScale> scales,
                                            const GptqOptions& options, int threads);

struct HqqOptions {
  double norm = 0.7;        // p
  double beta = 10;         // of the shrinkage, in steps; grows by `growth` each iteration
  double growth = 1.01;     // at least 1
  int iterations = 20;      // at most
  bool whole_zeros = true;  // zero points rounded: what integer kernels take
};
// HQQ: moves the zero point of every group so that sum |w - w'|^p becomes small, by half-quadratic
// splitting; needs no data. Scales stay those of the ranges, but where zero points are rounded, one
// that stays the same leaves the move to the scale (least squares). Errors are in steps, so that
// beta means the same for all weights, and the best iterate counts, not the last. For grids whose
// zero point is free (asymmetric).   [Badri and Shaji 2023]
[[nodiscard]] CodedRows RoundByHqq(const WeightRows& weights, const CodeGrid& grid,
                                   const HqqOptions& options, int threads);

struct AdaRoundOptions {
  int iterations = 1000;
  double learning_rate = 0.01;  // of Adam
  double regularization = 0.1;  // lambda, of a loss in units of steps and mean inputs
  double warm_start = 0.2;      // share of iterations without regularization
};
// AdaRound: decides between rounding down and up by gradient descent on a soft decision h(V) of
// every weight, with loss d^T H d plus lambda sum(1 - |2 h - 1|^beta), beta from 20 to 2.
// Every row alone; each in units of its mean step and of H's mean diagonal, so that lambda means
// the same everywhere. Rows that came out worse than rounding to nearest keep that.
// [Nagel 2020, eq. 21 to 25; through the Gram matrix, so no activations are kept]
[[nodiscard]] CodedRows RoundByAdaRound(const WeightRows& weights, Gram gram, const CodeGrid& grid,
                                        std::vector<CodeScale> scales,
                                        const AdaRoundOptions& options, int threads);

struct ReconstructOptions {
  double damping = 0.01;      // as GptqOptions
  int sweeps = 10;            // at most; ends when no code moves
  bool refit_scales = false;  // after each sweep, the best scales for the codes (least squares)
};
// Layer-wise reconstruction: from codes as they are, moves one code at a time to the one that makes
// d^T (H + damping) d smallest while all others stay, column after column, until none moves.
// Never worse in that measure than what it starts from.
// [cyclic coordinate descent; Behdin 2023 "QuantEase", algorithm 1]
[[nodiscard]] CodedRows Reconstruct(const WeightRows& weights, Gram gram, const CodeGrid& grid,
                                    CodedRows start, const ReconstructOptions& options,
                                    int threads);

// --- what the outputs lose ---

// sum over rows of (w - w')^T H (w - w') = ||X W^T - X W'^T||^2.
[[nodiscard]] double OutputError(const WeightRows& weights, std::span<const float> decoded,
                                 Gram gram, int threads);
// 10 log10(||X W^T||^2 / ||X W^T - X W'^T||^2); infinity when there is no error.
[[nodiscard]] double OutputSqnrDb(const WeightRows& weights, std::span<const float> decoded,
                                  Gram gram, int threads);

// Bias correction: what to add to the bias of every output so that the mean output stays,
// sum_k (w_k - w'_k) mean(x_k).    [Nagel 2019, section 4.2]
[[nodiscard]] std::vector<double> BiasShift(const WeightRows& weights,
                                            std::span<const float> decoded,
                                            std::span<const double> input_mean);

// --- weights that are easier to quantize ---

// Cross-layer equalization of channels that one layer makes and the next reads with nothing but a
// positively homogeneous map between. `ranges`: of every link of the chain the largest magnitude of
// each channel's weights, outgoing first: {r1, r2} of a pair, {r1, r2, r3} with a depthwise layer
// in the middle. Returns, for every gap of the chain, what channel i of the earlier layer is
// divided by and of the later one multiplied with, so that all ranges become their geometric
// mean. Dead channels (a range below 1e-8) stay; factors lie in [1e-3, 1e3].
// [Nagel 2019, eq. 11; depthwise triples: AIMET]
[[nodiscard]] std::vector<std::vector<double>> EqualizingFactors(
    std::span<const std::vector<double>> ranges);

// SmoothQuant: what every input channel is divided by, its weights multiplied with:
// s_j = max|X_j|^alpha / max|W_j|^(1 - alpha), normalized so that the geometric mean of the
// extremes is 1 and clamped to [1e-4, 1e4]; 1 for channels without input or weights.  [Xiao 2023,
// eq. 4]
[[nodiscard]] std::vector<double> SmoothingFactors(std::span<const double> input_max,
                                                   std::span<const double> weight_max,
                                                   double alpha);

// One consumer of shared inputs.
struct SharedInput {
  WeightRows weights;
  const CodeGrid* grid = nullptr;
};
struct AwqResult {
  std::vector<double> factors;  // per input channel: weights are multiplied, inputs divided
  double exponent = 0;          // 0: nothing changes
  double error = 0;             // sum of output errors with the factors
  double plain_error = 0;       // without
};
// AWQ: channels of large inputs get finer codes. Tries s_j = mean|X_j|^r for r of {0, 0.05 ..
// 0.95}, normalized as above, with the weights of all consumers rounded to nearest, and keeps the r
// whose outputs lose least.      [Lin 2023, eq. 4 and 5]
[[nodiscard]] AwqResult SearchAwqFactors(std::span<const SharedInput> consumers, Gram gram,
                                         std::span<const double> input_abs_mean, int threads);

}  // namespace quantbench
