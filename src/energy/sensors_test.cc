// Finding sensors on devices that are trees of files: a laptop, a server, Jetsons, a Raspberry Pi
// 5, a machine with none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "energy/find.h"
#include "fake_machine.h"

namespace quantbench::testing {
namespace sensors_test {

using ::testing::HasSubstr;

const std::string kBattery = "/sys/class/power_supply/BAT0";
const std::string kGauge = kBattery + "/power_now";

void MakeLaptop(FakeMachine* machine) {
  PutZone(machine, "intel-rapl:0", "package-0", "7000000");
  PutZone(machine, "intel-rapl:0:0", "core", "5000000");
  PutZone(machine, "intel-rapl:0:1", "uncore", "1000000");
  PutZone(machine, "intel-rapl-mmio:0", "package-0", "7000000");
  machine->Put(kBattery + "/type", "Battery");
  machine->Put(kBattery + "/status", "Discharging");
  machine->Put(kGauge, "12500000");
  machine->Put("/sys/class/power_supply/AC/type", "Mains");
  machine->Put("/sys/class/hwmon/hwmon0/name", "BAT0");  // the same gauge once more
  machine->Put("/sys/class/hwmon/hwmon0/power1_input", "12500000");
  machine->Put("/sys/class/hwmon/hwmon1/name", "coretemp");
  machine->Put("/sys/class/hwmon/hwmon1/temp1_input", "45000");
}

std::vector<std::string> NamesOf(const std::vector<EnergySensor>& sensors) {
  std::vector<std::string> names;
  for (const EnergySensor& sensor : sensors) {
    names.push_back(sensor.name + (sensor.usable() ? "" : " refused"));
  }
  return names;
}

using Strings = std::vector<std::string>;

TEST(FindEnergySensors, OfALaptopTakesThePackageOnceAndTheBattery) {
  FakeMachine machine;
  MakeLaptop(&machine);
  const auto sensors = FindEnergySensors(machine);
  ASSERT_EQ(NamesOf(sensors), (Strings{"rapl", "battery-BAT0"}));
  ASSERT_EQ(sensors[0].channels.size(), 1U);  // not core and uncore, which the package holds
  EXPECT_EQ(sensors[0].channels[0].first, "/sys/class/powercap/intel-rapl:0/energy_uj");
  EXPECT_DOUBLE_EQ(sensors[0].channels[0].range_j, 262143.32885);
  EXPECT_EQ(sensors[0].covers, "the processor package");
  EXPECT_EQ(Name(sensors[0].tier), "counter");
  EXPECT_EQ(Name(sensors[1].tier), "battery");
  EXPECT_EQ(ChooseEnergySensor(sensors, "").value().name, "rapl");
  EXPECT_EQ(ChooseEnergySensor(sensors, "battery-BAT0").value().name, "battery-BAT0");
}

TEST(FindEnergySensors, ThePlatformComesFirstAndIsNotAddedToItsPackage) {
  FakeMachine machine;
  MakeLaptop(&machine);
  PutZone(&machine, "intel-rapl:1", "psys", "9000000");
  const auto sensors = FindEnergySensors(machine);
  ASSERT_EQ(NamesOf(sensors), (Strings{"rapl-psys", "rapl", "battery-BAT0"}));
  EXPECT_EQ(sensors[0].channels.size(), 1U);
  EXPECT_EQ(sensors[1].channels.size(), 1U);
}

TEST(FindEnergySensors, OfAServerAddsPackagesAndMemory) {
  FakeMachine machine;
  PutZone(&machine, "intel-rapl:0", "package-0", "11");
  PutZone(&machine, "intel-rapl:0:0", "dram", "12");
  PutZone(&machine, "intel-rapl:1", "package-1", "13");
  PutZone(&machine, "intel-rapl:1:0", "dram", "14");
  PutZone(&machine, "intel-rapl:1:1", "core", "15");
  machine.Put("/sys/class/hwmon/hwmon3/name", "power_meter");
  machine.Put("/sys/class/hwmon/hwmon3/power1_average", "312000000");
  const auto sensors = FindEnergySensors(machine);
  ASSERT_EQ(NamesOf(sensors), (Strings{"rapl", "hwmon-power_meter"}));
  EXPECT_EQ(sensors[0].channels.size(), 4U);
  EXPECT_EQ(sensors[0].covers, "2 processor packages and their memory");
  EXPECT_EQ(Name(sensors[1].tier), "board");
  // Memory that is not counted says zero: the packages are still worth having.
  machine.Put("/sys/class/powercap/intel-rapl:0:0/energy_uj", "0");
  machine.Put("/sys/class/powercap/intel-rapl:1:0/energy_uj", "0");
  EXPECT_EQ(FindEnergySensors(machine)[0].covers, "2 processor packages");
  EXPECT_EQ(ReadChannel(machine, sensors[1].channels[0]).value(), 312);
}

TEST(FindEnergySensors, OfAJetsonNanoTakesTheInputRail) {
  FakeMachine machine;
  const std::string folder = "/sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0";
  const Strings rails = {"POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"};
  const Strings milliwatts = {"3250", "40", "1200"};
  for (std::size_t i = 0; i < rails.size(); ++i) {
    machine.Put(folder + "/rail_name_" + std::to_string(i), rails[i]);
    machine.Put(folder + "/in_power" + std::to_string(i) + "_input", milliwatts[i]);
  }
  const auto sensors = FindEnergySensors(machine);
  ASSERT_EQ(NamesOf(sensors), (Strings{"ina3221"}));
  ASSERT_EQ(sensors[0].channels.size(), 1U);
  EXPECT_EQ(sensors[0].covers, "the module by its input rail POM_5V_IN");
  EXPECT_DOUBLE_EQ(ReadChannel(machine, sensors[0].channels[0]).value(), 3.25);
}

// The kernel's driver tells volts and amperes; a board without an input rail is the sum of rails.
TEST(FindEnergySensors, OfANewerJetsonMultipliesVoltsAndAmperes) {
  FakeMachine machine;
  const std::string folder = "/sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon2";
  const Strings rails = {"VDD_GPU_SOC", "VDD_CPU_CV", "NC"};
  const Strings milliamperes = {"400", "250", "7"};
  for (std::size_t i = 0; i < rails.size(); ++i) {
    const std::string n = std::to_string(i + 1);
    machine.Put(folder + "/in" + n + "_label", rails[i]);
    machine.Put(folder + "/in" + n + "_input", "20000");
    machine.Put(folder + "/curr" + n + "_input", milliamperes[i]);
  }
  machine.Put("/sys/class/hwmon/hwmon2/name", "ina3221");  // the same chip once more
  machine.Put("/sys/class/hwmon/hwmon2/in1_label", rails[0]);
  const auto sensors = FindEnergySensors(machine);
  ASSERT_EQ(NamesOf(sensors), (Strings{"ina3221"}));
  ASSERT_EQ(sensors[0].channels.size(), 2U);  // not the one that is not connected
  EXPECT_EQ(sensors[0].covers, "the sum of the rails VDD_GPU_SOC, VDD_CPU_CV");
  EXPECT_DOUBLE_EQ(ReadChannel(machine, sensors[0].channels[0]).value(), 8);
  EXPECT_DOUBLE_EQ(ReadChannel(machine, sensors[0].channels[1]).value(), 5);
}

const std::string kPmicSays =
    "   3V7_WL_SW_A current(0)=0.10000000A\n     VDD_CORE_A current(7)=2.00000000A\n"
    "   3V7_WL_SW_V volt(8)=3.70000000V\n     VDD_CORE_V volt(15)=0.75000000V\n"
    "        EXT5V_V volt(24)=5.15000000V\n         BATT_V volt(25)=0.00000000V\n";

TEST(FindEnergySensors, OfARaspberryPi5AddsThePmicsRails) {
  FakeMachine machine;
  machine.Put("/proc/device-tree/model", std::string("Raspberry Pi 5 Model B Rev 1.0\0", 31));
  machine.programs["vcgencmd"] = kPmicSays;
  const auto sensors = FindEnergySensors(machine);
  ASSERT_EQ(NamesOf(sensors), (Strings{"pmic"}));
  EXPECT_DOUBLE_EQ(ReadChannel(machine, sensors[0].channels[0]).value(), 0.1 * 3.7 + 2 * 0.75);
  EXPECT_EQ(Name(sensors[0].tier), "rail");
  // A Raspberry Pi 4 has a vcgencmd too, but no such meter.
  machine.Put("/proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4");
  EXPECT_TRUE(FindEnergySensors(machine).empty());
  EXPECT_FALSE(PmicWatts("error=1 error_msg=\"Command not registered\"").ok());
  EXPECT_FALSE(PmicWatts("VDD_A current(7)=xA\nVDD_V volt(8)=1V\n").ok());
}

TEST(FindEnergySensors, ABatteryTellsVoltsAndAmperesOrIsRefusedOnTheCharger) {
  FakeMachine machine;
  MakeLaptop(&machine);
  std::filesystem::remove(machine.root().string() + kGauge);
  machine.Put(kBattery + "/voltage_now", "11000000");
  machine.Put(kBattery + "/current_now", "-1500000");  // some count discharging negative
  auto sensors = FindEnergySensors(machine);
  ASSERT_EQ(NamesOf(sensors), (Strings{"rapl", "battery-BAT0"}));
  EXPECT_DOUBLE_EQ(ReadChannel(machine, sensors[1].channels[0]).value(), 16.5);
  machine.Put(kBattery + "/status", "Charging");
  sensors = FindEnergySensors(machine);
  EXPECT_EQ(sensors[1].refused, "is not discharging (Charging)");
  EXPECT_EQ(sensors[1].remedy, "unplug the charger");
}

TEST(FindEnergySensors, AGpuThatDoesNotCountIsRefusedByName) {
  FakeMachine machine;
  machine.gpus = {"NVIDIA A", "NVIDIA B"};
  machine.gpu_joules = {5000};
  const auto sensors = FindEnergySensors(machine);
  ASSERT_EQ(NamesOf(sensors), (Strings{"nvml-0", "nvml-1 refused"}));
  EXPECT_EQ(sensors[0].covers, "GPU 0 (NVIDIA A), without the processor");
  EXPECT_THAT(sensors[1].refused, HasSubstr("does not count"));
}

TEST(FindEnergySensors, NonsenseIsRefusedByName) {
  for (const auto& [says, why] :
       {std::pair{"0", "answers zero (package-0)"}, std::pair{"<none>", "which is no number"},
        std::pair{"", "which is no number"}, std::pair{"nan", "which is no number"},
        std::pair{"-4", "answers -4e-06 J"}}) {
    FakeMachine machine;
    PutZone(&machine, "intel-rapl:0", "package-0", says);
    const auto sensors = FindEnergySensors(machine);
    ASSERT_EQ(NamesOf(sensors), (Strings{"rapl refused"})) << says;
    EXPECT_THAT(sensors[0].refused, HasSubstr(why)) << says;
    const auto chosen = ChooseEnergySensor(sensors, "");
    ASSERT_FALSE(chosen.ok());
    EXPECT_THAT(chosen.error().message(), HasSubstr(why));
  }
  FakeMachine machine;
  machine.Put("/sys/class/hwmon/hwmon0/name", "ina238");
  machine.Put("/sys/class/hwmon/hwmon0/power1_input", "90000000000000");
  EXPECT_THAT(FindEnergySensors(machine).front().refused, HasSubstr("answers 9e+07 W"));
  machine.Put("/sys/class/hwmon/hwmon0/power1_input", "0");
  EXPECT_EQ(FindEnergySensors(machine).front().refused, "answers zero");
}

TEST(ChooseEnergySensor, ALockedCounterIsNamedWithTheCommandThatUnlocksIt) {
  FakeMachine machine;
  PutZone(&machine, "intel-rapl:0", "package-0", "7");
  PutZone(&machine, "intel-rapl:0:0", "dram", "7");
  machine.denied = {"/sys/class/powercap/intel-rapl:0/energy_uj",
                    "/sys/class/powercap/intel-rapl:0:0/energy_uj"};
  const auto sensors = FindEnergySensors(machine);
  const std::string remedy =
      "sudo chmod a+r /sys/class/powercap/intel-rapl:0/energy_uj "
      "/sys/class/powercap/intel-rapl:0:0/energy_uj";
  EXPECT_EQ(sensors.front().remedy, remedy);
  for (const char* name : {"", "rapl"}) {
    const auto chosen = ChooseEnergySensor(sensors, name);
    ASSERT_FALSE(chosen.ok());
    EXPECT_EQ(chosen.error().code(), ErrorCode::kUnavailable);
    EXPECT_THAT(chosen.error().message(), HasSubstr("rapl may not be read by this user"));
    EXPECT_THAT(chosen.error().message(), HasSubstr(remedy));
  }
}

TEST(ChooseEnergySensor, WithoutAnySaysWhatWasLookedForAndHowToGetOne) {
  const FakeMachine machine;
  const auto sensors = FindEnergySensors(machine);
  EXPECT_TRUE(sensors.empty());
  const auto none = ChooseEnergySensor(sensors, "");
  ASSERT_FALSE(none.ok());
  for (const char* words :
       {"no energy sensor answers here", "RAPL", "INA3221", "PMIC", "NVML", "--sensor meter"}) {
    EXPECT_THAT(none.error().message(), HasSubstr(words));
  }
  FakeMachine laptop;
  MakeLaptop(&laptop);
  const auto wrong = ChooseEnergySensor(FindEnergySensors(laptop), "rap");
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(wrong.error().message(), HasSubstr("did you mean \"rapl\"?"));
}

TEST(Machine, SaysWhyAFileCannotBeRead) {
  FakeMachine machine;
  machine.Put("/sys/a/file", "text");
  EXPECT_EQ(machine.Read("/sys/a/file").value(), "text");
  EXPECT_EQ(machine.Read("/sys/a/none").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(machine.Read("/sys/a").error().code(), ErrorCode::kIo);
  EXPECT_THAT(machine.Read("/sys/a").error().message(), HasSubstr("/sys/a: Is a directory"));
}

TEST(Machine, RunsProgramsOfItsOwnRootOnly) {
  const auto here = MachineAt("/");
  EXPECT_EQ(here->Run({"sh", "-c", "echo volt; exit 0"}).value(), "volt\n");
  EXPECT_EQ(here->Run({"sh", "-c", "exit 3"}).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(here->Run({"quantbench-no-such-program"}).error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(MachineAt("/nowhere")->Run({"sh", "-c", "echo volt"}).ok());
  EXPECT_TRUE(MachineAt("/nowhere")->Gpus().empty());
}

}  // namespace sensors_test
}  // namespace quantbench::testing
