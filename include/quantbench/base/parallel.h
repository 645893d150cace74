// ParallelFor: fixed chunks over threads, so that results do not depend on how many threads there
// are.
#pragma once

#include <cstdint>
#include <functional>

namespace quantbench {

// Calls body(begin, end) for consecutive chunks of `grain` indices that cover [0, count), each
// exactly once, from up to `threads` threads (0: one per core). Returns when all are done. Chunk
// borders depend on `count` and `grain` only. `body` must not throw.
void ParallelFor(std::int64_t count, std::int64_t grain, int threads,
                 const std::function<void(std::int64_t begin, std::int64_t end)>& body);

// Cores this process may run on (affinity and cgroup quota counted), at least 1.
[[nodiscard]] int UsableCores();

}  // namespace quantbench
