// ParallelFor: fixed chunks over threads that are started once.
#include "quantbench/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

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

// Work that may have helpers. It lives on the stack of whoever wants it done.
struct Job {
  const std::function<void()>* work = nullptr;
  int wanted = 0;  // helpers that may still join
  int active = 0;  // helpers at work
};

// Threads that help whoever asks. They start when they are first wanted and stay until the process
// ends: starting one for each of thousands of short loops costs as much as the loops.
class Helpers {
 public:
  static Helpers& Get() {
    static Helpers& helpers = *new Helpers;  // its threads outlive static objects
    return helpers;
  }

  // Runs `work` here and on up to `count` other threads; returns when all are through with it. The
  // caller never waits for a thread to become free, so a helper may ask for helpers itself.
  void Run(int count, const std::function<void()>& work) {
    Job job{&work, count, 0};
    {
      const std::lock_guard lock(mutex_);
      Start(count);
      jobs_.push_back(&job);
    }
    wanted_.notify_all();
    work();
    std::unique_lock lock(mutex_);
    std::erase(jobs_, &job);  // nobody joins any more
    done_.wait(lock, [&] { return job.active == 0; });
  }

 private:
  void Start(int count) {
    try {
      for (; threads_ < count; ++threads_) std::thread([this] { Help(); }).detach();
    } catch (const std::system_error&) {
      // The system grants no more: those there are, and the caller, do the work.
    }
  }

  void Help() {
    std::unique_lock lock(mutex_);
    while (true) {
      wanted_.wait(lock, [&] { return !jobs_.empty(); });
      Job* job = jobs_.front();
      if (--job->wanted == 0) jobs_.pop_front();
      ++job->active;
      lock.unlock();
      (*job->work)();
      lock.lock();
      if (--job->active == 0) done_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wanted_;
  std::condition_variable done_;
  std::deque<Job*> jobs_;  // that helpers may still join, the oldest first
  int threads_ = 0;
};

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
  static const int cores = UsableCores();
  const std::int64_t wanted = threads > 0 ? threads : cores;
  const auto workers = static_cast<int>(std::min(wanted, chunks));
  std::atomic<std::int64_t> next{0};
  const auto work = [&] {
    for (std::int64_t chunk = next++; chunk < chunks; chunk = next++) {
      body(chunk * grain, std::min(count, (chunk + 1) * grain));
    }
  };
  if (workers <= 1) return work();
  Helpers::Get().Run(workers - 1, work);
}

}  // namespace quantbench
