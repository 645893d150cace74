// The machine and the memory of this process.
#pragma once

#include <cstdint>

#include "quantbench/base/json.h"

namespace quantbench {

// The machine and the software, as key and value, read-only probes: cpu, cores, memory_bytes, os,
// kernel, governor, turbo, virtualized, isa (avx2, avx512_vnni, ...), engine, quantbench.
[[nodiscard]] Json DescribeEnvironment();

// Peak resident memory of this process in bytes, 0 where unknown.
[[nodiscard]] std::uint64_t PeakResidentBytes();

// Memory of this process in bytes; 0 where the kernel does not say.
struct MemoryUse {
  std::uint64_t resident = 0;   // in RAM now
  std::uint64_t anonymous = 0;  // of it what no file backs: heaps, packed weights, activations
  std::uint64_t peak = 0;       // most ever resident, or since ResetPeakMemory

  // The rest of what is resident: pages of the model file, of libraries.
  [[nodiscard]] std::uint64_t file_backed() const {
    return resident > anonymous ? resident - anonymous : 0;
  }
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static MemoryUse FromJson(const Json& json);
};
[[nodiscard]] MemoryUse ReadMemory();
void ResetPeakMemory();

}  // namespace quantbench
