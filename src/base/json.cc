// Json: the value type, its reader and its writer; nlohmann-json stays in here.
#include "quantbench/base/json.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "quantbench/base/format.h"

#include "base/code_points.h"

namespace quantbench {
namespace {

const Json kNull;
const std::string kEmptyString;
const Json::Array kEmptyArray;
const Json::Object kEmptyObject;

// Builds our value from the parser's events; refuses nesting beyond the limit.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(int max_depth) : max_depth_(max_depth) {}

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(std::int64_t{value}); }
  bool number_unsigned(number_unsigned_t value) override { return Add(std::uint64_t{value}); }
  bool number_float(number_float_t value, const string_t&) override { return Add(value); }
  bool string(string_t& value) override { return Add(value); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return Open(Json::Object{}); }
  bool key(string_t& value) override {
    keys_.back() = value;
    return true;
  }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(Json::Array{}); }
  bool end_array() override { return Close(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    error_ = Format("not JSON at byte {}", position);
    return false;
  }

  [[nodiscard]] const std::string& error() const { return error_; }
  Json Take() { return std::move(root_); }

 private:
  bool Open(Json container) {
    if (static_cast<int>(open_.size()) >= max_depth_) {
      error_ = Format("JSON nested deeper than {} levels", max_depth_);
      return false;
    }
    open_.push_back(std::move(container));
    keys_.emplace_back();
    return true;
  }

  bool Close() {
    Json done = std::move(open_.back());
    open_.pop_back();
    keys_.pop_back();
    return Add(std::move(done));
  }

  bool Add(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().is_array()) {
      open_.back().Append(std::move(value));
    } else {
      open_.back().Set(keys_.back(), std::move(value));
    }
    return true;
  }

  int max_depth_;
  Json root_;
  std::vector<Json> open_;
  std::vector<std::string> keys_;
  std::string error_;
};

nlohmann::ordered_json ToGuest(const Json& json) {
  if (json.is_bool()) return json.AsBool();
  if (json.is_integer()) return json.AsInt();
  if (json.is_number()) return json.AsDouble();
  if (json.is_string()) return json.AsString();
  if (json.is_array()) {
    auto array = nlohmann::ordered_json::array();
    for (const Json& element : json.AsArray()) array.push_back(ToGuest(element));
    return array;
  }
  if (json.is_object()) {
    auto object = nlohmann::ordered_json::object();
    auto& members = object.get_ref<nlohmann::ordered_json::object_t&>();
    for (const auto& [key, value] : json.AsObject()) {
      // push_back on the vector beneath: keys are unique already, and look-ups would be quadratic.
      static_cast<std::vector<std::pair<const std::string, nlohmann::ordered_json>>&>(members)
          .emplace_back(key, ToGuest(value));
    }
    return object;
  }
  return nullptr;
}

// "\u202e"; of points beyond the first plane the two surrogates [RFC 8259, 7].
std::string EscapedUnits(std::uint32_t point) {
  if (point < 0x10000) return Format("\\u{:04x}", point);
  const std::uint32_t rest = point - 0x10000;
  return Format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10U), 0xDC00 + (rest & 0x3FFU));
}

}  // namespace

Json::Json(std::uint64_t value) {
  if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    value_ = static_cast<std::int64_t>(value);
  } else {
    value_ = static_cast<double>(value);
  }
}

bool Json::AsBool(bool fallback) const {
  const bool* value = std::get_if<bool>(&value_);
  return value == nullptr ? fallback : *value;
}

std::int64_t Json::AsInt(std::int64_t fallback) const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  if (const auto* value = std::get_if<double>(&value_)) {
    if (std::fabs(*value) < 0x1p62 && std::trunc(*value) == *value) {
      return static_cast<std::int64_t>(*value);
    }
  }
  return fallback;
}

double Json::AsDouble(double fallback) const {
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  return is_null() ? std::numeric_limits<double>::quiet_NaN() : fallback;
}

const std::string& Json::AsString() const {
  const auto* value = std::get_if<std::string>(&value_);
  return value == nullptr ? kEmptyString : *value;
}

const Json::Array& Json::AsArray() const {
  const auto* value = std::get_if<Array>(&value_);
  return value == nullptr ? kEmptyArray : *value;
}

const Json::Object& Json::AsObject() const {
  const auto* value = std::get_if<Object>(&value_);
  return value == nullptr ? kEmptyObject : *value;
}

const Json& Json::operator[](std::string_view key) const {
  for (const auto& [name, value] : AsObject()) {
    if (name == key) return value;
  }
  return kNull;
}

bool Json::Has(std::string_view key) const {
  for (const auto& [name, value] : AsObject()) {
    if (name == key) return true;
  }
  return false;
}

Json& Json::Set(std::string_view key, Json value) {
  if (is_null()) value_ = Object{};
  auto* object = std::get_if<Object>(&value_);
  QB_CHECK(object != nullptr, "only objects have members");
  for (auto& [name, old] : *object) {
    if (name == key) {
      old = std::move(value);
      return *this;
    }
  }
  object->emplace_back(key, std::move(value));
  return *this;
}

Json& Json::Append(Json value) {
  if (is_null()) value_ = Array{};
  auto* array = std::get_if<Array>(&value_);
  QB_CHECK(array != nullptr, "only arrays have elements");
  array->push_back(std::move(value));
  return *this;
}

Result<double> Json::RequireDouble(std::string_view key, std::string_view where) const {
  const Json& value = (*this)[key];
  if (value.is_number()) return value.AsDouble();
  return Error(ErrorCode::kMalformed, Format("{}: \"{}\" is missing or not a number", where, key));
}

Result<std::int64_t> Json::RequireInt(std::string_view key, std::string_view where) const {
  const Json& value = (*this)[key];
  if (value.is_integer()) return value.AsInt();
  return Error(ErrorCode::kMalformed,
               Format("{}: \"{}\" is missing or not a whole number", where, key));
}

Result<std::string> Json::RequireString(std::string_view key, std::string_view where) const {
  const Json& value = (*this)[key];
  if (value.is_string()) return value.AsString();
  return Error(ErrorCode::kMalformed, Format("{}: \"{}\" is missing or not a string", where, key));
}

std::string Json::Dump(int indent) const {
  return ToGuest(*this).dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string Json::Show(int indent) const {
  const std::string text = Dump(indent);
  std::string shown;
  shown.reserve(text.size());
  for (std::string_view rest = text; !rest.empty();) {
    std::uint32_t point = 0;
    const std::size_t length = std::max<std::size_t>(1, SequenceLength(rest, &point));
    // Line ends and blanks of its own stay; inside of strings Dump has escaped theirs.
    if (point >= 0x7F && IsHostile(point)) {
      shown += EscapedUnits(point);
    } else {
      shown += rest.substr(0, length);
    }
    rest.remove_prefix(length);
  }
  return shown;
}

Result<Json> Json::Parse(std::string_view text, int max_depth) {
  Builder builder(max_depth);
  bool parsed = false;
  try {
    parsed = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  } catch (const nlohmann::json::exception&) {
    parsed = false;
  }
  if (parsed) return builder.Take();
  return Error(ErrorCode::kMalformed, builder.error().empty() ? "not JSON" : builder.error());
}

}  // namespace quantbench
