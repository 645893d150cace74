// `quantbench bench --scenario energy` and `quantbench energy`, from the user's seat: devices with
// no sensor, a locked one, one that stands still, and an external meter whose log is made up from
// the blocks that were run, so that its watts must come out again.
#include <cmath>
#include <map>

#include "quantbench/base/format.h"
#include "quantbench/base/json.h"

#include "end_to_end/program.h"

namespace quantbench::testing {
namespace {

using EnergyRun = ProgramTest;
const std::string kMlp = kQuickstart + "models/glyph_mlp.onnx";
const std::string kQuick = " --scenario energy --block 100ms --rounds 2 --processes 2 ";
constexpr double kWorkWatts = 25;
constexpr double kIdleWatts = 5;

Json OutputOf(const Ran& ran) {
  auto json = Json::Parse(ran.out);
  EXPECT_TRUE(json.ok()) << ran.out << ran.err;
  return json.ok() ? std::move(json).value() : Json();
}

TEST_F(EnergyRun, WithoutASensorSaysHowToGetANumber) {
  fs::create_directories(folder_ / "empty");
  const Ran ran = Run("bench " + kMlp + " " + kMlp + kQuick + "--sensor-root empty -o json");
  EXPECT_EQ(ran.code, 4) << ran.err;
  EXPECT_NE(ran.err.find("no energy sensor answers here"), std::string::npos) << ran.err;
  const Json json = OutputOf(ran);
  const auto& rows = json["Energy"].AsArray();
  ASSERT_EQ(rows.size(), 1U) << ran.out;
  EXPECT_FALSE(rows[0]["mJ gross"].is_number());
  const std::string& remark = rows[0]["remark"].AsString();
  EXPECT_EQ(remark.find("skipped: no energy sensor"), 0U) << remark;
  EXPECT_NE(remark.find("--sensor meter"), std::string::npos) << remark;
}

TEST_F(EnergyRun, ALockedCounterIsNamedWithItsRemedy) {
  const std::string zone = "root/sys/class/powercap/intel-rapl:0";
  fs::create_directories(folder_ / zone);
  Put(zone + "/name", "package-0\n");
  Put(zone + "/energy_uj", "77\n");
  fs::permissions(folder_ / zone / "energy_uj", fs::perms::none);
  const Ran ran = RunBoundByPermissions("bench " + kMlp + kQuick + "--sensor-root root");
  EXPECT_EQ(ran.code, 4) << ran.err;
  EXPECT_NE(ran.err.find("sudo chmod a+r /sys/class/powercap/intel-rapl:0/energy_uj"),
            std::string::npos)
      << ran.err;
}

TEST_F(EnergyRun, ASensorThatStandsStillIsRefusedByName) {
  const std::string chip = "root/sys/class/hwmon/hwmon0";
  fs::create_directories(folder_ / chip);
  Put(chip + "/name", "ina238\n");
  Put(chip + "/power1_input", "5000000\n");
  const Ran ran = Run("bench " + kMlp + kQuick + "--sensor-root root");
  EXPECT_EQ(ran.code, 4) << ran.err;
  EXPECT_NE(ran.err.find("energy sensor hwmon-ina238: said something new 0 times"),
            std::string::npos)
      << ran.err;
  EXPECT_NE(Run("bench " + kMlp + kQuick + "--sensor-root root --sensor ina").err.find("no energy"),
            std::string::npos);
}

// Entries over a block and a millisecond around it, ten in it.
void LogBlocks(const Json& blocks, std::int64_t began_utc_ns, double watts,
               std::map<std::int64_t, double>* log) {
  const auto& starts = blocks["start_ns"].AsArray();
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::int64_t wall = blocks["wall_ns"].AsArray()[i].AsInt();
    const std::int64_t from = began_utc_ns + starts[i].AsInt();
    for (int step = 0; step <= 10; ++step) (*log)[from + wall * step / 10] = watts;
    (*log)[from - 1'000'000] = watts;
    (*log)[from + wall + 1'000'000] = watts;
  }
}

// The log that a meter would have written while the only record of a folder was made.
std::string MeterLogOf(const fs::path& records) {
  Json record;
  for (const auto& entry : fs::directory_iterator(records)) {
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    const Json json = Json::Parse(text.str()).value();
    if (json["kind"].AsString() == "scenario") record = json;
  }
  std::map<std::int64_t, double> log;
  const Json& results = record["results"];
  const auto& began = results["began_utc_ns"].AsArray();
  EXPECT_FALSE(began.empty());
  for (std::size_t process = 0; process < began.size(); ++process) {
    LogBlocks(results["idle"].AsArray()[process], began[process].AsInt(), kIdleWatts, &log);
    for (const Json& arm : results["arms"].AsArray()) {
      LogBlocks(arm["processes"].AsArray()[process], began[process].AsInt(), kWorkWatts, &log);
    }
  }
  std::string csv = "time,note,watts\n";
  for (const auto& [utc_ns, watts] : log) {
    csv += Format("{}.{:09},x,{}\n", utc_ns / 1'000'000'000, utc_ns % 1'000'000'000, watts);
  }
  return csv;
}

TEST_F(EnergyRun, AnExternalMetersLogIsJoinedWithTheBlocks) {
  EXPECT_EQ(Run("bench " + kMlp + kQuick + "--sensor meter").code, 2);  // nowhere to keep them
  const Ran ran = Run("bench " + kMlp + " " + kMlp + kQuick + "--sensor meter --keep run");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("quantbench energy joins"), std::string::npos) << ran.out;
  Put("power.csv", MeterLogOf(folder_ / "run" / "records"));
  for (int i = 0; i < 2; ++i) {  // a second time replaces the first
    const Ran joined = Run("energy run --meter power.csv --carbon 360 -o json");
    ASSERT_EQ(joined.code, 0) << joined.err;
    const Json json = OutputOf(joined);
    const auto& rows = json["Energy"].AsArray();
    ASSERT_EQ(rows.size(), 2U) << joined.out;
    for (const Json& row : rows) {
      EXPECT_EQ(row["arm"].AsString(), "glyph_mlp.onnx");
      EXPECT_NEAR(row["W"].AsDouble(), kWorkWatts, 0.05) << joined.out;
      EXPECT_NEAR(row["idle W"].AsDouble(), kIdleWatts, 0.05);
      const double gross = row["mJ gross"].AsDouble();
      EXPECT_GT(gross, 0);
      EXPECT_NEAR(row["mJ net"].AsDouble() / gross, 0.8, 0.02);
      EXPECT_NEAR(row["g CO2e a million"].AsDouble() / gross, 1000 / 3.6e6 * 360, 0.002);
      EXPECT_NE(row["source"].AsString().find("external meter"), std::string::npos);
    }
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "run" / "records"), {}), 2);
  Put("late.csv", "time,watts\n1,5\n2,5\n");
  const Ran late = Run("energy run --meter late.csv");
  EXPECT_EQ(late.code, 5);
  EXPECT_NE(late.err.find("block 1 of idling"), std::string::npos) << late.err;
  EXPECT_NE(late.err.find("does not reach over it"), std::string::npos) << late.err;
  EXPECT_EQ(CountLines(late.err), 1) << late.err;
  Put("bad.csv", "time,watts\n1,5\n2,\x1b[31mfive\n");
  const Ran bad = Run("energy run --meter bad.csv");
  EXPECT_EQ(bad.code, 5);
  EXPECT_NE(bad.err.find("bad.csv:3: \"\\x1b[31mfive\" is no number"), std::string::npos)
      << bad.err;
  EXPECT_EQ(Run("energy nowhere --meter bad.csv").code, 2);
  EXPECT_EQ(Run("energy run --meter power.csv --zone CEST").code, 2);
}

