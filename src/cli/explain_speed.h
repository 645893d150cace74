// The part of `explain` that profiles.
#pragma once

#include "cli/command.h"

namespace quantbench {

// Profiles, explains and prints; `all`: every layer. Returns the exit code.
int ShowSpeed(const ExplainSpeedOptions& options, const WorkerOptions& worker, bool all,
              OutputFormat format, Terminal& terminal);

}  // namespace quantbench
