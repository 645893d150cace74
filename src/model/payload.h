// Payloads: sizes before there are bytes, and strings, which have no bytes that could be measured.
#pragma once

#include "quantbench/model.h"

namespace quantbench {

// The error as one of this tensor.
[[nodiscard]] Error Named(const Initializer& tensor, const Error& error);

// Bytes of the numbers packed as raw_data, whether they are there or not.
[[nodiscard]] Result<std::uint64_t> PayloadSize(const Initializer& tensor);

// What the maker of a deferred tensor makes: `wanted` bytes of its type and shape.
[[nodiscard]] Result<Tensor> MakeTensor(const Initializer& tensor, std::uint64_t wanted);

// Whether a string tensor holds as many strings as its shape says.
[[nodiscard]] Status CheckStrings(const Initializer& tensor);

}  // namespace quantbench
