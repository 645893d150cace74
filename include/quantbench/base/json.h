// Json: one JSON value; the only form in which rooms exchange records, plans and worker messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "quantbench/base/status.h"

namespace quantbench {

// Objects keep the order in which keys were set, so that files read well and diff well.
// Reading a key that is absent, or a value of another type, yields the fallback: records are
// untrusted; use the Require... functions where absence is an error.
class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  // Conversions are implicit on purpose: Set("n", 3) reads as JSON does.
  // NOLINTBEGIN(google-explicit-constructor)
  Json() = default;  // null
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(std::int64_t{value}) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::uint64_t value);
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  // NOLINTEND(google-explicit-constructor)
  // An array from any range of convertible values.
  template <typename T>
  static Json List(const std::vector<T>& values) {
    Array array;
    array.reserve(values.size());
    for (const auto& value : values) array.emplace_back(value);
    return array;
  }
  static Json MakeObject() { return Object{}; }

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  [[nodiscard]] bool is_bool() const { return std::holds_alternative<bool>(value_); }
  [[nodiscard]] bool is_integer() const { return std::holds_alternative<std::int64_t>(value_); }
  [[nodiscard]] bool is_number() const {
    return is_integer() || std::holds_alternative<double>(value_);
  }
  [[nodiscard]] bool is_string() const { return std::holds_alternative<std::string>(value_); }
  [[nodiscard]] bool is_array() const { return std::holds_alternative<Array>(value_); }
  [[nodiscard]] bool is_object() const { return std::holds_alternative<Object>(value_); }

  [[nodiscard]] bool AsBool(bool fallback = false) const;
  [[nodiscard]] std::int64_t AsInt(
      std::int64_t fallback = 0) const;  // a double with an integral value counts
  [[nodiscard]] double AsDouble(double fallback = 0) const;  // null counts as NaN
  [[nodiscard]] const std::string& AsString() const;         // "" when not a string
  [[nodiscard]] const Array& AsArray() const;                // empty when not an array
  [[nodiscard]] const Object& AsObject() const;              // empty when not an object

  // The member of that key, or null.
  [[nodiscard]] const Json& operator[](std::string_view key) const;
  [[nodiscard]] bool Has(std::string_view key) const;
  // Sets or replaces a member; a null value becomes an object first. Returns *this for chaining.
  Json& Set(std::string_view key, Json value);
  // Appends to an array; a null value becomes an array first.
  Json& Append(Json value);

  // Errors name `where` and the key: "record r1: key \"mean_ns\" is missing".
  [[nodiscard]] Result<double> RequireDouble(std::string_view key, std::string_view where) const;
  [[nodiscard]] Result<std::int64_t> RequireInt(std::string_view key, std::string_view where) const;
  [[nodiscard]] Result<std::string> RequireString(std::string_view key,
                                                  std::string_view where) const;

  // `indent` < 0: one line. NaN and infinities become null. Invalid UTF-8 becomes U+FFFD. Numbers
  // are written so that they read back to the same value. ASCII control characters are escaped.
  [[nodiscard]] std::string Dump(int indent = -1) const;
  // The same value for a terminal: what Printable would not let pass is escaped as \uNNNN.
  [[nodiscard]] std::string Show(int indent = -1) const;
  // Strict JSON, UTF-8, at most `max_depth` levels of nesting. kMalformed with the byte position.
  [[nodiscard]] static Result<Json> Parse(std::string_view text, int max_depth = 64);

  friend bool operator==(const Json&, const Json&) = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

}  // namespace quantbench
