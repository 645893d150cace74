// IDX: the format of the MNIST files.   [Y. LeCun, "The MNIST database"]
#pragma once

#include <string>

#include "quantbench/tensor.h"

namespace quantbench {

// A whole IDX file, plain or gzip-compressed; numbers come out little-endian.
Result<Tensor> ReadIdx(const std::string& path);

}  // namespace quantbench
