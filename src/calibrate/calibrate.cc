// Calibrating: samples stream through the model, watched tensors through their statistics.
#include "quantbench/calibrate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>

#include "quantbench/base/format.h"
#include "quantbench/base/parallel.h"

#include "calibrate/watched_model.h"

namespace quantbench {
namespace {

constexpr std::int64_t kFirstLook = 16;
constexpr double kStableDrift = 0.02;

// One scale against another; no change where both are nothing.
double Drift(const std::pair<double, double>& before, const Range& now) {
  const double old_width = std::max(0.0, before.second) - std::min(0.0, before.first);
  const double new_width = std::max(0.0, now.high) - std::min(0.0, now.low);
  if (old_width == new_width) return 0;
  if (old_width <= 0 || new_width <= 0) return std::numeric_limits<double>::infinity();
  return std::abs(std::log2(new_width / old_width));
}

// Some tensors, watched together over the samples.
class ObservingPass {
 public:
  ObservingPass(const WatchContext& context, std::span<const std::string> tensors,
                const CalibrateOptions& options, CalibrationStatistics* all)
      : context_(context), tensors_(tensors.begin(), tensors.end()), options_(options), all_(all) {}

  // From all->position on. `limit`: samples at most. `done`: called after each run.
  Status Run(std::int64_t limit, const std::function<Status(std::int64_t position)>& done) {
    QB_TRY(const auto watched,
           WatchedModel::Load(context_, tensors_, [&](std::size_t tensor, const TensorView& value) {
             return See(tensor, value);
           }));
    while (all_->position < limit && !all_->stable) {
      const std::int64_t sample = all_->position;
      sample_ = Format("sample {}", sample);
      QB_OK(RunOrSkip(*watched, sample, limit));
      all_->position = sample + watched->batch();
      all_->samples = std::max(all_->samples, std::min(limit, all_->position) -
                                                  static_cast<std::int64_t>(all_->skipped.size()));
      // Known before `done` keeps it: who goes on from there must not look for more.
      all_->stable = options_.until_stable && IsLook(all_->position) && LookIsStable();
      QB_OK(done(std::min(limit, all_->position)));
    }
    return Ok();
  }

 private:
  // A sample that does not run is left out, unless that are too many of `limit`.
  Status RunOrSkip(WatchedModel& watched, std::int64_t sample, std::int64_t limit) {
    const auto ran = RunOne(watched, sample);
    return ran.ok() ? Ok() : Skip(sample, ran.error(), limit);
  }

  // A sample that fails half-way must not have been counted: its statistics are kept apart until
  // it is through.
  Status RunOne(WatchedModel& watched, std::int64_t sample) {
    if (IsSkipped(sample)) return Ok();
    one_.clear();
    QB_OK(watched.Run(sample));
    for (auto& [name, seen] : one_) MergeInto(name, std::move(seen));
    return Ok();
  }

  void MergeInto(const std::string& name, TensorStatistics seen) {
    const auto [entry, is_new] = all_->tensors.try_emplace(name);
    if (is_new) {
      entry->second = std::move(seen);
    } else {
      entry->second.Merge(seen);
    }
  }

  Status See(std::size_t tensor, const TensorView& value) {
    if (!IsFloatingPoint(value.type)) return Ok();
    const auto [one, is_new] = one_.try_emplace(tensors_[tensor]);
    if (is_new) StartAsWide(one->first, &one->second.histogram);
    return Observe(value, sample_, all_->histograms, &one->second, threads_);
  }

  // Bins as wide as those before, which they will be merged with: growing gives the same bits and
  // costs more.
  void StartAsWide(const std::string& name, Histogram* histogram) const {
    const auto before = all_->tensors.find(name);
    if (before != all_->tensors.end()) histogram->exponent = before->second.histogram.exponent;
  }

  [[nodiscard]] bool IsSkipped(std::int64_t sample) const {
    return std::any_of(all_->skipped.begin(), all_->skipped.end(),
                       [&](const SkippedSample& skipped) { return skipped.index == sample; });
  }

  Status Skip(std::int64_t sample, const Error& error, std::int64_t limit) {
    all_->skipped.push_back({sample, error.message()});
    if (static_cast<std::int64_t>(all_->skipped.size()) <= limit / 10) return Ok();
    return error;
  }

