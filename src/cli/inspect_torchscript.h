// quantbench inspect of a TorchScript model.
#pragma once

#include <string>

#include "cli/command.h"

namespace quantbench {

// What can be told without libtorch; with `loaded` also what it says once it has loaded the model.
int InspectTorchScript(const std::string& path, bool loaded, const WorkerFlags& worker,
                       OutputFormat format, Terminal& terminal);

}  // namespace quantbench
