// Measuring peaks: the loops on one thread and on all, in short repetitions.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <system_error>
#include <thread>

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "quantbench/base/clock.h"
#include "quantbench/base/format.h"
#include "quantbench/base/parallel.h"

#include "device/loops.h"

namespace quantbench {
namespace {

constexpr std::int64_t kBurstNs = 500'000;
constexpr std::uint64_t kMostMemory = std::uint64_t{1} << 30U;
constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20U;

std::int64_t ThreadCpuNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Memory of its own, in large pages where the system has them, touched.
class Buffer {
 public:
  explicit Buffer(std::uint64_t bytes) : bytes_(bytes) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    data_ = static_cast<std::byte*>(memory);
    madvise(memory, bytes, MADV_HUGEPAGE);
    std::memset(memory, 1, bytes);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&&) = delete;
  Buffer& operator=(Buffer&&) = delete;
  ~Buffer() {
    if (data_ != nullptr) munmap(data_, bytes_);
  }
  [[nodiscard]] const std::byte* data() const { return data_; }  // null: there was no memory

 private:
  std::uint64_t bytes_;
  std::byte* data_ = nullptr;
};

// One thread's work: does `size` units and returns what that was, in operations or bytes.
class Task {
 public:
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  Task(Task&&) = delete;
  Task& operator=(Task&&) = delete;
  virtual ~Task() = default;
  virtual double Do(std::int64_t size) = 0;
};

class ArithmeticTask final : public Task {
 public:
  explicit ArithmeticTask(const ArithmeticLoop& loop) : loop_(loop) {
    const float one = 1;
    for (std::size_t i = 0; i < operand_.size(); i += sizeof(one)) {
      if (loop.kind == PeakKind::kFloat32) std::memcpy(&operand_[i], &one, sizeof(one));
    }
  }
  double Do(std::int64_t size) override {
    loop_.run(operand_.data(), operand_.data(), size, sums_.data());
    return 2 * static_cast<double>(size) * loop_.macs_a_round();
  }

 private:
  const ArithmeticLoop& loop_;
  alignas(64) std::array<std::byte, kMostOperandBytes> operand_{};
  alignas(64) std::array<std::byte, kMostSumsBytes> sums_{};
};

// Reads a buffer again and again; of a large one each repetition reads on where the last one ended.
class ReadTask final : public Task {
 public:
  ReadTask(const ReadLoop& loop, const std::byte* from, std::uint64_t bytes)
      : loop_(loop), from_(from), blocks_(static_cast<std::int64_t>(bytes) / loop.block_bytes) {}
  double Do(std::int64_t size) override {
    if (size >= blocks_) {
      const std::int64_t sweeps = size / blocks_;
      loop_.run(from_, blocks_, sweeps, sums_.data());
      return static_cast<double>(sweeps * blocks_ * loop_.block_bytes);
    }
    if (next_ + size > blocks_) next_ = 0;
    loop_.run(from_ + next_ * loop_.block_bytes, size, 1, sums_.data());
    next_ += size;
    return static_cast<double>(size * loop_.block_bytes);
  }

 private:
  const ReadLoop& loop_;
  const std::byte* from_;
  std::int64_t blocks_;
  std::int64_t next_ = 0;
  alignas(64) std::array<std::byte, kMostSumsBytes> sums_{};
};

Burst DoBurst(Task* task, std::int64_t size) {
  Burst burst;
  burst.start_ns = SystemClock().NowNs();
  const std::int64_t cpu = ThreadCpuNs();
  burst.work = task->Do(size);
  burst.cpu_ns = ThreadCpuNs() - cpu;
  burst.end_ns = SystemClock().NowNs();
  return burst;
}

// Repetitions of about half a millisecond until the time is up.
std::vector<Burst> Repeat(Task* task, std::int64_t until_ns) {
  std::int64_t size = 16;
  while (DoBurst(task, size).cpu_ns < kBurstNs && size < (std::int64_t{1} << 40U)) size *= 2;
  std::vector<Burst> bursts;
  do {
    bursts.push_back(DoBurst(task, size));
  } while (bursts.back().end_ns < until_ns);
  return bursts;
}

// The processors that this process may run on.
std::vector<int> AllowedProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> allowed;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return allowed;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) allowed.push_back(cpu);
  }
  return allowed;
}

