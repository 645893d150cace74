// What workers share: a model in the engine's hands, and the data that feeds it.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/base/status.h"
#include "quantbench/data.h"
#include "quantbench/engine.h"
#include "quantbench/model.h"
#include "quantbench/run.h"

namespace quantbench {

struct LoadedArm {
  std::unique_ptr<Session> session;
  std::int64_t load_ns = 0;  // session creation, reading the file included
};
using EngineEntries = std::map<std::string, std::string>;
// The session entries that models ask for (EngineOptionsOf), together: arms that are compared run
// under the same. kInvalidArgument when two ask for different values.
Result<EngineEntries> EntriesOf(std::span<const std::filesystem::path> paths);
// With another batch than it fixes the model is rewritten (Rebatched); 0: as it is. Errors name the
// path.
Result<LoadedArm> LoadArm(Engine& engine, const std::filesystem::path& path,
                          const SessionOptions& options, std::int64_t batch = 0);
Result<LoadedArm> LoadArm(Engine& engine, const std::filesystem::path& path, int threads,
                          const EngineEntries& entries, std::int64_t batch = 0);

struct OpenedInput {
  std::unique_ptr<Dataset> dataset;
  std::string source;              // "data images" or "synthetic, seed 1"
  std::vector<std::string> notes;  // choices made for free dimensions
};
// Data, or synthetic samples for `inputs`, whose free dimensions `input.dims` and the cell set.
Result<OpenedInput> OpenInput(const InputSource& input, const std::vector<InputSpec>& inputs);

Json ToJson(const InputSource& input);
Result<InputSource> InputSourceFromJson(const Json& json);
Json ToJson(const DimValues& dims);
DimValues DimValuesFromJson(const Json& json);

// The work of every arm in the cell, as a kMeasure record has it; those that cannot be counted are
// left out.
Json CountArms(const BenchOptions& options);

// The arm's outcome as a record has it, from how its worker or its loading ended.
Json ArmFailure(std::string_view arm, Outcome outcome, std::string_view reason);

}  // namespace quantbench
