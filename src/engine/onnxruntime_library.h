// The ONNX Runtime library, opened at run time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#define ORT_API_MANUAL_INIT  // NOLINT(readability-identifier-naming)
#include <onnxruntime_cxx_api.h>
#undef ORT_API_MANUAL_INIT

#include "quantbench/base/status.h"

namespace quantbench {

// The API version we ask for: the oldest library that has all we use is 1.21.
inline constexpr int kOrtApiVersion = 21;

// Opens the first candidate that exists and initializes the C++ wrapper with its API. One library a
// process: a second call returns the version of the first.
Result<std::string> OpenOrtLibrary(std::string_view flag);

// The engine's own message made one line.
Error OrtError(const Ort::Exception& exception);

}  // namespace quantbench
