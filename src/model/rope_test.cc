// Ropes: what is written reads back, long runs without a copy.
#include "model/rope.h"

#include <limits>

#include <gtest/gtest.h>

#include "model/wire.h"

namespace quantbench::wire {
namespace rope_test {

std::string Joined(Rope rope) {
  const std::uint64_t size = rope.size();
  std::string text;
  for (const Piece& piece : rope.Take()) text += Text(piece.bytes.view);
  EXPECT_EQ(text.size(), size);
  return text;
}

TEST(Rope, WritesFieldsThatReadBack) {
  Rope rope;
  rope.IntField(1, -1);
  rope.IntField(2, std::numeric_limits<std::int64_t>::max());
  rope.FloatField(3, 1.5F);
  rope.TextField(1000, "text");
  const std::string text = Joined(std::move(rope));
  Reader reader(text);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.Int(), -1);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.Int(), std::numeric_limits<std::int64_t>::max());
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.Float(), 1.5F);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.field(), 1000U);
  EXPECT_EQ(reader.Bytes(), "text");
  EXPECT_FALSE(reader.Next());
}

TEST(Rope, BorrowsLongRunsAndGathersShortOnes) {
  const Bytes large = Bytes::Own(std::vector<std::byte>(10'000, std::byte{7}));
  Rope inner;
  inner.BytesField(9, Piece::Of(large));
  Rope rope;
  rope.TextField(1, "name");
  rope.MessageField(2, std::move(inner));
  rope.IntField(3, 1);
  EXPECT_EQ(rope.size(), 6U + 1 + 2 + 1 + 2 + 10'000 + 2);
  const std::vector<Piece> pieces = rope.Take();
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[1].bytes.view.data(), large.view.data());
  EXPECT_EQ(rope.size(), 0U);
}

}  // namespace rope_test
}  // namespace quantbench::wire
