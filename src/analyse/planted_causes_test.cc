// Every cause of a strange result planted in records, and told from them; docs/findings.md lists
// them by the names of these tests.
#include <functional>

#include <gtest/gtest.h>

#include "quantbench/analyse.h"
#include "quantbench/base/random.h"

namespace quantbench {
namespace planted_causes_test {

constexpr double kMs = 1e6;

// One cell of a model m with a variant q; every part can be spoiled.
struct PlantedCell {
  std::int64_t batch = 1;
  DimValues dims = {};
  double original_ms = 10;
  double factor = 0.26;  // q's time over the original's
  double first_run = 1;  // times a later one
  // More than the jitter: how long a lap takes, times what it should.
  std::function<double(int process, int lap)> shape = [](int, int) { return 1.0; };
  double waits = 1;  // wall time over CPU time, of q; the original's is 1
  Json memory = {};
  Json work = {};
  Json conditions = {};
  Json environment = Json::MakeObject()
                         .Set("cpu", "Cortex-A72")
                         .Set("cores", 4)
                         .Set("engine", "ONNX Runtime")
                         .Set("engine_version", "1.22");
};

Json PlantedArm(const std::string& arm, double ms, const PlantedCell& cell, double waits) {
  Random random(arm.size() + static_cast<std::uint64_t>(cell.batch));
  Json processes = Json::Array{};
  for (int process = 0; process < 8; ++process) {
    LatencySamples samples;
    samples.load_ns = static_cast<std::int64_t>(2 * kMs);
    samples.first_run_ns = static_cast<std::int64_t>(ms * cell.first_run * kMs);
    for (int lap = 0; lap < 12; ++lap) {
      const double exact = ms * cell.shape(process, lap) * (1 + 0.002 * random.Normal());
      Lap made;
      made.run_ns = {static_cast<std::int64_t>(exact * kMs)};
      made.cpu_ns = static_cast<std::int64_t>(exact * kMs / waits);
      samples.laps.push_back(std::move(made));
    }
    processes.Append(samples.ToJson());
  }
  return Json::MakeObject().Set("arm", arm).Set("outcome", "ok").Set("processes", processes);
}

Record CellRecord(const PlantedCell& cell) {
  Record record;
  record.key = "measure" + std::to_string(cell.batch);
  for (const auto& [name, value] : cell.dims) record.key += name + std::to_string(value);
  record.what = {CaseKind::kMeasure, "m", "", {cell.batch, 1, cell.dims, false}};
  record.environment = cell.environment;
  record.results = Json::MakeObject().Set(
      "arms", Json(Json::Array{PlantedArm("original", cell.original_ms, cell, 1),
                               PlantedArm("q", cell.original_ms * cell.factor, cell, cell.waits)}));
  record.results.Set("memory", cell.memory);
  record.results.Set("work", cell.work);
  record.results.Set("conditions", cell.conditions);
  return record;
}

ModelSize SizeWith(std::uint64_t bytes, std::int64_t denormals) {
  ModelSize size;
  size.file_bytes = bytes;
  size.by_type["float32"] = {10, 1'000'000, bytes};
  size.denormals = denormals;
  return size;
}

// Four times smaller; of 10 operators that the engine runs `conversions` only convert.
Record QuantizeRecord(std::int64_t conversions, std::int64_t denormals) {
  Record record;
  record.key = "quantize";
  record.what = {CaseKind::kQuantize, "m", "q", {}};
  record.results =
      Json::MakeObject()
          .Set("size_original", SizeWith(4'000'000, denormals).ToJson())
          .Set("size", SizeWith(1'000'000, 0).ToJson())
          .Set("loaded", Json::MakeObject().Set("operators", 10).Set("conversions", conversions));
  return record;
}

Record EvaluateRecord(const std::string& arm, const std::function<bool(int sample)>& right) {
  Predictions predictions;
  predictions.samples = predictions.rows = 1000;
  for (int i = 0; i < 1000; ++i) {
    predictions.labels.push_back(i % 10);
    predictions.classes.push_back(right(i) ? i % 10 : (i + 1) % 10);
  }
  Record record;
  record.key = "evaluate" + arm;
  record.what = {CaseKind::kEvaluate, "m", arm, {}};
  record.results = Json::MakeObject().Set("predictions", predictions.ToJson()).Set("data", "d");
  return record;
}

std::string FindingsOf(std::vector<PlantedCell> cells, std::vector<Record> more = {}) {
  Study study;
  StudyModel model;
  model.id = "m";
  model.data = "d";
  study.models = {model};
  study.data["d"] = {};
  StudyVariant variant;
  variant.id = "q";
  study.variants = {variant};
  study.sweep.batch.clear();
  for (const PlantedCell& cell : cells) {
    study.sweep.batch.push_back(cell.batch);
    for (const auto& [name, value] : cell.dims) study.sweep.dims[name].push_back(value);
    more.push_back(CellRecord(cell));
  }
  std::string text;
  for (const Finding& finding : Analyse(study, more, nullptr).findings) text += finding.text + "\n";
  return text;
}

bool Told(const std::string& findings, std::string_view what) {
  return findings.find(what) != std::string::npos;
}

TEST(PlantedCauses, NothingPlantedNothingTold) {
  const auto right = [](int) { return true; };
  EXPECT_EQ(FindingsOf({PlantedCell()}, {QuantizeRecord(0, 0), EvaluateRecord("original", right),
                                         EvaluateRecord("q", right)}),
            "");
}

TEST(PlantedCauses, QuantizedIsSlower) {
  EXPECT_TRUE(Told(FindingsOf({{.factor = 1.4}}), "m q is slower than the original at batch 1"));
}

TEST(PlantedCauses, FasterByLessThanSmaller) {
  EXPECT_TRUE(Told(FindingsOf({{.factor = 0.6}}, {QuantizeRecord(0, 0)}),
                   "m q is 4.00 times smaller, but at most 1.67 times faster"));
}

TEST(PlantedCauses, GainFallsWithTheBatch) {
  EXPECT_TRUE(Told(FindingsOf({{.batch = 1}, {.batch = 16, .original_ms = 160, .factor = 0.8}}),
                   "m q gains less and less: 3.85 times faster"));
}

TEST(PlantedCauses, GainFallsWithTheLength) {
  const std::string told =
      FindingsOf({{.dims = {{"seq", 16}}, .factor = 0.5},
                  {.dims = {{"seq", 256}}, .original_ms = 200, .factor = 1.2}});
  EXPECT_TRUE(Told(told, "gains less and less")) << told;
  EXPECT_TRUE(Told(told, "from seq 16 to 256")) << told;
}

TEST(PlantedCauses, SweepIsNotMonotone) {
  const std::string told = FindingsOf({{.batch = 8, .original_ms = 80},
                                       {.batch = 9, .original_ms = 130},
                                       {.batch = 16, .original_ms = 150},
                                       {.batch = 32, .original_ms = 290}});
  EXPECT_TRUE(Told(told, "throughput falls by 31 % from batch 8 to 9 and rises again")) << told;
  EXPECT_FALSE(
      Told(FindingsOf({{.batch = 8, .original_ms = 80}, {.batch = 16, .original_ms = 400}}),
           "rises again"));
}

TEST(PlantedCauses, ThroughputFallsForGood) {
  EXPECT_TRUE(Told(FindingsOf({{.batch = 1, .original_ms = 10},
                               {.batch = 8, .original_ms = 40},
                               {.batch = 16, .original_ms = 160}}),
                   "peaks at batch 8"));
}

// What the widest operator goes through grows beyond a cache, or does not.
TEST(PlantedCauses, ACacheExplainsWhyThroughputFalls) {
  const auto at = [](std::int64_t batch, double ms, std::int64_t bytes_of_a_sample) {
    ModelWork work;
    work.total.macs = 1'000'000 * batch;
    work.widest_bytes = bytes_of_a_sample * batch;
    PlantedCell cell;
    cell.batch = batch;
    cell.original_ms = ms;
    cell.work = Json(Json::Array{work.ToJson().Set("arm", "original")});
    const Json cache =
        Json::MakeObject().Set("kind", "read").Set("name", "L3").Set("bytes", 16'000'000);
    cell.environment.Set("peaks", Json::MakeObject().Set("peaks", Json(Json::Array{cache})));
    return cell;
  };
  EXPECT_TRUE(Told(FindingsOf({at(1, 10, 1'500'000), at(8, 40, 1'500'000), at(16, 160, 1'500'000)}),
                   "12 MB at batch 8 and 24 MB at 16, more than the L3 cache (16 MB)"));
  EXPECT_FALSE(Told(FindingsOf({at(1, 10, 1'000), at(8, 40, 1'000), at(16, 160, 1'000)}), "cache"));
}

TEST(PlantedCauses, TwoSpeeds) {
  PlantedCell cell;
  cell.shape = [](int process, int) { return process % 2 == 0 ? 1 : 1.12; };
  EXPECT_TRUE(Told(FindingsOf({cell}), "times jump between two levels"));
}

TEST(PlantedCauses, SlowerWhileMeasuring) {
  PlantedCell cell;
  cell.shape = [](int, int lap) { return 1 + 0.01 * lap; };
  EXPECT_TRUE(Told(FindingsOf({cell}), "times rose while measuring"));
}

TEST(PlantedCauses, Throttled) {
  Conditions before;
  before.throttled = 0;
  Conditions after;
  after.throttled = 7;
  PlantedCell cell;
  cell.conditions = Json(Json::Array{Json(Json::Array{before.ToJson(), after.ToJson()})});
  EXPECT_TRUE(Told(FindingsOf({cell}), "the processor slowed down for heat, 7 times"));
}

TEST(PlantedCauses, FirstRunIsSlow) {
  EXPECT_TRUE(Told(FindingsOf({{.first_run = 20}}), "the first run takes 20 times a later one"));
}

TEST(PlantedCauses, MoreMemoryThoughTheFileIsSmaller) {
  const auto arm = [](const char* name, std::uint64_t peak) {
    return Json::MakeObject()
        .Set("arm", name)
        .Set("outcome", "ok")
        .Set("steady", MemoryUse{peak, 0, peak}.ToJson());
  };
  PlantedCell cell;
  cell.memory = Json::MakeObject()
                    .Set("baseline", MemoryUse{0, 0, 0}.ToJson())
                    .Set("arms", Json(Json::Array{arm("original", 100), arm("q", 190)}));
  EXPECT_TRUE(
      Told(FindingsOf({cell}, {QuantizeRecord(0, 0)}), "needs 1.90 times the original's memory"));
}

TEST(PlantedCauses, MostWorkStayedInFloats) {
  ModelWork work;
  work.total.macs = 1000;
  work.integer_macs = 200;
  PlantedCell cell;
  cell.work = Json(Json::Array{work.ToJson().Set("arm", "q")});
  EXPECT_TRUE(Told(FindingsOf({cell}), "only 20 % of its multiplications are of codes"));
}

TEST(PlantedCauses, ConversionsThatWereNotFused) {
  EXPECT_TRUE(Told(FindingsOf({{.factor = 1.3}}, {QuantizeRecord(4, 0)}),
                   "4 of the 10 operators that the engine runs (40 %) only turn floats"));
}

TEST(PlantedCauses, DenormalWeights) {
  const std::string told = FindingsOf({PlantedCell()}, {QuantizeRecord(0, 20'000)});
  EXPECT_TRUE(Told(told, "m original: 20000 of its float32 weights (2 %) are denormal")) << told;
  EXPECT_FALSE(Told(told, "m q: 0"));
}

Json Denormal(std::int64_t denormals, const std::string& tensor) {
  DenormalCount count;
  count.Add("clean", 60'000, 0);
  count.Add(tensor, 40'000, denormals);
  return count.ToJson();
}

TEST(PlantedCauses, DenormalActivations) {
  Record record = QuantizeRecord(0, 0);
  record.results.Set("activations", Denormal(2'000, "decay/state"));
  record.results.Set("outputs", Denormal(2'000, "y"));
  const std::string told = FindingsOf({PlantedCell()}, {record});
  EXPECT_TRUE(Told(told,
                   "m original: 2 % of the values that flow through it (of 100000 while "
                   "calibrating q) are denormal, below 1.2e-38, most of all in "
                   "\"decay/state\" (5 %)"))
      << told;
  EXPECT_FALSE(Told(told, "answers with"));
  record.results.Set("activations", Denormal(99, "decay/state")).Set("outputs", nullptr);
  EXPECT_EQ(FindingsOf({PlantedCell()}, {record}), "");
}

TEST(PlantedCauses, DenormalOutputs) {
  Record record = QuantizeRecord(0, 0);
  record.results.Set("outputs_original", Denormal(0, "y")).Set("outputs", Denormal(2'000, "y"));
  const std::string told = FindingsOf({PlantedCell()}, {record});
  EXPECT_TRUE(Told(told,
                   "m q: 2 % of the values that it answers with (of 100000 in the comparison "
                   "with the original, of whose 0 % are) are denormal"))
      << told;
}

TEST(PlantedCauses, FewClassesLose) {
  const auto right = [](int) { return true; };
  const auto forgets = [](int sample) { return sample % 10 != 3 || sample % 20 == 3; };
  EXPECT_TRUE(Told(FindingsOf({PlantedCell()},
                              {EvaluateRecord("original", right), EvaluateRecord("q", forgets)}),
                   "m q loses in few classes: class 3"));
}

TEST(PlantedCauses, ClocksDisagree) {
  EXPECT_TRUE(Told(FindingsOf({{.waits = 2}}), "of the original's time by the clock"));
}

TEST(PlantedCauses, DifferentDevices) {
  PlantedCell elsewhere{.batch = 2, .original_ms = 15};
  elsewhere.environment.Set("cpu", "Xeon");
  const std::string told = FindingsOf({PlantedCell(), elsewhere});
  EXPECT_TRUE(Told(told, "m: its times come from 2 devices: Cortex-A72 (4 cores) in 1 case"))
      << told;
  PlantedCell newer{.batch = 2, .original_ms = 15};
  newer.environment.Set("engine_version", "1.23");
  EXPECT_TRUE(Told(FindingsOf({PlantedCell(), newer}), "its times come from 2 engines"));
}

}  // namespace planted_causes_test
}  // namespace quantbench
