// Symbolic integers: polynomials of unknown sizes, compared and divided exactly.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace quantbench {

// A polynomial with integer coefficients in unknowns. Two that are equal have the same value in
// every run; two that differ may have it too.
class Expr {
 public:
  using Monomial = std::vector<std::int32_t>;  // unknowns in ascending order, repeated; empty: 1

  Expr(std::int64_t constant = 0);  // NOLINT(google-explicit-constructor): 0 is an Expr
  [[nodiscard]] static Expr OfUnknown(std::int32_t unknown);

  [[nodiscard]] std::optional<std::int64_t> constant() const;
  // The unknown, when the polynomial is nothing else.
  [[nodiscard]] std::optional<std::int32_t> unknown() const;
  [[nodiscard]] bool Is(std::int64_t value) const { return constant() == value; }
  // Absent when the arithmetic overflows, when there would be too many terms, or, for the quotient,
  // when the division leaves a remainder.
  [[nodiscard]] static std::optional<Expr> Sum(const Expr& a, const Expr& b);
  [[nodiscard]] static std::optional<Expr> Product(const Expr& a, const Expr& b);
  [[nodiscard]] static std::optional<Expr> ExactQuotient(const Expr& a, const Expr& b);
  [[nodiscard]] const std::map<Monomial, std::int64_t>& terms() const { return terms_; }

  friend bool operator==(const Expr&, const Expr&) = default;
  // Some order, for keys.
  friend bool operator<(const Expr& a, const Expr& b) { return a.terms_ < b.terms_; }

 private:
  std::map<Monomial, std::int64_t> terms_;  // no coefficient is 0
};

// Makes unknowns, and knows bounds of them. Operations that are no polynomial make an unknown of
// their own, the same one for the same operands.
class Algebra {
 public:
  // A dimension of a tensor is taken to be below this.
  static constexpr std::int64_t kLargestSize = (std::int64_t{1} << 31) - 1;

  [[nodiscard]] Expr AnyInteger();                      // a new unknown
  [[nodiscard]] Expr AnySize();                         // a new unknown, at least 0
  [[nodiscard]] Expr AnyBool();                         // a new unknown, 0 or 1
  [[nodiscard]] Expr NamedSize(std::string_view name);  // the same unknown for the same name

  [[nodiscard]] Expr Sum(const Expr& a, const Expr& b);
  [[nodiscard]] Expr Difference(const Expr& a, const Expr& b);
  [[nodiscard]] Expr Product(const Expr& a, const Expr& b);
  // Rounds towards zero, as integer Div does   [ONNX Div-14].
  [[nodiscard]] Expr Quotient(const Expr& a, const Expr& b);
  // Rounds down; b is at least 1.
  [[nodiscard]] Expr FloorQuotient(const Expr& a, std::int64_t b);
  [[nodiscard]] Expr Minimum(const Expr& a, const Expr& b);
  [[nodiscard]] Expr Maximum(const Expr& a, const Expr& b);
  // The dimension that two become when they broadcast   [ONNX Broadcasting], in a run in which they
  // do.
  [[nodiscard]] Expr Broadcast(const Expr& a, const Expr& b);
  // 1 or 0 where it is proven, else unknown.
  [[nodiscard]] Expr Equal(const Expr& a, const Expr& b);
  [[nodiscard]] Expr Less(const Expr& a, const Expr& b);

  // What is proven; absent when nothing is.
  [[nodiscard]] std::optional<std::int64_t> Low(const Expr& value) const;
  [[nodiscard]] std::optional<std::int64_t> High(const Expr& value) const;
  [[nodiscard]] bool IsAtLeast(const Expr& value, std::int64_t bound) const;
  [[nodiscard]] std::size_t unknowns() const { return unknowns_.size(); }

 private:
  enum class Kind : std::uint8_t { kFree, kFloorQuotient, kMinimum, kMaximum, kBroadcast };
  struct Unknown {
    Kind kind = Kind::kFree;
    Expr a;
    Expr b;
    std::optional<std::int64_t> low;
    std::optional<std::int64_t> high;
  };
  struct Range {
    std::optional<std::int64_t> low;
    std::optional<std::int64_t> high;
  };
  [[nodiscard]] Range RangeOf(const Expr::Monomial& monomial) const;
  Expr New(const Unknown& unknown);
  // The unknown of that operation, made when it is new.
  Expr Of(const Unknown& unknown);
  // Whether value is min(other, c) with a constant c of at least 1.
  [[nodiscard]] bool IsCapped(const Expr& value, const Expr& other) const;

  std::vector<Unknown> unknowns_;
  std::map<std::string, std::int32_t, std::less<>> names_;
  std::map<std::tuple<Kind, Expr, Expr>, std::int32_t> operations_;
};

}  // namespace quantbench
