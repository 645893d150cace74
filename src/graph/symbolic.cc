// Symbolic integers: polynomial arithmetic with checked coefficients, and bounds.
#include "graph/symbolic.h"

#include <algorithm>

namespace quantbench {
namespace {

using Monomial = Expr::Monomial;
using Bound = std::optional<std::int64_t>;

constexpr std::size_t kMostTerms = 64;
constexpr std::size_t kMostFactors = 16;

Bound Added(Bound a, Bound b) {
  std::int64_t sum = 0;
  if (!a || !b || __builtin_add_overflow(*a, *b, &sum)) return std::nullopt;
  return sum;
}

Bound Times(Bound a, Bound b) {
  std::int64_t product = 0;
  if (!a || !b || __builtin_mul_overflow(*a, *b, &product)) return std::nullopt;
  return product;
}

// a without the factors of b; absent when it does not have them.
std::optional<Monomial> Without(const Monomial& a, const Monomial& b) {
  if (!std::includes(a.begin(), a.end(), b.begin(), b.end())) return std::nullopt;
  Monomial rest;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
  return rest;
}

std::int64_t FloorDivided(std::int64_t a, std::int64_t b) {  // b >= 1
  return a / b - (a % b < 0 ? 1 : 0);
}

}  // namespace

Expr::Expr(std::int64_t constant) {
  if (constant != 0) terms_.emplace(Monomial(), constant);
}

Expr Expr::OfUnknown(std::int32_t unknown) {
  Expr expr;
  expr.terms_.emplace(Monomial{unknown}, 1);
  return expr;
}

std::optional<std::int64_t> Expr::constant() const {
  if (terms_.empty()) return 0;
  if (terms_.size() > 1 || !terms_.begin()->first.empty()) return std::nullopt;
  return terms_.begin()->second;
}

std::optional<std::int32_t> Expr::unknown() const {
  if (terms_.size() != 1) return std::nullopt;
  const auto& [monomial, coefficient] = *terms_.begin();
  if (coefficient != 1 || monomial.size() != 1) return std::nullopt;
  return monomial[0];
}

std::optional<Expr> Expr::Sum(const Expr& a, const Expr& b) {
  Expr sum = a;
  for (const auto& [monomial, coefficient] : b.terms_) {
    std::int64_t& place = sum.terms_[monomial];
    if (__builtin_add_overflow(place, coefficient, &place)) return std::nullopt;
    if (place == 0) sum.terms_.erase(monomial);
  }
  if (sum.terms_.size() > kMostTerms) return std::nullopt;
  return sum;
}

std::optional<Expr> Expr::Product(const Expr& a, const Expr& b) {
  if (a.terms_.size() * b.terms_.size() > kMostTerms) return std::nullopt;
  Expr product;
  for (const auto& [left, x] : a.terms_) {
    for (const auto& [right, y] : b.terms_) {
      const Bound coefficient = Times(x, y);
      if (!coefficient || left.size() + right.size() > kMostFactors) return std::nullopt;
      Monomial both;
      std::merge(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(both));
      Expr term;
      term.terms_.emplace(std::move(both), *coefficient);
      std::optional<Expr> sum = Sum(product, term);
      if (!sum) return std::nullopt;
      product = std::move(*sum);
    }
  }
  return product;
}

std::optional<Expr> Expr::ExactQuotient(const Expr& a, const Expr& b) {
  if (b.terms_.empty()) return std::nullopt;
  if (a == b) return Expr(1);
  if (b.terms_.size() > 1) return std::nullopt;
  const auto& [divisor, by] = *b.terms_.begin();
  if (by == -1) return std::nullopt;  // could overflow; nobody divides by it
  Expr quotient;
  for (const auto& [monomial, coefficient] : a.terms_) {
    std::optional<Monomial> rest = Without(monomial, divisor);
    if (!rest || coefficient % by != 0) return std::nullopt;
    quotient.terms_.emplace(std::move(*rest), coefficient / by);
  }
  return quotient;
}

Expr Algebra::New(const Unknown& unknown) {
  unknowns_.push_back(unknown);
  return Expr::OfUnknown(static_cast<std::int32_t>(unknowns_.size() - 1));
}

Expr Algebra::Of(const Unknown& unknown) {
  const auto [found, is_new] =
      operations_.try_emplace({unknown.kind, unknown.a, unknown.b}, unknowns_.size());
  return is_new ? New(unknown) : Expr::OfUnknown(found->second);
}

Expr Algebra::AnyInteger() {
  return New({});
}

Expr Algebra::AnySize() {
  return New({Kind::kFree, {}, {}, 0, kLargestSize});
}

Expr Algebra::AnyBool() {
  return New({Kind::kFree, {}, {}, 0, 1});
}

Expr Algebra::NamedSize(std::string_view name) {
  const auto found = names_.find(name);
  if (found != names_.end()) return Expr::OfUnknown(found->second);
  Expr size = AnySize();
  names_.emplace(name, *size.unknown());
  return size;
}

Expr Algebra::Sum(const Expr& a, const Expr& b) {
  std::optional<Expr> sum = Expr::Sum(a, b);
  return sum ? *sum : AnyInteger();
}

Expr Algebra::Difference(const Expr& a, const Expr& b) {
  return Sum(a, Product(b, -1));
}

Expr Algebra::Product(const Expr& a, const Expr& b) {
  std::optional<Expr> product = Expr::Product(a, b);
  return product ? *product : AnyInteger();
}

Expr Algebra::Quotient(const Expr& a, const Expr& b) {
  if (const auto exact = Expr::ExactQuotient(a, b)) return *exact;
  const auto divisor = b.constant();
  if (!divisor || *divisor < 1) return AnyInteger();
  if (const auto dividend = a.constant()) return *dividend / *divisor;
  return IsAtLeast(a, 0) ? FloorQuotient(a, *divisor) : AnyInteger();
}

Expr Algebra::FloorQuotient(const Expr& a, std::int64_t b) {
  if (const auto exact = Expr::ExactQuotient(a, b)) return *exact;
  if (const auto dividend = a.constant()) return FloorDivided(*dividend, b);
  Unknown unknown{Kind::kFloorQuotient, a, b, {}, {}};
  if (const auto low = Low(a)) unknown.low = FloorDivided(*low, b);
  if (const auto high = High(a)) unknown.high = FloorDivided(*high, b);
  return Of(unknown);
}

Expr Algebra::Minimum(const Expr& a, const Expr& b) {
  if (IsAtLeast(Difference(b, a), 0)) return a;
  if (IsAtLeast(Difference(a, b), 0)) return b;
  Unknown unknown{Kind::kMinimum, std::min(a, b), std::max(a, b), {}, High(a)};
  const Bound low_a = Low(a);
  const Bound low_b = Low(b);
  const Bound high_b = High(b);
  if (low_a && low_b) unknown.low = std::min(*low_a, *low_b);
  if (high_b) unknown.high = unknown.high ? std::min(*unknown.high, *high_b) : *high_b;
  return Of(unknown);
}

Expr Algebra::Maximum(const Expr& a, const Expr& b) {
  if (IsAtLeast(Difference(b, a), 0)) return b;
  if (IsAtLeast(Difference(a, b), 0)) return a;
  Unknown unknown{Kind::kMaximum, std::min(a, b), std::max(a, b), Low(a), {}};
  const Bound high_a = High(a);
  const Bound high_b = High(b);
  const Bound low_b = Low(b);
  if (high_a && high_b) unknown.high = std::max(*high_a, *high_b);
  if (low_b) unknown.low = unknown.low ? std::max(*unknown.low, *low_b) : *low_b;
  return Of(unknown);
}

bool Algebra::IsCapped(const Expr& value, const Expr& other) const {
  const auto id = value.unknown();
  if (!id) return false;
  const Unknown& unknown = unknowns_[static_cast<std::size_t>(*id)];
  if (unknown.kind != Kind::kMinimum) return false;
  const Expr& cap = unknown.a == other ? unknown.b : unknown.a;
  return (unknown.a == other || unknown.b == other) && cap.constant().value_or(0) >= 1;
}

Expr Algebra::Broadcast(const Expr& a, const Expr& b) {
  if (a == b || b.Is(1)) return a;
  if (a.Is(1)) return b;
  // The other is 1 or the same.
  if (a.constant() || IsAtLeast(a, 2)) return a;
  if (b.constant() || IsAtLeast(b, 2)) return b;
  // x against min(x, c): where c < x, they broadcast only if c is 1. Either way x comes out.
  if (IsCapped(b, a)) return a;
  if (IsCapped(a, b)) return b;
  return Of({Kind::kBroadcast, std::min(a, b), std::max(a, b), 0, kLargestSize});
}

Expr Algebra::Equal(const Expr& a, const Expr& b) {
  const Expr difference = Difference(a, b);
  if (difference.Is(0)) return 1;
  const Bound low = Low(difference);
  const Bound high = High(difference);
  if ((low && *low > 0) || (high && *high < 0)) return 0;
  return AnyBool();
}

Expr Algebra::Less(const Expr& a, const Expr& b) {
  const Expr difference = Difference(b, a);
  if (IsAtLeast(difference, 1)) return 1;
  const Bound high = High(difference);
  return high && *high <= 0 ? Expr(0) : AnyBool();
}

Algebra::Range Algebra::RangeOf(const Expr::Monomial& monomial) const {
  Range range{1, 1};
  for (const std::int32_t id : monomial) {
    const Unknown& unknown = unknowns_[static_cast<std::size_t>(id)];
    if (monomial.size() == 1) return {unknown.low, unknown.high};
    if (!unknown.low || *unknown.low < 0) return {};
    range.low = Times(range.low, unknown.low);
    range.high = Times(range.high, unknown.high);
  }
  return range;
}

Bound Algebra::Low(const Expr& value) const {
  Bound sum = 0;
  for (const auto& [monomial, coefficient] : value.terms()) {
    const Range range = RangeOf(monomial);
    sum = Added(sum, Times(coefficient, coefficient > 0 ? range.low : range.high));
  }
  return sum;
}

Bound Algebra::High(const Expr& value) const {
  const std::optional<Expr> negative = Expr::Product(value, -1);
  return negative ? Times(Low(*negative), -1) : std::nullopt;
}

bool Algebra::IsAtLeast(const Expr& value, std::int64_t bound) const {
  const Bound low = Low(value);
  return low && *low >= bound;
}

}  // namespace quantbench
