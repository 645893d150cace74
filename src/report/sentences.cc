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
    std::string title = ScoreTitle(main->score);
    const bool percent = title.ends_with(" %");
    if (percent) title.resize(title.size() - 2);
    return Format(", {} {}{} ({:+.2f} {}, 95 % interval {:+.2f} to {:+.2f}, {} samples)", title,
                  ShowScore(*main), percent ? " %" : "", d.estimate * 100,
                  main->score == Score::kPerplexity ? "%" : "points", d.low * 100, d.high * 100,
                  row->samples);
  }
  if (!row->agreement.valid()) return "";
  return Format(", the same answer as the original on {:.2f} % of {} rows",
                row->agreement.estimate * 100, row->rows);
}

}  // namespace

std::vector<std::string> AnswerSentences(const Analysis& analysis) {
  constexpr std::size_t kMost = 12;  // what one still reads; the summary has the rest
  std::vector<std::string> sentences;
  for (const ArmSize& size : analysis.sizes) {
    if (size.arm == kOriginal) continue;
    if (sentences.size() == kMost) return OverviewSentences(analysis);
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
    if (environment["engine"].AsString() != "libtorch") {
      engines.insert(Format("{} {}", environment["engine"].AsString(),
                            environment["engine_version"].AsString()));
    }
    if (environment.Has("torch_version")) {
      engines.insert(Format("libtorch {} (TorchScript)", environment["torch_version"].AsString()));
    }
  }
  std::string engine;
  for (const std::string& name : engines) engine += (engine.empty() ? "" : ", ") + name;
  const LatencyPlan& plan = study.latency;
  const std::string processes =
      plan.max_processes > plan.processes
          ? Format(
                "{} to {} fresh processes, more while the half-width of an interval was above "
                "{:.2g} % and {:.3g} s were not used up",
                plan.processes, plan.max_processes, plan.precision * 100,
                static_cast<double>(plan.budget_ns) * 1e-9)
          : Format("{} fresh process{}", plan.processes, plan.processes == 1 ? "" : "es");
  return Format(
      "Latency is the time of one forward pass of {}, inputs bound beforehand, warmed up until "
      "times were steady. Each cell was measured in {}; each loaded all arms and a second copy of "
      "the original in random order and measured them in turn, in rounds whose orders balance what "
      "follows what, so that a change of the machine's speed meets all arms alike. \"Times "
      "faster\" "
      "is the original's time over the arm's, the geometric mean over processes of what each found "
      "over its rounds; its 95 % interval is Student's t over the processes{}. Where runs took "
      "more "
      "than {:.2f} times their CPU time it is the ratio of CPU times. What two copies of the "
      "original differ by says what cannot be seen. Mean and standard deviation are over single "
      "runs; percentiles stand only where there are runs enough for 95 % confidence. Accuracy "
      "compares the same samples through all arms; of one arm's share of right answers the "
      "interval "
      "is Wilson's, of a difference Tango's for paired proportions, p is McNemar's exact one; the "
      "other scores are bootstrapped over samples. An arm is not worse by a margin where its whole "
      "interval says so. Sizes are bytes of the files. quantbench {}.",
      engine.empty() ? "the engine" : engine, processes,
      WideningOf(plan) > 1 ? Format(", {:.2f} times as wide because its width decided when to stop",
                                    WideningOf(plan))
                           : "",
      kContended, QB_VERSION);
}

Table EnvironmentTable(const Analysis& analysis) {
  Table table;
  table.title = "Environment";
  table.columns = {{"what", false}, {"value", false}};
  for (const Json& environment : analysis.environments) {
    for (const auto& [key, value] : environment.AsObject()) {
      if (key == "peaks") continue;  // a table of their own
      std::string text = value.is_string() ? value.AsString() : value.Dump();
      if (key == "memory_bytes") text = FormatBytes(static_cast<std::uint64_t>(value.AsInt()));
      if (!text.empty()) table.rows.push_back({key == "memory_bytes" ? "memory" : key, text});
    }
  }
  return table;
}

std::string ByLine(const Study& study) {
  std::string names;
  for (const std::string& author : study.authors) names += (names.empty() ? "" : ", ") + author;
  if (study.group.empty() || names.empty()) return study.group + names;
  return study.group + ": " + names;
}

namespace {

// Lines of a paragraph are joined, blank ones part paragraphs.
std::vector<std::string> ParagraphsOf(std::string_view text) {
  std::vector<std::string> paragraphs(1);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) {
      if (!paragraphs.back().empty()) paragraphs.emplace_back();
      continue;
    }
    const std::size_t last = line.find_last_not_of(" \t\r");
    paragraphs.back() += paragraphs.back().empty() ? "" : " ";
    paragraphs.back() += line.substr(first, last - first + 1);
  }
  if (paragraphs.back().empty()) paragraphs.pop_back();
  return paragraphs;
}

}  // namespace

std::vector<AuthorText> AuthorTexts(const Study& study) {
  std::vector<AuthorText> texts = {{"From the authors", ParagraphsOf(study.text)},
                                   {"Difficulties", ParagraphsOf(study.difficulties)},
                                   {"Discussion", ParagraphsOf(study.discussion)}};
  std::erase_if(texts, [](const AuthorText& text) { return text.paragraphs.empty(); });
  return texts;
}

}  // namespace quantbench
