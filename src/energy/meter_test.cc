// Sensors being read under a fake clock: counters that wrap, stall, fall back, grow too fast or are
// taken away; power that is integrated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/base/format.h"

#include "fake_machine.h"

namespace quantbench::testing {
namespace meter_test {

using ::testing::HasSubstr;

constexpr std::int64_t kSecond = 1'000'000'000;
const std::string kCounterFile = "/sys/class/powercap/intel-rapl:0/energy_uj";
const std::string kPowerFile = "/sys/class/hwmon/hwmon0/power1_input";

// A package that counts up to 1000 J and begins at 990 J.
class Counting : public ::testing::Test {
 protected:
  Counting() { PutZone(&machine_, "intel-rapl:0", "package-0", "990000000", "1000000000"); }
  EnergySensor Rapl() { return FindEnergySensors(machine_).front(); }
  void Set(std::int64_t joules) { machine_.Put(kCounterFile, Format("{}", joules * 1'000'000)); }
  FakeMachine machine_;
  FakeClock clock_;
};

TEST_F(Counting, AWrapIsUndone) {
  EnergyMeter meter(Rapl(), machine_, clock_);
  EXPECT_EQ(meter.Joules().value(), 0);
  clock_.now += kSecond;
  Set(995);
  EXPECT_DOUBLE_EQ(meter.Joules().value(), 5);
  clock_.now += kSecond;
  Set(7);
  EXPECT_DOUBLE_EQ(meter.Joules().value(), 17);
  clock_.now += kSecond;
  Set(9);
  EXPECT_DOUBLE_EQ(meter.Joules().value(), 19);
}

TEST_F(Counting, AFallThatIsNoWrapIsRefusedForGood) {
  // Half a second before, 990 J: a wrap from there to 980 J would be 990 J in it.
  EnergySensor sensor = Rapl();
  sensor.most_watts = 500;
  EnergyMeter meter(sensor, machine_, clock_);
  EXPECT_TRUE(meter.Joules().ok());
  clock_.now += kSecond / 2;
  Set(980);
  const auto fallen = meter.Joules();
  ASSERT_FALSE(fallen.ok());
  EXPECT_EQ(fallen.error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(fallen.error().message(),
            "energy sensor rapl: package-0 fell from 990 J to 980 J, and that is no wrap");
  Set(1000);
  EXPECT_FALSE(meter.Joules().ok());  // what it counts from is unknown
}

TEST_F(Counting, AFallWithoutAKnownRangeIsRefused) {
  EnergySensor sensor = Rapl();
  sensor.channels[0].range_j = 0;
  EnergyMeter meter(sensor, machine_, clock_);
  EXPECT_TRUE(meter.Joules().ok());
  clock_.now += kSecond;
  Set(1);
  EXPECT_FALSE(meter.Joules().ok());
}

TEST_F(Counting, ImplausibleWattsAreRefused) {
  EnergyMeter meter(Rapl(), machine_, clock_);
  EXPECT_TRUE(meter.Joules().ok());
  clock_.now += kSecond / 10;
  Set(990 + 300);
  EXPECT_THAT(meter.Joules().error().message(), HasSubstr("3000 W is nonsense"));
}

// Counters move in steps: one that falls between two readings close together is no nonsense.
TEST_F(Counting, AStepBetweenNearReadingsIsBelieved) {
  EnergyMeter meter(Rapl(), machine_, clock_);
  EXPECT_TRUE(meter.Joules().ok());
  clock_.now += 1000;
  Set(991);
  EXPECT_DOUBLE_EQ(meter.Joules().value(), 1);
}

TEST_F(Counting, OneThatIsTakenAwayIsNamed) {
  EnergyMeter meter(Rapl(), machine_, clock_);
  EXPECT_TRUE(meter.Joules().ok());
  machine_.denied.insert(kCounterFile);
  EXPECT_THAT(meter.Joules().error().message(), HasSubstr("energy sensor rapl"));
  EXPECT_THAT(meter.Joules().error().message(), HasSubstr("Permission denied"));
}

TEST_F(Counting, OneThatStallsDoesNotChange) {
  EnergyMeter meter(Rapl(), machine_, clock_);
  for (int i = 0; i < 5; ++i) {
    clock_.now += kSecond;
    EXPECT_EQ(meter.Joules().value(), 0);
  }
  EXPECT_EQ(meter.readings(), 5);
  EXPECT_EQ(meter.changes(), 0);
}

class Powered : public ::testing::Test {
 protected:
  Powered() {
    machine_.Put("/sys/class/hwmon/hwmon0/name", "ina238");
    Set(4);
  }
  void Set(double watts) { machine_.Put(kPowerFile, Format("{}", watts * 1e6)); }
  EnergySensor Sensor() { return FindEnergySensors(machine_).front(); }
  FakeMachine machine_;
  FakeClock clock_;
};

TEST_F(Powered, PowerIsIntegratedByTrapezoids) {
  EnergyMeter meter(Sensor(), machine_, clock_);
  EXPECT_EQ(meter.Joules().value(), 0);
  clock_.now += kSecond;  // 4 W to 8 W in 1 s
  Set(8);
  EXPECT_DOUBLE_EQ(meter.Joules().value(), 6);
  clock_.now += kSecond / 2;
  EXPECT_DOUBLE_EQ(meter.Joules().value(), 10);
  EXPECT_EQ(meter.changes(), 1);
}

TEST_F(Powered, NegativeAndImpossibleWattsAreRefused) {
  for (const double watts : {-3.0, 1e6}) {
    Set(4);
    EnergyMeter meter(Sensor(), machine_, clock_);
    EXPECT_TRUE(meter.Joules().ok());
    clock_.now += kSecond;
    Set(watts);
    EXPECT_THAT(meter.Joules().error().message(), HasSubstr("W is nonsense")) << watts;
  }
}

TEST_F(Powered, AThreadReadsToo) {
  EnergySensor sensor = Sensor();
  sensor.sample_ns = 100'000;
  EnergyMeter meter(sensor, machine_, clock_);
  EXPECT_TRUE(meter.Joules().ok());
  meter.KeepReading();
  while (meter.readings() < 20) std::this_thread::yield();
  EXPECT_EQ(meter.Joules().value(), 0);  // no time passed
}

}  // namespace meter_test
}  // namespace quantbench::testing
