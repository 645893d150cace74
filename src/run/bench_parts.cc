// What measuring a cell and measuring a scenario share, the parent's side.
#include "run/bench_parts.h"

#include <algorithm>

#include "quantbench/base/format.h"

#include "run/arms.h"
#include "run/model_inputs.h"
#include "run/rebatch.h"

namespace quantbench {

std::vector<std::filesystem::path> PathsOf(const BenchOptions& options) {
  std::vector<std::filesystem::path> paths;
  for (const Arm& arm : options.arms) paths.push_back(arm.path);
  return paths;
}

void MergeArms(const Json& reply, Json::Array* arms) {
  for (const Json& from : reply["arms"].AsArray()) {
    const auto same = [&](const Json& arm) { return arm["arm"] == from["arm"]; };
    auto into = std::find_if(arms->begin(), arms->end(), same);
    if (into == arms->end()) {
      arms->push_back(Json::MakeObject()
                          .Set("arm", from["arm"])
                          .Set("outcome", "ok")
                          .Set("processes", Json::Array{}));
      into = arms->end() - 1;
    }
    if (from.Has("samples")) {
      Json processes = (*into)["processes"];
      processes.Append(from["samples"]);
      into->Set("processes", std::move(processes));
    } else {
      into->Set("outcome", from["outcome"]).Set("reason", from["reason"]);
    }
  }
}

Json ArmList(const BenchOptions& options, bool control) {
  Json arms = Json::Array{};
  for (const Arm& arm : options.arms) {
    arms.Append(Json::MakeObject()
                    .Set("arm", arm.id)
                    .Set("path", arm.path.string())
                    .Set("batch", arm.batch)
                    .Set("slowdown", arm.slowdown));
  }
  if (control) {
    arms.Append(Json::MakeObject()
                    .Set("arm", kControl)
                    .Set("path", options.arms.front().path.string())
                    .Set("batch", options.arms.front().batch));
  }
  return arms;
}

Json MeasuringRequest(std::string_view op, const BenchOptions& options, bool control) {
  return Json::MakeObject()
      .Set("op", op)
      .Set("arms", ArmList(options, control))
      .Set("cell", options.cell.ToJson())
      .Set("input", ToJson(options.input));
}

std::optional<CaseOutcome> Impossible(const BenchOptions& options, const WorkerOptions& worker,
                                      Progress& progress) {
  const auto refused = [](Outcome outcome, const Error& error) {
    return CaseOutcome{outcome, error.message(), error.code(), {}};
  };
  const auto inputs = ReadInputs(PathsOf(options), options.input, worker);
  if (!inputs.ok()) return refused(Outcome::kFailed, inputs.error());
  const auto batched =
      ResolveInputs(FreeBatch(inputs.value(), options.cell.batch), options.cell.batch, {});
  if (!batched.ok()) return refused(Outcome::kSkipped, batched.error());
  const auto asked = CheckDims(batched.value(), options.input.dims);
  if (!asked.ok()) return refused(Outcome::kFailed, asked.error());
  const auto swept = CheckDims(batched.value(), options.cell.dims);
  if (!swept.ok()) return refused(Outcome::kSkipped, swept.error());
  const auto rewritten = VerifyRebatched(options, options.cell.batch, worker, progress);
  if (!rewritten.ok()) return refused(Outcome::kSkipped, rewritten.error());
  return std::nullopt;
}

std::optional<std::string> RewrittenNote(const BenchOptions& options) {
  const auto inputs = ReadInputs(PathsOf(options), options.input);
  if (!inputs.ok()) return std::nullopt;
  const std::int64_t fixed = FixedBatch(inputs.value());
  if (fixed == 0 || fixed == options.cell.batch) return std::nullopt;
  return Format("batch {}: rewritten from a fixed batch of {}; same answers", options.cell.batch,
                fixed);
}

}  // namespace quantbench