void StayOn(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

Rate MeasureOne(Task* task, std::int64_t budget_ns) {
  return RateOfThread(Repeat(task, SystemClock().NowNs() + budget_ns));
}

// Every task on a thread and a processor of its own, at the same time.
Rate MeasureAll(const std::vector<std::unique_ptr<Task>>& tasks, std::int64_t budget_ns) {
  const std::vector<int> allowed = AllowedProcessors();
  const std::int64_t until_ns = SystemClock().NowNs() + budget_ns;
  std::vector<std::vector<Burst>> bursts(tasks.size());
  std::vector<std::thread> threads;
  bool all_started = true;
  for (std::size_t i = 0; i < tasks.size() && all_started; ++i) {
    try {
      threads.emplace_back([&, i] {
        if (i < allowed.size()) StayOn(allowed[i]);
        bursts[i] = Repeat(tasks[i].get(), until_ns);
      });
    } catch (const std::system_error&) {
      all_started = false;  // the system grants no more
    }
  }
  for (std::thread& thread : threads) thread.join();
  return all_started ? RateOfThreads(bursts) : Rate();
}

// What one figure reads: on one thread and on each of all.
struct ReadSizes {
  std::uint64_t one = 0;
  std::uint64_t each = 0;
};

std::uint64_t WholeBlocks(std::uint64_t bytes) {
  constexpr std::uint64_t kPage = 4096;
  return std::max(kPage, bytes / kPage * kPage);
}

// A quarter of a level's part for each thread, because others use it too, but more than the level
// before it; three quarters of the first, where ending a loop costs more than neighbours do.
ReadSizes SizesOf(const std::vector<CacheLevel>& caches, std::size_t i, int threads) {
  const CacheLevel& level = caches[i];
  const auto shared = static_cast<std::uint64_t>(std::clamp(level.shared_by, 1, threads));
  if (i == 0) return {WholeBlocks(level.bytes / 4 * 3), WholeBlocks(level.bytes / 4 * 3 / shared)};
  const std::uint64_t least = caches[i - 1].bytes / 2 * 3;
  return {WholeBlocks(std::max(level.bytes / 4, least)),
          WholeBlocks(std::max(level.bytes / 4 / shared, least))};
}

std::uint64_t FreeMemory() {
  const long pages = sysconf(_SC_AVPHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0
             ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page)
             : 64 * kMegabyte;
}

class PeakMeasurement {
 public:
  PeakMeasurement(const PeakOptions& options, Progress& progress)
      : options_(options), progress_(progress) {
    peaks_.threads = options.threads > 0 ? options.threads : UsableCores();
    for (const ReadLoop& loop : ReadLoops()) {
      if (reads_ == nullptr && loop.is_there()) reads_ = &loop;
    }
  }

  DevicePeaks Run() {
    const std::int64_t start = SystemClock().NowNs();
    std::vector<const ArithmeticLoop*> loops = Wanted();
    std::vector<CacheLevel> caches = options_.caches;
    if (caches.empty()) caches = ReadCaches();
    if (caches.empty()) caches = FindByReading();
    figures_ = static_cast<std::int64_t>(loops.size() + caches.size()) + 1;
    budget_ns_ = options_.budget_ns / (figures_ * (peaks_.threads > 1 ? 2 : 1));
    for (const ArithmeticLoop* loop : loops) Arithmetic(*loop);
    for (std::size_t i = 0; i < caches.size(); ++i) {
      Read(Format("L{}", caches[i].level), caches[i].bytes, SizesOf(caches, i, peaks_.threads));
    }
    const std::uint64_t memory = MemoryBytes(caches);
    Read("memory", 0, {memory, memory / static_cast<std::uint64_t>(peaks_.threads)});
    peaks_.seconds = static_cast<double>(SystemClock().NowNs() - start) * 1e-9;
    return std::move(peaks_);
  }

 private:
  // Those the processor has; compiled loops only where there is no other of their kind.
  static std::vector<const ArithmeticLoop*> Wanted() {
    std::vector<const ArithmeticLoop*> wanted;
    for (const ArithmeticLoop& loop : ArithmeticLoops()) {
      const bool is_last = loop.chains == 1;
      const bool is_alone =
          std::none_of(wanted.begin(), wanted.end(),
                       [&](const ArithmeticLoop* other) { return other->kind == loop.kind; });
      if (loop.is_there() && (!is_last || is_alone)) wanted.push_back(&loop);
    }
    return wanted;
  }

  [[nodiscard]] std::uint64_t MemoryBytes(const std::vector<CacheLevel>& caches) const {
    if (options_.memory_bytes > 0) return WholeBlocks(options_.memory_bytes);
    const std::uint64_t last = caches.empty() ? 8 * kMegabyte : caches.back().bytes;
    return WholeBlocks(std::min({4 * last, kMostMemory, FreeMemory() / 4}));
  }

  void Measure(Peak peak, std::vector<std::unique_ptr<Task>> tasks, Task* alone) {
    progress_.Update(Format("peaks: {}", peak.name), std::ssize(peaks_.peaks), figures_);
    peak.one = MeasureOne(alone, budget_ns_);
    peak.all = tasks.size() > 1 ? MeasureAll(tasks, budget_ns_) : peak.one;
    if (peak.all.per_s <= 0) peak.all = peak.one;
    peaks_.peaks.push_back(std::move(peak));
  }

  void Arithmetic(const ArithmeticLoop& loop) {
    std::vector<std::unique_ptr<Task>> tasks;
    tasks.reserve(static_cast<std::size_t>(peaks_.threads));
    for (int i = 0; i < peaks_.threads; ++i)
      tasks.push_back(std::make_unique<ArithmeticTask>(loop));
    ArithmeticTask alone(loop);
    Measure({loop.kind, std::string(loop.path), 0, {}, {}}, std::move(tasks), &alone);
  }

  void Read(std::string name, std::uint64_t level_bytes, const ReadSizes& sizes) {
    const auto threads = static_cast<std::uint64_t>(peaks_.threads);
    const Buffer buffer(std::max(sizes.one, sizes.each * threads));
    if (buffer.data() == nullptr) return;
    std::vector<std::unique_ptr<Task>> tasks;
    tasks.reserve(threads);
    for (std::uint64_t i = 0; i < threads; ++i) {
      tasks.push_back(
          std::make_unique<ReadTask>(*reads_, buffer.data() + i * sizes.each, sizes.each));
    }
    ReadTask alone(*reads_, buffer.data(), sizes.one);
    Measure({PeakKind::kRead, std::move(name), level_bytes, {}, {}}, std::move(tasks), &alone);
  }

  // Reads at growing sizes, for a twelfth of the time.
  std::vector<CacheLevel> FindByReading() {
    constexpr int kSizes = 14;  // 8 kB to 64 MB
    const std::uint64_t most = FreeMemory() / 4;
    std::vector<std::pair<std::uint64_t, double>> rates;
    for (std::uint64_t bytes = 8192; rates.size() < kSizes && bytes < most; bytes *= 2) {
      const Buffer buffer(bytes);
      if (buffer.data() == nullptr) break;
      ReadTask task(*reads_, buffer.data(), bytes);
      rates.emplace_back(bytes, MeasureOne(&task, options_.budget_ns / 12 / kSizes).per_s);
    }
    return FindCaches(rates);
  }

  const PeakOptions& options_;
  Progress& progress_;
  const ReadLoop* reads_ = nullptr;
  DevicePeaks peaks_;
  std::int64_t figures_ = 0;
  std::int64_t budget_ns_ = 0;
};

}  // namespace

DevicePeaks MeasurePeaks(const PeakOptions& options, Progress& progress) {
  return PeakMeasurement(options, progress).Run();
}

std::vector<std::string> Int8Paths() {
  std::vector<std::string> paths;
  for (const ArithmeticLoop& loop : ArithmeticLoops()) {
    if (loop.kind == PeakKind::kInt8 && loop.is_there()) paths.emplace_back(loop.path);
  }
  return paths;
}

}  // namespace quantbench
