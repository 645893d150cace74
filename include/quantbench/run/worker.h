// Workers: disposable processes that the engine runs in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/engine.h"
#include "quantbench/results.h"

namespace quantbench {

// Where and how workers run.
struct WorkerOptions {
  std::string engine;              // --engine; empty: the usual places
  TorchSettings torch;             // of models that libtorch runs
  std::int64_t timeout_s = 600;    // wall time of one worker, then it is killed
  std::uint64_t memory_bytes = 0;  // address space limit; 0: none
  std::filesystem::path program;   // the quantbench binary; empty: this very one
  // Bytes of an environment variable of no meaning: it moves the worker's stack, and with a random
  // size what the layout of memory does to times becomes noise instead of bias [Mytkowicz 2009].
  std::size_t padding = 0;
};

// How a worker ended.
struct WorkerResult {
  Outcome outcome = Outcome::kOk;
  std::string reason;                   // one line when the outcome is not kOk
  ErrorCode code = ErrorCode::kEngine;  // of a kFailed outcome
  Json reply;                           // when kOk
  std::uint64_t peak_bytes = 0;
};

// Starts `<program> __worker`, hands it the request, waits for its reply. A crash, a hang and a
// lack of memory of the engine end there. The worker dies with us.
[[nodiscard]] WorkerResult RunWorker(const Json& request, const WorkerOptions& options,
                                     Progress& progress);
// The other end: takes the request from descriptor 3 and answers there. Returns an exit code.
[[nodiscard]] int ServeWorker();

}  // namespace quantbench
