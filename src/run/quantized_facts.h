// What a study's record says of a model beside what quantizing it found.
#pragma once

#include <cstdint>
#include <filesystem>

#include "quantbench/run.h"

namespace quantbench {

// Denormal weights of a file; -1 where it cannot be read.
std::int64_t DenormalsOf(const std::filesystem::path& model);

// {"operators", "conversions"}: of the graph as the engine runs it, and those among them that only
// turn floats into codes or back. Null where the engine does not say, and of models whose copy on
// disk, which is how the engine says it, would be large.
Json OperatorsOf(const std::filesystem::path& model, const WorkerOptions& worker,
                 Progress& progress);

}  // namespace quantbench
