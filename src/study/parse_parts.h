// The parts of a study that are options elsewhere too: recipes, calibration, how latency is
// measured. Mistakes are noted with the reader.
#pragma once

#include "quantbench/study.h"

#include "study/reader.h"

namespace quantbench {

// The key "recipe": a name, or a table of a base and what it changes.
void ReadRecipe(Reader* reader, Recipe* result);
// The keys of "calibrate" but "data".
void ReadCalibration(const toml::table& table, Reader* parts, CalibrationSettings* settings);
// The keys of [study] that say how often and how long.
void ReadLatency(Reader* reader, LatencyPlan* latency);
// The keys of [scenario].
void ReadScenario(Reader* reader, ScenarioPlan* plan);

}  // namespace quantbench
