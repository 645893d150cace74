// Payloads of strings, which have no bytes that could be measured.
#pragma once

#include "quantbench/model.h"

namespace quantbench {

// Whether a string tensor holds as many strings as its shape says.
[[nodiscard]] Status CheckStrings(const Initializer& tensor);

}  // namespace quantbench
