// Whether a cache explains why throughput falls from one batch to another.
#pragma once

#include <cstdint>
#include <string>

#include "quantbench/analyse.h"

namespace quantbench {

// "; its widest operator goes through 9.4 MB at batch 8 and 18.8 MB at 16, more than the L3 cache
// (16.8 MB)": where a level of the device holds what that operator of the arm reads and writes at
// the batch `from` and not at `to`, in cells alike but for the batch. Else empty: this is no
// reason.
[[nodiscard]] std::string WhyCacheCosts(const Analysis& analysis, const std::string& model,
                                        const std::string& arm, std::int64_t from, std::int64_t to);

}  // namespace quantbench
