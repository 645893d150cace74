// Symbolic integers: equal when they must be, bounded by what is known, never by what is not.
#include "graph/symbolic.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quantbench {
namespace symbolic_test {

using ::testing::Eq;
using ::testing::Optional;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

class AlgebraTest : public ::testing::Test {
 protected:
  Algebra algebra_;
  const Expr n_ = algebra_.NamedSize("n");
  const Expr m_ = algebra_.NamedSize("m");
};

TEST_F(AlgebraTest, OneNameIsOneUnknown) {
  EXPECT_EQ(algebra_.NamedSize("n"), n_);
  EXPECT_NE(n_, m_);
  EXPECT_NE(algebra_.AnySize(), algebra_.AnySize());
}

TEST_F(AlgebraTest, SumsAndProductsHaveOneForm) {
  const Expr left = algebra_.Product(algebra_.Sum(n_, 2), algebra_.Sum(m_, n_));
  Expr right = algebra_.Sum(algebra_.Product(n_, m_), algebra_.Product(n_, n_));
  right = algebra_.Sum(right, algebra_.Sum(algebra_.Product(m_, 2), algebra_.Product(2, n_)));
  EXPECT_EQ(left, right);
  EXPECT_TRUE(algebra_.Difference(left, right).Is(0));
}

TEST_F(AlgebraTest, DividesWithoutRemainderOrMakesAnUnknown) {
  const Expr area = algebra_.Product(algebra_.Product(n_, m_), 12);
  EXPECT_EQ(Expr::ExactQuotient(area, algebra_.Product(n_, 4)), algebra_.Product(m_, 3));
  EXPECT_EQ(Expr::ExactQuotient(area, 5), std::nullopt);
  EXPECT_EQ(Expr::ExactQuotient(area, 0), std::nullopt);
  const Expr sum = algebra_.Sum(n_, m_);
  EXPECT_EQ(Expr::ExactQuotient(sum, sum), Expr(1));
  EXPECT_EQ(Expr::ExactQuotient(sum, n_), std::nullopt);
  const Expr half = algebra_.Quotient(n_, 2);
  EXPECT_EQ(half, algebra_.Quotient(n_, 2));
  EXPECT_NE(half, algebra_.Quotient(n_, 3));
}

TEST_F(AlgebraTest, QuotientsOfConstantsRoundTowardsZeroAndFloorsDown) {
  EXPECT_TRUE(algebra_.Quotient(-7, 2).Is(-3));
  EXPECT_TRUE(algebra_.FloorQuotient(-7, 2).Is(-4));
  EXPECT_TRUE(algebra_.Quotient(7, 2).Is(3));
  // An operand that may be negative is rounded in a way of its own.
  const Expr any = algebra_.AnyInteger();
  EXPECT_NE(algebra_.Quotient(any, 2), algebra_.Quotient(any, 2));
}

TEST_F(AlgebraTest, BoundsFollowFromThoseOfTheUnknowns) {
  const Expr value = algebra_.Sum(algebra_.Product(n_, 3), 5);
  EXPECT_THAT(algebra_.Low(value), Optional(Eq(5)));
  EXPECT_THAT(algebra_.High(value), Optional(Eq(3 * Algebra::kLargestSize + 5)));
  EXPECT_THAT(algebra_.Low(algebra_.Product(value, -1)),
              Optional(Eq(-3 * Algebra::kLargestSize - 5)));
  EXPECT_EQ(algebra_.Low(algebra_.AnyInteger()), std::nullopt);
  EXPECT_EQ(algebra_.High(algebra_.Product(algebra_.Product(n_, n_), n_)), std::nullopt);
}

TEST_F(AlgebraTest, OverflowIsUnknownAndNeverWraps) {
  EXPECT_EQ(Expr::Sum(kMost, 1), std::nullopt);
  EXPECT_EQ(Expr::Product(kMost, 2), std::nullopt);
  EXPECT_EQ(algebra_.Sum(kMost, 1).constant(), std::nullopt);
  EXPECT_EQ(algebra_.Difference(0, std::numeric_limits<std::int64_t>::min()).constant(),
            std::nullopt);
}

TEST_F(AlgebraTest, ManyTermsEndInAnUnknown) {
  Expr sum = 0;
  for (int i = 0; i < 1000; ++i) sum = algebra_.Sum(sum, algebra_.AnySize());
  EXPECT_LE(sum.terms().size(), 64U);
}

TEST_F(AlgebraTest, MinimumAndMaximumTakeWhatIsProven) {
  EXPECT_EQ(algebra_.Minimum(n_, kMost), n_);
  EXPECT_EQ(algebra_.Minimum(n_, algebra_.Sum(n_, m_)), n_);
  EXPECT_EQ(algebra_.Maximum(0, n_), n_);
  EXPECT_EQ(algebra_.Maximum(algebra_.Difference(n_, 1), n_), n_);
  const Expr capped = algebra_.Minimum(n_, 512);
  EXPECT_EQ(capped, algebra_.Minimum(512, n_));
  EXPECT_THAT(algebra_.Low(capped), Optional(Eq(0)));
  EXPECT_THAT(algebra_.High(capped), Optional(Eq(512)));
  EXPECT_THAT(algebra_.Low(algebra_.Maximum(n_, 3)), Optional(Eq(3)));
}

TEST_F(AlgebraTest, BroadcastsToWhatARunThatSucceedsMustHave) {
  EXPECT_EQ(algebra_.Broadcast(n_, n_), n_);
  EXPECT_EQ(algebra_.Broadcast(1, n_), n_);
  EXPECT_TRUE(algebra_.Broadcast(n_, 7).Is(7));
  EXPECT_EQ(algebra_.Broadcast(n_, algebra_.Sum(m_, 2)), algebra_.Sum(m_, 2));
  const Expr both = algebra_.Broadcast(n_, m_);
  EXPECT_EQ(both, algebra_.Broadcast(m_, n_));
  EXPECT_NE(both, n_);
  EXPECT_NE(both, m_);
  // A table of 512 positions cut to the n that there are: more than 512 would not broadcast.
  EXPECT_EQ(algebra_.Broadcast(algebra_.Minimum(n_, 512), n_), n_);
  EXPECT_NE(algebra_.Broadcast(algebra_.Minimum(m_, 512), n_), n_);
  EXPECT_NE(algebra_.Broadcast(algebra_.Minimum(n_, m_), n_), n_);  // m may be 0
}

TEST_F(AlgebraTest, ComparesWhatIsProven) {
  EXPECT_TRUE(algebra_.Equal(n_, n_).Is(1));
  EXPECT_TRUE(algebra_.Equal(n_, -1).Is(0));
  EXPECT_EQ(algebra_.Equal(n_, 1).constant(), std::nullopt);
  EXPECT_TRUE(algebra_.Less(-1, n_).Is(1));
  EXPECT_TRUE(algebra_.Less(n_, 0).Is(0));
  EXPECT_TRUE(algebra_.Less(n_, n_).Is(0));
  EXPECT_EQ(algebra_.Less(n_, m_).constant(), std::nullopt);
}

}  // namespace symbolic_test
}  // namespace quantbench
