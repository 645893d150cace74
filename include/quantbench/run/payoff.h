// Which recipe pays for which layers.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/explain.h"
#include "quantbench/run/bench.h"
#include "quantbench/run/worker.h"
#include "quantbench/study.h"

namespace quantbench {

struct PayoffOptions {
  std::vector<std::filesystem::path> models;
  std::vector<std::string> recipes;
  Cell cell;
  InputSource input;
  std::filesystem::path table;  // where rows are kept; empty: PayoffTablePath()
};
// One for a kind of processor and a version of the engine, in
// ${XDG_CACHE_HOME:-~/.cache}/quantbench.
[[nodiscard]] Result<std::filesystem::path> PayoffTablePath();
// Rows kept before; none where there is no such file, kMalformed where it is none of ours.
[[nodiscard]] Result<std::vector<Payoff>> ReadPayoffs(const std::filesystem::path& table);
// Quantizes each model by each recipe, profiles it beside its original as a whole, and adds what
// became of each layer to the table. A recipe that a model refuses is noted and left out.
[[nodiscard]] Result<std::vector<Payoff>> MeasurePayoffs(const PayoffOptions& options,
                                                         const WorkerOptions& worker,
                                                         Progress& progress);

}  // namespace quantbench
