// Reading answers: what a batch of outputs says about its samples.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "quantbench/measure.h"

namespace quantbench {

// The outputs of one batch and what they answer to.
struct AnsweredBatch {
  const std::vector<NamedTensor>* outputs = nullptr;
  const std::vector<Sample>* samples = nullptr;
  bool labelled = false;
  double input_height = 1;  // of image inputs, in pixels
  double input_width = 1;
};

// The output's values with a batch axis first and classes last.
struct AnswerRows {
  std::vector<double> values;
  std::size_t width = 0;  // classes
  std::int64_t rows_per_sample = 0;

  [[nodiscard]] std::span<const double> Row(std::int64_t sample, std::int64_t row) const {
    const auto index = static_cast<std::size_t>(sample * rows_per_sample + row);
    return std::span(values).subspan(index * width, width);
  }
};

class AnswerReader {
 public:
  // kNotFound or kMalformed: the vocabulary of a transcriber.
  static Result<AnswerReader> Make(Task task, const AnswerOptions& options);

  // Appends the batch's answers. Errors name the output or the sample.
  Status Read(const AnsweredBatch& batch, Predictions* predictions) const;

 private:
  Status ReadRows(const AnsweredBatch& batch, Predictions* predictions) const;
  // The rows of the batch's sample i.
  Status ReadSample(const AnsweredBatch& batch, const AnswerRows& answer, std::int64_t i,
                    Predictions* predictions) const;
  Status ReadWords(const AnsweredBatch& batch, Predictions* predictions) const;
  // What sample i says.
  [[nodiscard]] std::string Transcript(const AnswerRows& answer, std::int64_t i) const;

  Task task_ = Task::kClassify;
  AnswerOptions options_;
  std::vector<std::string> vocabulary_;
};

Result<AnswerRows> RowsOfOutput(const NamedTensor& output, std::int64_t batch);

// Natural logarithms of the probabilities of a row: log softmax of scores, or the logarithm of a
// row that is probabilities already (none negative, sum within 1e-3 of 1).
std::vector<double> LogProbabilities(std::span<const double> row);

// Detections of each sample of the batch, after non-maximum suppression.
Result<std::vector<std::vector<Detection>>> ReadDetections(const AnsweredBatch& batch,
                                                           const AnswerOptions& options);

// How far `other` is from `reference`, batch by batch.
class Distance {
 public:
  // KL divergence sums of the batch's samples are appended to `kl`, one a sample.
  Status Add(const AnsweredBatch& reference, const AnsweredBatch& other, Predictions* into);
  [[nodiscard]] double sqnr_db() const;

 private:
  double signal_ = 0;
  double noise_ = 0;
};

}  // namespace quantbench
