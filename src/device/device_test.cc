// Peaks from given repetitions, caches from given files, and operators below given roofs.
#include "quantbench/device.h"

#include <cmath>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "quantbench/base/format.h"

namespace quantbench {
namespace device_test {

namespace fs = std::filesystem;
using ::testing::DoubleNear;
using ::testing::ElementsAre;

// A folder that stands for the root of a machine.
class FakeRoot {
 public:
  FakeRoot() : path_(fs::temp_directory_path() / Format("qb-device-test.{}", getpid())) {
    fs::remove_all(path_);
  }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;
  FakeRoot(FakeRoot&&) = delete;
  FakeRoot& operator=(FakeRoot&&) = delete;
  ~FakeRoot() { fs::remove_all(path_); }
  void Write(const std::string& file, const std::string& text) const {
    fs::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file) << text << "\n";
  }
  void Cache(int index, const std::string& type, int level, const std::string& size,
             const std::string& shared) const {
    const std::string folder = Format("sys/devices/system/cpu/cpu0/cache/index{}/", index);
    Write(folder + "type", type);
    Write(folder + "level", Format("{}", level));
    Write(folder + "size", size);
    Write(folder + "shared_cpu_list", shared);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

TEST(Caches, AreReadFromTheKernel) {
  const FakeRoot root;
  root.Cache(0, "Data", 1, "48K", "0,4");
  root.Cache(1, "Instruction", 1, "32K", "0,4");
  root.Cache(2, "Unified", 2, "1280K", "0,4");
  root.Cache(3, "Unified", 3, "12M", "0-7");
  EXPECT_THAT(ReadCaches(root.path()),
              ElementsAre(CacheLevel{1, 48 << 10, 2}, CacheLevel{2, 1280 << 10, 2},
                          CacheLevel{3, 12 << 20, 8}));
}

TEST(Caches, NonsenseIsNoCache) {
  const FakeRoot root;
  EXPECT_TRUE(ReadCaches(root.path()).empty());
  root.Cache(0, "Data", 1, "big", "0");
  root.Cache(1, "Unified", 2, "99999999999999999999K", "0");
  root.Cache(2, "Unified", 77, "1M", "0");
  root.Cache(3, "Unified", 3, "1M", "3-1,x");
  EXPECT_THAT(ReadCaches(root.path()), ElementsAre(CacheLevel{3, 1 << 20, 1}));
}

TEST(Caches, HaveSizesInPowersOfTwo) {
  EXPECT_EQ(FormatCacheSize(48 << 10), "48 KiB");
  EXPECT_EQ(FormatCacheSize(1280 << 10), "1.25 MiB");
}

TEST(Caches, AreFoundByTheirSteps) {
  // 32 kB at 100, to 512 kB at 50, memory at 10; in between what two levels share.
  const std::vector<std::pair<std::uint64_t, double>> rates = {
      {8 << 10, 99},   {16 << 10, 100}, {32 << 10, 98},  {64 << 10, 60},
      {128 << 10, 50}, {256 << 10, 50}, {512 << 10, 48}, {1 << 20, 20},
      {2 << 20, 10.5}, {4 << 20, 10},   {8 << 20, 10}};
  EXPECT_THAT(FindCaches(rates),
              ElementsAre(CacheLevel{1, 32 << 10, 1}, CacheLevel{2, 512 << 10, 1}));
  EXPECT_TRUE(FindCaches(std::vector<std::pair<std::uint64_t, double>>{{1, 5}, {2, 5}}).empty());
  EXPECT_TRUE(FindCaches({}).empty());
}

TEST(Rates, OfOneThreadAreByCpuTime) {
  // The second had to wait for the processor: it counts as fast as the first.
  const std::vector<Burst> bursts = {
      {0, 1000, 1000, 2000}, {1000, 5000, 1000, 2000}, {5000, 6000, 1000, 1500}};
  const Rate rate = RateOfThread(bursts);
  EXPECT_DOUBLE_EQ(rate.per_s, 2e9);
  EXPECT_DOUBLE_EQ(rate.spread, 0);
  EXPECT_DOUBLE_EQ(rate.waited, 0.5);
  EXPECT_EQ(RateOfThread({}).per_s, 0);
}

TEST(Rates, OfThreadsAddWhatIsDoneAtTheSameTime) {
  const std::vector<std::vector<Burst>> both = {
      {{0, 100, 100, 100}, {100, 200, 100, 100}, {200, 300, 100, 100}},
      // Half as fast from 150 on, and not there before 50.
      {{50, 150, 100, 100}, {150, 350, 200, 100}}};
  const Rate rate = RateOfThreads(both);
  // [0, 100) began without the second; [100, 200): 100 + 50 + 25; [200, 300): 100 + 50.
  EXPECT_DOUBLE_EQ(rate.per_s, 1.75e9);
  EXPECT_DOUBLE_EQ(rate.spread, 0);  // the upper of two is the median
  EXPECT_EQ(RateOfThreads({}).per_s, 0);
}

// 100 G float32 and 200 G int8 a second on one thread, twice that on two; 32 kB at 200, 1 MB at
// 50, memory at 10 GB/s, and on two threads at 15.
DevicePeaks Peaks() {
  const auto peak = [](PeakKind kind, std::string name, std::uint64_t bytes, double one,
                       double all) {
    return Peak{kind, std::move(name), bytes, {one * 1e9, 0, 0}, {all * 1e9, 0, 0}};
  };
  DevicePeaks peaks;
  peaks.threads = 2;
  peaks.peaks = {peak(PeakKind::kFloat32, "FMA", 0, 100, 200),
                 peak(PeakKind::kInt8, "slow", 0, 150, 300),
                 peak(PeakKind::kInt8, "dot", 0, 200, 400),
                 peak(PeakKind::kRead, "L1", 32 << 10, 200, 400),
                 peak(PeakKind::kRead, "L2", 1 << 20, 50, 100),
                 peak(PeakKind::kRead, "memory", 0, 10, 15)};
  return peaks;
}

TEST(Peaks, AnswerForThreadsAndSizes) {
  DevicePeaks peaks = Peaks();
  EXPECT_EQ(peaks.Fastest(PeakKind::kInt8, 1)->name, "dot");
  EXPECT_EQ(peaks.LevelOf(32 << 10)->name, "L1");
  EXPECT_EQ(peaks.LevelOf((32 << 10) + 1)->name, "L2");
  EXPECT_EQ(peaks.LevelOf(1 << 30)->name, "memory");
  EXPECT_DOUBLE_EQ(peaks.PerSecond(peaks.peaks.back(), 2), 15e9);
  EXPECT_DOUBLE_EQ(peaks.PerSecond(peaks.peaks.back(), 1), 10e9);
  EXPECT_DOUBLE_EQ(peaks.PerSecond(peaks.peaks.back(), 0), 15e9);
  peaks.threads = 4;  // two of four: no more than twice one, no more than all
  EXPECT_DOUBLE_EQ(peaks.PerSecond(peaks.peaks.back(), 2), 15e9);
  EXPECT_DOUBLE_EQ(peaks.PerSecond(peaks.peaks.front(), 2), 200e9);
  peaks.peaks.pop_back();
  EXPECT_EQ(peaks.LevelOf(1 << 30)->name, "L2");
}

TEST(Peaks, SurviveJson) {
  const DevicePeaks peaks = Peaks();
  const auto read = DevicePeaks::FromJson(peaks.ToJson());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read.value().ToJson(), peaks.ToJson());
  Json broken = peaks.ToJson();
  broken.Set("peaks", Json::Array{});
  EXPECT_FALSE(DevicePeaks::FromJson(broken).ok());
  Json entry = peaks.ToJson()["peaks"].AsArray().front();
  entry.Set("one", Json::MakeObject().Set("per_s", -1.0).Set("spread", 0.0).Set("waited", 0.0));
  broken.Set("peaks", Json::Array{entry});
  EXPECT_FALSE(DevicePeaks::FromJson(broken).ok());
}

TEST(Peaks, AreDoubtfulWhenTheMachineWasBusy) {
  DevicePeaks peaks = Peaks();
  EXPECT_FALSE(peaks.is_doubtful());
  peaks.peaks.front().all.waited = 0.4;
  EXPECT_TRUE(peaks.is_doubtful());
}

TEST(Peaks, AreMeasured) {
  SilentProgress silent;
  PeakOptions options;
  options.budget_ns = 20'000'000;
  options.caches = {{1, 32 << 10, 1}, {2, 256 << 10, 1}};
  options.memory_bytes = 4 << 20;
  const DevicePeaks peaks = MeasurePeaks(options, silent);
  EXPECT_GE(peaks.threads, 1);
  for (const Peak& peak : peaks.peaks) {
    EXPECT_GT(peak.one.per_s, 0) << peak.name;
    EXPECT_GT(peak.all.per_s, 0) << peak.name;
  }
  EXPECT_NE(peaks.Fastest(PeakKind::kFloat32, 1), nullptr);
  EXPECT_NE(peaks.Fastest(PeakKind::kInt8, 1), nullptr);
  EXPECT_EQ(peaks.LevelOf(1)->name, "L1");
  EXPECT_EQ(peaks.LevelOf(1 << 30)->name, "memory");
  EXPECT_FALSE(Int8Paths().empty());
}

OperatorWork Product(std::string name, std::int64_t macs, std::int64_t weight_bytes,
                     std::int64_t other_bytes) {
  OperatorWork op;
  op.name = std::move(name);
  op.op_type = "MatMul";
  op.work.macs = macs;
  op.work.bytes_read = weight_bytes + other_bytes;
  op.weight_bytes = weight_bytes;
  return op;
}

TEST(Roofline, ComputingBindsWhereMuchIsDoneWithFewBytes) {
  ModelWork work;
  work.operators = {Product("p", 50'000'000, 1000, 1000)};  // 100 M operations
  const PlacedModel one = PlaceModel(work, Peaks(), 1, Fusing::kBest);
  ASSERT_EQ(one.operators.size(), 1U);
  EXPECT_DOUBLE_EQ(one.least_s, 1e-3);
  EXPECT_EQ(one.roof, "float32");
  EXPECT_DOUBLE_EQ(one.operators.front().intensity(), 50'000);
  EXPECT_DOUBLE_EQ(PlaceModel(work, Peaks(), 2, Fusing::kBest).least_s, 0.5e-3);

  work.operators.front().integer = true;
  const PlacedModel codes = PlaceModel(work, Peaks(), 1, Fusing::kBest);
  EXPECT_DOUBLE_EQ(codes.least_s, 0.5e-3);
  EXPECT_EQ(codes.roof, "int8");
  EXPECT_DOUBLE_EQ(SpeedupBound(one, codes), 2);
  EXPECT_EQ(SpeedupBound(one, PlacedModel()), 0);
}

TEST(Roofline, WeightsComeFromWhereTheWholeModelFits) {
  ModelWork work;
  // Each operator fits the second level, the weights of both together do not.
  work.operators = {Product("p", 1000, 600'000, 1000), Product("q", 1000, 600'000, 40'000)};
  const PlacedModel placed = PlaceModel(work, Peaks(), 1, Fusing::kBest);
  ASSERT_EQ(placed.operators.size(), 2U);
  // Weights from memory at 10 GB/s, the others from the first and the second level.
  EXPECT_THAT(placed.operators[0].transfer_s, DoubleNear(60e-6 + 1000 / 200e9, 1e-12));
  EXPECT_THAT(placed.operators[1].transfer_s, DoubleNear(60e-6 + 40'000 / 50e9, 1e-12));
  EXPECT_EQ(placed.roof, "memory");
  work.operators.pop_back();
  EXPECT_EQ(PlaceModel(work, Peaks(), 1, Fusing::kBest).roof, "L2");
}

TEST(Roofline, OfCodesAQuarterOfTheBytesMoves) {
  ModelWork floats;
  floats.operators = {Product("p", 1000, 8'000'000, 0)};
  ModelWork decoded = floats;
  decoded.operators.front().integer = decoded.operators.front().decoded = true;
  OperatorWork quantize;
  quantize.op_type = "QuantizeLinear";
  quantize.work.elementwise = 1'000'000'000;
  quantize.work.bytes_read = 1'000'000'000;
  decoded.operators.push_back(quantize);
  const PlacedModel original = PlaceModel(floats, Peaks(), 1, Fusing::kBest);
  // 2 MB of codes still come from memory; QuantizeLinear is part of its neighbour.
  EXPECT_NEAR(SpeedupBound(original, PlaceModel(decoded, Peaks(), 1, Fusing::kBest)), 4, 1e-9);
  // As the graph lists them, everything moves as it is written.
  EXPECT_LT(SpeedupBound(original, PlaceModel(decoded, Peaks(), 1, Fusing::kAsListed)), 0.1);
}

TEST(Roofline, WithoutFusingElementwiseOperatorsMoveTheirTensors) {
  OperatorWork add;
  add.op_type = "Add";
  add.work.elementwise = 1'000'000;
  add.work.bytes_read = 8'000'000;
  add.work.bytes_written = 4'000'000;
  ModelWork work;
  work.operators = {add};
  EXPECT_DOUBLE_EQ(PlaceModel(work, Peaks(), 1, Fusing::kBest).least_s, 1e-5);
  EXPECT_DOUBLE_EQ(PlaceModel(work, Peaks(), 1, Fusing::kAsListed).least_s, 1.2e-3);
}

TEST(Roofline, WithoutPeaksNothingIsPlaced) {
  ModelWork work;
  work.operators = {Product("p", 1000, 10, 10)};
  const PlacedModel placed = PlaceModel(work, DevicePeaks(), 1, Fusing::kBest);
  EXPECT_EQ(placed.least_s, 0);
  EXPECT_TRUE(placed.operators.empty());
}

}  // namespace device_test
}  // namespace quantbench
