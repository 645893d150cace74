// Reading answers: classes, ranks, probabilities, words.
#include "measure/answers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

namespace quantbench {
namespace {

// The labels of a sample's rows; empty when there are none.
Result<std::vector<std::int32_t>> RowLabels(const Sample& sample, Task task, bool labelled,
                                            std::int64_t rows) {
  if (task == Task::kLanguageModel) return sample.targets;
  if (!labelled || rows != 1) return std::vector<std::int32_t>{};
  if (sample.label < 0 || sample.label > std::numeric_limits<std::int32_t>::max()) {
    return Error(ErrorCode::kMalformed, Format("sample {}: label {} is not a class",
                                               Printable(sample.name), sample.label));
  }
  return std::vector<std::int32_t>{static_cast<std::int32_t>(sample.label)};
}

// How many classes score above `label`.
std::int32_t RankOf(std::span<const double> row, std::int32_t label) {
  const double own = row[static_cast<std::size_t>(label)];
  return static_cast<std::int32_t>(
      std::count_if(row.begin(), row.end(), [&](double score) { return score > own; }));
}

Status CheckLabel(const Sample& sample, std::int32_t label, std::size_t classes) {
  if (static_cast<std::size_t>(label) < classes) return Ok();
  return Error(ErrorCode::kMalformed,
               Format("sample {}: label {} is out of range, the model has {} classes",
                      Printable(sample.name), label, classes));
}

Status CheckNumbers(std::span<const double> row, std::string_view output) {
  if (std::none_of(row.begin(), row.end(), [](double value) { return std::isnan(value); })) {
    return Ok();
  }
  return Error(ErrorCode::kUnsupported, Format("output \"{}\" holds NaN", Printable(output)));
}

void EndSample(std::size_t rows_before, bool single, Predictions* predictions) {
  const auto rows = static_cast<std::int64_t>(predictions->classes.size());
  if (single && predictions->row_ends.empty()) return;
  if (predictions->row_ends.empty()) {
    for (std::size_t i = 1; i <= rows_before; ++i) {
      predictions->row_ends.push_back(static_cast<std::int64_t>(i));
    }
  }
  predictions->row_ends.push_back(rows);
}

}  // namespace

Result<AnswerRows> RowsOfOutput(const NamedTensor& output, std::int64_t batch) {
  const Shape& shape = output.tensor.shape;
  if (shape.size() < 2 || shape.front() != batch || shape.back() < 1) {
    return Error(
        ErrorCode::kUnsupported,
        Format("output \"{}\" of shape {} has no batch and class axes: no class can be read",
               Printable(output.name), ToString(shape)));
  }
  AnswerRows rows;
  QB_TRY(rows.values, ToDoubles(output.tensor));
  rows.width = static_cast<std::size_t>(shape.back());
  rows.rows_per_sample =
      static_cast<std::int64_t>(rows.values.size() / rows.width) / std::max<std::int64_t>(1, batch);
  return rows;
}

std::vector<double> LogProbabilities(std::span<const double> row) {
  double sum = 0;
  for (const double value : row) sum += value;
  const bool shares = std::fabs(sum - 1) < 1e-3 &&
                      std::all_of(row.begin(), row.end(), [](double v) { return v >= 0; });
  std::vector<double> logs(row.begin(), row.end());
  if (shares) {
    for (double& value : logs) value = std::log(std::max(value, 1e-30));
    return logs;
  }
  const double most = *std::max_element(row.begin(), row.end());
  double total = 0;
  for (const double value : row) total += std::exp(value - most);
  for (double& value : logs) value -= most + std::log(total);
  return logs;
}

Result<AnswerReader> AnswerReader::Make(Task task, const AnswerOptions& options) {
  AnswerReader reader;
  reader.task_ = task;
  reader.options_ = options;
  if (task != Task::kTranscribe) return reader;
  if (options.vocabulary.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "task transcribe needs `answer = { vocabulary = \"...\" }`, a symbol a line");
  }
  QB_TRY(const std::string text, ReadFile(options.vocabulary, 64U << 20U));
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view symbol = rest.substr(0, end);
    if (symbol.ends_with('\r')) symbol.remove_suffix(1);
    reader.vocabulary_.emplace_back(symbol);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return reader;
}

Status AnswerReader::Read(const AnsweredBatch& batch, Predictions* predictions) const {
  if (batch.outputs->empty()) return Error(ErrorCode::kUnsupported, "the model has no output");
  predictions->output = batch.outputs->front().name;
  predictions->samples += static_cast<std::int64_t>(batch.samples->size());
  if (task_ == Task::kTranscribe) return ReadWords(batch, predictions);
  if (task_ != Task::kDetect) return ReadRows(batch, predictions);
  QB_TRY(auto detections, ReadDetections(batch, options_));
  for (std::size_t i = 0; i < detections.size(); ++i) {
    predictions->detections.push_back(std::move(detections[i]));
    predictions->objects.push_back((*batch.samples)[i].boxes);
  }
  return Ok();
}

Status AnswerReader::ReadRows(const AnsweredBatch& batch, Predictions* predictions) const {
  const auto count = static_cast<std::int64_t>(batch.samples->size());
  QB_TRY(const AnswerRows answer, RowsOfOutput(batch.outputs->front(), count));
  for (std::int64_t i = 0; i < count; ++i) QB_OK(ReadSample(batch, answer, i, predictions));
  return Ok();
}