TEST_F(EnergyRun, AStudysReportTakesTheJoinedJoules) {
  Put("study.toml",
      "[study]\ntitle = \"joules\"\nrepetitions = 2\nprocesses = 1\nmax_processes = 1\n"
      "[[model]]\nid = \"mlp\"\npath = \"" +
          kMlp +
          "\"\n[[variant]]\nid = \"dyn\"\nrecipe = \"dynamic-int8\"\n"
          "[scenario]\nrun = [\"energy\"]\nsensor = \"meter\"\nblock_s = 0.1\nrounds = 1\n"
          "processes = 2\ncarbon_g_per_kwh = 360\n");
  const Ran first = Run("run study.toml --results out");
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_NE(Read(folder_ / "out" / "report.md").find("## Energy"), std::string::npos);
  Put("power.csv", MeterLogOf(folder_ / "out" / "records"));
  ASSERT_EQ(Run("energy out --meter power.csv").code, 0);
  ASSERT_EQ(Run("report study.toml --results out").code, 0);
  const std::string table = Read(folder_ / "out" / "tables" / "energy.csv");
  EXPECT_NE(table.find("external meter"), std::string::npos) << table;
  EXPECT_EQ(table.find("joins"), std::string::npos) << table;
  const Ran again = Run("run study.toml --results out");
  EXPECT_NE(again.err.find("0 done now"), std::string::npos) << again.err;
  Put("bad.toml", "[study]\ntitle = \"t\"\n[[model]]\nid = \"m\"\npath = \"" + kMlp +
                      "\"\n[scenario]\nrun = [\"energy\"]\nblock_s = 0\ncarbon_g_per_kwh = -1\n");
  const Ran bad = Run("run bad.toml");
  EXPECT_EQ(bad.code, 2);
  EXPECT_NE(bad.err.find("block_s must be between"), std::string::npos) << bad.err;
  EXPECT_NE(bad.err.find("carbon_g_per_kwh must be between"), std::string::npos) << bad.err;
}

}  // namespace
}  // namespace quantbench::testing
