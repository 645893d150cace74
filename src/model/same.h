// Same: whether two structures were read from, or would write, the same fields.
#pragma once

#include "quantbench/model.h"

namespace quantbench {

// Origins do not count. Floats compare by their bits, numbers of tensors by their place
// or their maker.
[[nodiscard]] bool Same(const Graph& a, const Graph& b);
[[nodiscard]] bool Same(const Node& a, const Node& b);
[[nodiscard]] bool Same(const Attribute& a, const Attribute& b);
[[nodiscard]] bool Same(const Initializer& a, const Initializer& b);
[[nodiscard]] bool Same(const ValueInfo& a, const ValueInfo& b);

}  // namespace quantbench
