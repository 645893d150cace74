// Tables of evaluations: scores, classes, natural sizes, the trade-off.
#include <cmath>

#include "quantbench/base/format.h"
#include "quantbench/report.h"

#include "report/score_text.h"

namespace quantbench {
namespace {

std::string Decimal(double value, int digits) {
  if (std::isnan(value)) return "-";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return Format("{:.{}f}", value, digits);
}

// Few digits of a time in ms, more for small ones.
std::string Milliseconds(double ms) {
  return std::isnan(ms) ? "-" : Format("{:.3g}", ms);
}

std::string RatioRange(const Interval& ratio) {
  if (!ratio.valid()) return "-";
  return Format("{:.3f} to {:.3f}", ratio.low, ratio.high);
}

// "2 bad samples left out, first: x.jpg: corrupt JPEG; decided after 412 samples"; of further
// scores only what concerns them.
std::string Remark(const ArmAccuracy& row, const ArmScore* score, bool first) {
  if (row.outcome != Outcome::kOk) return Format("{}: {}", Name(row.outcome), row.reason);
  std::string remark;
  const auto add = [&](const std::string& part) { remark += (remark.empty() ? "" : "; ") + part; };
  if (first && row.stopped) add(Format("decided after {} samples", row.samples));
  if (first && !row.bad.empty()) {
    add(Format("{} bad sample{} left out, first: {}", row.bad.size(),
               row.bad.size() == 1 ? "" : "s", Printable(row.bad.front().reason)));
  }
  if (score != nullptr && score->needed > 0) {
    add(Format("about {} samples would decide", score->needed));
  }
  return remark;
}

// Of the first score of an arm only: what does not depend on the score.
std::vector<std::string> Flips(const ArmAccuracy& row) {
  if (std::isnan(row.agreement.estimate)) return {"-", "-", "-"};
  return {Decimal(row.agreement.estimate * 100, 2), Format("{}", row.gained),
          row.labelled ? Format("{}", row.lost) : "-"};
}

void AppendScores(const ArmAccuracy& row, Table* table) {
  const std::size_t lines = std::max<std::size_t>(1, row.scores.size());
  for (std::size_t i = 0; i < lines; ++i) {
    const ArmScore* score = row.scores.empty() ? nullptr : &row.scores[i];
    std::vector<std::string> line = {row.model, row.arm, row.data,
                                     row.samples > 0 ? Format("{}", row.samples) : "-"};
    if (score == nullptr) {
      line.insert(line.end(), {"", "-", "-", "-", "-", ""});
    } else {
      const bool p = !std::isnan(score->p_value);
      line.insert(line.end(), {ScoreTitle(score->score), ShowScore(*score), ShowScoreRange(*score),
                               ShowDifference(*score), p ? Format("{:.2g}", score->p_value) : "-",
                               std::string(Name(score->not_worse))});
    }
    const std::vector<std::string> flips =
        i == 0 ? Flips(row) : std::vector<std::string>{"", "", ""};
    line.insert(line.end(), flips.begin(), flips.end());
    line.push_back(i == 0 ? Decimal(row.sqnr_db, 1) : "");
    line.push_back(i == 0 ? (std::isnan(row.kl) ? "-" : Format("{:.3g}", row.kl)) : "");
    line.push_back(Remark(row, score, i == 0));
    table->rows.push_back(std::move(line));
  }
}

}  // namespace

Table AccuracyTable(const Analysis& analysis) {
  Table table;
  table.title = "Accuracy";
  table.columns = {{"model", false},
                   {"arm", false},
                   {"data", false},
                   {"n"},
                   {"score", false},
                   {"value"},
                   {"95 %"},
                   {"change, 95 %"},
                   {"p"},
                   {Format("by {:g} %", analysis.study.margin * 100), false},
                   {"agreement %"},
                   {"gained"},
                   {"lost"},
                   {"SQNR dB"},
                   {"KL"},
                   {"remark", false, true}};
  for (const ArmAccuracy& row : analysis.accuracies) AppendScores(row, &table);
  return table;
}

Table ClassTable(const Analysis& analysis) {
  Table table;
  table.title = "Classes that changed most";
  table.columns = {{"model", false}, {"arm", false},  {"class"},       {"n"},
                   {"right before"}, {"right after"}, {"p, corrected"}};
  for (const ArmAccuracy& row : analysis.accuracies) {
    for (const ClassChange& change : row.classes) {
      table.rows.push_back({row.model, row.arm, Format("{}", change.label),
                            Format("{}", change.rows), Format("{}", change.before),
                            Format("{}", change.after), Format("{:.2g}", change.p_value)});
    }
  }
  return table;
}

Table NaturalTable(const Analysis& analysis) {
  Table table;
  table.title = "Real against synthetic data";
  table.columns = {{"model", false},   {"arm", false},
                   {"batch"},          {"input elements", false},
                   {"batches"},        {"real ms"},
                   {"synthetic ms"},   {"real / synthetic, 95 %"},
                   {"differs", false}, {"times faster on real data, 95 %"}};
  for (const NaturalLatency& row : analysis.natural) {
    const Interval& content = row.real_to_synthetic;
    const bool differs = content.valid() && (content.low > 1 || content.high < 1);
    const bool itself = row.ratio.low == 1 && row.ratio.high == 1;  // the original
    const Interval faster{1 / row.ratio.estimate, 1 / row.ratio.high, 1 / row.ratio.low};
    const std::string sizes = row.size_from == row.size_to
                                  ? Format("{}", row.size_from)
                                  : Format("{} to {}", row.size_from, row.size_to);
    table.rows.push_back({row.model, row.arm, Format("{}", row.batch), sizes,
                          Format("{}", row.runs), Milliseconds(row.real_ms),
                          Milliseconds(row.synthetic_ms), RatioRange(content),
                          !content.valid() ? "not known"
                          : differs        ? "yes"
                                           : "not seen",
                          itself ? "-" : RatioRange(faster)});
  }
  return table;
}

Table TradeOffTable(const Analysis& analysis) {
  Table table;
  table.title = "Trade-off";
  table.columns = {{"model", false},
                   {"arm", false},
                   {"score", false},
                   {"value"},
                   {"95 %"},
                   {"mean ms"},
                   {"95 % ms"},
                   {"MB"},
                   {"dominated by", false},
                   {"within budget", false},
                   {"best", false}};
  for (const TradeOff& row : analysis.trade_offs) {
    const ArmScore shown{row.score, row.quality, {}, 0, NotWorse::kUnknown, 0};
    const bool ranged = row.latency_ms.low < row.latency_ms.high;
    table.rows.push_back(
        {row.model, row.arm, ScoreTitle(row.score), ShowScore(shown), ShowScoreRange(shown),
         Milliseconds(row.latency_ms.estimate),
         ranged ? Format("{:.3g} to {:.3g}", row.latency_ms.low, row.latency_ms.high) : "-",
         Decimal(row.size_mb, 3), row.dominated_by, row.within_budget ? "yes" : "no",
         row.best ? "best" : ""});
  }
  return table;
}

}  // namespace quantbench
