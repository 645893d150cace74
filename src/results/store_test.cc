// The store: complete records, damage moved aside, left-overs removed.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "quantbench/base/file.h"
#include "quantbench/results.h"

namespace quantbench {
namespace store_test {

namespace fs = std::filesystem;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest()
      : folder_(fs::temp_directory_path() /
                ("qb_store_test." + std::to_string(getpid()) + "." +
                 ::testing::UnitTest::GetInstance()->current_test_info()->name())) {}
  ~StoreTest() override { fs::remove_all(folder_); }
  static Record Make(const std::string& key) {
    Record record;
    record.key = key;
    record.what = {CaseKind::kMeasure, "m", "", {4, 2, {{"seq", 8}}, true}};
    record.outcome = Outcome::kCrashed;
    record.reason = "a \"reason\"";
    record.results = Json::MakeObject().Set("x", 0.1);
    return record;
  }
  [[nodiscard]] fs::path OnlyFile() const {
    return fs::directory_iterator(folder_ / "records")->path();
  }
  fs::path folder_;
};

TEST_F(StoreTest, ReadsBackWhatWasWritten) {
  auto store = Store::Open(folder_);
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE(store.value().Write(Make("k1")).ok());
  EXPECT_TRUE(store.value().Has("k1"));
  EXPECT_FALSE(store.value().Has("k2"));
  std::vector<std::string> problems;
  const auto records = store.value().ReadAll(&problems);
  ASSERT_TRUE(records.ok() && problems.empty());
  ASSERT_EQ(records.value().size(), 1U);
  EXPECT_EQ(records.value()[0].ToJson(), Make("k1").ToJson());
  EXPECT_EQ(records.value()[0].what.cell.Describe(),
            "batch 4, 2 threads, seq 8, data loading included");
}

// No truncation and no single changed byte may come back as a record.
TEST_F(StoreTest, QuarantinesDamage) {
  auto store = Store::Open(folder_);
  ASSERT_TRUE(store.value().Write(Make("k1")).ok());
  const std::string good = ReadFile(OnlyFile()).value();
  const fs::path path = OnlyFile();
  std::vector<std::string> damaged;
  for (std::size_t size = 0; size + 2 < good.size(); size += 64)
    damaged.push_back(good.substr(0, size));
  for (std::size_t at = 0; at < good.size(); at += 41) {
    damaged.push_back(good);
    damaged.back()[at] = static_cast<char>(damaged.back()[at] ^ 0x01);
  }
  for (const std::string& text : damaged) {
    std::ofstream(path, std::ios::trunc) << text;
    std::vector<std::string> problems;
    const auto records = store.value().ReadAll(&problems);
    ASSERT_TRUE(records.ok());
    if (!records.value().empty()) {
      // A changed blank changes nothing.
      EXPECT_EQ(records.value()[0].ToJson(), Make("k1").ToJson());
      continue;
    }
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_NE(problems[0].find("quarantine"), std::string::npos);
    EXPECT_TRUE(fs::exists(folder_ / "quarantine" / path.filename()));
  }
}

TEST_F(StoreTest, LeavesNewerSchemasAlone) {
  auto store = Store::Open(folder_);
  std::ofstream(folder_ / "records" / "measure-m-k.json") << R"({"schema": 99})";
  std::vector<std::string> problems;
  EXPECT_TRUE(store.value().ReadAll(&problems).value().empty());
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("schema 99 is newer"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder_ / "records" / "measure-m-k.json"));
}

TEST_F(StoreTest, RemovesLeftOversOfAKilledWriter) {
  auto store = Store::Open(folder_);
  std::ofstream(folder_ / "records" / ".measure-m-k.json.1.0.part") << "half";
  std::vector<std::string> problems;
  EXPECT_TRUE(store.value().ReadAll(&problems).value().empty());
  EXPECT_FALSE(fs::exists(folder_ / "records" / ".measure-m-k.json.1.0.part"));
}

// A study that runs beside the reader loses nothing.
TEST_F(StoreTest, PeekingTouchesNothing) {
  auto store = Store::Open(folder_);
  ASSERT_TRUE(store.value().Write(Make("k1")).ok());
  std::ofstream(folder_ / "records" / ".measure-m-k.json.1.0.part") << "half";
  std::ofstream(folder_ / "records" / "measure-m-k2.json") << "{";
  std::vector<std::string> problems;
  EXPECT_EQ(Store::Peek(folder_, &problems).value().size(), 1U);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("measure-m-k2.json"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder_ / "records" / ".measure-m-k.json.1.0.part"));
  EXPECT_TRUE(fs::exists(folder_ / "records" / "measure-m-k2.json"));
  EXPECT_EQ(Store::Peek(folder_ / "none", &problems).error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(folder_ / "none"));
}

TEST(Outcome, NamesReadBack) {
  for (const Outcome outcome : {Outcome::kOk, Outcome::kSkipped, Outcome::kFailed,
                                Outcome::kCrashed, Outcome::kTimedOut, Outcome::kOutOfMemory}) {
    EXPECT_EQ(ParseOutcome(Name(outcome)).value(), outcome);
  }
  EXPECT_FALSE(ParseOutcome("fine").ok());
}

}  // namespace store_test
}  // namespace quantbench
