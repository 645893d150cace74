// ParallelFor: fixed chunks over threads.
#include "quantbench/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <sched.h>

namespace quantbench {
namespace {

// CPUs' worth of time that the cgroup grants, 0 where there is no quota.
double QuotaCores() {
  std::ifstream v2("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (v2 >> quota >> period && quota != "max" && period > 0) return std::stod(quota) / period;
  std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double microseconds = 0;
  if (v1_quota >> microseconds && v1_period >> period && microseconds > 0 && period > 0) {
    return microseconds / period;
  }
  return 0;
}

}  // namespace

int UsableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = static_cast<int>(std::thread::hardware_concurrency());
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cores = CPU_COUNT(&set);
  if (const double quota = QuotaCores(); quota > 0) {
    cores = std::min(cores, static_cast<int>(std::ceil(quota)));
  }
  return std::max(1, cores);
}

void ParallelFor(std::int64_t count, std::int64_t grain, int threads,
                 const std::function<void(std::int64_t, std::int64_t)>& body) {
  if (count <= 0) return;
  grain = std::max<std::int64_t>(1, grain);
  const std::int64_t chunks = (count + grain - 1) / grain;
  const std::int64_t wanted = threads > 0 ? threads : UsableCores();
  const auto workers = static_cast<int>(std::min(wanted, chunks));
  std::atomic<std::int64_t> next{0};
  const auto work = [&] {
    for (std::int64_t chunk = next++; chunk < chunks; chunk = next++) {
      body(chunk * grain, std::min(count, (chunk + 1) * grain));
    }
  };
  std::vector<std::jthread> others;
  others.reserve(static_cast<std::size_t>(workers));
  for (int i = 1; i < workers; ++i) others.emplace_back(work);
  work();
}

}  // namespace quantbench
