// Solving: the steps of a plan, one layer after the other.
#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"
#include "quantbench/quantize.h"

#include "quantize/block_coded.h"
#include "quantize/solved_weight.h"
#include "quantize/weight_scales.h"

namespace quantbench {
namespace {

CodeGrid GridOfChannels(int bits) {
  CodeGrid grid;
  if (bits == 8) {
    grid.low = 1;
    grid.high = 255;
    grid.of_range = [](double low, double high) {
      return CodeScale{ChooseSymmetric(low, high, {-127, 127}).scale, 128};
    };
    return grid;
  }
  BlockSpec spec;
  spec.positive_scales = true;  // integer convolutions take no others
  grid = GridOfBlocks(spec);
  grid.group = 0;
  return grid;
}

std::vector<float> FactorsOf(const std::vector<CodeScale>& scales) {
  std::vector<float> factors;
  factors.reserve(scales.size());
  for (const CodeScale& scale : scales) factors.push_back(scale.scale);
  return factors;
}

bool AllFinite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

// Whether statistics are those of the layer and can be worked with.
std::string WhyUnusable(const InputStatistics& seen, const WeightMatrix& weights) {
  if (seen.rows <= 0) return "no input was seen";
  const std::int64_t depth = weights.columns;
  const auto numbers = static_cast<std::size_t>(seen.groups * depth);
  if (seen.groups < 1 || seen.depth != depth || weights.rows % seen.groups != 0 ||
      seen.gram.size() != numbers * static_cast<std::size_t>(depth) ||
      seen.mean.size() != numbers) {
    return "what was seen of its inputs does not fit its weights";
  }
  if (!AllFinite(seen.gram) || !AllFinite(seen.mean)) return "its inputs hold NaN or infinities";
  return "";
}

// One layer's weights on their way through the steps.
class LayerSolver {
 public:
  LayerSolver(const Plan& plan, const StepLayer& step, const WeightMatrix& weights, int threads)
      : plan_(plan), step_(step), weights_(weights), threads_(threads) {
    is_block_ = step.plan->scheme == Scheme::kWeightOnly;
    bits_ = BitsPerElement(step.plan->weight_type);
    grid_ = is_block_ ? GridOfBlocks(BlockSpecOf(*step.plan)) : GridOfChannels(bits_);
  }

  // `seen` may be null.
  [[nodiscard]] Result<SolvedWeight> Solve(const InputStatistics* seen);
  [[nodiscard]] std::vector<double> BiasShiftOf(const SolvedWeight& solved,
                                                const InputStatistics& seen) const;

 private:
  // Rows that meet the same inputs: those of one group of a convolution.
  struct RowGroup {
    WeightRows rows;
    Gram gram;
    std::vector<double> importance;  // the diagonal of the Gram matrix
  };
  [[nodiscard]] std::vector<RowGroup> GroupsOf(const InputStatistics* seen) const;
  [[nodiscard]] std::vector<CodeScale> ScalesOf(const RowGroup& group) const;
  [[nodiscard]] Result<std::vector<CodeScale>> FixedScales(const std::vector<RowGroup>& groups);
  [[nodiscard]] Result<CodedRows> Round(const RowGroup& group, std::vector<CodeScale> scales) const;
  [[nodiscard]] Status KeepSafe(const std::vector<CodeScale>& scales, SolvedWeight* solved) const;
  [[nodiscard]] bool IsFreeZero() const { return is_block_ && !BlockSpecOf(*step_.plan).symmetric; }
  [[nodiscard]] bool Has(Step step) const { return plan_.recovery.Has(step); }

