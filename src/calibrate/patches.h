// Rows of layer inputs: how a MatMul, Gemm or Conv reads its activation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "quantbench/calibrate.h"
#include "quantbench/engine.h"

namespace quantbench {

// The rows that one activation is read as.
struct RowLayout {
  std::int64_t rows = 0;  // of every group, over all samples of the batch
  std::int64_t groups = 1;
  std::int64_t depth = 0;
  // Of patches.
  std::int64_t batch = 0;
  std::int64_t channels = 0;
  std::vector<std::int64_t> size;     // spatial
  std::vector<std::int64_t> outputs;  // positions along each spatial axis
  std::vector<std::int64_t> pads;     // at the begin of each
};

// kMalformed when the shape does not fit the reading.
[[nodiscard]] Result<RowLayout> LayOut(const InputReading& reading,
                                       std::span<const std::int64_t> shape);

// Writes row `row` of `group`, depth numbers.
void CopyRow(const InputReading& reading, const RowLayout& layout, std::span<const float> values,
             std::int64_t group, std::int64_t row, float* to);

}  // namespace quantbench
