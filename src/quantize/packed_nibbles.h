// Packed nibbles: 4-bit codes of integer kernels, two a byte in the file.
#pragma once

#include <cstdint>
#include <string>

#include "quantize/emitter.h"

namespace quantbench {

// Below this many codes the nodes that unpack them weigh more than they save.
inline constexpr std::int64_t kMinPackedCodes = 1024;

// Int8 codes in [-8, 7] of the weight's shape, an even number of them, stored two a byte:
//   Reshape(Gather(table of pairs, Cast(bytes)), shape)
// The engine computes that once, when it loads the model, before it looks for integer kernels; no
// operator set newer than the kernels' own is needed. The name of the codes.
[[nodiscard]] Result<std::string> AddPackedNibbles(const Initializer& weight, TensorMaker codes,
                                                   Emitter* emitter);

}  // namespace quantbench