  const Plan& plan_;
  const StepLayer& step_;
  const WeightMatrix& weights_;
  int threads_;
  bool is_block_ = false;
  int bits_ = 8;
  CodeGrid grid_;
};

std::vector<LayerSolver::RowGroup> LayerSolver::GroupsOf(const InputStatistics* seen) const {
  if (seen == nullptr) return {{weights_.view(), {}, {}}};
  std::vector<RowGroup> groups;
  const std::int64_t rows = weights_.rows / seen->groups;
  const auto size = static_cast<std::size_t>(weights_.columns * weights_.columns);
  for (std::int64_t g = 0; g < seen->groups; ++g) {
    RowGroup group{weights_.Part(g * rows, rows),
                   std::span(seen->gram).subspan(static_cast<std::size_t>(g) * size, size),
                   {}};
    const auto step = static_cast<std::size_t>(weights_.columns + 1);
    for (std::size_t k = 0; k < size; k += step) group.importance.push_back(group.gram[k]);
    groups.push_back(std::move(group));
  }
  return groups;
}

std::vector<CodeScale> LayerSolver::ScalesOf(const RowGroup& group) const {
  return Has(Step::kClip) ? ClipByMse(group.rows, grid_, group.importance, threads_)
                          : ScalesOfRanges(group.rows, grid_, threads_);
}

// One scale a row, settled before rounding: integer kernels must not overflow.
Result<std::vector<CodeScale>> LayerSolver::FixedScales(const std::vector<RowGroup>& groups) {
  std::vector<CodeScale> scales;
  for (const RowGroup& group : groups) {
    const std::vector<CodeScale> part = ScalesOf(group);
    scales.insert(scales.end(), part.begin(), part.end());
  }
  if (bits_ < 8) return scales;  // two products of such codes never overflow 16 bits
  QB_TRY(const WeightScales widened,
         WidenWeightScales(*step_.node, step_.layer, FactorsOf(scales), plan_.target, threads_));
  for (std::size_t i = 0; i < scales.size(); ++i) scales[i].scale = widened.scales[i];
  return scales;
}

Result<CodedRows> LayerSolver::Round(const RowGroup& group, std::vector<CodeScale> scales) const {
  const bool has_inputs = !group.gram.empty();
  CodedRows coded;
  if (Has(Step::kGptq) && has_inputs) {
    GptqOptions options;
    options.damping = plan_.recovery.damping;
    options.act_order = plan_.recovery.act_order;
    options.clip = Has(Step::kClip);
    QB_TRY(coded, RoundByGptq(group.rows, group.gram, grid_, std::move(scales), options, threads_));
  } else if (Has(Step::kHqq) && IsFreeZero()) {
    coded = RoundByHqq(group.rows, grid_, {}, threads_);
  } else {
    if (scales.empty()) scales = ScalesOf(group);
    coded = Has(Step::kAdaRound) && has_inputs
                ? RoundByAdaRound(group.rows, group.gram, grid_, std::move(scales), {}, threads_)
                : RoundToNearest(group.rows, grid_, std::move(scales), threads_);
  }
  if (!Has(Step::kReconstruct) || !has_inputs) return coded;
  ReconstructOptions options;
  options.damping = plan_.recovery.damping;
  options.refit_scales = bits_ < 8;  // the scales of 8 bits keep sums from overflowing
  return Reconstruct(group.rows, group.gram, grid_, std::move(coded), options, threads_);
}

// Pairs of codes that steps moved to where two products overflow. Those of QuantizeWeights, to the
// last digit, are what the scales were proven for.
Status LayerSolver::KeepSafe(const std::vector<CodeScale>& scales, SolvedWeight* solved) const {
  const Initializer& weight = *step_.layer.weight;
  QB_TRY(const Tensor nearest,
         QuantizeWeights(weight, FactorsOf(scales), {step_.layer.channels}, threads_));
  Tensor codes = CodesInLayout(*solved, bits_, weight.dims, step_.outputs);
  QB_OK(KeepPairsSafe(*step_.node, step_.layer, plan_.target, nearest, &codes));
  // The way back to rows is that of the weight itself.
  std::vector<float> floats;
  for (const std::int8_t code : codes.As<std::int8_t>()) floats.push_back(code);
  const Initializer as_floats = Initializer::Of("codes", Tensor::OfFloats(weight.dims, floats));
  QB_TRY(const WeightMatrix rows, WeightMatrix::Of(as_floats, step_.outputs));
  for (std::size_t i = 0; i < rows.values.size(); ++i) {
    solved->coded.codes[i] = static_cast<std::uint8_t>(rows.values[i] + 128);
  }
  return Ok();
}

Result<SolvedWeight> LayerSolver::Solve(const InputStatistics* seen) {
  const std::vector<RowGroup> groups = GroupsOf(seen);
  std::vector<CodeScale> fixed;
  if (!is_block_) {
    QB_TRY(fixed, FixedScales(groups));
  }
  SolvedWeight solved{{}, weights_.rows, weights_.columns};
  std::int64_t row = 0;
  for (const RowGroup& group : groups) {
    std::vector<CodeScale> scales;
    if (!is_block_) {
      scales.assign(fixed.begin() + row, fixed.begin() + row + group.rows.rows);
    }
    QB_TRY(const CodedRows part, Round(group, std::move(scales)));
    solved.coded.codes.insert(solved.coded.codes.end(), part.codes.begin(), part.codes.end());
    solved.coded.scales.insert(solved.coded.scales.end(), part.scales.begin(), part.scales.end());
    row += group.rows.rows;
  }
  if (!is_block_ && bits_ == 8) QB_OK(KeepSafe(fixed, &solved));
  return solved;
}

std::vector<double> LayerSolver::BiasShiftOf(const SolvedWeight& solved,
                                             const InputStatistics& seen) const {
  const std::vector<float> decoded = DecodeRows(solved.coded, solved.columns, grid_);
  const std::int64_t rows = weights_.rows / seen.groups;
  std::vector<double> shifts;
  for (std::int64_t g = 0; g < seen.groups; ++g) {
    const auto begin = static_cast<std::size_t>(g * rows * weights_.columns);
    const auto count = static_cast<std::size_t>(rows * weights_.columns);
    const auto depth = static_cast<std::size_t>(weights_.columns);
    const std::vector<double> part =
        BiasShift(weights_.Part(g * rows, rows), std::span(decoded).subspan(begin, count),
                  std::span(seen.mean).subspan(static_cast<std::size_t>(g) * depth, depth));
    shifts.insert(shifts.end(), part.begin(), part.end());
  }
  return shifts;
}

// Solves one layer into `solutions`.
Status SolveLayer(const Plan& plan, const StepLayer& step, const InputsSeen& source, int threads,
                  Solutions* solutions) {
  QB_TRY(const WeightMatrix weights, WeightMatrix::Of(*step.layer.weight, step.outputs));
  std::optional<InputStatistics> seen;
  if (step.request >= 0 && source) {
    QB_TRY(seen, source(step.request));
    if (const std::string reason = WhyUnusable(*seen, weights); !reason.empty()) {
      solutions->notes.push_back(
          Format("\"{}\" has no steps that need data: {}", Printable(step.plan->layer), reason));
      seen.reset();
    }
  }
  LayerSolver solver(plan, step, weights, threads);
  auto found = solutions->weights.find(step.layer.weight->name);
  if (found == solutions->weights.end()) {
    auto solved = solver.Solve(seen ? &*seen : nullptr);
    if (!solved.ok()) {
      return solved.error().Within(Format("layer \"{}\"", Printable(step.plan->layer)));
    }
    auto shared = std::make_shared<const SolvedWeight>(std::move(solved).value());
    found = solutions->weights.emplace(step.layer.weight->name, std::move(shared)).first;
  }
  if (plan.recovery.Has(Step::kBias) && seen) {
    solutions->bias_shifts[step.plan->layer] = solver.BiasShiftOf(*found->second, *seen);
  }
  return Ok();
}

}  // namespace

Result<Solutions> SolveWeights(const Model& prepared, const Plan& plan, const InputsSeen& source,
                               int threads, Progress& progress) {
  const Scopes scopes(prepared.graph);
  const StepWork work = WorkOf(scopes, plan);
  Solutions solutions;
  const auto count = static_cast<std::int64_t>(work.layers.size());
  for (std::int64_t i = 0; i < count; ++i) {
    progress.Update("solving weights", i, count);
    QB_OK(SolveLayer(plan, work.layers[static_cast<std::size_t>(i)], source, threads, &solutions));
  }
  return solutions;
}

}  // namespace quantbench
