// Slopes of logarithms, and steps from one cell to the next.
#include "analyse/slopes.h"

#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr double kSameSize = 1e-3;  // of a logarithm

// Of one cell, over its variants, with x = ln(size ratio) and y = ln(latency ratio).
struct SizeSums {
  const CellResult* cell = nullptr;
  std::vector<double> products;  // of x and y, one a process
  double squares = 0;            // of x
  double reach = 0;              // of |x|: by so much products change with all y

  [[nodiscard]] double slope() const { return Summarise(products).mean / squares; }
};

SizeSums SumsOnSize(const Analysis& analysis, const CellResult& cell,
                    const std::vector<std::string>& arms) {
  const double original = BytesOf(analysis, cell.model, std::string(kOriginal));
  SizeSums sums;
  sums.cell = &cell;
  for (const ArmLatency& arm : cell.arms) {
    const bool wanted = arms.empty() || std::find(arms.begin(), arms.end(), arm.arm) != arms.end();
    const double x = std::log(BytesOf(analysis, cell.model, arm.arm) / original);
    const bool usable = arm.outcome == Outcome::kOk && arm.arm != kOriginal &&
                        !arm.log_ratios.empty() && std::fabs(x) > kSameSize;
    if (!wanted || !usable) continue;
    sums.products.resize(sums.products.empty()
                             ? arm.log_ratios.size()
                             : std::min(sums.products.size(), arm.log_ratios.size()));
    for (std::size_t i = 0; i < sums.products.size(); ++i) {
      sums.products[i] += x * arm.log_ratios[i];
    }
    sums.squares += x * x;
    sums.reach += std::fabs(x);
  }
  return sums;
}

// "over 3 models, alone from 0.15 (a) to 0.95 (b)"; of one model nothing.
std::string AloneOf(const std::vector<SizeSums>& models) {
  if (models.size() < 2) return "";
  const auto [flattest, steepest] = std::minmax_element(
      models.begin(), models.end(),
      [](const SizeSums& a, const SizeSums& b) { return a.slope() < b.slope(); });
  return Format("over {} models, alone from {:.3g} ({}) to {:.3g} ({})", models.size(),
                flattest->slope(), flattest->cell->model, steepest->slope(), steepest->cell->model);
}

}  // namespace

Evidence SlopeOnSize(const Analysis& analysis, std::span<const CellResult* const> cells,
                     const std::vector<std::string>& arms, std::size_t least) {
  std::vector<SizeSums> models;
  for (const CellResult* cell : cells) {
    SizeSums sums = SumsOnSize(analysis, *cell, arms);
    if (sums.squares > 0) models.push_back(std::move(sums));
  }
  if (models.size() < least) {
    return Missing(least == 1 ? "no variant of another size was measured"
                              : "fewer than two models have a variant of another size");
  }
  double squares = 0;
  double products = 0;
  double variance = 0;  // of the mean of products
  double off = 0;       // by which products may be wrong where controls failed
  Evidence evidence;
  for (const SizeSums& model : models) {
    const Summary one = Summarise(model.products);
    squares += model.squares;
    products += one.mean;
    variance += std::pow(model.cell->widening * one.stddev, 2) / static_cast<double>(one.n);
    if (model.cell->control_failed()) off += std::log1p(model.cell->resolution()) * model.reach;
    evidence.repeated = evidence.repeated == 0 ? one.n : std::min(evidence.repeated, one.n);
  }
  evidence.value.estimate = products / squares;
  evidence.remark = AloneOf(models);
  if (evidence.repeated > 1) {
    const double t = StudentT(0.975, static_cast<double>(evidence.repeated - 1));
    const double half = (t * std::sqrt(variance) + off) / squares;
    evidence.value.low = evidence.value.estimate - half;
    evidence.value.high = evidence.value.estimate + half;
  }
  return evidence;
}

Evidence StepBetween(const Evidence& from, const Evidence& to) {
  Evidence step;
  step.is_ratio = true;
  step.repeated = std::min(from.repeated, to.repeated);
  step.value = Quotient(to.value, from.value);
  step.remark = from.remark.empty() ? to.remark : from.remark;
  return step;
}

Evidence SlopeOf(const std::vector<double>& places, const std::vector<Evidence>& values) {
  const auto n = static_cast<double>(places.size());
  double middle = 0;
  for (const double place : places) middle += std::log(place) / n;
  double squares = 0;
  for (const double place : places) squares += std::pow(std::log(place) - middle, 2);
  if (places.size() < 2 || squares == 0) return Missing("there are fewer than two places");
  Evidence slope;
  slope.repeated = values.front().repeated;
  double estimate = 0;
  double doubt = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const double weight = (std::log(places[i]) - middle) / squares;
    estimate += weight * std::log(values[i].value.estimate);
    doubt = std::hypot(doubt, weight * HalfOf(values[i]));
    slope.repeated = std::min(slope.repeated, values[i].repeated);
    if (slope.remark.empty()) slope.remark = values[i].remark;
  }
  slope.value = {estimate, estimate - doubt, estimate + doubt};
  return slope;
}

}  // namespace quantbench
