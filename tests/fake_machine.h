// A device that lies, for tests: a file system tree in a folder of its own, files that may not be
// read, programs and GPUs whose answers are made up.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "quantbench/base/clock.h"
#include "quantbench/energy.h"

namespace quantbench::testing {

class FakeMachine final : public Machine {
 public:
  FakeMachine() {
    std::string pattern = std::filesystem::temp_directory_path() / "qb_machine.XXXXXX";
    root_ = mkdtemp(pattern.data());
    files_ = MachineAt(root_);
  }
  FakeMachine(const FakeMachine&) = delete;
  FakeMachine& operator=(const FakeMachine&) = delete;
  FakeMachine(FakeMachine&&) = delete;
  FakeMachine& operator=(FakeMachine&&) = delete;
  ~FakeMachine() override {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  void Put(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_.string() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << "\n";
  }
  [[nodiscard]] const std::filesystem::path& root() const { return root_; }

  [[nodiscard]] Result<std::string> Read(const std::string& path) const override {
    if (denied.contains(path)) {
      return Error(ErrorCode::kUnavailable, path + ": Permission denied");
    }
    if (const auto said = texts.find(path); said != texts.end()) return said->second;
    return files_->Read(path);
  }
  [[nodiscard]] std::vector<std::string> List(const std::string& folder) const override {
    return files_->List(folder);
  }
  [[nodiscard]] Result<std::string> Run(const std::vector<std::string>& command) const override {
    const auto found = programs.find(command.front());
    if (found == programs.end()) return Error(ErrorCode::kNotFound, command.front());
    return found->second;
  }
  [[nodiscard]] std::vector<std::string> Gpus() const override { return gpus; }
  [[nodiscard]] Result<double> GpuJoules(std::size_t index) const override {
    if (index >= gpu_joules.size()) {
      return Error(ErrorCode::kUnavailable, "does not count its energy (NVML code 3)");
    }
    return gpu_joules[index];
  }

  std::set<std::string> denied;
  std::map<std::string, std::string> texts;  // of files, where these change often
  std::map<std::string, std::string> programs;
  std::vector<std::string> gpus;
  std::vector<double> gpu_joules;

 private:
  std::filesystem::path root_;
  std::unique_ptr<Machine> files_;
};

class FakeClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t NowNs() const override { return now; }
  [[nodiscard]] std::int64_t CpuNs() const override { return now; }
  std::int64_t now = 0;
};

inline void PutZone(FakeMachine* machine, const std::string& zone, const std::string& name,
                    const std::string& energy_uj, const std::string& range = "262143328850") {
  const std::string folder = "/sys/class/powercap/" + zone;
  machine->Put(folder + "/name", name);
  machine->Put(folder + "/energy_uj", energy_uj);
  machine->Put(folder + "/max_energy_range_uj", range);
}

}  // namespace quantbench::testing
