// The arms of a measuring worker: loaded, bound and ready to run.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/engine.h"
#include "quantbench/measure.h"
#include "quantbench/study.h"

#include "run/arms.h"
#include "run/cell_input.h"
#include "run/end_to_end.h"

namespace quantbench {

// One arm inside the worker.
struct WorkerArm {
  std::string id;
  LoadedArm loaded;
  std::string failure;                            // why it is not measured; empty when it is
  double slowdown = 0;                            // see Arm::slowdown
  std::int64_t batch = 1;                         // its own, or the cell's
  std::unique_ptr<std::vector<PassParts>> parts;  // of every pass, end to end
};

struct WorkerArms {
  std::vector<WorkerArm> arms;               // as the request lists them, the original first
  std::vector<Pass> passes;                  // of those without a failure; refer into this
  std::map<std::int64_t, CellInput> inputs;  // by batch
  EngineEntries entries;
  Cell cell;

  // The arms of the request ("arms", "cell", "input"), loaded in an order of this process's own.
  // Failures stay with their arm, but for the original's: kEngine.
  [[nodiscard]] static Result<WorkerArms> Open(const Json& request, std::uint64_t seed,
                                               Engine& engine);
  [[nodiscard]] const CellInput& input() const { return inputs.begin()->second; }
  // {"arms", "engine_options", "input", "notes"}; `samples`: one a pass.
  [[nodiscard]] Json Reply(std::vector<Json> samples) const;
};

}  // namespace quantbench
