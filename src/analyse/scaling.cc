// How latency grows with the batch: a fixed part and a part per sample, and where more no longer
// pays.
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "quantbench/analyse.h"
#include "quantbench/base/format.h"

#include "analyse/unknown.h"

namespace quantbench {
namespace {

constexpr double kPays = 0.03;  // less gain in throughput than this, twice, is none

// Least squares of ms = a + b batch, each point weighted by 1 / ms^2: relative errors count.
void FitLine(Scaling* scaling) {
  double w = 0;
  double x = 0;
  double y = 0;
  double xx = 0;
  double xy = 0;
  for (const ScalingPoint& point : scaling->points) {
    const double weight = 1 / (point.ms * point.ms);
    const auto batch = static_cast<double>(point.batch);
    w += weight;
    x += weight * batch;
    y += weight * point.ms;
    xx += weight * batch * batch;
    xy += weight * batch * point.ms;
  }
  const double determinant = w * xx - x * x;
  if (!(determinant > 0)) return;
  scaling->per_sample_ms = (w * xy - x * y) / determinant;
  scaling->fixed_ms = (y - scaling->per_sample_ms * x) / w;
  for (const ScalingPoint& point : scaling->points) {
    const double fitted =
        scaling->fixed_ms + scaling->per_sample_ms * static_cast<double>(point.batch);
    scaling->worst = std::max(scaling->worst, std::fabs(fitted / point.ms - 1));
  }
}

double SamplesPerMs(const ScalingPoint& point) {
  return static_cast<double>(point.batch) / point.ms;
}

// Relative standard error of a mean, from the spread of whole runs.
double ErrorOf(const ScalingPoint& point) {
  return point.n > 1 ? point.stddev / point.ms / std::sqrt(static_cast<double>(point.n)) : 0;
}

void FindKneeAndDips(Scaling* scaling) {
  int unpaid = 0;
  for (std::size_t i = 1; i < scaling->points.size(); ++i) {
    const ScalingPoint& before = scaling->points[i - 1];
    const ScalingPoint& after = scaling->points[i];
    const double gain = SamplesPerMs(after) / SamplesPerMs(before) - 1;
    unpaid = gain < kPays ? unpaid + 1 : 0;
    if (unpaid == 2 && scaling->knee == 0) scaling->knee = scaling->points[i - 2].batch;
    const double doubt = 2 * std::hypot(ErrorOf(before), ErrorOf(after));
    if (gain < -std::max(kPays, doubt)) scaling->dips.emplace_back(before.batch, after.batch);
  }
}

}  // namespace

std::vector<Scaling> ScalingsOf(const Analysis& analysis) {
  using Key = std::tuple<std::string, std::string, std::string>;
  std::map<Key, Scaling> found;
  for (const CellResult& cell : analysis.cells) {
    if (cell.cell.include_data_loading || cell.outcome != Outcome::kOk) continue;
    Cell rest = cell.cell;
    rest.batch = 1;
    const std::string where = rest.Describe().substr(std::string("batch 1, ").size());
    for (const ArmLatency& arm : cell.arms) {
      if (arm.outcome != Outcome::kOk || arm.ms.n == 0) continue;
      Scaling& scaling = found[{cell.model, where, arm.arm}];
      scaling.model = cell.model;
      scaling.where = where;
      scaling.arm = arm.arm;
      const bool cpu = cell.timebase == Timebase::kCpu;
      const Summary& times = cpu ? arm.cpu_ms : arm.ms;
      scaling.contended = scaling.contended || cpu;
      scaling.points.push_back({cell.cell.batch, times.mean, times.stddev, times.n});
    }
  }
  std::vector<Scaling> scalings;
  for (auto& [key, scaling] : found) {
    if (scaling.points.size() < 2) continue;
    std::sort(scaling.points.begin(), scaling.points.end(),
              [](const ScalingPoint& a, const ScalingPoint& b) { return a.batch < b.batch; });
    scaling.fixed_ms = scaling.per_sample_ms = kNaN;
    FitLine(&scaling);
    FindKneeAndDips(&scaling);
    scalings.push_back(std::move(scaling));
  }
  return scalings;
}

}  // namespace quantbench
