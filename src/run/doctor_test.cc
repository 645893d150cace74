// The doctor on machines made of files.
#include "run/doctor.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "quantbench/base/format.h"

namespace quantbench {
namespace doctor_test {

namespace fs = std::filesystem;

// A folder that stands for the root of a machine.
class FakeMachine {
 public:
  FakeMachine() : root_(fs::temp_directory_path() / Format("qb-doctor-test.{}", getpid())) {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  FakeMachine(const FakeMachine&) = delete;
  FakeMachine& operator=(const FakeMachine&) = delete;
  FakeMachine(FakeMachine&&) = delete;
  FakeMachine& operator=(FakeMachine&&) = delete;
  ~FakeMachine() { fs::remove_all(root_); }
  void Write(const std::string& file, const std::string& text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text << "\n";
  }
  [[nodiscard]] const fs::path& root() const { return root_; }
  // Everything but the load.
  [[nodiscard]] std::vector<DoctorItem> Items() const {
    std::vector<DoctorItem> items = ProcessorItems(root_);
    for (auto& part : {SpeedItems(root_), SystemItems(root_)}) {
      items.insert(items.end(), part.begin(), part.end());
    }
    return items;
  }

 private:
  fs::path root_;
};

DoctorItem Find(const std::vector<DoctorItem>& items, const std::string& what) {
  for (const DoctorItem& item : items) {
    if (item.what == what) return item;
  }
  ADD_FAILURE() << "no item " << what;
  return {};
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Doctor, ALaptopSavesPower) {
  const FakeMachine machine;
  machine.Write("proc/cpuinfo",
                "processor\t: 0\nmodel name\t: Some Laptop CPU\nflags\t\t: fpu avx2 fma avx_vnni");
  for (int i = 0; i < 4; ++i) {
    const std::string cpu = Format("sys/devices/system/cpu/cpu{}/", i);
    machine.Write(cpu + "topology/thread_siblings_list", i < 2 ? "0-1" : "2-3");
    machine.Write(cpu + "topology/physical_package_id", "0");
    machine.Write(cpu + "thermal_throttle/core_throttle_count", "3");
  }
  const std::string policy = "sys/devices/system/cpu/cpufreq/policy0/";
  machine.Write(policy + "scaling_governor", "powersave");
  machine.Write(policy + "scaling_min_freq", "400000");
  machine.Write(policy + "scaling_max_freq", "4700000");
  machine.Write("sys/devices/system/cpu/intel_pstate/no_turbo", "0");
  machine.Write("sys/class/thermal/thermal_zone0/temp", "45000");
  machine.Write("sys/class/thermal/thermal_zone1/temp", "91000");
  machine.Write("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet");
  const auto items = machine.Items();
  EXPECT_EQ(Find(items, "processor").value, "Some Laptop CPU");
  EXPECT_TRUE(Contains(Find(items, "cores").value, "2 with 4 threads"));
  EXPECT_TRUE(Contains(Find(items, "cores").remedy, "smt/control"));
  EXPECT_EQ(Find(items, "int8 instructions").value, "avx2 fma avx_vnni");
  const DoctorItem governor = Find(items, "frequency governor");
  EXPECT_FALSE(governor.fine);
  EXPECT_EQ(governor.value, "powersave (0.4 to 4.7 GHz)");
  EXPECT_EQ(governor.remedy, "sudo cpupower frequency-set -g performance");
  EXPECT_TRUE(Contains(Find(items, "turbo").remedy, "no_turbo"));
  EXPECT_FALSE(Find(items, "throttling").fine);
  EXPECT_TRUE(Contains(Find(items, "throttling").value, "12 times"));
  EXPECT_EQ(Find(items, "temperature").value, "91 °C");
  EXPECT_FALSE(Find(items, "temperature").fine);
  EXPECT_FALSE(Find(items, "clock").fine);
  EXPECT_EQ(Find(items, "virtual machine").value, "no");
}

TEST(Doctor, AnUntroubledMachineIsFine) {
  const FakeMachine machine;
  machine.Write("sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "performance");
  machine.Write("sys/devices/system/cpu/cpufreq/boost", "0");
  machine.Write("proc/cpuinfo", "model name\t: CPU\nflags\t\t: avx2 fma avx512_vnni");
  machine.Write(
      "proc/meminfo",
      "MemTotal:  8000000 kB\nMemAvailable:  6000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB");
  for (const DoctorItem& item : machine.Items()) EXPECT_TRUE(item.fine) << item.what;
}

TEST(Doctor, NothingIsVisibleWithoutFiles) {
  const FakeMachine machine;
  for (const DoctorItem& item : machine.Items()) {
    EXPECT_TRUE(item.fine || item.what == "int8 instructions") << item.what;
    EXPECT_FALSE(item.value.empty()) << item.what;
  }
  const LoadSample sample = SampleLoad(machine.root());
  EXPECT_EQ(Find(LoadItems(machine.root(), sample, sample), "load").value, "not visible");
}

TEST(Doctor, AContainerWithAQuotaStopsRuns) {
  const FakeMachine machine;
  machine.Write(".dockerenv", "");
  machine.Write("sys/fs/cgroup/cpu.max", "150000 100000");
  machine.Write("sys/fs/cgroup/memory.max", "2000000000");
  machine.Write("sys/fs/cgroup/cpu.stat", "usage_usec 5\nnr_periods 9\nnr_throttled 7");
  const DoctorItem item = Find(machine.Items(), "container limits");
  EXPECT_FALSE(item.fine);
  EXPECT_EQ(item.value,
            "a container, quota of 1.5 CPUs, stopped 7 times by it, at most 2.00 GB of memory");
  EXPECT_TRUE(Contains(item.remedy, "--cpuset-cpus 0 "));
}

TEST(Doctor, TheTightestLimitOfNestedGroupsCounts) {
  const FakeMachine machine;
  machine.Write("proc/self/cgroup", "0::/user.slice/session.scope");
  machine.Write("sys/fs/cgroup/user.slice/session.scope/cpu.max", "max 100000");
  machine.Write("sys/fs/cgroup/user.slice/cpu.max", "400000 100000");
  const DoctorItem item = Find(machine.Items(), "container limits");
  EXPECT_EQ(item.value, "no container seen, quota of 4 CPUs");
  EXPECT_TRUE(Contains(item.remedy, "--cpuset-cpus 0-3 "));
}

TEST(Doctor, OldControlGroupsLimitToo) {
  const FakeMachine machine;
  machine.Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000");
  machine.Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  machine.Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
  EXPECT_EQ(Find(machine.Items(), "container limits").value,
            "no container seen, quota of 0.5 CPUs");
  machine.Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1");
  EXPECT_TRUE(Find(machine.Items(), "container limits").fine);
}

TEST(Doctor, ARaspberryPiTellsOfItsSupply) {
  const FakeMachine machine;
  machine.Write("proc/cpuinfo", "Features\t: fp asimd\nModel\t\t: Raspberry Pi 4 Model B");
  machine.Write("sys/devices/platform/soc/soc:firmware/get_throttled", "50005");
  const auto items = machine.Items();
  EXPECT_EQ(Find(items, "processor").value, "Raspberry Pi 4 Model B");
  EXPECT_FALSE(Find(items, "int8 instructions").fine);
  const DoctorItem supply = Find(items, "power supply");
  EXPECT_FALSE(supply.fine);
  EXPECT_EQ(supply.value, "now: under-voltage, throttled");
  EXPECT_TRUE(Contains(supply.remedy, "supply"));
  machine.Write("sys/devices/platform/soc/soc:firmware/get_throttled", "80000");
  EXPECT_EQ(Find(machine.Items(), "power supply").value, "since the start: too warm");
  machine.Write("sys/devices/platform/soc/soc:firmware/get_throttled", "0");
  EXPECT_TRUE(Find(machine.Items(), "power supply").fine);
}

TEST(Doctor, AVirtualMachineSharesItsProcessor) {
  const FakeMachine machine;
  machine.Write("proc/cpuinfo", "model name\t: CPU\nflags\t\t: avx2 hypervisor fma");
  machine.Write("sys/class/dmi/id/product_name", "Cloud VM");
  EXPECT_EQ(Find(machine.Items(), "virtual machine").value, "yes: Cloud VM");
  machine.Write("proc/stat", "cpu 100 0 0 100 0 0 0 0\ncpu0 0\ncpu1 0\nintr 5");
  const LoadSample before = SampleLoad(machine.root());
  machine.Write("proc/stat", "cpu 150 0 0 140 0 0 0 10\ncpu0 0\ncpu1 0\nintr 5");
  const auto items = LoadItems(machine.root(), before, SampleLoad(machine.root()));
  EXPECT_EQ(Find(items, "stolen time").value, "10.0 % of the processors");
  EXPECT_FALSE(Find(items, "stolen time").fine);
}

TEST(Doctor, BusyProcessesAreNamed) {
  const FakeMachine machine;
  machine.Write("proc/loadavg", "1.25 0.8 0.5 1/200 4242");
  machine.Write("proc/stat", "cpu 0 0 0 1000 0 0 0 0\ncpu0 0\ncpu1 0");
  machine.Write("proc/900001/stat", "900001 (a (b) c) R 1 1 1 0 -1 0 0 0 0 0 10 5 0 0 20 0 1");
  machine.Write("proc/900002/stat", "900002 (idle) S 1 1 1 0 -1 0 0 0 0 0 10 5 0 0 20 0 1");
  const LoadSample before = SampleLoad(machine.root());
  machine.Write("proc/stat", "cpu 75 0 0 1125 0 0 0 0\ncpu0 0\ncpu1 0");
  machine.Write("proc/900001/stat", "900001 (a (b) c) R 1 1 1 0 -1 0 0 0 0 0 60 30 0 0 20 0 1");
  const auto items = LoadItems(machine.root(), before, SampleLoad(machine.root()));
  const DoctorItem load = Find(items, "load");
  EXPECT_FALSE(load.fine);
  EXPECT_EQ(load.value, "1.25 (1 min); others now use 0.75 of 2 processors: a (b) c 0.75");
  EXPECT_TRUE(Contains(load.remedy, "kill -STOP 900001"));
  EXPECT_TRUE(Find(items, "stolen time").fine);
}

TEST(Doctor, FullMemoryAndSwapAreNotFine) {
  const FakeMachine machine;
  machine.Write("proc/meminfo",
                "MemTotal:  1000000 kB\nMemFree: 1 kB\nMemAvailable:  50000 kB\n"
                "SwapTotal: 1000 kB\nSwapFree: 100 kB");
  EXPECT_FALSE(Find(machine.Items(), "memory").fine);
  EXPECT_FALSE(Find(machine.Items(), "swap").fine);
}

}  // namespace doctor_test
}  // namespace quantbench