  static bool IsLook(std::int64_t position) {
    return position >= kFirstLook && (position & (position - 1)) == 0;
  }

  // Whether no scale has moved since the last look; remembers the scales for the next.
  bool LookIsStable() {
    double drift = 0;
    for (const std::string& name : tensors_) {
      const auto seen = all_->tensors.find(name);
      if (seen == all_->tensors.end()) continue;
      const Range range = ChooseRange(seen->second, options_.observer);
      const auto [before, is_first] = all_->looked.try_emplace(name, range.low, range.high);
      if (is_first) {
        drift = std::numeric_limits<double>::infinity();
      } else {
        drift = std::max(drift, Drift(before->second, range));
      }
      before->second = {range.low, range.high};
    }
    all_->drift = drift;
    return drift < kStableDrift;
  }

  const WatchContext& context_;
  std::vector<std::string> tensors_;
  const CalibrateOptions& options_;
  CalibrationStatistics* all_;
  int threads_ = options_.session.threads > 0 ? options_.session.threads : UsableCores();
  std::string sample_;
  std::map<std::string, TensorStatistics, std::less<>> one_;  // of the sample that runs
};

Status CheckResumable(const CalibrationStatistics& from, bool histograms) {
  if (from.histograms == histograms && from.pass >= 0 && from.position >= 0) return Ok();
  return Error(ErrorCode::kInvalidArgument,
               "statistics to go on from were made with other options");
}

}  // namespace

std::uint64_t StatisticsBytes(bool histograms) {
  const std::uint64_t bins = std::uint64_t{2} * Histogram::kBins * sizeof(std::int64_t);
  // Once in all, once of the sample that runs.
  return 2 * (sizeof(TensorStatistics) + (histograms ? bins : 0));
}

Result<CalibrationStatistics> ObserveTensors(const Model& model, Engine& engine,
                                             const Dataset& dataset,
                                             const std::vector<std::string>& tensors,
                                             const CalibrateOptions& options, Progress& progress) {
  QB_OK(CheckTensorsExist(model.graph, tensors));
  const std::int64_t limit = std::min(options.samples, dataset.size());
  if (limit <= 0) {
    return Error(ErrorCode::kInvalidArgument, "calibration needs at least one sample");
  }
  CalibrationStatistics all;
  all.histograms = options.histograms || NeedsHistogram(options.observer.observer);
  if (options.resume != nullptr) {
    QB_OK(CheckResumable(*options.resume, all.histograms));
    all = *options.resume;
  }
  const std::uint64_t bytes = StatisticsBytes(all.histograms);
  const auto fitting =
      static_cast<std::int64_t>(std::max<std::uint64_t>(1, options.memory_bytes / bytes));
  const auto count = static_cast<std::int64_t>(tensors.size());
  const std::int64_t passes = (count + fitting - 1) / fitting;
  progress.Note(
      Format("watching {} tensors over {} samples: {} of statistics, {} pass{} of a budget "
             "of {}",
             count, limit, FormatBytes(bytes * tensors.size()), passes, passes == 1 ? "" : "es",
             FormatBytes(options.memory_bytes)));
  const WatchContext context{model, engine, dataset, Unfused(options.session)};
  while (all.pass < passes) {
    const auto begin = static_cast<std::size_t>(all.pass * fitting);
    const auto part = std::span(tensors).subspan(
        begin, std::min(static_cast<std::size_t>(fitting), tensors.size() - begin));
    ObservingPass pass(context, part, options, &all);
    QB_OK(pass.Run(limit, [&](std::int64_t position) -> Status {
      progress.Update("calibrating", all.pass * limit + position, passes * limit);
      return options.checkpoint ? options.checkpoint(all) : Ok();
    }));
    ++all.pass;
    all.position = 0;
    if (all.pass < passes) all.stable = false;  // each pass settles by itself
  }
  return all;
}

Result<CalibrationTable> Calibrate(const Model& model, Engine& engine, const Dataset& dataset,
                                   const std::vector<std::string>& tensors,
                                   const CalibrateOptions& options, Progress& progress) {
  QB_TRY(const CalibrationStatistics seen,
         ObserveTensors(model, engine, dataset, tensors, options, progress));
  return ChooseRanges(seen, options.observer);
}

}  // namespace quantbench
