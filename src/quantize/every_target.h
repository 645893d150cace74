// For tests of kernels: every instruction set this machine has, and values of every kind.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include "quantbench/base/random.h"

namespace quantbench::testing {

// Runs the body once for each instruction set that was compiled and is supported here.
inline void ForEachTarget(const std::function<void()>& body) {
  const std::int64_t supported = hwy::SupportedTargets();
  std::int64_t left = supported;
  while (left != 0) {
    const std::int64_t target = left & -left;
    left &= left - 1;
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(hwy::TargetName(target));
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
}

// Values of every magnitude, exact halves of steps, zeros of both signs, subnormals.
inline std::vector<float> Values(std::size_t count, Random* random) {
  std::vector<float> values(count);
  for (float& value : values) {
    switch (random->Below(6)) {
      case 0: value = static_cast<float>(random->Normal()); break;
      case 1: value = static_cast<float>(static_cast<int>(random->Below(511)) - 255) * 0.5F; break;
      case 2: value = random->Below(2) == 0 ? 0.0F : -0.0F; break;
      case 3: value = static_cast<float>(random->Normal() * 1e-40); break;
      case 4:
        value = static_cast<float>(
            std::ldexp(random->Normal(), static_cast<int>(random->Below(40)) - 25));
        break;
      default: value = static_cast<float>(random->Uniform() * 200 - 100); break;
    }
  }
  return values;
}

}  // namespace quantbench::testing
