// Gathering evaluations: scores with intervals, and what changed against the original.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>

#include "analyse/gather.h"
#include "analyse/unknown.h"

namespace quantbench {
namespace {

constexpr std::int64_t kMostResampledRows = 20'000'000;  // rows times resamples
constexpr std::size_t kMostClasses = 5;                  // shown of those that changed

// Whether every row is a sample of its own, so that proportions have their exact intervals.
bool Independent(const Predictions& predictions) {
  return predictions.row_ends.empty() && predictions.streams.empty();
}

ResampleOptions ResamplesFor(const Predictions& predictions, bool relative) {
  std::int64_t work = std::max<std::int64_t>(predictions.rows, predictions.samples);
  for (const auto& sample : predictions.detections) {
    work += 10 * static_cast<std::int64_t>(sample.size());
  }
  ResampleOptions options;
  options.resamples = static_cast<int>(
      std::clamp<std::int64_t>(kMostResampledRows / std::max<std::int64_t>(1, work), 200, 1000));
  options.relative = relative;
  return options;
}

// The first `samples` samples: an evaluation that ended early is compared on what both saw.
Predictions FirstSamples(const Predictions& all, std::int64_t samples) {
  if (samples >= all.samples || samples < 1) return all;
  Predictions some = all;
  const auto cut = [](auto* list, std::int64_t n) {
    if (static_cast<std::int64_t>(list->size()) > n) list->resize(static_cast<std::size_t>(n));
  };
  some.samples = samples;
  some.rows = all.classes.empty() ? 0 : all.FirstRow(samples - 1) + all.RowsOf(samples - 1);
  for (auto* list : {&some.classes, &some.labels, &some.ranks}) cut(list, some.rows);
  for (auto* list : {&some.row_ends, &some.streams}) cut(list, samples);
  for (auto* list : {&some.nll, &some.edits, &some.words, &some.kl}) cut(list, samples);
  cut(&some.detections, samples);
  cut(&some.objects, samples);
  return some;
}

// Whether the same samples were asked, in the same order.
bool SameQuestions(const Predictions& a, const Predictions& b) {
  return a.task == b.task && a.samples == b.samples && a.rows == b.rows && a.labels == b.labels &&
         a.row_ends == b.row_ends && a.words == b.words && a.objects.size() == b.objects.size();
}

void JudgeMargin(const ArmAccuracy& row, double margin, ArmScore* score) {
  const Interval& d = score->difference;
  if (!d.valid()) return;
  const bool higher = HigherIsBetter(score->score);
  const double worst = higher ? d.low : -d.high;
  const double best = higher ? d.high : -d.low;
  const double estimate = higher ? d.estimate : -d.estimate;
  score->not_worse = worst > -margin  ? NotWorse::kYes
                     : best < -margin ? NotWorse::kNo
                                      : NotWorse::kOpen;
  if (score->not_worse != NotWorse::kOpen) return;
  // The interval shrinks with the root of the samples: 80 % power needs 2.80 standard errors.
  const double error = (d.high - d.low) / (2 * 1.96);
  const double distance = std::fabs(estimate + margin);
  const double factor = distance > 0 ? 2.80 * error / distance : 1e6;
  const double needed = static_cast<double>(row.samples) * factor * factor;
  if (needed < 1e12) score->needed = static_cast<std::int64_t>(std::ceil(needed));
}

// Resamples of answers that hardly differ show less than is not known: no interval of a share is
// narrower than Tango's where none of so many samples changed.
void WidenToUnseen(std::int64_t samples, Interval* difference) {
  if (!difference->valid()) return;
  const Interval unseen = PairedDifference(0, 0, samples);
  difference->low = std::min(difference->low, difference->estimate + unseen.low);
  difference->high = std::max(difference->high, difference->estimate + unseen.high);
}

ArmScore ScoreArm(Score which, const Predictions& mine, const Predictions* original,
                  const ArmAccuracy& row) {
  ArmScore score;
  score.score = which;
  score.value = score.difference = kUnknown;
  score.p_value = kNaN;
  const auto scorer = MakeScorer(which, mine);
  const bool proportion = which == Score::kTop1 && Independent(mine) && !mine.labels.empty();
  const bool relative = which == Score::kPerplexity;
  score.value = proportion ? WilsonInterval(mine.Correct(), mine.rows)
                           : Bootstrap(*scorer, nullptr, mine, ResamplesFor(mine, false));
  if (original == nullptr) return score;
  if (proportion) {
    score.difference = PairedDifference(row.gained, row.lost, mine.rows);
    score.p_value = McNemarP(row.gained, row.lost);
  } else {
    const auto base = MakeScorer(which, *original);
    score.difference = Bootstrap(*scorer, base.get(), mine, ResamplesFor(mine, relative));
    if (mine.task == Task::kClassify && Independent(mine)) {
      WidenToUnseen(mine.samples, &score.difference);
    }
  }
  return score;
}

// The rows of one class before and after.
struct ClassCounts {
  std::int64_t rows = 0;
  std::int64_t right = 0;  // before
  std::int64_t gained = 0;
  std::int64_t lost = 0;
};

std::map<std::int32_t, ClassCounts> CountClasses(const Predictions& original,
                                                 const Predictions& other) {
  std::map<std::int32_t, ClassCounts> classes;
  for (std::size_t i = 0; i < other.classes.size(); ++i) {
    const bool before = original.classes[i] == original.labels[i];
    const bool after = other.classes[i] == other.labels[i];
    ClassCounts& counts = classes[other.labels[i]];
    ++counts.rows;
    counts.right += before ? 1 : 0;
    counts.gained += !before && after ? 1 : 0;
    counts.lost += before && !after ? 1 : 0;
  }
  return classes;
}

// The classes that changed most.
std::vector<ClassChange> LargestChanges(const std::map<std::int32_t, ClassCounts>& classes) {
  std::vector<ClassChange> changes;
  for (const auto& [label, counts] : classes) {
    if (counts.gained == counts.lost) continue;
    const double p = McNemarP(counts.gained, counts.lost) * static_cast<double>(classes.size());
    changes.push_back({label, counts.rows, counts.right, counts.right + counts.gained - counts.lost,
                       std::min(1.0, p)});
  }
  std::stable_sort(changes.begin(), changes.end(), [](const ClassChange& a, const ClassChange& b) {
    return std::llabs(a.after - a.before) > std::llabs(b.after - b.before);
  });
  if (changes.size() > kMostClasses) changes.resize(kMostClasses);
  return changes;
}

// What two arms answered to the same rows.
void CompareAnswers(const Predictions& original, const Predictions& other, ArmAccuracy* row) {
  if (other.classes.empty()) return;
  std::int64_t same = 0;
  for (std::size_t i = 0; i < other.classes.size(); ++i) {
    same += other.classes[i] == original.classes[i] ? 1 : 0;
  }
  row->agreement = WilsonInterval(same, other.rows);
  if (!row->labelled) {
    row->gained = static_cast<std::int64_t>(other.classes.size()) - same;
    return;
  }
  const auto classes = CountClasses(original, other);
  for (const auto& [label, counts] : classes) {
    row->gained += counts.gained;
    row->lost += counts.lost;
  }
  row->classes = LargestChanges(classes);
}

// The scores that are defined for these answers, the model's main one first.
std::vector<Score> ScoresFor(const StudyModel* model, const Predictions& predictions) {
  std::vector<Score> scores;
  if (model != nullptr) {
    if (const auto main = ParseScore(model->metric); main.ok()) scores.push_back(main.value());
  }
  std::int32_t largest = 0;
  for (const std::int32_t label : predictions.labels) largest = std::max(largest, label);
  for (const Score score : ScoresOf(predictions.task)) {
    const bool unlabelled = predictions.task == Task::kClassify && predictions.labels.empty();
    const bool few = score == Score::kTop5 && largest < 10;
    if (unlabelled || few) continue;
    if (std::find(scores.begin(), scores.end(), score) == scores.end()) scores.push_back(score);
  }
  return scores;
}

void FillAnswers(const Study& study, const Predictions& mine, const Predictions* original,
                 ArmAccuracy* row) {
  row->rows = mine.rows;
  row->samples = mine.samples;
  row->labelled = !mine.labels.empty();
  row->correct = mine.Correct();
  row->bad = mine.bad;
  row->stopped = mine.stopped;
  row->sqnr_db = mine.sqnr_db.value_or(kNaN);
  double kl = 0;
  for (const double sample : mine.kl) kl += sample;
  row->kl = mine.kl.empty() || mine.rows < 1 ? kNaN : kl / static_cast<double>(mine.rows);
  Predictions beside;
  const Predictions* compared = nullptr;
  if (original != nullptr) {
    beside = FirstSamples(*original, mine.samples);
    if (SameQuestions(beside, mine)) compared = &beside;
  }
  if (compared != nullptr) CompareAnswers(beside, mine, row);
  for (const Score which : ScoresFor(study.FindModel(row->model), mine)) {
    ArmScore score = ScoreArm(which, mine, compared, *row);
    if (std::isnan(score.value.estimate)) continue;
    JudgeMargin(*row, study.margin, &score);
    row->scores.push_back(score);
  }
  if (const ArmScore* main = row->main()) {
    row->top1 = main->value;
    row->difference = main->difference;
  }
}

}  // namespace

std::string_view Name(NotWorse verdict) {
  constexpr std::array<std::string_view, 4> kNames = {"not worse", "worse", "open", ""};
  return kNames[static_cast<std::size_t>(verdict)];
}

std::vector<ArmAccuracy> GatherAccuracy(const Study& study,
                                        const std::vector<const Record*>& records) {
  std::map<std::string, Predictions> originals;
  for (const Record* record : records) {
    if (record->what.arm != kOriginal || record->outcome != Outcome::kOk) continue;
    auto predictions = Predictions::FromJson(record->results["predictions"]);
    if (predictions.ok()) originals[record->what.model] = std::move(predictions).value();
  }
  std::vector<ArmAccuracy> rows;
  for (const Record* record : records) {
    ArmAccuracy row;
    row.model = record->what.model;
    row.arm = record->what.arm;
    row.outcome = record->outcome;
    row.reason = record->reason;
    row.data = record->results["data"].AsString();
    row.top1 = row.difference = row.agreement = kUnknown;
    row.sqnr_db = row.kl = kNaN;
    const auto predictions = Predictions::FromJson(record->results["predictions"]);
    if (record->outcome == Outcome::kOk && predictions.ok()) {
      const auto original = originals.find(row.model);
      const bool beside = original != originals.end() && row.arm != kOriginal;
      FillAnswers(study, predictions.value(), beside ? &original->second : nullptr, &row);
    }
    rows.push_back(std::move(row));
  }
  const auto place = [&](const ArmAccuracy& row) {
    const StudyModel* model = study.FindModel(row.model);
    return std::pair(model == nullptr ? 0 : model - study.models.data(), OrderOf(study, row.arm));
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const ArmAccuracy& a, const ArmAccuracy& b) { return place(a) < place(b); });
  return rows;
}

}  // namespace quantbench
