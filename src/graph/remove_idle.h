// Nodes that hand their input on as it is.
#pragma once

#include <string>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// Readers of an Identity, of a Dropout outside training, of a Cast to the type that its input has
// already, and of a Transpose that undoes the Transpose before it, read what is before it; then it
// goes. One whose output is an output of the graph stays. Notes a line.
void RemoveIdle(Model* model, std::vector<std::string>* notes);

}  // namespace quantbench
