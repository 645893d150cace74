// Scores: what is counted in an evaluation, as a function of the samples' weights.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "quantbench/base/format.h"

#include "analyse/average_precision.h"
#include "analyse/unknown.h"

namespace quantbench {
namespace {

constexpr std::array<std::string_view, 8> kScores = {"top1",       "top5", "f1",    "matthews",
                                                     "perplexity", "wer",  "map50", "map"};

// Sum of one figure a sample over the sum of another; perplexity is its exponential.
class RatioScorer final : public Scorer {
 public:
  RatioScorer(std::vector<double> over, std::vector<double> under, bool exponential)
      : over_(std::move(over)), under_(std::move(under)), exponential_(exponential) {}

  [[nodiscard]] double Value(std::span<const double> weights) const override {
    double over = 0;
    double under = 0;
    for (std::size_t i = 0; i < over_.size(); ++i) {
      const double weight = weights.empty() ? 1 : weights[i];
      over += weight * over_[i];
      under += weight * under_[i];
    }
    if (under <= 0) return kNaN;
    return exponential_ ? std::exp(over / under) : over / under;
  }

 private:
  std::vector<double> over_;
  std::vector<double> under_;
  bool exponential_;
};

// Rows of each sample whose label has at most `rank` classes above it, and all its rows.
std::unique_ptr<Scorer> MakeTopScorer(const Predictions& predictions, std::int32_t rank) {
  std::vector<double> right;
  std::vector<double> rows;
  for (std::int64_t s = 0; s < predictions.samples && !predictions.labels.empty(); ++s) {
    const std::int64_t first = predictions.FirstRow(s);
    const std::int64_t count = predictions.RowsOf(s);
    double good = 0;
    for (auto row = static_cast<std::size_t>(first); row < static_cast<std::size_t>(first + count);
         ++row) {
      const bool best = predictions.classes[row] == predictions.labels[row];
      const bool near =
          rank > 0 && row < predictions.ranks.size() && predictions.ranks[row] <= rank;
      good += best || near ? 1 : 0;
    }
    right.push_back(good);
    rows.push_back(static_cast<double>(count));
  }
  return std::make_unique<RatioScorer>(std::move(right), std::move(rows), false);
}

// Scores of the table of labels against classes.
class ConfusionScorer final : public Scorer {
 public:
  ConfusionScorer(const Predictions& predictions, bool matthews) : matthews_(matthews) {
    if (predictions.labels.empty()) return;
    std::map<std::int32_t, std::size_t> places;
    for (const std::int32_t label : predictions.labels) places[label] = 0;
    for (const std::int32_t answer : predictions.classes) places[answer] = 0;
    for (auto& [label, place] : places) place = classes_++;
    binary_ = classes_ == 2 && places.begin()->first == 0 && places.rbegin()->first == 1;
    for (std::int64_t s = 0; s < predictions.samples; ++s) {
      const std::int64_t first = predictions.FirstRow(s);
      for (std::int64_t row = first; row < first + predictions.RowsOf(s); ++row) {
        const auto at = static_cast<std::size_t>(row);
        rows_.push_back({static_cast<std::size_t>(s), places[predictions.labels[at]],
                         places[predictions.classes[at]]});
      }
    }
  }

  [[nodiscard]] double Value(std::span<const double> weights) const override {
    Marginals sums{std::vector<double>(classes_), std::vector<double>(classes_),
                   std::vector<double>(classes_)};
    for (const Row& row : rows_) {
      const double weight = weights.empty() ? 1 : weights[row.sample];
      sums.truth[row.label] += weight;
      sums.answer[row.answer] += weight;
      if (row.label == row.answer) sums.right[row.label] += weight;
    }
    return matthews_ ? Matthews(sums) : F1(sums);
  }

 private:
  struct Row {
    std::size_t sample;
    std::size_t label;
    std::size_t answer;
  };
  struct Marginals {
    std::vector<double> truth;
    std::vector<double> answer;
    std::vector<double> right;
  };

  [[nodiscard]] double F1(const Marginals& sums) const {
    double total = 0;
    double counted = 0;
    for (std::size_t c = binary_ ? 1 : 0; c < classes_; ++c) {
      const double all = sums.truth[c] + sums.answer[c];
      if (all <= 0) continue;
      total += 2 * sums.right[c] / all;
      ++counted;
    }
    return counted > 0 ? total / counted : kNaN;
  }

  // (right * n - sum t p) / sqrt((n^2 - sum p^2)(n^2 - sum t^2)) [Gorodkin 2004].
  [[nodiscard]] double Matthews(const Marginals& sums) const {
    double n = 0;
    double right = 0;
    double product = 0;
    double truth = 0;
    double answer = 0;
    for (std::size_t c = 0; c < classes_; ++c) {
      n += sums.truth[c];
      right += sums.right[c];
      product += sums.truth[c] * sums.answer[c];
      truth += sums.truth[c] * sums.truth[c];
      answer += sums.answer[c] * sums.answer[c];
    }
    if (n <= 0) return kNaN;
    const double spread = std::sqrt((n * n - answer) * (n * n - truth));
    return spread > 0 ? (right * n - product) / spread : 0;
  }

  bool matthews_;
  bool binary_ = false;
  std::size_t classes_ = 0;
  std::vector<Row> rows_;
};

std::vector<double> RowCounts(const Predictions& predictions) {
  std::vector<double> rows;
  for (std::int64_t s = 0; s < predictions.samples; ++s) {
    rows.push_back(static_cast<double>(predictions.RowsOf(s)));
  }
  return rows;
}

}  // namespace

std::string_view Name(Score score) {
  return kScores[static_cast<std::size_t>(score)];
}

Result<Score> ParseScore(std::string_view name) {
  for (std::size_t i = 0; i < kScores.size(); ++i) {
    if (kScores[i] == name) return static_cast<Score>(i);
  }
  std::string message = Format("unknown score \"{}\"", Printable(name));
  if (const auto nearest = Nearest(name, kScores); !nearest.empty()) {
    message += Format("; did you mean \"{}\"?", nearest);
  }
  return Error(ErrorCode::kInvalidArgument, message);
}

bool HigherIsBetter(Score score) {
  return score != Score::kPerplexity && score != Score::kWordErrors;
}

std::vector<Score> ScoresOf(Task task) {
  switch (task) {
    case Task::kClassify: return {Score::kTop1, Score::kTop5, Score::kF1, Score::kMatthews};
    case Task::kLanguageModel: return {Score::kPerplexity, Score::kTop1};
    case Task::kDetect: return {Score::kMap50, Score::kMap};
    case Task::kTranscribe: return {Score::kWordErrors};
  }
  return {};
}

std::unique_ptr<Scorer> MakeScorer(Score score, const Predictions& predictions) {
  switch (score) {
    case Score::kTop1: return MakeTopScorer(predictions, 0);
    case Score::kTop5: return MakeTopScorer(predictions, 4);
    case Score::kF1: return std::make_unique<ConfusionScorer>(predictions, false);
    case Score::kMatthews: return std::make_unique<ConfusionScorer>(predictions, true);
    case Score::kPerplexity:
      return std::make_unique<RatioScorer>(predictions.nll, RowCounts(predictions), true);
    case Score::kWordErrors:
      return std::make_unique<RatioScorer>(predictions.edits, predictions.words, false);
    case Score::kMap50: return MakePrecisionScorer(predictions, 1);
    case Score::kMap: return MakePrecisionScorer(predictions, 10);
  }
  return nullptr;
}

}  // namespace quantbench
