// Answers: the class a model gives for every sample, and how far two outputs are apart.
#include <algorithm>
#include <cmath>
#include <limits>

#include "quantbench/base/format.h"
#include "quantbench/measure.h"

namespace quantbench {
namespace {

// Appends the arg max over the last axis of `output` for its first `samples` entries along axis 0.
Status AppendClasses(const NamedTensor& output, std::int64_t batch, std::int64_t samples,
                     std::vector<std::int32_t>* classes) {
  const Shape& shape = output.tensor.shape;
  if (shape.size() < 2 || shape.front() != batch || shape.back() < 1) {
    return Error(
        ErrorCode::kUnsupported,
        Format("output \"{}\" of shape {} has no batch and class axes: no class can be read",
               Printable(output.name), ToString(shape)));
  }
  QB_TRY(const std::vector<double> values, ToDoubles(output.tensor));
  const auto width = static_cast<std::size_t>(shape.back());
  const std::size_t rows =
      values.size() / width / static_cast<std::size_t>(batch) * static_cast<std::size_t>(samples);
  for (std::size_t row = 0; row < rows; ++row) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(row * width);
    const auto end = begin + static_cast<std::ptrdiff_t>(width);
    if (std::any_of(begin, end, [](double value) { return std::isnan(value); })) {
      return Error(ErrorCode::kUnsupported,
                   Format("output \"{}\" holds NaN", Printable(output.name)));
    }
    classes->push_back(static_cast<std::int32_t>(std::max_element(begin, end) - begin));
  }
  return Ok();
}

// Labels of the samples; none when a model answers with more than one row a sample.
Status AppendLabels(const Dataset& dataset, const std::vector<std::int64_t>& indices,
                    std::vector<std::int32_t>* labels) {
  for (const std::int64_t index : indices) {
    QB_TRY(const Sample sample, dataset.Get(index));
    if (sample.label < 0 || sample.label > std::numeric_limits<std::int32_t>::max()) {
      return Error(ErrorCode::kMalformed, Format("sample {}: label {} is not a class",
                                                 Printable(sample.name), sample.label));
    }
    labels->push_back(static_cast<std::int32_t>(sample.label));
  }
  return Ok();
}

}  // namespace

std::int64_t Predictions::Correct() const {
  std::int64_t correct = 0;
  for (std::size_t row = 0; row < std::min(classes.size(), labels.size()); ++row) {
    correct += classes[row] == labels[row] ? 1 : 0;
  }
  return correct;
}

Json Predictions::ToJson() const {
  return Json::MakeObject()
      .Set("samples", samples)
      .Set("rows", rows)
      .Set("output", output)
      .Set("classes", Json::List(classes))
      .Set("labels", Json::List(labels));
}

Result<Predictions> Predictions::FromJson(const Json& json) {
  Predictions predictions;
  predictions.samples = json["samples"].AsInt();
  predictions.rows = json["rows"].AsInt();
  predictions.output = json["output"].AsString();
  for (const Json& value : json["classes"].AsArray()) {
    predictions.classes.push_back(static_cast<std::int32_t>(value.AsInt()));
  }
  for (const Json& value : json["labels"].AsArray()) {
    predictions.labels.push_back(static_cast<std::int32_t>(value.AsInt()));
  }
  const bool labels_fit =
      predictions.labels.empty() || predictions.labels.size() == predictions.classes.size();
  if (static_cast<std::int64_t>(predictions.classes.size()) != predictions.rows || !labels_fit) {
    return Error(ErrorCode::kMalformed, "predictions: rows, classes and labels do not match");
  }
  return predictions;
}

Result<Predictions> Predict(Session& session, const Dataset& dataset,
                            const std::vector<InputSpec>& inputs, const EvaluateOptions& options,
                            Progress& progress) {
  Predictions predictions;
  const std::int64_t total =
      options.limit > 0 ? std::min(options.limit, dataset.size()) : dataset.size();
  if (total < 1) return Error(ErrorCode::kMalformed, "the data set is empty");
  for (std::int64_t begin = 0; begin < total; begin += options.batch) {
    const std::int64_t here = std::min(options.batch, total - begin);
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < here; ++i) indices.push_back(begin + i);
    QB_TRY(std::vector<InputSpec> resolved, ResolveInputs(inputs, here, {}));
    QB_TRY(std::vector<Tensor> batch, MakeBatch(dataset, indices, resolved));
    QB_OK(session.Bind(NameTensors(resolved, std::move(batch))));
    QB_OK(session.Run());
    QB_TRY(const std::vector<NamedTensor> outputs, session.Fetch());
    if (outputs.empty()) return Error(ErrorCode::kUnsupported, "the model has no output");
    predictions.output = outputs.front().name;
    QB_OK(AppendClasses(outputs.front(), here, here, &predictions.classes));
    if (dataset.has_labels()) QB_OK(AppendLabels(dataset, indices, &predictions.labels));
    progress.Update("evaluating", begin + here, total);
  }
  predictions.samples = total;
  predictions.rows = static_cast<std::int64_t>(predictions.classes.size());
  if (predictions.rows != total) predictions.labels.clear();
  return predictions;
}

double SqnrDb(std::span<const double> reference, std::span<const double> other) {
  QB_CHECK(reference.size() == other.size(), "sizes differ");
  double signal = 0;
  double noise = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    // Equal infinities (a masked logit) are no noise.
    if (reference[i] == other[i] && std::isinf(reference[i])) continue;
    signal += reference[i] * reference[i];
    const double difference = reference[i] - other[i];
    noise += difference * difference;
  }
  if (std::isnan(noise) || std::isinf(noise)) return -std::numeric_limits<double>::infinity();
  if (noise == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal / noise);
}

}  // namespace quantbench
