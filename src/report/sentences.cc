// Sentences: the answer and the method, made from the data.
#include <algorithm>
#include <cmath>
#include <set>

#include "quantbench/base/format.h"

#include "report/lookup.h"
#include "report/page.h"
#include "report/score_text.h"

namespace quantbench {
namespace {

std::string SpeedPhrase(const CellResult* cell, const std::string& arm) {
  const ArmLatency* row = LatencyOf(cell, arm);
  if (row == nullptr) return "";
  const Interval& speedup = row->speedup;
  const std::string where = cell->cell.Describe();
  if (!speedup.valid()) return Format(", {:.2f} times as fast at {}", speedup.estimate, where);
  if (speedup.low <= 1 && speedup.high >= 1) {
    return Format(
        ", no clear difference in speed at {} ({:.2f} times as fast, 95 % interval {:.2f} to "
        "{:.2f})",
        where, speedup.estimate, speedup.low, speedup.high);
  }
  const bool faster = speedup.estimate >= 1;
  return Format(", {:.2f} times {} at {} (95 % interval {:.2f} to {:.2f})",
                faster ? speedup.estimate : 1 / speedup.estimate, faster ? "faster" : "slower",
                where, faster ? speedup.low : 1 / speedup.high,
                faster ? speedup.high : 1 / speedup.low);
}

std::string AccuracyPhrase(const Analysis& analysis, const std::string& model,
                           const std::string& arm) {
  const ArmAccuracy* row = AccuracyOf(analysis, model, arm);
  if (row == nullptr || row->outcome != Outcome::kOk) return "";
  const ArmScore* main = row->main();
  if (main != nullptr && main->difference.valid()) {
    const Interval& d = main->difference;
    return Format(", {} {} ({:+.2f} {}, 95 % interval {:+.2f} to {:+.2f}, {} samples)",
                  ScoreTitle(main->score), ShowScore(*main), d.estimate * 100,
                  main->score == Score::kPerplexity ? "%" : "points", d.low * 100, d.high * 100,
                  row->samples);
  }
  if (!row->agreement.valid()) return "";
  return Format(", the same answer as the original on {:.2f} % of {} rows",
                row->agreement.estimate * 100, row->rows);
}

}  // namespace

std::vector<std::string> AnswerSentences(const Analysis& analysis) {
  std::vector<std::string> sentences;
  for (const ArmSize& size : analysis.sizes) {
    if (size.arm == kOriginal) continue;
    sentences.push_back(Format("{} {}: {:.2f} times smaller ({}){}{}.", size.model, size.arm,
                               size.ratio, FormatBytes(size.size.total_bytes()),
                               SpeedPhrase(FirstCell(analysis, size.model), size.arm),
                               AccuracyPhrase(analysis, size.model, size.arm)));
  }
  return sentences;
}

std::string MethodText(const Analysis& analysis) {
  const Study& study = analysis.study;
  std::set<std::string> engines;
  for (const Json& environment : analysis.environments) {
    engines.insert(Format("{} {}", environment["engine"].AsString(),
                          environment["engine_version"].AsString()));
  }
  std::string engine;
  for (const std::string& name : engines) engine += (engine.empty() ? "" : ", ") + name;
  return Format(
      "Latency is the time of one forward pass of {}, inputs bound beforehand, warm-up passes "
      "excluded. "
      "Each cell was measured in {} fresh process{}; in each process all arms were loaded and "
      "measured in "
      "turn, one repetition of every arm a round, in an order shuffled anew each round, so that a "
      "change "
      "of the machine's speed meets all arms alike. A process made at least {} repetitions of each "
      "arm and "
      "up to {} while the standard error of a mean was above {:.1f} %; passes shorter than {} were "
      "timed "
      "in groups of that length, so the standard deviation of very short passes is that of group "
      "means. "
      "\"Times faster\" is the ratio of the original's mean to the arm's, process by process; its "
      "95 % "
      "interval is Student's t over the processes. Accuracy compares the same samples through all "
      "arms; "
      "of one arm's share of right answers the interval is Wilson's, of a difference Tango's for "
      "paired proportions, p is McNemar's exact one; the other scores are bootstrapped over "
      "samples. "
      "An arm is not worse by a margin where its whole interval says so. Sizes are "
      "bytes of the files. quantbench {}.",
      engine.empty() ? "the engine" : engine, study.processes, study.processes == 1 ? "" : "es",
      study.latency.repetitions, study.latency.max_repetitions,
      study.latency.target_relative_error * 100,
      FormatDuration(static_cast<double>(study.latency.min_repetition_ns)), QB_VERSION);
}

Table EnvironmentTable(const Analysis& analysis) {
  Table table;
  table.title = "Environment";
  table.columns = {{"what", false}, {"value", false}};
  for (const Json& environment : analysis.environments) {
    for (const auto& [key, value] : environment.AsObject()) {
      std::string text = value.is_string() ? value.AsString() : value.Dump();
      if (key == "memory_bytes") text = FormatBytes(static_cast<std::uint64_t>(value.AsInt()));
      if (!text.empty()) table.rows.push_back({key == "memory_bytes" ? "memory" : key, text});
    }
  }
  return table;
}

}  // namespace quantbench
