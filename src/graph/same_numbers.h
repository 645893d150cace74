// Initializers that hold the same numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// Exporters repeat weights, and write tied ones apart. Of float initializers of the outer graph
// with the same type, shape and bytes, all but the first go, and their readers read the first.
// Notes how many, and their bytes. Bytes are compared, not only hashes of them.
[[nodiscard]] Status MergeDuplicates(Model* model, std::vector<std::string>* notes);

}  // namespace quantbench
