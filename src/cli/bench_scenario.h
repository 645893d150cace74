// quantbench bench --scenario: models side by side, used in other ways than one pass after another.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/command.h"

namespace quantbench {

struct ScenarioFlags {
  std::vector<std::string> names;
  double p99_s = 0;
  std::int64_t queries = ScenarioPlan().queries;
  double duration_s = ScenarioPlan().duration_s;
  std::string sensor;
  std::string sensor_root = "/";
  double block_s = ScenarioPlan().block_s;
  std::int64_t rounds = ScenarioPlan().rounds;
  double carbon_g_per_kwh = 0;
  std::string keep;  // folder of records; empty: none are written
  void Add(CLI::App& app);

 private:
  void AddEnergy(CLI::App& app);
};

// What else the command line says.
struct ScenarioBench {
  std::vector<std::string> models;
  std::vector<std::int64_t> batch;    // empty: not given
  std::vector<std::int64_t> threads;  // empty: not given
  int processes = 0;                  // 0: not given
  OutputFormat format = OutputFormat::kTable;
};
struct ScenarioHow {
  BenchOptions options;
  WorkerOptions worker;
};

// Measures the scenarios one after the other and prints a table of each. Returns the exit code.
int BenchScenarios(const ScenarioFlags& flags, const ScenarioBench& bench, Study study,
                   ScenarioHow how, Terminal& terminal);

}  // namespace quantbench
