// Models that fix their batch, made to take another where that gives the same answers.
#include "run/rebatch.h"

#include <algorithm>

#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"
#include "quantbench/graph.h"
#include "quantbench/measure.h"

#include "run/arms.h"
#include "run/cell_input.h"
#include "run/model_inputs.h"
#include "run/protocol.h"

namespace quantbench {
namespace {

// Sums may be taken in another order at another batch: far below this. A sample in the wrong place
// is at 0 dB.
constexpr double kSameDb = 40;
// Where the scale of activations is that of the whole batch, samples share its rounding.
constexpr double kSameDynamicDb = 15;
// Verifying does not need more samples than this, whatever the batch.
constexpr std::int64_t kMostVerified = 8;

// One output over all samples, in their order.
struct RowsOf {
  std::string name;
  std::vector<double> values;
};

// Feeds samples 0 to `total` - 1 in batches and puts the outputs one after the other.
Result<std::vector<RowsOf>> AnswersOf(Session& session, const CellInput& input,
                                      std::int64_t total) {
  std::vector<RowsOf> rows;
  for (std::int64_t first = 0; first < total; first += input.batch) {
    QB_TRY(const std::vector<NamedTensor> tensors, input.Batch(first));
    QB_OK(session.Bind(tensors));
    QB_OK(session.Run());
    QB_TRY(const std::vector<NamedTensor> outputs, session.Fetch());
    rows.resize(outputs.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      QB_TRY(const std::vector<double> values, ToDoubles(outputs[i].tensor));
      rows[i].name = outputs[i].name;
      rows[i].values.insert(rows[i].values.end(), values.begin(), values.end());
    }
  }
  return rows;
}

Status SameAnswers(const std::vector<RowsOf>& before, const std::vector<RowsOf>& after,
                   double least_db) {
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
    const std::string name = Printable(before[i].name);
    if (before[i].values.size() != after[i].values.size()) {
      return Error(ErrorCode::kUnsupported, Format("output \"{}\" has another size then", name));
    }
    const double db = SqnrDb(before[i].values, after[i].values);
    if (!(db >= least_db)) {
      return Error(ErrorCode::kUnsupported,
                   Format("output \"{}\" is another then ({:.1f} dB)", name, db));
    }
  }
  return Ok();
}

bool ScalesByBatch(const Model& model) {
  return std::any_of(model.graph.nodes.begin(), model.graph.nodes.end(),
                     [](const Node& node) { return node.op_type.starts_with("DynamicQuantize"); });
}

}  // namespace

std::int64_t FixedBatch(const std::vector<InputSpec>& inputs) {
  for (const InputSpec& input : inputs) {
    if (input.batched && !input.dims.empty()) return std::max<std::int64_t>(0, input.dims.front());
  }
  return 0;
}

std::vector<InputSpec> FreeBatch(std::vector<InputSpec> inputs, std::int64_t batch) {
  const std::int64_t fixed = FixedBatch(inputs);
  if (fixed == 0 || fixed == batch) return inputs;
  for (InputSpec& input : inputs) {
    if (input.batched && !input.dims.empty() && input.dims.front() == fixed) {
      input.dims.front() = -1;
    }
  }
  return inputs;
}

Result<std::vector<std::byte>> Rebatched(const Model& model, std::int64_t old, std::int64_t batch) {
  if (!model.external_files.empty()) {
    return Error(ErrorCode::kUnsupported, "its weights lie in another file");
  }
  return EncodeToBytes(WithBatch(model, old, batch));
}

Result<Json> RebatchInWorker(const Json& request, Engine& engine, Progress& progress) {
  (void)progress;
  QB_TRY(const Cell cell, Cell::FromJson(request["cell"]));
  QB_TRY(const InputSource source, InputSourceFromJson(request["input"]));
  const std::filesystem::path path = request["path"].AsString();
  QB_TRY(const Model model, LoadModel(path));
  QB_TRY(const std::vector<InputSpec> inputs, ReadInputs(path, source));
  Cell as_given = cell;
  as_given.batch = std::max<std::int64_t>(1, FixedBatch(inputs));
  QB_TRY(const EngineEntries entries, EntriesOf(std::span(&path, 1)));
  QB_TRY(const CellInput one, OpenCell(inputs, as_given, source));
  QB_TRY(const CellInput many, OpenCell(inputs, cell, source));
  const std::int64_t total = one.batch * many.batch;
  std::vector<RowsOf> before;
  {
    QB_TRY(const LoadedArm arm, LoadArm(engine, path, 1, entries));
    QB_TRY(before, AnswersOf(*arm.session, one, total));
  }
  QB_TRY(const LoadedArm arm, LoadArm(engine, path, 1, entries, cell.batch));
  QB_TRY(const std::vector<RowsOf> after, AnswersOf(*arm.session, many, total));
  QB_OK(SameAnswers(before, after, ScalesByBatch(model) ? kSameDynamicDb : kSameDb));
  return Json::MakeObject().Set("same", true);
}

Status VerifyRebatched(const BenchOptions& options, std::int64_t batch, const WorkerOptions& worker,
                       Progress& progress) {
  for (const Arm& arm : options.arms) {
    const auto inputs = ReadInputs(arm.path, options.input);
    if (!inputs.ok()) continue;  // measuring says what is wrong
    const std::int64_t fixed = FixedBatch(inputs.value());
    if (fixed == 0 || fixed == batch) continue;
    Cell cell = options.cell;
    cell.batch = std::min(batch, kMostVerified);
    if (cell.batch == fixed) ++cell.batch;
    progress.Update(Format("{}: trying batch {}", arm.id, cell.batch), 0, 0);
    const WorkerResult result = RunWorker(Json::MakeObject()
                                              .Set("op", "rebatch")
                                              .Set("path", arm.path.string())
                                              .Set("cell", cell.ToJson())
                                              .Set("input", ToJson(options.input)),
                                          worker, progress);
    if (result.outcome == Outcome::kOk) continue;
    return Error(ErrorCode::kUnsupported,
                 Format("{} fixes its batch to {}, and rewritten to {}: {}",
                        arm.path.filename().string(), fixed, cell.batch, result.reason));
  }
  return Ok();
}

}  // namespace quantbench
