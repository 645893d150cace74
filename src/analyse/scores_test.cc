// Scores, paired statistics, the bootstrap, sequential decisions, trade-offs.
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "quantbench/analyse.h"
#include "quantbench/base/random.h"

namespace quantbench {
namespace scores_test {

Predictions Classified(const std::vector<std::int32_t>& classes,
                       const std::vector<std::int32_t>& labels) {
  Predictions predictions;
  predictions.classes = classes;
  predictions.labels = labels;
  predictions.samples = predictions.rows = static_cast<std::int64_t>(classes.size());
  return predictions;
}

double ValueOf(Score score, const Predictions& predictions,
               const std::vector<double>& weights = {}) {
  return MakeScorer(score, predictions)->Value(weights);
}

// Counted by hand: 3 right of class 1, 2 of class 0, 1 and 2 wrong.
TEST(Scores, OfClassesAgreeWithTheirDefinitions) {
  const Predictions two = Classified({1, 0, 1, 1, 0, 0, 1, 0}, {1, 0, 0, 1, 1, 0, 1, 1});
  EXPECT_NEAR(ValueOf(Score::kTop1, two), 0.625, 1e-12);
  EXPECT_NEAR(ValueOf(Score::kF1, two), 2.0 * 3 / (4 + 5), 1e-12);
  EXPECT_NEAR(ValueOf(Score::kMatthews, two), (3 * 2 - 1 * 2) / std::sqrt(4.0 * 5 * 3 * 4), 1e-12);
  const Predictions three = Classified({0, 2, 1, 0, 0, 1}, {0, 1, 2, 0, 1, 2});
  EXPECT_NEAR(ValueOf(Score::kF1, three), 0.8 / 3, 1e-12);    // 0.8, 0, 0
  EXPECT_NEAR(ValueOf(Score::kMatthews, three), 0.0, 1e-12);  // (2*6 - 12) = 0
  EXPECT_TRUE(std::isnan(ValueOf(Score::kTop1, Classified({1, 2}, {}))));
}

TEST(Scores, WeightsAreAsGoodAsRepeatedSamples) {
  const Predictions base = Classified({1, 0, 1, 1}, {1, 1, 0, 1});
  const Predictions repeated = Classified({1, 1, 0, 1, 1, 1}, {1, 1, 1, 1, 1, 1});
  for (const Score score : {Score::kTop1, Score::kF1, Score::kMatthews}) {
    EXPECT_NEAR(ValueOf(score, base, {2, 1, 0, 3}), ValueOf(score, repeated), 1e-12);
  }
}

TEST(Scores, TopFiveLooksAtRanks) {
  Predictions predictions = Classified({9, 1, 2}, {1, 1, 5});
  predictions.ranks = {4, 0, 5};
  EXPECT_NEAR(ValueOf(Score::kTop5, predictions), 2.0 / 3, 1e-12);
}

TEST(Scores, PerplexityIsOfAllRowsTogether) {
  Predictions predictions;
  predictions.task = Task::kLanguageModel;
  predictions.samples = 2;
  predictions.rows = 3;
  predictions.classes = predictions.labels = {1, 2, 3};
  predictions.row_ends = {2, 3};
  predictions.nll = {2, 4};
  EXPECT_NEAR(ValueOf(Score::kPerplexity, predictions), std::exp(2.0), 1e-12);
  EXPECT_NEAR(ValueOf(Score::kPerplexity, predictions, {1, 0}), std::exp(1.0), 1e-12);
}

TEST(Scores, WordErrorsAreEditsOverWords) {
  Predictions predictions;
  predictions.samples = 2;
  predictions.edits = {1, 3};
  predictions.words = {4, 4};
  EXPECT_NEAR(ValueOf(Score::kWordErrors, predictions), 0.5, 1e-12);
  std::int64_t words = 0;
  EXPECT_EQ(WordEdits("the cat sat down", "the cat sat", &words), 1);
  EXPECT_EQ(WordEdits("the cat sat down", "a cat  sat down now", &words), 2);
  EXPECT_EQ(WordEdits("", "x y", &words), 2);
  EXPECT_EQ(words, 0);
}

// One class, two images: three objects, four detections (right, wrong, right, right of overlap
// 0.6): precisions 1, 1/2, 2/3, 3/4 at recalls 1/3, 1/3, 2/3, 1; from the right 1, 3/4, 3/4, 3/4.
TEST(Scores, AveragePrecisionOfAHandmadeCase) {
  Predictions predictions;
  predictions.task = Task::kDetect;
  predictions.samples = 2;
  const auto box = [](double left, double width) { return Box{7, left, 0, width, 1, false}; };
  predictions.objects = {{box(0, 0.1), box(0.5, 0.1)}, {box(0, 1)}};
  predictions.detections = {{{box(0, 0.1), 0.9}, {box(0.2, 0.1), 0.8}, {box(0.5, 0.1), 0.7}},
                            {{box(0, 0.6), 0.6}}};
  const double expected = (34 * 1.0 + 67 * 0.75) / 101;  // 34 recalls from 0 to 0.33
  EXPECT_NEAR(ValueOf(Score::kMap50, predictions), expected, 1e-12);
  // At 0.65 and above the last is wrong: recall ends at 2/3, precision from the right 1, 2/3, 2/3.
  const double strict = (34 * 1.0 + 33 * 2.0 / 3) / 101;
  EXPECT_NEAR(ValueOf(Score::kMap, predictions), (3 * expected + 7 * strict) / 10, 1e-12);
  // A crowd excuses the wrong detection; a second detection of one object is wrong.
  Predictions crowd = predictions;
  crowd.objects[0].push_back({7, 0.15, 0, 0.2, 1, true});
  EXPECT_NEAR(ValueOf(Score::kMap50, crowd), 1, 1e-12);
  predictions.detections[0][1].box = box(0, 0.1);
  EXPECT_NEAR(ValueOf(Score::kMap50, predictions), expected, 1e-12);
}

// Limits found by bisection in Python on the score equation of Tango 1998; closed form where
// nothing differs.
TEST(PairedDifference, SolvesTheScoreEquation) {
  const Interval interval = PairedDifference(12, 1, 63);
  EXPECT_NEAR(interval.estimate, 11.0 / 63, 1e-12);
  EXPECT_NEAR(interval.low, 0.07507807705567333, 1e-9);
  EXPECT_NEAR(interval.high, 0.2919135223912865, 1e-9);
  const double z2 = 1.959963984540054 * 1.959963984540054;
  const Interval none = PairedDifference(0, 0, 20);
  EXPECT_NEAR(none.high, z2 / (20 + z2), 1e-6);  // closed form when nothing differs
  EXPECT_NEAR(none.low, -z2 / (20 + z2), 1e-6);
}

// The interval covers the truth in about 95 of 100 simulated evaluations.
TEST(PairedDifference, CoversTheTruthAsOftenAsItSays) {
  Random random(3);
  int covered = 0;
  for (int session = 0; session < 2000; ++session) {
    std::int64_t gained = 0;
    std::int64_t lost = 0;
    for (int i = 0; i < 200; ++i) {
      const double u = random.Uniform();
      gained += u < 0.03 ? 1 : 0;
      lost += u >= 0.03 && u < 0.08 ? 1 : 0;
    }
    const Interval interval = PairedDifference(gained, lost, 200);
    covered += interval.low <= -0.02 && -0.02 <= interval.high ? 1 : 0;
  }
  EXPECT_GE(covered, 1860);
  EXPECT_LE(covered, 1960);
}

// Twice the binomial tail, in exact fractions.
TEST(McNemarP, IsTheBinomialTail) {
  EXPECT_NEAR(McNemarP(1, 9), 0.021484375, 1e-12);
  EXPECT_NEAR(McNemarP(45, 5), 4.209852022540872e-09, 1e-13);
  EXPECT_EQ(McNemarP(4, 4), 1);
  EXPECT_EQ(McNemarP(0, 0), 1);
}

// Connor 1987 as measuring.md of the design recomputed it: 5 % discordant, 80 % power.
TEST(SamplesForDrop, AgreesWithTheTable) {
  EXPECT_NEAR(static_cast<double>(SamplesForDrop(0.005, 0.05)), 15'700, 50);
  EXPECT_NEAR(static_cast<double>(SamplesForDrop(0.01, 0.05)), 3'920, 20);
  EXPECT_NEAR(static_cast<double>(SamplesForDrop(0.02, 0.05)), 980, 10);
  EXPECT_EQ(SamplesForDrop(0, 0.05), 0);
}

TEST(Bootstrap, AgreesWithTheNormalIntervalOfAMean) {
  Random random(5);
  std::vector<std::int32_t> classes;
  for (int i = 0; i < 400; ++i) classes.push_back(random.Uniform() < 0.8 ? 1 : 0);
  const Predictions mine = Classified(classes, std::vector<std::int32_t>(400, 1));
  const auto scorer = MakeScorer(Score::kTop1, mine);
  const Interval interval = Bootstrap(*scorer, nullptr, mine, {});
  const double p = interval.estimate;
  const double half = 1.96 * std::sqrt(p * (1 - p) / 400);
  EXPECT_NEAR(interval.low, p - half, 0.006);
  EXPECT_NEAR(interval.high, p + half, 0.006);
  // The same arm against itself: the same resamples leave no difference at all.
  const Interval none = Bootstrap(*scorer, scorer.get(), mine, {});
  EXPECT_EQ(none.low, 0);
  EXPECT_EQ(none.high, 0);
}

TEST(Bootstrap, TakesStreamsAsOneSample) {
  Predictions mine = Classified({}, {});
  for (int stream = 0; stream < 8; ++stream) {
    for (int i = 0; i < 50; ++i) {
      mine.classes.push_back(stream % 2);  // a stream is right or wrong as a whole
      mine.labels.push_back(1);
      mine.streams.push_back(stream);
    }
  }
  mine.samples = mine.rows = 400;
  const auto scorer = MakeScorer(Score::kTop1, mine);
  const Interval interval = Bootstrap(*scorer, nullptr, mine, {});
  EXPECT_LT(interval.low, 0.1);  // 400 independent samples would give 0.45 to 0.55
  EXPECT_GT(interval.high, 0.9);
}

// Differences in {-1, 0, 1} with 10 % discordant and the mean given, asked after every sample.
SequentialTest::Decision Decide(double mean, double margin, int most, std::uint64_t seed,
                                int* used) {
  Random random(seed);
  SequentialTest test(margin);
  for (*used = 0; *used < most; ++*used) {
    if (test.decision() != SequentialTest::Decision::kOpen) break;
    const double u = random.Uniform();
    const double gained = 0.05 + mean / 2;
    test.Add(u < gained ? 1 : u < 0.1 ? -1 : 0);
  }
  return test.decision();
}

TEST(SequentialTest, ErrsSeldomHoweverOftenItIsAsked) {
  int wrong = 0;
  int used = 0;
  for (int session = 0; session < 300; ++session) {  // exactly at the border: both are errors
    const auto decision = Decide(-0.02, 0.02, 1500, static_cast<std::uint64_t>(session), &used);
    wrong += decision != SequentialTest::Decision::kOpen ? 1 : 0;
  }
  EXPECT_LE(wrong, 23);  // 5 % of 300 and two standard deviations
}

TEST(SequentialTest, DecidesEarlyWhereTheAnswerIsClear) {
  int used = 0;
  double total = 0;
  for (std::uint64_t session = 0; session < 15; ++session) {
    EXPECT_EQ(Decide(0, 0.05, 20'000, session, &used), SequentialTest::Decision::kNotWorse);
    total += used;
    EXPECT_EQ(Decide(-0.1, 0.05, 20'000, session, &used), SequentialTest::Decision::kWorse);
  }
  EXPECT_LT(total / 15, 1200);
}

Record Answered(const std::string& arm, const Predictions& predictions) {
  Record record;
  record.key = "evaluate" + arm;
  record.what = {CaseKind::kEvaluate, "m", arm, {}};
  record.results = Json::MakeObject().Set("predictions", predictions.ToJson()).Set("data", "d");
  return record;
}

Study OneModel(const std::vector<std::string>& variants) {
  Study study;
  StudyModel model;
  model.id = "m";
  model.data = "d";
  study.models.push_back(model);
  study.data["d"] = {};
  for (const std::string& id : variants) {
    study.variants.emplace_back().id = id;
  }
  return study;
}

TEST(Accuracy, JudgesByTheMarginAndSaysHowManyWouldDecide) {
  std::vector<std::int32_t> labels(1000, 1);
  std::vector<std::int32_t> some = labels;
  for (std::size_t i = 0; i < 8; ++i) some[i] = 0;
  std::vector<std::int32_t> many = labels;
  for (std::size_t i = 0; i < 60; ++i) many[i] = 0;
  const Analysis analysis = Analyse(
      OneModel({"same", "some", "many"}),
      {Answered("original", Classified(labels, labels)),
       Answered("same", Classified(labels, labels)), Answered("some", Classified(some, labels)),
       Answered("many", Classified(many, labels))},
      nullptr);
  ASSERT_EQ(analysis.accuracies.size(), 4U);
  EXPECT_EQ(analysis.accuracies[1].main()->not_worse, NotWorse::kYes);
  // Equal answers leave resamples without width; the interval keeps that of 1000 samples.
  for (const ArmScore& score : analysis.accuracies[1].scores) {
    EXPECT_LT(score.difference.low, -0.003) << Name(score.score);
  }
  EXPECT_EQ(analysis.accuracies[2].main()->not_worse, NotWorse::kOpen);
  EXPECT_GT(analysis.accuracies[2].main()->needed, 1000);
  EXPECT_EQ(analysis.accuracies[3].main()->not_worse, NotWorse::kNo);
  EXPECT_EQ(analysis.accuracies[3].lost, 60);
  EXPECT_LT(analysis.accuracies[3].main()->p_value, 1e-9);
  EXPECT_EQ(analysis.accuracies[3].classes.front().after, 940);
}

TEST(Accuracy, ComparesAnEarlyEndOnWhatBothSaw) {
  std::vector<std::int32_t> labels(100, 1);
  Predictions early =
      Classified(std::vector<std::int32_t>(40, 1), std::vector<std::int32_t>(40, 1));
  early.stopped = true;
  std::vector<std::int32_t> half_right = labels;
  for (std::size_t i = 40; i < 100; ++i) half_right[i] = 0;
  const Analysis analysis = Analyse(
      OneModel({"q"}), {Answered("original", Classified(half_right, labels)), Answered("q", early)},
      nullptr);
  EXPECT_EQ(analysis.accuracies[1].difference.estimate, 0);
  EXPECT_TRUE(analysis.accuracies[1].stopped);
}

Json SamplesJson(std::int64_t ns) {
  LatencySamples samples;
  for (const std::int64_t wall : {ns, ns + 1, ns - 1}) {
    Lap lap;
    lap.cpu_ns = wall;
    lap.run_ns = {wall};
    samples.laps.push_back(std::move(lap));
  }
  return samples.ToJson();
}

TEST(TradeOff, MarksWhatIsDominatedAndTheBestWithinTheBudget) {
  std::vector<std::int32_t> labels(2000, 1);
  std::vector<std::int32_t> bad = labels;
  for (std::size_t i = 0; i < 400; ++i) bad[i] = 0;
  Record measured;
  measured.key = "measure";
  measured.what = {CaseKind::kMeasure, "m", "", {}};
  Json arms = Json::Array{};
  for (const auto& [arm, ns] : {std::pair{"original", 1000'000},
                                {"fast", 500'000},
                                {"slow", 2000'000},
                                {"wrong", 400'000}}) {
    arms.Append(Json::MakeObject()
                    .Set("arm", arm)
                    .Set("outcome", "ok")
                    .Set("processes", Json(Json::Array{SamplesJson(ns), SamplesJson(ns + 5)})));
  }
  measured.results = Json::MakeObject().Set("arms", std::move(arms));
  const Analysis analysis = Analyse(
      OneModel({"fast", "slow", "wrong"}),
      {Answered("original", Classified(labels, labels)),
       Answered("fast", Classified(labels, labels)), Answered("slow", Classified(labels, labels)),
       Answered("wrong", Classified(bad, labels)), measured},
      nullptr);
  ASSERT_EQ(analysis.trade_offs.size(), 4U);
  EXPECT_EQ(analysis.trade_offs[0].dominated_by, "fast");
  EXPECT_EQ(analysis.trade_offs[1].dominated_by, "");
  EXPECT_TRUE(analysis.trade_offs[1].best);
  EXPECT_EQ(analysis.trade_offs[2].dominated_by, "original");
  EXPECT_EQ(analysis.trade_offs[3].dominated_by, "");  // the fastest of all
  EXPECT_FALSE(analysis.trade_offs[3].within_budget);
  EXPECT_LT(analysis.trade_offs[1].latency_ms.low, analysis.trade_offs[1].latency_ms.high);
}

TEST(Natural, ComparesContentsByBucketOverProcesses) {
  Record record;
  record.key = "natural";
  record.what = {CaseKind::kNatural, "m", "", {}};
  Json processes = Json::Array{};
  for (const double wobble : {1.0, 1.01, 0.99}) {
    Json runs = Json::Array{};
    for (const std::int64_t size : {9, 12, 40, 50}) {
      const double content = size < 16 ? 1.0 : 1.3;
      const double ns = static_cast<double>(size) * 1e4;
      runs.Append(Json::MakeObject()
                      .Set("size", size)
                      .Set("real_ns", Json(Json::Array{ns * content * wobble, ns * content / 2}))
                      .Set("synthetic_ns", Json(Json::Array{ns, ns / 2})));
    }
    processes.Append(std::move(runs));
  }
  record.results = Json::MakeObject()
                       .Set("arms", Json::List(std::vector<std::string>{"original", "q"}))
                       .Set("batch", 1)
                       .Set("processes", std::move(processes));
  Study study = OneModel({"q"});
  study.natural_batches = 4;
  const Analysis analysis = Analyse(study, {record}, nullptr);
  ASSERT_EQ(analysis.natural.size(), 6U);  // all, 9 to 12, 40 to 50; of two arms
  EXPECT_EQ(analysis.natural[1].size_to, 12);
  EXPECT_NEAR(analysis.natural[1].real_to_synthetic.estimate, 1, 1e-3);
  EXPECT_GT(analysis.natural[2].real_to_synthetic.low, 1.2);
  EXPECT_NEAR(analysis.natural[5].ratio.estimate, 0.5, 1e-2);
  EXPECT_EQ(analysis.natural[5].real_to_synthetic.low, analysis.natural[5].real_to_synthetic.high);
}

}  // namespace scores_test
}  // namespace quantbench
