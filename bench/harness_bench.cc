// What the harness adds to a run: the same session of a tiny model in a bare loop and through
// MeasureInterleaved, in turn, either first. "overhead_ns" is the median difference a run in CPU
// time, "overhead_wall_ns" in wall time; the aim is below 1000.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include <benchmark/benchmark.h>

#include "quantbench/base/clock.h"
#include "quantbench/engine.h"
#include "quantbench/measure.h"
#include "quantbench/model.h"

#include "run/tiny_model.h"

namespace quantbench {
namespace {

constexpr int kRuns = 500;  // about a millisecond: seldom interrupted

template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) std::abort();
  return std::move(result).value();
}

std::unique_ptr<Session> TinySession(Engine& engine) {
  const std::vector<std::byte> bytes = Must(EncodeToBytes(ProductChain(1, 16, 1)));
  std::unique_ptr<Session> session = Must(engine.Load({bytes, {}}, {}));
  const std::vector<float> ones(16, 1.0F);
  const std::vector<NamedTensor> inputs = {{"x", Tensor::OfFloats({1, 1, 16}, ones)}};
  Must(session->Bind(inputs));
  return session;
}

// Nanoseconds a run.
struct Times {
  double wall = 0;
  double cpu = 0;
};

Times Bare(Session& session) {
  const std::int64_t cpu = SystemClock().CpuNs();
  const std::int64_t start = SystemClock().NowNs();
  for (int run = 0; run < kRuns; ++run) {
    if (!session.Run().ok()) std::abort();
  }
  const std::int64_t end = SystemClock().NowNs();
  return {static_cast<double>(end - start) / kRuns,
          static_cast<double>(SystemClock().CpuNs() - cpu) / kRuns};
}

Times Harness(Session& session) {
  LatencyPlan plan;
  plan.rounds = 1;
  plan.repetitions = 1;
  plan.lap_runs = kRuns;
  plan.warmup_ns = plan.max_warmup_ns = 0;
  SilentProgress progress;
  const ProcessSamples process = Must(MeasureInterleaved(
      {[&session] { return session.Run(); }}, plan, SystemClock(), SystemSensors(), progress));
  const Lap& lap = process.arms[0].laps[0];
  return {static_cast<double>(lap.wall_ns()) / kRuns, static_cast<double>(lap.cpu_ns) / kRuns};
}

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void HarnessOverhead(benchmark::State& state) {
  const std::unique_ptr<Engine> engine = Must(OpenOnnxRuntime());
  const std::unique_ptr<Session> session = TinySession(*engine);
  std::vector<double> bare;
  std::vector<double> cpu;
  std::vector<double> wall;
  bool bare_first = false;
  for (auto step : state) {
    (void)step;
    bare_first = !bare_first;
    const Times before = bare_first ? Bare(*session) : Harness(*session);
    const Times after = bare_first ? Harness(*session) : Bare(*session);
    const double sign = bare_first ? 1 : -1;
    bare.push_back(bare_first ? before.cpu : after.cpu);
    cpu.push_back(sign * (after.cpu - before.cpu));
    wall.push_back(sign * (after.wall - before.wall));
  }
  state.counters["bare_ns"] = MedianOf(bare);
  state.counters["overhead_ns"] = MedianOf(cpu);
  state.counters["overhead_wall_ns"] = MedianOf(wall);
}
BENCHMARK(HarnessOverhead)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace quantbench

BENCHMARK_MAIN();
