// Protocol between parent and worker: one request, then progress lines and one answer, as JSON
// lines.
//   request:  {"op": "bench", "engine": "", ...}  until the parent shuts its side down
//   progress: {"step": "measuring", "done": 3, "total": 10}, {"note": "..."}
//   answer:   {"reply": {...}, "peak_bytes": n}
//             {"error": {"code": "engine", "message": "...", "out_of_memory": false}, "peak_bytes":
//             n}
#pragma once

#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/engine.h"

namespace quantbench {

inline constexpr int kWorkerChannel = 3;
inline constexpr const char* kWorkerVerb = "__worker";

// What a worker can be asked; each stands beside the parent's function that asks it.
using WorkerHandler = Result<Json> (*)(const Json& request, Engine& engine, Progress& progress);

Result<Json> CalibrateInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> GatherInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> ExplainAccuracyInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> VerifyInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> BenchInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> TryBatchesInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> ServerInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> SustainedInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> EnergyInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> RebatchInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> MemoryInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> EvaluateInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> NaturalInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> ProfileInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> OptimizeInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> DescribeEngineInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> DescribeTorchInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> QuantizeTorchInWorker(const Json& request, Engine& engine, Progress& progress);
Result<Json> InputNamesInWorker(const Json& request, Engine& engine, Progress& progress);

}  // namespace quantbench
