// What the harness adds to a run: the same session of a tiny model in a bare loop and through
// MeasureInterleaved, in turn. "overhead_ns" is the difference a run; the aim is below 1000.
#include <algorithm>
#include <chrono>
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

constexpr int kRuns = 2000;

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

double BareNs(Session& session) {
  const auto start = std::chrono::steady_clock::now();
  for (int run = 0; run < kRuns; ++run) {
    if (!session.Run().ok()) std::abort();
  }
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  return took.count() / kRuns;
}

double HarnessNs(Session& session) {
  LatencyPlan plan;
  plan.rounds = 1;
  plan.repetitions = 1;
  plan.lap_runs = kRuns;
  plan.warmup_ns = plan.max_warmup_ns = 0;
  SilentProgress progress;
  const ProcessSamples process = Must(MeasureInterleaved(
      {[&session] { return session.Run(); }}, plan, SystemClock(), SystemSensors(), progress));
  return static_cast<double>(process.arms[0].laps[0].wall_ns()) / kRuns;
}

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void HarnessOverhead(benchmark::State& state) {
  const std::unique_ptr<Engine> engine = Must(OpenOnnxRuntime());
  const std::unique_ptr<Session> session = TinySession(*engine);
  std::vector<double> bare;
  std::vector<double> harness;
  std::vector<double> overhead;
  for (auto step : state) {
    (void)step;
    bare.push_back(BareNs(*session));
    harness.push_back(HarnessNs(*session));
    overhead.push_back(harness.back() - bare.back());
  }
  state.counters["bare_ns"] = MedianOf(bare);
  state.counters["harness_ns"] = MedianOf(harness);
  state.counters["overhead_ns"] = MedianOf(overhead);
}
BENCHMARK(HarnessOverhead)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace quantbench

BENCHMARK_MAIN();
