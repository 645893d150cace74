// Reading fields: what is accepted is what protobuf accepts.
#include "model/wire.h"

#include <vector>

#include <gtest/gtest.h>

namespace quantbench::wire {
namespace wire_test {

std::string Raw(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) text.push_back(static_cast<char>(byte));
  return text;
}

// The message of the error, "" when every field can be read.
std::string ErrorOf(const std::string& message) {
  try {
    for (Reader reader(message); reader.Next();) continue;
    return "";
  } catch (const WireError& error) {
    return error.what;
  }
}

TEST(Wire, ReadsEveryWireType) {
  const std::string text = Raw({0x08, 0x96, 0x01, 0x15, 0, 0, 0x80, 0x3f, 0x1a, 2,   'h',
                                'i',  0x21, 0,    0,    0, 0, 0,    0,    0,    0x40});
  Reader reader(text);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.field(), 1U);
  EXPECT_EQ(reader.Int(), 150);
  EXPECT_EQ(reader.encoded(), text.substr(0, 3));
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.Float(), 1.0F);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.field(), 3U);
  EXPECT_EQ(reader.Bytes(), "hi");
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.Double(), 2.0);
  EXPECT_FALSE(reader.Next());
}

TEST(Wire, ReadsNegativeNumbersFromTenBytes) {
  const std::string text = Raw({0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01});
  Reader reader(text);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.Int(), -1);
  EXPECT_EQ(reader.Int32(), -1);
}

TEST(Wire, ReadsRepeatedNumbersPackedOrNot) {
  const std::string text = Raw({0x0a, 3, 1, 0x96, 0x01, 0x08, 7});
  std::vector<std::uint64_t> values;
  for (Reader reader(text); reader.Next();) {
    reader.ForEachVarint([&](std::uint64_t value) { values.push_back(value); });
  }
  EXPECT_EQ(values, (std::vector<std::uint64_t>{1, 150, 7}));
}

TEST(Wire, RefusesPackedFloatsThatAreCutOff) {
  Reader reader(std::string_view("\x0a\x03\x00\x00\x00", 5));
  reader.Next();
  const auto count = [](float) {};
  EXPECT_THROW(reader.ForEachFloat(count), WireError);
}

TEST(Wire, RefusesWhatProtobufRefuses) {
  EXPECT_EQ(ErrorOf(Raw({0x08})), "a message ends within a number");
  EXPECT_EQ(ErrorOf(Raw({0x0a, 5, 'x'})), "field 1 has 5 bytes, but only 1 are left");
  EXPECT_EQ(ErrorOf(Raw({0x00, 1})), "a field has number 0");
  EXPECT_EQ(ErrorOf(Raw({0x0b})), "field 1 has wire type 3");  // a group
  EXPECT_EQ(ErrorOf(Raw({0x0e, 1})), "field 1 has wire type 6");
  EXPECT_EQ(ErrorOf(Raw({0x09, 1, 2, 3})), "field 1 has 8 bytes, but only 3 are left");
  EXPECT_EQ(ErrorOf(Raw({0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})),
            "a number has more than ten bytes");
}

TEST(Wire, RefusesTagsAndLengthsOfMoreThanFiveBytes) {
  EXPECT_EQ(ErrorOf(Raw({0x88, 0x80, 0x80, 0x80, 0x80, 0x00, 1})), "a tag is too long");
  EXPECT_EQ(ErrorOf(Raw({0x0a, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00, 'x'})), "a length is too long");
  // 2^32 + 1 must not be taken for 1.
  EXPECT_EQ(ErrorOf(Raw({0x0a, 0x81, 0x80, 0x80, 0x80, 0x10, 'x'})), "a length is too long");
}

TEST(Wire, RefusesAFieldOfTheWrongType) {
  Reader reader("\x08\x01");
  ASSERT_TRUE(reader.Next());
  EXPECT_THROW(static_cast<void>(reader.Bytes()), WireError);
  EXPECT_THROW(static_cast<void>(reader.Float()), WireError);
  EXPECT_THROW(static_cast<void>(reader.Double()), WireError);
}

}  // namespace wire_test
}  // namespace quantbench::wire
