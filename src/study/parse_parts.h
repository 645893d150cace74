// The parts of a study that are options elsewhere too: recipes, calibration, how latency is
// measured. Mistakes are noted with the reader.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/study.h"

#include "study/reader.h"

namespace quantbench {

// The key "recipe": a name, or a table of a base and what it changes.
void ReadRecipe(Reader* reader, Recipe* result);
// The file that a key names for each of the models, by their ids: one path for one model, else with
// the id in place of "{model}". Files that do not exist are mistakes; without the key there is
// none.
std::map<std::string, std::filesystem::path> ReadFiles(Reader* reader, std::string_view key,
                                                       const std::filesystem::path& folder,
                                                       const std::vector<std::string>& models);
// The keys of [torch].
void ReadTorch(Reader* reader, TorchSettings* torch);
// The keys of "calibrate" but "data".
void ReadCalibration(const toml::table& table, Reader* parts, CalibrationSettings* settings);
// The keys of [study] that say how often and how long.
void ReadLatency(Reader* reader, LatencyPlan* latency);
// The keys of [scenario].
void ReadScenario(Reader* reader, ScenarioPlan* plan);

}  // namespace quantbench
