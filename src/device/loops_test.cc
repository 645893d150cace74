// Every loop computes what it claims, against plain loops.
#include "device/loops.h"

#include <array>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace quantbench {
namespace loops_test {

// Operands whose elements all differ: `a` counts from 1, `b` goes up and down around zero.
template <typename A, typename B>
struct Operands {
  explicit Operands(const ArithmeticLoop& loop)
      : a(static_cast<std::size_t>(loop.operand_bytes) / sizeof(A)), b(a.size()) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      a[i] = static_cast<A>(i + 1);
      b[i] = static_cast<B>(static_cast<int>(i * 7 % 31) - 11);
    }
  }
  // Of one round and chain: each row of `a` by each of `b`.
  [[nodiscard]] double Products(std::int64_t rows) const {
    const std::size_t width = a.size() / static_cast<std::size_t>(rows);
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      for (std::size_t j = i % width; j < b.size(); j += width) {
        sum += static_cast<double>(a[i]) * static_cast<double>(b[j]);
      }
    }
    return sum;
  }
  std::vector<A> a;
  std::vector<B> b;
};

template <typename A, typename B, typename Sum>
void ExpectProducts(const ArithmeticLoop& loop) {
  const Operands<A, B> operands(loop);
  for (const std::int64_t rounds : {1, 2, 77}) {
    std::vector<Sum> sums(static_cast<std::size_t>(loop.sums) + 1, Sum{12345});
    loop.run(operands.a.data(), operands.b.data(), rounds, sums.data());
    EXPECT_EQ(sums.back(), Sum{12345}) << loop.path;  // nothing beyond the sums
    double total = 0;
    for (std::int64_t i = 0; i < loop.sums; ++i) {
      total += static_cast<double>(sums[static_cast<std::size_t>(i)]);
    }
    EXPECT_EQ(total, static_cast<double>(rounds * loop.chains) * operands.Products(loop.rows))
        << loop.path << ", " << rounds << " rounds";
  }
}

TEST(ArithmeticLoops, AddAllProducts) {
  int float_loops = 0;
  int int8_loops = 0;
  for (const ArithmeticLoop& loop : ArithmeticLoops()) {
    ASSERT_LE(loop.operand_bytes, kMostOperandBytes);
    ASSERT_LE(loop.sums * 4, kMostSumsBytes);
    if (!loop.is_there()) continue;
    if (loop.kind == PeakKind::kFloat32) {
      ExpectProducts<float, float, float>(loop);
      ++float_loops;
    } else {
      ExpectProducts<std::uint8_t, std::int8_t, std::int32_t>(loop);
      ++int8_loops;
    }
  }
  EXPECT_GE(float_loops, 1);
  EXPECT_GE(int8_loops, 1);
}

TEST(ArithmeticLoops, CountTheirProducts) {
  for (const ArithmeticLoop& loop : ArithmeticLoops()) {
    const std::int64_t elements =
        loop.kind == PeakKind::kFloat32 ? loop.operand_bytes / 4 : loop.operand_bytes;
    EXPECT_EQ(loop.macs_a_round(), static_cast<double>(loop.chains * elements * loop.rows));
  }
}

TEST(ReadLoops, ReadEveryByte) {
  for (const ReadLoop& loop : ReadLoops()) {
    if (!loop.is_there()) continue;
    constexpr std::int64_t kRounds = 5;
    const auto bytes = static_cast<std::size_t>(loop.block_bytes * kRounds);
    alignas(64) std::array<std::uint8_t, 4096> from{};
    ASSERT_LE(bytes, from.size());
    for (std::size_t i = 0; i < bytes; ++i) from[i] = static_cast<std::uint8_t>(i * 37 + i / 11);
    std::vector<std::uint8_t> expected(static_cast<std::size_t>(loop.sums_bytes));
    for (std::size_t i = 0; i < bytes; ++i) expected[i % expected.size()] ^= from[i];
    for (const std::int64_t sweeps : {1, 3}) {  // an even number folds to nothing
      std::vector<std::uint8_t> sums(expected.size());
      loop.run(from.data(), kRounds, sweeps, sums.data());
      EXPECT_EQ(sums, expected) << loop.path << ", " << sweeps << " sweeps";
    }
  }
}

}  // namespace loops_test
}  // namespace quantbench
