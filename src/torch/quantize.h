// Quantizing TorchScript.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "torch/module_abi.h"

namespace quantbench {

// Gives the archive that was made to the request's sink and returns the report. Throws.
[[nodiscard]] nlohmann::ordered_json QuantizeTorch(const QbTorchQuantizeRequest& request);

}  // namespace quantbench
