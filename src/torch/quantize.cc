// Quantizing TorchScript.
#include "torch/quantize.h"

#include <stdexcept>

namespace quantbench {

nlohmann::ordered_json QuantizeTorch(const QbTorchQuantizeRequest&) {
  throw std::runtime_error("this module does not quantize TorchScript");
}

}  // namespace quantbench
