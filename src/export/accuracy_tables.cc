// Accuracy of every arm, its scores with paired intervals, and every answer.
#include <cmath>

#include "export/tables.h"

namespace quantbench {
namespace {

ExportTable AccuracyExport() {
  TableOf<ArmAccuracy> builder("accuracy", "a row an arm that was evaluated");
  builder.Text("model", "id of the model", [](const ArmAccuracy& row) -> Json { return row.model; })
      .Text("arm", "original, or id of the variant",
            [](const ArmAccuracy& row) -> Json { return row.arm; })
      .Text("outcome", "ok, failed, ...",
            [](const ArmAccuracy& row) -> Json { return Json(Name(row.outcome)); })
      .Text("reason", "one line when not ok",
            [](const ArmAccuracy& row) -> Json { return row.reason; })
      .Text("data", "id of the data set", [](const ArmAccuracy& row) -> Json { return row.data; })
      .Flag("labelled", "the truth was there",
            [](const ArmAccuracy& row) -> Json { return row.labelled; })
      .Int("samples", "evaluated", [](const ArmAccuracy& row) -> Json { return row.samples; })
      .Int("rows", "answers: one a sample, or one a token",
           [](const ArmAccuracy& row) -> Json { return row.rows; })
      .Int("correct", "of the rows", [](const ArmAccuracy& row) -> Json { return row.correct; })
      .Int("gained", "rows that only this arm has right; without labels: that changed",
           [](const ArmAccuracy& row) -> Json { return row.gained; })
      .Int("lost", "rows that only the original has right",
           [](const ArmAccuracy& row) -> Json { return row.lost; })
      .Between("agreement", "share of rows answered as the original does",
               [](const ArmAccuracy& row) -> Interval {
                 return row.outcome == Outcome::kOk ? row.agreement : Interval{NAN, NAN, NAN};
               })
      .Real("sqnr_db", "of the output against the original's",
            [](const ArmAccuracy& row) -> Json { return row.sqnr_db; })
      .Real("kl_nats", "divergence from the original, mean of a row",
            [](const ArmAccuracy& row) -> Json { return row.kl; })
      .Int("left_out", "bad samples",
           [](const ArmAccuracy& row) -> Json { return static_cast<std::int64_t>(row.bad.size()); })
      .Flag("stopped", "ended before the last sample: decided",
            [](const ArmAccuracy& row) -> Json { return row.stopped; });
  return builder.From([](const ExportSource& source, const TableOf<ArmAccuracy>::Visit& visit) {
    for (const ArmAccuracy& row : source.analysis->accuracies) visit(row);
  });
}

struct ScoreRow {
  const ArmAccuracy* arm;
  const ArmScore* score;
};

ExportTable ScoreExport() {
  TableOf<ScoreRow> builder("scores",
                            "a row a score of an arm, with its paired difference to the original");
  builder
      .Text("model", "id of the model", [](const ScoreRow& row) -> Json { return row.arm->model; })
      .Text("arm", "original, or id of the variant",
            [](const ScoreRow& row) -> Json { return row.arm->arm; })
      .Text("score", "top1, f1, perplexity, map50, ...: docs/data.md",
            [](const ScoreRow& row) -> Json { return Json(Name(row.score->score)); })
      .Flag("main", "the one that comes first",
            [](const ScoreRow& row) -> Json { return row.arm->main() == row.score; })
      .Flag("higher_is_better", "",
            [](const ScoreRow& row) -> Json { return HigherIsBetter(row.score->score); })
      .Between("value", "the score; shares are 0 to 1",
               [](const ScoreRow& row) -> Interval { return row.score->value; })
      .Between("difference", "to the original on the same samples; of perplexity relative",
               [](const ScoreRow& row) -> Interval { return row.score->difference; })
      .Real("p_value", "McNemar's, of top1 with a row a sample",
            [](const ScoreRow& row) -> Json { return row.score->p_value; })
      .Text("verdict", "not worse, worse, open; by the study's margin",
            [](const ScoreRow& row) -> Json { return Json(Name(row.score->not_worse)); })
      .Int("needed_samples", "that would decide an open one; empty: not known",
           [](const ScoreRow& row) -> Json {
             return row.score->needed == 0 ? Json() : Json(row.score->needed);
           });
  return builder.From([](const ExportSource& source, const TableOf<ScoreRow>::Visit& visit) {
    for (const ArmAccuracy& arm : source.analysis->accuracies) {
      for (const ArmScore& score : arm.scores) visit({&arm, &score});
    }
  });
}

struct ClassRow {
  const ArmAccuracy* arm;
  const ClassChange* change;
};

ExportTable ClassExport() {
  TableOf<ClassRow> builder("classes", "classes whose answers changed most, at most five an arm");
  builder
      .Text("model", "id of the model", [](const ClassRow& row) -> Json { return row.arm->model; })
      .Text("arm", "id of the variant", [](const ClassRow& row) -> Json { return row.arm->arm; })
      .Int("label", "number of the class",
           [](const ClassRow& row) -> Json { return std::int64_t{row.change->label}; })
      .Int("rows", "of that class", [](const ClassRow& row) -> Json { return row.change->rows; })
      .Int("right_before", "rows that the original has right",
           [](const ClassRow& row) -> Json { return row.change->before; })
      .Int("right_after", "rows that the arm has right",
           [](const ClassRow& row) -> Json { return row.change->after; })
      .Real("p_value", "McNemar's, times the number of classes",
            [](const ClassRow& row) -> Json { return row.change->p_value; });
  return builder.From([](const ExportSource& source, const TableOf<ClassRow>::Visit& visit) {
    for (const ArmAccuracy& arm : source.analysis->accuracies) {
      for (const ClassChange& change : arm.classes) visit({&arm, &change});
    }
  });
}

ExportTable TradeOffExport() {
  TableOf<TradeOff> builder("trade_off", "score, latency and size of every arm");
  builder.Text("model", "id of the model", [](const TradeOff& row) -> Json { return row.model; })
      .Text("arm", "original, or id of the variant",
            [](const TradeOff& row) -> Json { return row.arm; })
      .Text("score", "which one", [](const TradeOff& row) -> Json { return Json(Name(row.score)); })
      .Between("quality", "the score; of variants the original's plus the paired difference",
               [](const TradeOff& row) -> Interval { return row.quality; })
      .Between("latency_ms",
               "in the model's first cell; of variants the original's times the ratio",
               [](const TradeOff& row) -> Interval { return row.latency_ms; })
      .Real("size_mb", "1 MB is 1000000 bytes",
            [](const TradeOff& row) -> Json { return row.size_mb; })
      .Text("dominated_by", "an arm that is at least as good in all and better in one",
            [](const TradeOff& row) -> Json { return row.dominated_by; })
      .Flag("within_budget", "certainly costs no more than the study allows",
            [](const TradeOff& row) -> Json { return row.within_budget; })
      .Flag("best", "the fastest within the budget, then the smallest",
            [](const TradeOff& row) -> Json { return row.best; });
  return builder.From([](const ExportSource& source, const TableOf<TradeOff>::Visit& visit) {
    for (const TradeOff& row : source.analysis->trade_offs) visit(row);
  });
}

struct AnswerRow {
  const Record* record = nullptr;
  const Predictions* predictions = nullptr;
  std::int64_t row = 0;
};

// The row's number in a list that some tasks do not have.
template <typename T>
TableOf<AnswerRow>::MadeGet AtRow(std::vector<T> Predictions::*list) {
  return [list](const AnswerRow& answer) {
    const std::vector<T>& values = answer.predictions->*list;
    const auto row = static_cast<std::size_t>(answer.row);
    return row < values.size() ? Json(std::int64_t{values[row]}) : Json();
  };
}

ExportTable AnswerExport() {
  TableOf<AnswerRow> builder("answers",
                             "raw: a row an answer of an arm: one a sample, or one a token");
  builder
      .Text("record", "key of its record",
            [](const AnswerRow& answer) -> Json { return answer.record->key; })
      .Text("model", "id of the model",
            [](const AnswerRow& answer) -> Json { return answer.record->what.model; })
      .Text("arm", "original, or id of the variant",
            [](const AnswerRow& answer) -> Json { return answer.record->what.arm; })
      .Int("row", "number of the row; the same rows in every arm",
           [](const AnswerRow& answer) -> Json { return answer.row; })
      .Made("answer", ExportType::kInteger, "class with the highest output",
            AtRow(&Predictions::classes))
      .Made("label", ExportType::kInteger, "the truth; empty: there is none",
            AtRow(&Predictions::labels))
      .Made("rank", ExportType::kInteger, "classes above the label's", AtRow(&Predictions::ranks));
  return builder.From([](const ExportSource& source, const TableOf<AnswerRow>::Visit& visit) {
    for (const Record& record : source.records) {
      if (record.what.kind != CaseKind::kEvaluate || !source.Uses(record)) continue;
      const auto predictions = Predictions::FromJson(record.results["predictions"]);
      if (!predictions.ok()) continue;
      AnswerRow answer{&record, &predictions.value()};
      for (; answer.row < std::ssize(predictions.value().classes); ++answer.row) visit(answer);
    }
  });
}

}  // namespace

std::vector<ExportTable> AccuracyExports() {
  return {AccuracyExport(), ScoreExport(), ClassExport(), TradeOffExport(), AnswerExport()};
}

}  // namespace quantbench
