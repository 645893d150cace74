// How near quantizing comes to the memory's own speed. Every benchmark takes turns with a plain
// read and a copy of the same floats, so that whatever else the machine does slows all three down:
// compare the shares, not the gigabytes.
//   GB/s     bytes read and written by the benchmark, a second
//   of_read  that, over those of a plain read of the floats
//   of_copy  that, over those (read and written) of a copy of them
// A kernel runs on one thread; "weights" benchmarks run on all cores, beside one thread's read.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <benchmark/benchmark.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

#include "quantbench/base/random.h"

#include "quantize/block_weights.h"
#include "quantize/kernels.h"
#include "quantize/overflow.h"
#include "quantize/weights.h"

namespace quantbench {
namespace {

constexpr std::int64_t kColumns = 4096;
constexpr std::int64_t kRows = 8192;  // 128 MB: beyond every cache
constexpr std::int64_t kCount = kRows * kColumns;
constexpr double kInputBytes = kCount * sizeof(float);

// The floats, and room for whatever is made of them.
struct Memory {
  Initializer weight;
  std::span<const float> values;
  std::vector<std::byte> out = std::vector<std::byte>(static_cast<std::size_t>(kInputBytes));

  Memory() {
    Random random(1);
    Tensor tensor = Tensor::Make(DataType::kFloat32, {kRows, kColumns}).value();
    for (float& value : tensor.As<float>()) value = static_cast<float>(random.Uniform() - 0.5);
    weight = Initializer::Of("w", std::move(tensor));
    values = {reinterpret_cast<const float*>(weight.data.view.data()),
              static_cast<std::size_t>(kCount)};
  }
  [[nodiscard]] std::span<const float> Row(std::int64_t row) const {
    return values.subspan(static_cast<std::size_t>(row * kColumns),
                          static_cast<std::size_t>(kColumns));
  }
  template <typename T>
  [[nodiscard]] std::span<T> OutRow(std::int64_t row) {
    return std::span(reinterpret_cast<T*>(out.data()) + row * kColumns,
                     static_cast<std::size_t>(kColumns));
  }
};

Memory& TheMemory() {
  static Memory memory;
  return memory;
}

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Sums of 64-bit words, enough of them at a time that adding is not what takes the time.
void Read() {
  const std::span<const std::byte> bytes = std::as_bytes(TheMemory().values);
  std::array<std::uint64_t, 16> sums{};
  for (std::size_t i = 0; i + sizeof(sums) <= bytes.size(); i += sizeof(sums)) {
    std::array<std::uint64_t, 16> words{};
    std::memcpy(words.data(), bytes.data() + i, sizeof(words));
    for (std::size_t lane = 0; lane < sums.size(); ++lane) sums[lane] += words[lane];
  }
  benchmark::DoNotOptimize(sums);
}

void Copy() {
  std::memcpy(TheMemory().out.data(), TheMemory().values.data(), TheMemory().out.size());
  benchmark::ClobberMemory();
}

// `written`: bytes of output for each float.
void Compare(benchmark::State& state, double written, const std::function<void()>& work) {
  double seconds = 0;
  double reading = 0;
  double copying = 0;
  for ([[maybe_unused]] auto _ : state) {
    reading += Seconds(Read);
    copying += Seconds(Copy);
    const double now = Seconds(work);
    seconds += now;
    state.SetIterationTime(now);
  }
  const double bytes = kInputBytes + static_cast<double>(kCount) * written;
  const auto rate = [&](double moved, double time) {
    return moved * static_cast<double>(state.iterations()) / time;
  };
  const double speed = rate(bytes, seconds);
  state.counters["GB/s"] = speed * 1e-9;
  state.counters["of_read"] = speed / rate(kInputBytes, reading);
  state.counters["of_copy"] = speed / rate(2 * kInputBytes, copying);
}

void Register(const std::string& name, double written, const std::function<void()>& work) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [=](benchmark::State& state) { Compare(state, written, work); })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

void RegisterRows(const std::string& name, double written,
                  const std::function<void(std::int64_t row)>& work) {
  Register(name, written, [=] {
    for (std::int64_t row = 0; row < kRows; ++row) work(row);
  });
}

void RegisterKernels() {
  static float found = 0;
  static const std::vector<float> scales(kColumns, 0.004F);
  static const std::vector<std::uint8_t> zero_points(kColumns, 8);
  static std::vector<float> lows(kColumns);
  static std::vector<float> highs(kColumns);
  static std::vector<std::uint8_t> codes(kColumns);
  Memory& memory = TheMemory();
  RegisterRows("AbsMax", 0, [&](std::int64_t row) {
    found = kernels::AbsMax(memory.Row(row));
    benchmark::DoNotOptimize(found);
  });
  RegisterRows("AbsMaxInto", 0,
               [&](std::int64_t row) { kernels::AbsMaxInto(memory.Row(row), lows); });
  RegisterRows("BlockRanges/32", 0, [&](std::int64_t row) {
    kernels::BlockRanges(memory.Row(row), 32, std::span(lows).first(kColumns / 32),
                         std::span(highs).first(kColumns / 32));
  });
  RegisterRows("RangesInto", 0,
               [&](std::int64_t row) { kernels::RangesInto(memory.Row(row), lows, highs); });
  RegisterRows("QuantizeRow (int8)", 1, [&](std::int64_t row) {
    kernels::QuantizeRow(memory.Row(row), 0.004F, memory.OutRow<std::int8_t>(row));
  });
  RegisterRows("QuantizeRowByColumn (int8)", 1, [&](std::int64_t row) {
    kernels::QuantizeRowByColumn(memory.Row(row), scales, memory.OutRow<std::int8_t>(row));
  });
  RegisterRows("QuantizeBlocks/32 (uint8)", 1, [&](std::int64_t row) {
    kernels::QuantizeBlocks(
        memory.Row(row), 32,
        {std::span(scales).first(kColumns / 32), std::span(zero_points).first(kColumns / 32), 255},
        memory.OutRow<std::uint8_t>(row));
  });
  RegisterRows("QuantizeBlocks/32 + PackNibbles (4 bits)", 0.5, [&](std::int64_t row) {
    kernels::QuantizeBlocks(
        memory.Row(row), 32,
        {std::span(scales).first(kColumns / 32), std::span(zero_points).first(kColumns / 32), 15},
        codes);
    kernels::PackNibbles(codes,
                         {reinterpret_cast<std::uint8_t*>(memory.out.data()) + row * kColumns / 2,
                          static_cast<std::size_t>(kColumns / 2)});
  });
  RegisterRows("ToHalf", 2, [&](std::int64_t row) {
    kernels::ToHalf(memory.Row(row), memory.OutRow<std::uint16_t>(row));
  });
  RegisterRows("ToBfloat", 2, [&](std::int64_t row) {
    kernels::ToBfloat(memory.Row(row), memory.OutRow<std::uint16_t>(row));
  });
  RegisterRows("ToFloat8E4M3", 1, [&](std::int64_t row) {
    kernels::ToFloat8E4M3(memory.Row(row), 1, memory.OutRow<std::uint8_t>(row));
  });
}

// Whole initializers, as the planner and the writer of models call them.
void RegisterWeights() {
  const Initializer& weight = TheMemory().weight;
  for (const auto& [name, channels, order] :
       {std::tuple{"[N, K]", Channels::kRows, PairOrder::kRows},
        std::tuple{"[K, N]", Channels::kColumns, PairOrder::kColumns}}) {
    static std::map<Channels, std::vector<float>> scales;
    scales[channels] = SymmetricScales(ChannelMaxima(weight, channels, 0).value());
    const std::string suffix = std::string(" ") + name;
    Register("weights: ChannelMaxima" + suffix, 0, [&, channels = channels] {
      benchmark::DoNotOptimize(ChannelMaxima(weight, channels, 0).value());
    });
    Register("weights: QuantizeWeights" + suffix, 1, [&, channels = channels] {
      benchmark::DoNotOptimize(QuantizeWeights(weight, scales[channels], {channels}, 0).value());
    });
    Register("weights: SafeScales" + suffix, 0, [&, channels = channels, order = order] {
      benchmark::DoNotOptimize(SafeScales(weight, {order}, scales[channels], 255, 0).value());
    });
    Register("weights: QuantizeForMatMulNBits" + suffix, 0.5 + 4.0 / 32, [&, channels = channels] {
      benchmark::DoNotOptimize(QuantizeForMatMulNBits(weight, channels, {}, 0).value());
    });
    Register(
        "weights: QuantizeForBlockDequantize" + suffix, 0.5 + 4.0 / 32, [&, channels = channels] {
          benchmark::DoNotOptimize(QuantizeForBlockDequantize(weight, channels, {}, 0).value());
        });
  }
}

}  // namespace
}  // namespace quantbench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  // Better targets have lower bits.
  const std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  benchmark::AddCustomContext("kernels run on", hwy::TargetName(targets & -targets));
  quantbench::RegisterKernels();
  quantbench::RegisterWeights();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
