// Comparing a quantized model with its original, in a worker.
#include "run/verify_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"
#include "quantbench/measure.h"

#include "run/arms.h"
#include "run/model_inputs.h"
#include "run/protocol.h"

namespace quantbench {
namespace {

constexpr std::int64_t kVerifySamples = 8;

// All values of one output over all samples.
struct OutputValues {
  std::string name;
  std::vector<double> reference;
  std::vector<double> other;
  std::int64_t reference_denormals = 0;
  std::int64_t other_denormals = 0;
};

Status Append(const std::vector<NamedTensor>& reference, const std::vector<NamedTensor>& other,
              std::vector<OutputValues>* outputs) {
  if (reference.size() != other.size()) {
    return Error(ErrorCode::kEngine, Format("the quantized model has {} outputs, the original {}",
                                            other.size(), reference.size()));
  }
  outputs->resize(reference.size());
  for (std::size_t i = 0; i < reference.size(); ++i) {
    OutputValues& output = (*outputs)[i];
    output.name = reference[i].name;
    if (reference[i].tensor.shape != other[i].tensor.shape) {
      return Error(ErrorCode::kEngine,
                   Format("output \"{}\" has shape {} instead of {}", Printable(output.name),
                          ToString(other[i].tensor.shape), ToString(reference[i].tensor.shape)));
    }
    QB_TRY(const std::vector<double> expected, ToDoubles(reference[i].tensor));
    QB_TRY(const std::vector<double> got, ToDoubles(other[i].tensor));
    output.reference.insert(output.reference.end(), expected.begin(), expected.end());
    output.other.insert(output.other.end(), got.begin(), got.end());
    output.reference_denormals += CountDenormals(reference[i].tensor);
    output.other_denormals += CountDenormals(other[i].tensor);
  }
  return Ok();
}

bool AllFinite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

void SetDenormals(const std::vector<OutputValues>& outputs, Json* verdict) {
  DenormalCount original;
  DenormalCount quantized;
  for (const OutputValues& output : outputs) {
    original.Add(output.name, std::ssize(output.reference), output.reference_denormals);
    quantized.Add(output.name, std::ssize(output.other), output.other_denormals);
  }
  verdict->Set("denormals_original", original.ToJson()).Set("denormals", quantized.ToJson());
}

// The worst output's SQNR. NaN or infinities that the original does not have refuse the model.
Result<Json> Judge(const std::vector<OutputValues>& outputs) {
  Json worst = nullptr;
  double worst_db = std::numeric_limits<double>::infinity();
  Json list = Json::Array{};
  for (const OutputValues& output : outputs) {
    if (AllFinite(output.reference) && !AllFinite(output.other)) {
      return Error(ErrorCode::kEngine,
                   Format("output \"{}\" of the quantized model holds NaN or infinities",
                          Printable(output.name)));
    }
    const double db = SqnrDb(output.reference, output.other);
    // JSON has no infinity: an exact output has no figure and says so.
    Json entry =
        Json::MakeObject().Set("output", output.name).Set("exact", std::isinf(db) && db > 0);
    entry.Set("sqnr_db", db);
    if (db <= worst_db) {
      worst_db = db;
      worst = entry;
    }
    list.Append(std::move(entry));
  }
  return Json::MakeObject().Set("worst", std::move(worst)).Set("outputs", std::move(list));
}

}  // namespace

Result<std::vector<InputSpec>> SingleSampleInputs(const std::filesystem::path& path,
                                                  const InputSource& source) {
  const DimValues& dims = source.dims;
  QB_TRY(std::vector<InputSpec> inputs, ReadInputs(path, source));
  std::int64_t batch = 1;
  for (const InputSpec& input : inputs) {
    if (!input.batched || input.dims.empty()) continue;
    batch = input.dims.front() < 0 ? 1 : input.dims.front();
    break;
  }
  QB_TRY(inputs, ResolveInputs(std::move(inputs), batch, {}));
  QB_OK(CheckDims(inputs, dims));
  return ResolveInputs(std::move(inputs), batch, dims);
}

Result<Json> VerifyInWorker(const Json& request, Engine& engine, Progress& progress) {
  QB_TRY(const InputSource source, InputSourceFromJson(request["input"]));
  const std::string original = request["original"].AsString();
  QB_TRY(const std::vector<InputSpec> inputs, SingleSampleInputs(original, source));
  QB_TRY(const OpenedInput opened, OpenInput(source, inputs));
  const std::filesystem::path output = request["quantized"].AsString();
  QB_TRY(const EngineEntries entries, EntriesOf(std::span(&output, 1)));
  QB_TRY(const LoadedArm quantized, LoadArm(engine, output, 0, entries));
  QB_TRY(const LoadedArm reference, LoadArm(engine, original, 0, entries));
  const std::int64_t batch = inputs.empty() || !inputs.front().batched ? 1 : inputs.front().dims[0];
  const std::int64_t batches =
      std::max<std::int64_t>(1, std::min(kVerifySamples, opened.dataset->size()) / batch);
  std::vector<OutputValues> outputs;
  for (std::int64_t i = 0; i < batches; ++i) {
    std::vector<std::int64_t> indices;
    for (std::int64_t k = 0; k < batch; ++k) {
      indices.push_back((i * batch + k) % opened.dataset->size());
    }
    QB_TRY(std::vector<Tensor> tensors, MakeBatch(*opened.dataset, indices, inputs));
    const std::vector<NamedTensor> bound = NameTensors(inputs, std::move(tensors));
    QB_OK(reference.session->Bind(bound));
    QB_OK(reference.session->Run());
    QB_OK(quantized.session->Bind(bound));
    QB_OK(quantized.session->Run());
    QB_TRY(const std::vector<NamedTensor> expected, reference.session->Fetch());
    QB_TRY(std::vector<NamedTensor> got, quantized.session->Fetch());
    OrderLike(expected, &got);
    QB_OK(Append(expected, got, &outputs));
    progress.Update("verifying", i + 1, batches);
  }
  QB_TRY(Json verdict, Judge(outputs));
  SetDenormals(outputs, &verdict);
  verdict.Set("source", Format("{}, {} samples", opened.source, batches * batch));
  return verdict;
}

Result<Verification> VerifyByWorker(const QuantizeOptions& options, const WorkerOptions& worker,
                                    Progress& progress) {
  const Json request = Json::MakeObject()
                           .Set("op", "verify")
                           .Set("original", options.model.string())
                           .Set("quantized", options.output.string())
                           .Set("input", ToJson(InputOf(options)));
  const WorkerResult result = RunWorker(request, worker, progress);
  if (result.outcome != Outcome::kOk) {
    return Error(result.code, Format("verifying {}: {}", options.output.string(), result.reason));
  }
  const Json& worst = result.reply["worst"];
  Verification verification;
  verification.source = result.reply["source"].AsString();
  verification.sqnr_db = worst["exact"].AsBool() ? std::numeric_limits<double>::infinity()
                                                 : worst["sqnr_db"].AsDouble();
  verification.original = DenormalCount::FromJson(result.reply["denormals_original"]);
  verification.quantized = DenormalCount::FromJson(result.reply["denormals"]);
  return verification;
}

void Verification::PutInto(QuantizeOutcome* outcome) const {
  outcome->verified = true;
  outcome->sqnr_db = sqnr_db;
  outcome->verify_source = source;
  outcome->outputs_original = original;
  outcome->outputs = quantized;
}

InputSource InputOf(const QuantizeOptions& options) {
  InputSource input;
  input.data = options.calibrate;
  input.stated = options.stated;
  input.dims = options.dims;
  input.constants = options.constants;
  input.vocabulary = options.vocabulary;
  return input;
}

}  // namespace quantbench
