// Logs of external meters: forms of time, and files that lie.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantbench/base/format.h"
#include "quantbench/energy.h"

namespace quantbench {
namespace power_log_test {

using ::testing::HasSubstr;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNoon = 1'777'636'800 * kSecond;  // 2026-05-01T12:00:00Z

Result<PowerLog> Parse(const std::string& text, PowerLogOptions options = {}) {
  return ParsePowerLog(text, "p.csv", options);
}

TEST(ParsePowerLog, TakesEveryFormOfTime) {
  const std::string text =
      "\xEF\xBB\xBFnote, \"time\" ,watts\r\n"
      "a,1777636800,5\r\n"
      "b,1777636800.25,6\r\n"
      "\r\n"
      "c,2026-05-01T12:00:00.5Z,7\r\n"
      "d,2026-05-01 14:00:01+02:00,8\r\n"
      "e,2026-05-01T06:30:01.000000001-0530,9\r\n";
  const auto log = Parse(text);
  ASSERT_TRUE(log.ok()) << log.error().message();
  std::vector<std::int64_t> after;
  for (const auto& entry : log.value().entries) after.push_back(entry.utc_ns - kNoon);
  EXPECT_EQ(after, (std::vector<std::int64_t>{0, kSecond / 4, kSecond / 2, kSecond, kSecond + 1}));
  EXPECT_EQ(log.value().entries[3].value, 8);
}

TEST(ParsePowerLog, AddsTheOffsetAndTakesAStatedZone) {
  PowerLogOptions options;
  options.offset_s = -1.5;
  options.zone_minutes = 120;
  const auto log = Parse("time,watts\n2026-05-01T14:00:00,1\n", options);
  ASSERT_TRUE(log.ok()) << log.error().message();
  EXPECT_EQ(log.value().entries[0].utc_ns - kNoon, -3 * kSecond / 2);
}

TEST(ParsePowerLog, NamesTheLineAndTheReason) {
  for (const auto& [text, words] : std::vector<std::pair<std::string, std::string>>{
           {"", "p.csv: no lines"},
           {"time,watts\n", "p.csv: no lines"},
           {"when,watts\n1,2\n", "p.csv:1: the heading must name"},
           {"time;watts\n1;2\n", "comma between"},
           {"time,watts\n1,2\n2,x\n", "p.csv:3: \"x\" is no number"},
           {"time,watts\n1,nan\n", "p.csv:2: \"nan\" is no number"},
           {"time,watts\n1,-2\n", "-2 watts is nonsense"},
           {"time,watts\n1,1e9\n", "1e9 watts is nonsense"},
           {"time,watts\n1\n", "1 cells where the heading has 2"},
           {"time,watts\n1,2\n1,2\n", "p.csv:3: the time is not later"},
           {"time,joules\n1,5\n2,4\n", "p.csv:3: the joules are fewer"},
           {"time,watts\n1777636800000,2\n", "not milliseconds"},
           {"time,watts\n2026-05-01T12:00:00,2\n", "names no zone"},
           {"time,watts\n2026-02-30T12:00:00Z,2\n", "is no time"},
           {"time,watts\n2026-05-01T25:00:00Z,2\n", "is no time"},
           {"time,watts\nnoon,2\n", "\"noon\" is no time"},
           {"time,watts\n2026-05-01T12:00:00.5+99:00,2\n", "is no time"}}) {
    const auto log = Parse(text);
    ASSERT_FALSE(log.ok()) << text;
    EXPECT_THAT(log.error().message(), HasSubstr(words));
    EXPECT_EQ(log.error().code(), ErrorCode::kMalformed);
    EXPECT_EQ(log.error().message().find('\n'), std::string::npos);
  }
}

PowerLog Every(std::int64_t step_ns, int count, bool cumulative,
               const std::function<double(double seconds)>& value) {
  PowerLog log;
  log.cumulative = cumulative;
  for (int i = 0; i < count; ++i) {
    log.entries.push_back({i * step_ns, value(static_cast<double>(i * step_ns) * 1e-9)});
  }
  return log;
}

TEST(PowerLog, IntegratesWattsBetweenTwoMoments) {
  // P = 2 t: between 1.25 s and 4.5 s, 4.5^2 - 1.25^2 J; a straight line is integrated exactly.
  const PowerLog log = Every(kSecond / 2, 12, false, [](double s) { return 2 * s; });
  EXPECT_NEAR(log.Joules(kSecond * 5 / 4, kSecond * 9 / 2).value(), 20.25 - 1.5625, 1e-9);
  // Up to the last entry.
  EXPECT_NEAR(log.Joules(0, kSecond * 11 / 2).value(), 30.25, 1e-9);
}

TEST(PowerLog, TakesTheDifferenceOfJoules) {
  const PowerLog log = Every(kSecond, 12, true, [](double s) { return 100 + 3 * s; });
  EXPECT_NEAR(log.Joules(kSecond / 2, 6 * kSecond).value(), 16.5, 1e-9);
}

TEST(PowerLog, RefusesWhatItDoesNotHold) {
  PowerLog log = Every(kSecond, 12, false, [](double) { return 5; });
  EXPECT_THAT(log.Joules(-kSecond, 5 * kSecond).error().message(), HasSubstr("does not reach"));
  EXPECT_THAT(log.Joules(kSecond, 12 * kSecond).error().message(), HasSubstr("does not reach"));
  EXPECT_THAT(log.Joules(kSecond, 4 * kSecond).error().message(), HasSubstr("at least 5"));
  EXPECT_TRUE(log.Joules(kSecond, 6 * kSecond).ok());
  log.entries.erase(log.entries.begin() + 3, log.entries.begin() + 8);
  EXPECT_THAT(log.Joules(0, 10 * kSecond).error().message(), HasSubstr("a gap of 6 s"));
  EXPECT_FALSE(PowerLog().Joules(0, kSecond).ok());
}

TEST(ParseZone, TakesWhatTimesEndIn) {
  EXPECT_EQ(ParseZone("Z").value(), 0);
  EXPECT_EQ(ParseZone("+02:00").value(), 120);
  EXPECT_EQ(ParseZone("-0530").value(), -330);
  for (const char* wrong : {"", "2", "+2", "+02:60", "+02:000", "CEST", "+15:00"}) {
    EXPECT_FALSE(ParseZone(wrong).ok()) << wrong;
  }
}

}  // namespace power_log_test
}  // namespace quantbench
