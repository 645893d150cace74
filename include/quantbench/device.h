// device: what this machine is, what its processor can do at most, and where a model stands below
// that: the roofline [Williams, Waterman, Patterson 2009]. docs/roofline.md has the formulas.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/flops.h"

namespace quantbench {

// --- caches ---

// A cache that holds data, of one level.
struct CacheLevel {
  int level = 1;
  std::uint64_t bytes = 0;
  int shared_by = 1;  // logical processors that share one

  friend bool operator==(const CacheLevel&, const CacheLevel&) = default;
};
// Of the first processor, by level, as <root>/sys/devices/system/cpu/cpu0/cache says; empty where
// it does not say.
[[nodiscard]] std::vector<CacheLevel> ReadCaches(const std::filesystem::path& root = "/");

// "32 KiB", "1.25 MiB": caches are sized in powers of two.
[[nodiscard]] std::string FormatCacheSize(std::uint64_t bytes);

// Where levels end, out of how fast buffers of growing size are read: a level ends at the last size
// before the rate falls by more than a fifth. {size in bytes, bytes a second}, sizes ascending; at
// most three. The rest is memory.
[[nodiscard]] std::vector<CacheLevel> FindCaches(
    std::span<const std::pair<std::uint64_t, double>> rates);

// --- peaks ---

// A short piece of work that one thread did in one go.
struct Burst {
  std::int64_t start_ns = 0;  // of a clock that all threads share
  std::int64_t end_ns = 0;
  std::int64_t cpu_ns = 0;  // CPU time of the thread
  double work = 0;          // operations or bytes
};

// The best of many short repetitions, and how far it can be trusted.
struct Rate {
  double per_s = 0;   // operations or bytes a second; 0: not measured
  double spread = 0;  // by how much the median repetition is below the best, 0.1 for 10 %
  double waited = 0;  // share of the time in which the threads did not have a processor
};
// Of one thread: work over CPU time.
[[nodiscard]] Rate RateOfThread(std::span<const Burst> bursts);
// Of threads at work at the same time: at each repetition of the first thread what all did during
// it, over wall time, so that they share what they share.
[[nodiscard]] Rate RateOfThreads(std::span<const std::vector<Burst>> threads);

enum class PeakKind : std::uint8_t {
  kFloat32,  // multiply-adds of float32: 1 MAC is 2 operations
  kInt8,     // multiply-adds of 8-bit integers into 32 bits: 1 MAC is 2 operations
  kRead,     // bytes read
};
[[nodiscard]] std::string_view Name(PeakKind kind);  // "float32", "int8", "read"

struct Peak {
  PeakKind kind = PeakKind::kFloat32;
  std::string name;         // instructions ("AVX2 FMA") or level ("L1", "memory")
  std::uint64_t bytes = 0;  // kRead: that the level holds; 0: memory
  Rate one;                 // on one thread
  Rate all;                 // on all threads together
};

struct DevicePeaks {
  int threads = 1;     // what "all" is
  double seconds = 0;  // that measuring took
  std::vector<Peak> peaks;

  // Operations or bytes a second that `threads` can do: of so many threads as there are, or fewer,
  // at most that many times what one does; 0: all.
  [[nodiscard]] double PerSecond(const Peak& peak, int threads) const;
  // The fastest of a kind of arithmetic; null: none was measured.
  [[nodiscard]] const Peak* Fastest(PeakKind kind, int threads) const;
  // The nearest level that holds so many bytes; null: none was measured.
  [[nodiscard]] const Peak* LevelOf(std::uint64_t bytes) const;
  // Some figure varied by more than a tenth or its threads had to wait: the machine was busy, and
  // the true peak may be higher.
  [[nodiscard]] bool is_doubtful() const;

  [[nodiscard]] Json ToJson() const;
  // kMalformed where a rate is negative or not finite, or there is no peak.
  [[nodiscard]] static Result<DevicePeaks> FromJson(const Json& json);
};

struct PeakOptions {
  std::int64_t budget_ns = 3'000'000'000;  // about, all figures together
  int threads = 0;                         // 0: all that this process may use
  std::vector<CacheLevel> caches;          // empty: those of ReadCaches, or found by measuring
  std::uint64_t memory_bytes = 0;  // of the buffer that memory is read from; 0: 4 times the last
                                   // level, at most 1 GiB and a quarter of what is free
};
// Measures. Every figure is the best of repetitions of about half a millisecond. A level for which
// there is no memory is left out.
[[nodiscard]] DevicePeaks MeasurePeaks(const PeakOptions& options, Progress& progress);

// The sets of instructions that int8 arithmetic is measured with, of those the processor has.
[[nodiscard]] std::vector<std::string> Int8Paths();

// --- the roofline ---

// An operator below the roofs. All times are the least possible.
struct PlacedOperator {
  std::string name;
  std::string op_type;
  bool integer = false;         // its products are of codes
  std::int64_t operations = 0;  // 2 MACs + elementwise
  std::int64_t bytes = 0;       // that have to move
  double compute_s = 0;         // operations over the peak of their arithmetic
  double transfer_s = 0;        // bytes over the speed of the levels that hold them
  std::string roof;             // what binds: "float32", "int8", "L2", "memory"
  [[nodiscard]] double least_s() const { return compute_s > transfer_s ? compute_s : transfer_s; }
  [[nodiscard]] double intensity() const;  // operations a byte; infinity where none has to move
};

struct PlacedModel {
  std::vector<PlacedOperator> operators;  // in graph order; those that take time
  double least_s = 0;                     // their sum
  std::string roof;                       // that binds for the largest share of it
  [[nodiscard]] Json ToJson() const;      // without the operators
};

// How the operators of a graph are believed to run.
enum class Fusing : std::uint8_t {
  // As well as an engine could: only operators with products move data, each tensor once and codes
  // as codes; QuantizeLinear and DequantizeLinear are part of their neighbours.
  kBest,
  kAsListed,  // one by one: of graphs that an engine has fused
};

// The least time of each operator on so many threads: the larger of computing and moving. Weights
// come from the level that holds the weights of the whole model, other tensors from the one that
// holds the operator's. Transcendental functions take no time here, and 4-bit weights are believed
// to be multiplied as codes.
[[nodiscard]] PlacedModel PlaceModel(const ModelWork& work, const DevicePeaks& peaks, int threads,
                                     Fusing fusing);

// Upper bound of the speed-up of an original that runs at its roofs: its least time over the
// other's. 0 where one is not known.
[[nodiscard]] double SpeedupBound(const PlacedModel& original, const PlacedModel& quantized);

}  // namespace quantbench
