// The way from file to answer, part by part.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "quantbench/base/clock.h"
#include "quantbench/base/json.h"
#include "quantbench/engine.h"
#include "quantbench/measure.h"

#include "run/cell_input.h"

namespace quantbench {

// What one pass took.
struct PassParts {
  std::int64_t load_ns = 0;        // files read and decoded
  std::int64_t preprocess_ns = 0;  // until the batch is what the model takes
  std::int64_t copy_ns = 0;        // into the engine's memory, and answers out of it
  std::int64_t run_ns = 0;         // the forward pass
};

// A pass over the next batch of the data, which notes its parts in `passes`. What is referred to
// must outlive it.
Pass MakeEndToEndPass(Session& session, const CellInput& input, const Clock& clock,
                      std::vector<PassParts>* passes);

// {"load_ns": [..], "preprocess_ns": [..], "copy_ns": [..], "run_ns": [..]}
Json ToJson(std::span<const PassParts> passes);

}  // namespace quantbench
