// Predicting: a model, and beside it perhaps the original, over a data set.
#include <algorithm>
#include <set>

#include "quantbench/base/format.h"
#include "quantbench/measure.h"

#include "measure/answers.h"

namespace quantbench {
namespace {

// A session that is fed its own outputs where the data set says so.
class FedSession {
 public:
  FedSession(Session& session, const EvaluateOptions& options)
      : session_(session), feedback_(options.feedback) {}

  Status Run(std::vector<NamedTensor> inputs, std::int64_t stream) {
    if (stream != stream_) state_.clear();
    stream_ = stream;
    for (NamedTensor& input : inputs) {
      const auto state = state_.find(input.name);
      if (state != state_.end()) input.tensor = state->second;
    }
    QB_OK(session_.Bind(inputs));
    QB_OK(session_.Run());
    QB_TRY(outputs_, session_.Fetch());
    for (const auto& [input, output] : feedback_) {
      const auto found = std::find_if(
          outputs_.begin(), outputs_.end(),
          [&, name = output](const NamedTensor& tensor) { return tensor.name == name; });
      if (found == outputs_.end()) {
        return Error(ErrorCode::kInvalidArgument,
                     Format("input \"{}\" is fed back from output \"{}\", which the model has not",
                            Printable(input), Printable(output)));
      }
      state_[input] = found->tensor;
    }
    return Ok();
  }
  [[nodiscard]] const std::vector<NamedTensor>& outputs() const { return outputs_; }
  void Order(std::span<const NamedTensor> like) { OrderLike(like, &outputs_); }

 private:
  Session& session_;
  std::map<std::string, std::string> feedback_;
  std::map<std::string, Tensor> state_;
  std::int64_t stream_ = -1;
  std::vector<NamedTensor> outputs_;
};

// Height and width of the first input, where it is an image [batch, ..., height, width].
void SetInputSize(const std::vector<NamedTensor>& inputs, AnsweredBatch* batch) {
  const Shape& shape = inputs.front().tensor.shape;
  if (shape.size() != 4) return;
  const bool last = shape[1] <= 4;  // channels first
  batch->input_height = static_cast<double>(last ? shape[2] : shape[1]);
  batch->input_width = static_cast<double>(last ? shape[3] : shape[2]);
}

class Evaluation {
 public:
  Evaluation(const Dataset& dataset, const EvaluateOptions& options, AnswerReader reader)
      : dataset_(dataset), options_(options), reader_(std::move(reader)) {
    mine_.task = original_.task = options.task;
  }

  Status Add(const std::vector<Sample>& samples, const std::vector<InputSpec>& inputs,
             FedSession* session, FedSession* reference) {
    QB_TRY(std::vector<Tensor> tensors, StackSamples(dataset_, samples, inputs));
    std::vector<NamedTensor> named = NameTensors(inputs, std::move(tensors));
    AnsweredBatch batch;
    batch.samples = &samples;
    batch.labelled = dataset_.has_labels();
    SetInputSize(named, &batch);
    const std::int64_t stream = samples.front().stream;
    if (reference != nullptr) {
      QB_OK(reference->Run(named, stream));
    }
    QB_OK(session->Run(std::move(named), stream));
    if (reference != nullptr) session->Order(reference->outputs());
    batch.outputs = &session->outputs();
    QB_OK(reader_.Read(batch, &mine_));
    if (reference == nullptr) return Ok();
    AnsweredBatch beside = batch;
    beside.outputs = &reference->outputs();
    QB_OK(reader_.Read(beside, &original_));
    return distance_.Add(beside, batch, &mine_);
  }

  [[nodiscard]] bool Enough() {
    mine_.stopped = options_.enough && options_.enough(mine_, original_);
    return mine_.stopped;
  }

  Predictions Finish(bool compared, const std::vector<BadSample>& bad) {
    mine_.rows = static_cast<std::int64_t>(mine_.classes.size());
    if (compared) mine_.sqnr_db = distance_.sqnr_db();
    mine_.bad = bad;
    return std::move(mine_);
  }

 private:
  const Dataset& dataset_;
  const EvaluateOptions& options_;
  AnswerReader reader_;
  Predictions mine_;
  Predictions original_;
  Distance distance_;
};

Status CheckFeedback(const std::vector<InputSpec>& inputs, const EvaluateOptions& options) {
  for (const auto& [input, output] : options.feedback) {
    const bool known = std::any_of(inputs.begin(), inputs.end(),
                                   [&, name = input](const auto& i) { return i.name == name; });
    if (known && options.batch == 1) continue;
    return Error(ErrorCode::kInvalidArgument,
                 known ? "feedback needs batch 1: streams are followed step by step"
                       : Format("the model has no input \"{}\" to feed back to", Printable(input)));
  }
  return Ok();
}

}  // namespace

Result<Predictions> Predict(Session& session, Session* reference, const Dataset& dataset,
                            const std::vector<InputSpec>& inputs, const EvaluateOptions& options,
                            Progress& progress) {
  const std::int64_t total =
      options.limit > 0 ? std::min(options.limit, dataset.size()) : dataset.size();
  if (total < 1) return Error(ErrorCode::kMalformed, "the data set is empty");
  QB_OK(CheckFeedback(inputs, options));
  QB_TRY(AnswerReader reader, AnswerReader::Make(options.task, options.answer));
  Evaluation evaluation(dataset, options, std::move(reader));
  FedSession mine(session, options);
  std::optional<FedSession> beside;
  if (reference != nullptr) beside.emplace(*reference, options);
  Loader loader(dataset, {0, total, std::max<std::int64_t>(options.batch, 16), options.skip_bad,
                          options.load_threads});
  std::int64_t done = 0;
  for (;;) {
    QB_TRY(const std::vector<Sample> samples, loader.Next(options.batch));
    if (samples.empty()) break;
    const auto here = static_cast<std::int64_t>(samples.size());
    auto fitted = ResolveInputs(inputs, here, {});
    // Bad samples can leave less than the batch that a model fixes: the rest is left out.
    if (!fitted.ok() && done > 0 && here < options.batch) break;
    QB_TRY(const std::vector<InputSpec> resolved, std::move(fitted));
    QB_OK(evaluation.Add(samples, resolved, &mine, beside ? &*beside : nullptr));
    done += here;
    progress.Update("evaluating", done, total);
    if (reference != nullptr && evaluation.Enough()) break;
  }
  if (done == 0) {
    return Error(ErrorCode::kMalformed, Format("none of {} samples could be read: {}", total,
                                               loader.bad().front().reason));
  }
  return evaluation.Finish(reference != nullptr, loader.bad());
}

}  // namespace quantbench
