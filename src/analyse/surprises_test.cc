// Each surprise planted in figures, and not told where it is not there.
#include "analyse/surprises.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quantbench {
namespace surprises_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Interval About(double estimate, double half = 0.02) {
  return {estimate, estimate - half, estimate + half};
}

ArmLatency Arm(const std::string& id, double speedup) {
  ArmLatency arm;
  arm.arm = id;
  arm.ms.median = arm.ms.mean = 10 / speedup;
  arm.ms.n = 100;
  arm.first_run_ms = arm.ms.median;
  arm.speedup = About(speedup);
  arm.ratio = arm.wall_ratio = arm.cpu_ratio = About(1 / speedup, 0.005);
  return arm;
}

ModelWork WorkWith(std::int64_t macs, std::int64_t of_codes) {
  ModelWork work;
  work.total.macs = macs;
  work.integer_macs = of_codes;
  return work;
}

// A model of four times smaller weights that is 3.9 times faster in one cell: nothing to say.
Analysis Plain() {
  Analysis analysis;
  CellResult cell;
  cell.model = "m";
  cell.cell = {1, 1, {}, false};
  cell.arms = {Arm(std::string(kOriginal), 1), Arm("q", 3.9)};
  cell.arms[1].work = WorkWith(100, 90);
  analysis.cells.push_back(cell);
  ArmSize size;
  size.model = "m";
  size.arm = "q";
  size.ratio = 4;
  analysis.sizes.push_back(size);
  return analysis;
}

std::vector<std::string> Told(const Analysis& analysis) {
  std::vector<Finding> findings;
  AddSurprises(analysis, &findings);
  std::vector<std::string> texts;
  for (const Finding& finding : findings) texts.push_back(finding.text);
  return texts;
}

TEST(Surprises, NothingIsSaidOfWhatWasExpected) {
  EXPECT_THAT(Told(Plain()), IsEmpty());
}

TEST(Surprises, FasterByLessThanSmaller) {
  Analysis analysis = Plain();
  analysis.cells[0].arms[1] = Arm("q", 1.8);
  analysis.cells[0].arms[1].work = WorkWith(100, 90);
  EXPECT_THAT(Told(analysis),
              ElementsAre(HasSubstr("4.00 times smaller, but at most 1.80 times faster")));
  analysis.cells[0].arms[1].speedup = About(1.8, 1.5);  // it may as well be 3.3
  EXPECT_THAT(Told(analysis), IsEmpty());
}

TEST(Surprises, MostWorkLeftInFloats) {
  Analysis analysis = Plain();
  analysis.cells[0].arms[1].work = WorkWith(100, 20);
  EXPECT_THAT(Told(analysis), ElementsAre(HasSubstr("only 20 % of its multiplications")));
  analysis.cells[0].arms[1].work = WorkWith(100, 0);  // float16: it was never to be of codes
  EXPECT_THAT(Told(analysis), IsEmpty());
}

TEST(Surprises, AGainThatFallsWithTheBatch) {
  Analysis analysis = Plain();
  CellResult larger = analysis.cells[0];
  larger.cell.batch = 8;
  larger.arms[1].speedup = About(3.0);
  analysis.cells.push_back(larger);
  EXPECT_THAT(Told(analysis), ElementsAre(HasSubstr("from batch 1 to 8")));
  analysis.cells[1].arms[1].speedup = About(3.0, 1);  // the intervals meet
  EXPECT_THAT(Told(analysis), IsEmpty());
  analysis.cells[1].arms[1].speedup = About(3.0);
  analysis.cells[1].cell.threads = 2;  // two things differ: neither is to blame
  EXPECT_THAT(Told(analysis), IsEmpty());
}

TEST(Surprises, MoreMemoryThoughTheFileIsSmaller) {
  Analysis analysis = Plain();
  ArmMemory original;
  original.arm = kOriginal;
  original.peak = 100;
  ArmMemory quantized;
  quantized.arm = "q";
  quantized.peak = 150;
  analysis.cells[0].memory = {original, quantized};
  EXPECT_THAT(Told(analysis), ElementsAre(HasSubstr("1.50 times the original's memory")));
  analysis.cells[0].memory[1].peak = 60;
  EXPECT_THAT(Told(analysis), IsEmpty());
}

TEST(Surprises, ASlowFirstRun) {
  Analysis analysis = Plain();
  analysis.cells[0].arms[1].first_run_ms = 50;
  EXPECT_THAT(Told(analysis), ElementsAre(HasSubstr("the first run takes 20 times a later one")));
}

TEST(Surprises, FewClassesThatLose) {
  Analysis analysis = Plain();
  ArmAccuracy row;
  row.model = "m";
  row.arm = "q";
  row.classes = {{3, 50, 48, 20, 0.001}, {4, 50, 48, 44, 0.6}, {5, 50, 20, 45, 0.001}};
  analysis.accuracies.push_back(row);
  EXPECT_THAT(Told(analysis), ElementsAre(HasSubstr("few classes: class 3 (20 of 50 right, 48")));
}

TEST(Surprises, ClocksThatDisagree) {
  Analysis analysis = Plain();
  analysis.cells[0].arms[1].wall_ratio = About(0.31, 0.01);
  analysis.cells[0].arms[1].cpu_ratio = About(0.55, 0.01);
  analysis.cells[0].contention = 2.1;
  EXPECT_THAT(Told(analysis), ElementsAre(HasSubstr("0.31 of the original's time by the clock, "
                                                    "0.55 by CPU time")));
}

}  // namespace surprises_test
}  // namespace quantbench
