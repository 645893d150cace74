// Answers over a data set.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/data.h"
#include "quantbench/engine.h"

namespace quantbench {

// A box that a detector found.
struct Detection {
  Box box;
  double score = 0;
};

// A model's answers over a data set, with the truth where there is one. A sample's rows are the
// places at which it answers: one of a classifier, one a token of a language model. What the task
// does not have is empty.
struct Predictions {
  Task task = Task::kClassify;
  std::int64_t samples = 0;
  std::int64_t rows = 0;               // classes.size()
  std::vector<std::int32_t> classes;   // arg max of each row; of a single probability: 0 or 1
  std::vector<std::int32_t> labels;    // empty: no labels; else one a row
  std::vector<std::int32_t> ranks;     // with labels: classes that scored above the label's
  std::vector<std::int64_t> row_ends;  // of each sample, where some have other than one row
  std::vector<std::int64_t> streams;   // of each sample; samples of a stream depend on each other
  std::vector<double> nll;    // kLanguageModel, by sample: sum over rows of -ln p(label), nats
  std::vector<double> edits;  // kTranscribe, by sample: word insertions, deletions, substitutions
  std::vector<double> words;  // kTranscribe, by sample: words of the truth
  std::vector<std::vector<Detection>> detections;  // kDetect, by sample
  std::vector<std::vector<Box>> objects;           // kDetect, by sample: the truth
  std::string output;                              // the output that was read
  // Beside a reference that ran on the same samples:
  std::vector<double> kl;         // by sample: sum over rows of KL(reference || this), nats
  std::optional<double> sqnr_db;  // over all values of the output
  std::vector<BadSample> bad;     // left out
  bool stopped = false;           // options.enough said so, before the last sample

  [[nodiscard]] std::int64_t Correct() const;  // rows where class and label agree
  [[nodiscard]] std::int64_t FirstRow(std::int64_t sample) const;
  [[nodiscard]] std::int64_t RowsOf(std::int64_t sample) const;
  [[nodiscard]] Json ToJson() const;
  [[nodiscard]] static Result<Predictions> FromJson(const Json& json);
};

struct EvaluateOptions {
  std::int64_t batch = 16;  // 1 where the model's batch is fixed, and for streams
  std::int64_t limit = 0;   // first n samples; 0: all
  Task task = Task::kClassify;
  AnswerOptions answer;
  std::map<std::string, std::string> feedback;  // input by name: the output of the step before
  bool skip_bad = false;
  int load_threads = 0;  // that read samples ahead; 0: one a core
  // Asked after every batch with the answers of both so far; true ends the evaluation.
  std::function<bool(const Predictions& mine, const Predictions& reference)> enough;
};
// NaN among the outputs of a row, an output without a class axis: kUnsupported names it. A label
// that is no class of the model: kMalformed names the sample. `reference`: null, or the original.
[[nodiscard]] Result<Predictions> Predict(Session& session, Session* reference,
                                          const Dataset& dataset,
                                          const std::vector<InputSpec>& inputs,
                                          const EvaluateOptions& options, Progress& progress);

// Least insertions, deletions and substitutions of words, split at spaces, that turn one text into
// the other [Levenshtein 1966].
[[nodiscard]] std::int64_t WordEdits(std::string_view truth, std::string_view answer,
                                     std::int64_t* truth_words);

// Signal to quantization noise ratio in decibels, 20 log10(|x| / |x - y|) over all values [Pandey
// 2023]; infinity when they are equal, -infinity when y has NaN. Sizes must agree.
[[nodiscard]] double SqnrDb(std::span<const double> reference, std::span<const double> other);

}  // namespace quantbench
