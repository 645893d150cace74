// Sweeps: in which order cells are measured, and which are not tried.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "quantbench/study.h"

namespace quantbench {

// Of each model's cells the two smallest first, to learn what size costs, the others in random
// order: a trend of the machine is not to look like an effect of size. Other cases stay where they
// are.
void OrderMeasurements(std::vector<Case>* cases, std::uint64_t seed);

// Foretells the memory of a model's cells from those already measured: a straight line over
// batch x dimensions through the smallest and the largest of them.
class MemoryForecast {
 public:
  void Learn(const Cell& cell, std::uint64_t peak_bytes);
  // Bytes; nullopt before two sizes are known, and for sizes within those known.
  [[nodiscard]] std::optional<double> Predict(const Cell& cell) const;
  // Why the cell is not tried with so much memory free: it would need more than 60 % of it.
  [[nodiscard]] std::optional<std::string> WhyNot(const Cell& cell, std::uint64_t free_bytes) const;

 private:
  std::map<double, double> peaks_;  // by size
};

// What a worker may still take, by /proc/meminfo; `limit` where that is less and not 0.
std::uint64_t FreeMemory(std::uint64_t limit);

}  // namespace quantbench