Status AnswerReader::ReadSample(const AnsweredBatch& batch, const AnswerRows& answer,
                                std::int64_t i, Predictions* predictions) const {
  const Sample& sample = (*batch.samples)[static_cast<std::size_t>(i)];
  const bool single_probability = answer.width == 1 && task_ == Task::kClassify;
  const std::size_t classes = single_probability ? 2 : answer.width;
  const std::size_t before = predictions->classes.size();
  QB_TRY(const std::vector<std::int32_t> labels,
         RowLabels(sample, task_, batch.labelled, answer.rows_per_sample));
  std::int64_t rows = answer.rows_per_sample;
  if (!labels.empty()) rows = std::min(rows, static_cast<std::int64_t>(labels.size()));
  double nll = 0;
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::span<const double> row = answer.Row(i, r);
    QB_OK(CheckNumbers(row, batch.outputs->front().name));
    const auto largest = std::max_element(row.begin(), row.end()) - row.begin();
    const bool yes = single_probability && row[0] >= options_.threshold;
    predictions->classes.push_back(single_probability ? static_cast<std::int32_t>(yes)
                                                      : static_cast<std::int32_t>(largest));
    if (labels.empty()) continue;
    const std::int32_t label = labels[static_cast<std::size_t>(r)];
    QB_OK(CheckLabel(sample, label, classes));
    predictions->labels.push_back(label);
    predictions->ranks.push_back(single_probability ? static_cast<std::int32_t>(yes != (label == 1))
                                                    : RankOf(row, label));
    if (task_ != Task::kLanguageModel) continue;
    nll -= LogProbabilities(row)[static_cast<std::size_t>(label)];
  }
  EndSample(before, rows == 1, predictions);
  if (task_ == Task::kLanguageModel) predictions->nll.push_back(nll);
  if (sample.stream >= 0) predictions->streams.push_back(sample.stream);
  return Ok();
}

// Greedy reading of connectionist temporal classification: the best symbol of every step, repeats
// made one, blanks dropped [Graves et al. 2006]. "|" is the space of word boundaries.
std::string AnswerReader::Transcript(const AnswerRows& answer, std::int64_t i) const {
  std::string text;
  std::int64_t last = options_.blank;
  for (std::int64_t r = 0; r < answer.rows_per_sample; ++r) {
    const std::span<const double> row = answer.Row(i, r);
    const std::int64_t best = std::max_element(row.begin(), row.end()) - row.begin();
    if (best != last && best != options_.blank) {
      const std::string& symbol = vocabulary_[static_cast<std::size_t>(best)];
      text += symbol == "|" ? " " : symbol;
    }
    last = best;
  }
  return text;
}

Status AnswerReader::ReadWords(const AnsweredBatch& batch, Predictions* predictions) const {
  const auto count = static_cast<std::int64_t>(batch.samples->size());
  QB_TRY(const AnswerRows answer, RowsOfOutput(batch.outputs->front(), count));
  if (answer.width > vocabulary_.size()) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("the model has {} symbols, {} names {}", answer.width,
                        options_.vocabulary.string(), vocabulary_.size()));
  }
  QB_OK(CheckNumbers(answer.values, batch.outputs->front().name));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string text = Transcript(answer, i);
    std::int64_t words = 0;
    const Sample& sample = (*batch.samples)[static_cast<std::size_t>(i)];
    predictions->edits.push_back(static_cast<double>(WordEdits(sample.transcript, text, &words)));
    predictions->words.push_back(static_cast<double>(words));
  }
  return Ok();
}

std::int64_t WordEdits(std::string_view truth, std::string_view answer, std::int64_t* truth_words) {
  const auto split = [](std::string_view text) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find(' '), text.size());
      if (end > 0) words.push_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
  };
  const std::vector<std::string_view> a = split(truth);
  const std::vector<std::string_view> b = split(answer);
  *truth_words = static_cast<std::int64_t>(a.size());
  std::vector<std::int64_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<std::int64_t>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::int64_t diagonal = row[0];
    row[0] = static_cast<std::int64_t>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::int64_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

Status Distance::Add(const AnsweredBatch& reference, const AnsweredBatch& other,
                     Predictions* into) {
  const NamedTensor& before = reference.outputs->front();
  const NamedTensor& after = other.outputs->front();
  if (before.tensor.shape != after.tensor.shape) return Ok();  // nothing to compare
  QB_TRY(const std::vector<double> x, ToDoubles(before.tensor));
  QB_TRY(const std::vector<double> y, ToDoubles(after.tensor));
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] && std::isinf(x[i])) continue;
    signal_ += x[i] * x[i];
    noise_ += (x[i] - y[i]) * (x[i] - y[i]);
  }
  if (into->task != Task::kLanguageModel) return Ok();
  const auto count = static_cast<std::int64_t>(other.samples->size());
  const auto width = static_cast<std::size_t>(after.tensor.shape.back());
  const auto per_sample = static_cast<std::int64_t>(x.size() / width) / count;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto& targets = (*other.samples)[static_cast<std::size_t>(i)].targets;
    const std::int64_t rows = std::min(per_sample, static_cast<std::int64_t>(targets.size()));
    double kl = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::size_t at = static_cast<std::size_t>(i * per_sample + r) * width;
      const std::vector<double> p = LogProbabilities({x.data() + at, width});
      const std::vector<double> q = LogProbabilities({y.data() + at, width});
      for (std::size_t c = 0; c < width; ++c) kl += std::exp(p[c]) * (p[c] - q[c]);
    }
    into->kl.push_back(kl);
  }
  return Ok();
}

double Distance::sqnr_db() const {
  if (std::isnan(noise_) || std::isinf(noise_)) return -std::numeric_limits<double>::infinity();
  if (noise_ == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal_ / noise_);
}

}  // namespace quantbench
