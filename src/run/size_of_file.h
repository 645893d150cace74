// How large a model's file is, whatever it is.
#pragma once

#include <filesystem>

#include "quantbench/measure.h"

namespace quantbench {

// Of an .onnx file or a TorchScript archive. Errors are those of reading it.
[[nodiscard]] Result<ModelSize> SizeOfFile(const std::filesystem::path& path);

}  // namespace quantbench
