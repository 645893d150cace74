// Whether a cache explains why throughput falls from one batch to another.
#include "analyse/working_set.h"

#include <algorithm>
#include <optional>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

// Bytes that the widest operator of an arm goes through at a batch; 0: not counted.
std::int64_t WidestAt(const Analysis& analysis, const std::string& model, const std::string& arm,
                      std::int64_t batch) {
  for (const CellResult& cell : analysis.cells) {
    if (cell.model != model || cell.cell.batch != batch) continue;
    for (const ArmLatency& entry : cell.arms) {
      if (entry.arm == arm && entry.work) return entry.work->widest_bytes;
    }
  }
  return 0;
}

// A cache as the peaks of an environment have it.
struct MeasuredCache {
  std::string name;
  std::int64_t bytes = 0;
};

// The largest that holds `fits` and not `spills`.
std::optional<MeasuredCache> CacheBetween(const Analysis& analysis, std::int64_t fits,
                                          std::int64_t spills) {
  std::optional<MeasuredCache> found;
  for (const Json& environment : analysis.environments) {
    for (const Json& peak : environment["peaks"]["peaks"].AsArray()) {
      const std::int64_t bytes = peak["bytes"].AsInt();
      if (peak["kind"].AsString() != "read" || bytes < fits || bytes >= spills) continue;
      if (!found || bytes > found->bytes) found = {peak["name"].AsString(), bytes};
    }
  }
  return found;
}

std::string Megabytes(std::int64_t bytes) {
  return Format("{:.3g} MB", static_cast<double>(bytes) * 1e-6);
}

}  // namespace

std::string WhyCacheCosts(const Analysis& analysis, const std::string& model,
                          const std::string& arm, std::int64_t from, std::int64_t to) {
  const std::int64_t before = WidestAt(analysis, model, arm, from);
  const std::int64_t after = WidestAt(analysis, model, arm, to);
  if (before <= 0) return "";
  const auto cache = CacheBetween(analysis, before, after);
  if (!cache) return "";
  return Format(
      "; its widest operator goes through {} at batch {} and {} at {}, more than the {} "
      "cache ({})",
      Megabytes(before), from, Megabytes(after), to, Printable(cache->name, 20),
      Megabytes(cache->bytes));
}

}  // namespace quantbench
