// Sweeps: in which order cells are measured, and which are not tried.
#include "run/sweep_order.h"

#include <algorithm>
#include <fstream>

#include "quantbench/base/format.h"
#include "quantbench/base/random.h"

namespace quantbench {
namespace {

constexpr double kShareOfFree = 0.6;

double VolumeOf(const Cell& cell) {
  double volume = static_cast<double>(cell.batch);
  for (const auto& [name, value] : cell.dims) volume *= static_cast<double>(value);
  return volume;
}

using CaseIterator = std::vector<Case>::iterator;

void OrderBlock(CaseIterator begin, CaseIterator end, Random* random) {
  std::stable_sort(
      begin, end, [](const Case& a, const Case& b) { return VolumeOf(a.cell) < VolumeOf(b.cell); });
  const auto rest = begin + std::min<std::ptrdiff_t>(2, end - begin);
  for (auto left = end - rest; left > 1; --left) {
    std::iter_swap(rest + (left - 1), rest + static_cast<std::ptrdiff_t>(
                                                 random->Below(static_cast<std::uint64_t>(left))));
  }
}

}  // namespace

void OrderMeasurements(std::vector<Case>* cases, std::uint64_t seed) {
  Random random(seed);
  for (auto begin = cases->begin(); begin != cases->end();) {
    const auto end = std::find_if(begin, cases->end(), [&](const Case& other) {
      return other.kind != begin->kind || other.model != begin->model;
    });
    if (begin->kind == CaseKind::kMeasure) OrderBlock(begin, end, &random);
    begin = end;
  }
}

void MemoryForecast::Learn(const Cell& cell, std::uint64_t peak_bytes) {
  double& peak = peaks_[VolumeOf(cell)];
  peak = std::max(peak, static_cast<double>(peak_bytes));
}

std::optional<double> MemoryForecast::Predict(const Cell& cell) const {
  if (peaks_.size() < 2) return std::nullopt;
  const auto& [least, least_peak] = *peaks_.begin();
  const auto& [most, most_peak] = *peaks_.rbegin();
  const double volume = VolumeOf(cell);
  if (volume <= most) return std::nullopt;
  const double slope = std::max(0.0, (most_peak - least_peak) / (most - least));
  return most_peak + slope * (volume - most);
}

std::optional<std::string> MemoryForecast::WhyNot(const Cell& cell,
                                                  std::uint64_t free_bytes) const {
  const auto predicted = Predict(cell);
  if (!predicted || free_bytes == 0) return std::nullopt;
  if (*predicted <= kShareOfFree * static_cast<double>(free_bytes)) return std::nullopt;
  return Format("it would need about {} of memory, by what smaller cells took, and {} are free",
                FormatBytes(static_cast<std::uint64_t>(*predicted)), FormatBytes(free_bytes));
}

std::uint64_t FreeMemory(std::uint64_t limit) {
  std::ifstream file("/proc/meminfo");
  std::uint64_t free = 0;
  for (std::string word; file >> word;) {
    if (word == "MemAvailable:" && file >> free) break;
  }
  free *= 1024;
  return limit > 0 && limit < free ? limit : free;
}

}  // namespace quantbench
