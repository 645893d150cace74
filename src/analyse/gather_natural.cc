// Gathering latency at natural sizes: real samples beside synthetic ones, bucket by bucket.
#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "analyse/gather.h"
#include "analyse/unknown.h"

namespace quantbench {
namespace {

// Of one arm in one bucket.
struct NaturalBucket {
  std::int64_t size_from = 0;
  std::int64_t size_to = 0;
  std::vector<double> real_ms;
  std::vector<double> synthetic_ms;
  std::vector<double> log_contents;  // a process each: mean of ln(real / synthetic)
  std::vector<double> log_ratios;    // a process each: mean of ln(arm / original), on real samples
  std::int64_t runs = 0;             // in the process with most
};

// The power of two that begins a size's bucket; 0 for all sizes together.
std::int64_t BucketOf(std::int64_t size) {
  return static_cast<std::int64_t>(
      std::bit_floor(static_cast<std::uint64_t>(std::max<std::int64_t>(1, size))));
}

double MeanOf(const std::vector<double>& values) {
  return Summarise(values).mean;
}

// Adds one process's runs of one arm to its buckets.
void AddProcess(const Json& runs, std::size_t arm, std::map<std::int64_t, NaturalBucket>* buckets) {
  struct Logs {
    std::vector<double> contents;
    std::vector<double> ratios;
  };
  std::map<std::int64_t, Logs> logs;
  for (const Json& run : runs.AsArray()) {
    const Json::Array& real = run["real_ns"].AsArray();
    const Json::Array& synthetic = run["synthetic_ns"].AsArray();
    if (arm >= real.size() || arm >= synthetic.size()) continue;
    const double mine = real[arm].AsDouble();
    const double made_up = synthetic[arm].AsDouble();
    const double original = real.front().AsDouble();
    if (!(mine > 0 && made_up > 0 && original > 0)) continue;
    const std::int64_t size = run["size"].AsInt();
    for (const std::int64_t key : {std::int64_t{0}, BucketOf(size)}) {
      NaturalBucket& bucket = (*buckets)[key];
      bucket.size_from = bucket.real_ms.empty() ? size : std::min(bucket.size_from, size);
      bucket.size_to = std::max(bucket.size_to, size);
      bucket.real_ms.push_back(mine * 1e-6);
      bucket.synthetic_ms.push_back(made_up * 1e-6);
      logs[key].contents.push_back(std::log(mine / made_up));
      logs[key].ratios.push_back(std::log(mine / original));
    }
  }
  for (const auto& [key, process] : logs) {
    NaturalBucket& bucket = (*buckets)[key];
    bucket.log_contents.push_back(MeanOf(process.contents));
    bucket.log_ratios.push_back(MeanOf(process.ratios));
    bucket.runs = std::max(bucket.runs, static_cast<std::int64_t>(process.contents.size()));
  }
}

}  // namespace

void GatherNatural(const Study& study, const Record& record, std::vector<NaturalLatency>* rows) {
  if (record.outcome != Outcome::kOk) return;
  std::vector<NaturalLatency> gathered;
  const Json::Array& arms = record.results["arms"].AsArray();
  for (std::size_t arm = 0; arm < arms.size(); ++arm) {
    std::map<std::int64_t, NaturalBucket> buckets;
    for (const Json& process : record.results["processes"].AsArray()) {
      AddProcess(process, arm, &buckets);
    }
    for (const auto& [key, bucket] : buckets) {
      if (key != 0 && buckets.size() == 2) continue;  // one bucket: all sizes say it
      NaturalLatency row;
      row.model = record.what.model;
      row.arm = arms[arm].AsString();
      row.batch = record.results["batch"].AsInt(1);
      row.size_from = bucket.size_from;
      row.size_to = bucket.size_to;
      row.runs = bucket.runs;
      row.processes = static_cast<std::int64_t>(bucket.log_contents.size());
      row.real_ms = MeanOf(bucket.real_ms);
      row.synthetic_ms = MeanOf(bucket.synthetic_ms);
      row.real_to_synthetic = RatioFromLogs(bucket.log_contents);
      row.ratio = row.arm == kOriginal ? Interval{1, 1, 1} : RatioFromLogs(bucket.log_ratios);
      gathered.push_back(std::move(row));
    }
  }
  std::stable_sort(gathered.begin(), gathered.end(),
                   [&](const NaturalLatency& a, const NaturalLatency& b) {
                     return OrderOf(study, a.arm) < OrderOf(study, b.arm);
                   });
  rows->insert(rows->end(), gathered.begin(), gathered.end());
}

}  // namespace quantbench
