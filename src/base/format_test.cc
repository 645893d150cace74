// Formatting for people.
#include "quantbench/base/format.h"

#include <array>

#include <gtest/gtest.h>

namespace quantbench {
namespace format_test {

TEST(FormatBytes, ShowsThreeDigits) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1000), "1.00 kB");
  EXPECT_EQ(FormatBytes(26454), "26.5 kB");
  EXPECT_EQ(FormatBytes(999'600), "1.00 MB");
  EXPECT_EQ(FormatBytes(437'000'000), "437 MB");
}

TEST(FormatDuration, PicksTheUnit) {
  EXPECT_EQ(FormatDuration(812), "812 ns");
  EXPECT_EQ(FormatDuration(1'240'000), "1.24 ms");
  EXPECT_EQ(FormatDuration(3.5e9), "3.50 s");
}

TEST(Printable, LeavesHonestTextAlone) {
  EXPECT_EQ(Printable("Größe 漢字 -> 1"), "Größe 漢字 -> 1");
}

TEST(Printable, ShowsControlCharactersBadUtf8AndOverrides) {
  EXPECT_EQ(Printable("a\x1b[31m"), "a\\x1b[31m");
  EXPECT_EQ(Printable("line\nbreak"), "line\\x0abreak");
  EXPECT_EQ(Printable("\xff\xc0\x80"), "\\xff\\xc0\\x80");
  EXPECT_EQ(Printable("\xE2\x80\xAEtxt"), "\\xe2\\x80\\xaetxt");  // right-to-left override
  EXPECT_EQ(Printable("\xED\xA0\x80"), "\\xed\\xa0\\x80");        // surrogate
}

TEST(Printable, CutsLongText) {
  EXPECT_EQ(Printable("abcdef", 3), "abc...");
  EXPECT_EQ(Printable("abc", 3), "abc");
}

TEST(EditDistance, CountsEdits) {
  EXPECT_EQ(EditDistance("", "abc"), 3U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
  EXPECT_EQ(EditDistance("same", "same"), 0U);
}

TEST(Nearest, FindsTheIntendedWordOrNothing) {
  constexpr std::array<std::string_view, 3> kWords = {"repetitions", "processes", "title"};
  EXPECT_EQ(Nearest("repetition", kWords), "repetitions");
  EXPECT_EQ(Nearest("tittle", kWords), "title");
  EXPECT_EQ(Nearest("zzz", kWords), "");
}

}  // namespace format_test
}  // namespace quantbench
