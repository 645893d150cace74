// Embedding tables of a quantized model that are still floats.
#pragma once

#include <vector>

#include "quantbench/explain.h"

namespace quantbench {

// In the order of running, each table once. Of ONNX those that are initializers; of TorchScript all
// that are looked up.
[[nodiscard]] std::vector<FloatTable> FindFloatTables(const ProfiledModel& model);

}  // namespace quantbench
