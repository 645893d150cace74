// Small files as the kernel writes them.
#include "quantbench/base/small_file.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace quantbench {
namespace small_file_test {

namespace fs = std::filesystem;

class SmallFile : public ::testing::Test {
 protected:
  SmallFile() : folder_(fs::temp_directory_path() / ("qb_small." + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~SmallFile() override { fs::remove_all(folder_); }
  fs::path Put(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  fs::path folder_;
};

TEST_F(SmallFile, NumbersBeginALine) {
  EXPECT_EQ(FirstLineIn(Put("lines", "32K\nmore\n")), "32K");
  EXPECT_EQ(NumberIn(Put("temp", "45000\n")), 45000);
  EXPECT_EQ(NumberIn(Put("flags", "50005\n"), 16), 0x50005);
  EXPECT_EQ(NumberIn(Put("max", "max 100000\n")), std::nullopt);
  EXPECT_EQ(NumberIn(folder_ / "missing"), std::nullopt);
  EXPECT_EQ(FirstLineIn(folder_ / "missing"), "");
}

TEST_F(SmallFile, ValuesStandAfterTheirWholeKey) {
  const fs::path info =
      Put("cpuinfo", "processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC\nempty\t:\n");
  EXPECT_EQ(ValueIn(info, "model name"), "AMD EPYC");
  EXPECT_EQ(ValueIn(info, "proc"), "");
  EXPECT_EQ(ValueIn(info, "empty"), "");
  const fs::path counters = Put("vmstat", "pswpin_all 3\npswpin 7\n");
  EXPECT_EQ(NumberAfter(counters, "pswpin"), 7);
  EXPECT_EQ(NumberAfter(counters, "pswpout"), std::nullopt);
}

TEST_F(SmallFile, EntriesAreSortedByName) {
  Put("cpu1", "");
  Put("cpu0", "");
  Put("other", "");
  EXPECT_THAT(EntriesIn(folder_, "cpu"),
              ::testing::ElementsAre(folder_ / "cpu0", folder_ / "cpu1"));
  EXPECT_TRUE(EntriesIn(folder_ / "missing", "").empty());
}

}  // namespace small_file_test
}  // namespace quantbench
