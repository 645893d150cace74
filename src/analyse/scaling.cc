// How latency grows with the batch: a fixed part and a part per sample, and where more no longer
// pays.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "quantbench/analyse.h"
#include "quantbench/base/format.h"

#include "analyse/unknown.h"

namespace quantbench {
namespace {

constexpr std::size_t kMostAdded = 8;
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

void FindKneeAndDips(Scaling* scaling) {
  int unpaid = 0;
  for (std::size_t i = 1; i < scaling->points.size(); ++i) {
    const ScalingPoint& before = scaling->points[i - 1];
    const ScalingPoint& after = scaling->points[i];
    const double gain = SamplesPerMs(after) / SamplesPerMs(before) - 1;
    unpaid = gain < kPays ? unpaid + 1 : 0;
    if (unpaid == 2 && scaling->knee == 0) scaling->knee = scaling->points[i - 2].batch;
    const double doubt = std::hypot(before.doubt, after.doubt);
    if (gain < -std::max(kPays, doubt)) scaling->dips.emplace_back(before.batch, after.batch);
  }
}

// "2 threads, seq 64": all of a cell but its batch.
std::string WhereOf(Cell cell) {
  cell.batch = 1;
  cell.added = false;
  return cell.Describe().substr(std::string("batch 1, ").size());
}

// The batches half way to the neighbours of a cell at which some arm's throughput fell; those that
// were measured are none of them.
std::vector<std::int64_t> BatchesAround(const CellResult& cell,
                                        const std::vector<Scaling>& scalings) {
  std::set<std::int64_t> batches;
  for (const Scaling& scaling : scalings) {
    if (scaling.model != cell.model || scaling.where != WhereOf(cell.cell)) continue;
    const std::vector<ScalingPoint>& points = scaling.points;
    for (std::size_t i = 1; i < points.size(); ++i) {
      const std::pair step{points[i - 1].batch, points[i].batch};
      if (points[i].batch != cell.cell.batch ||
          std::find(scaling.dips.begin(), scaling.dips.end(), step) == scaling.dips.end()) {
        continue;
      }
      batches.insert((step.first + step.second) / 2);
      if (i + 1 < points.size()) batches.insert((step.second + points[i + 1].batch) / 2);
      for (const ScalingPoint& point : points) batches.erase(point.batch);
    }
  }
  return {batches.begin(), batches.end()};
}

}  // namespace

std::vector<Scaling> ScalingsOf(const Analysis& analysis) {
  using Key = std::tuple<std::string, std::string, std::string>;
  std::map<Key, Scaling> found;
  for (const CellResult& cell : analysis.cells) {
    if (cell.cell.include_data_loading || cell.outcome != Outcome::kOk) continue;
    const std::string where = WhereOf(cell.cell);
    for (const ArmLatency& arm : cell.arms) {
      if (arm.outcome != Outcome::kOk || arm.ms.n == 0) continue;
      Scaling& scaling = found[{cell.model, where, arm.arm}];
      scaling.model = cell.model;
      scaling.where = where;
      scaling.arm = arm.arm;
      const bool cpu = cell.timebase == Timebase::kCpu;
      const Summary& times = cpu ? arm.cpu_ms : arm.ms;
      scaling.contended = scaling.contended || cpu;
      scaling.points.push_back({cell.cell.batch, times.mean, arm.doubt});
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

std::vector<Case> CellsToAdd(const Analysis& analysis) {
  std::vector<Case> added;
  for (const CellResult& cell : analysis.cells) {
    if (cell.cell.added) return {};  // once is enough
  }
  const std::vector<Scaling> scalings = ScalingsOf(analysis);
  for (const CellResult& cell : analysis.cells) {
    for (const std::int64_t batch : BatchesAround(cell, scalings)) {
      if (added.size() == kMostAdded) return added;
      Case work{CaseKind::kMeasure, cell.model, "", cell.cell};
      work.cell.batch = batch;
      work.cell.added = true;
      const auto same = [&](const Case& other) {
        return other.model == work.model && other.cell == work.cell;
      };
      if (std::none_of(added.begin(), added.end(), same)) added.push_back(std::move(work));
    }
  }
  return added;
}

}  // namespace quantbench
