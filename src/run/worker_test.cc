// Workers: every way to end becomes an outcome.
#include <filesystem>

#include <gtest/gtest.h>

#include "quantbench/run.h"

namespace quantbench {
namespace worker_test {

WorkerResult Ask(const std::string& op, const std::string& program, std::int64_t timeout_s = 60) {
  WorkerOptions options;
  options.program = program;
  options.timeout_s = timeout_s;
  SilentProgress progress;
  return RunWorker(Json::MakeObject().Set("op", op), options, progress);
}

TEST(RunWorker, AnswersWithTheEngine) {
  const WorkerResult result = Ask("describe-engine", QB_BINARY);
  ASSERT_EQ(result.outcome, Outcome::kOk) << result.reason;
  EXPECT_EQ(result.reply["name"].AsString(), "onnxruntime");
  EXPECT_GT(result.peak_bytes, 1'000'000U);
}

TEST(RunWorker, PassesErrorsOnWithTheirCode) {
  const WorkerResult result = Ask("no-such-thing", QB_BINARY);
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.code, ErrorCode::kInternal);
  EXPECT_NE(result.reason.find("no-such-thing"), std::string::npos);
}

TEST(RunWorker, CallsAnEndWithoutAnAnswerACrash) {
  const WorkerResult result = Ask("describe-engine", "/bin/false");
  EXPECT_EQ(result.outcome, Outcome::kCrashed);
  EXPECT_NE(result.reason.find("exit code 1"), std::string::npos);
}

TEST(RunWorker, EndsAWorkerThatDoesNotAnswer) {
  const WorkerResult result = Ask("describe-engine", "/usr/bin/yes", 1);
  EXPECT_EQ(result.outcome, Outcome::kTimedOut);
  EXPECT_NE(result.reason.find("within 1 s"), std::string::npos);
}

TEST(RunWorker, SaysWhenTheProgramIsNotThere) {
  EXPECT_EQ(Ask("describe-engine", "/nonexistent/program").outcome, Outcome::kFailed);
}

}  // namespace worker_test
}  // namespace quantbench
