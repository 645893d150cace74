// Reader: one TOML table read key by key.
#include "study/reader.h"

#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"

namespace quantbench {

void Diagnostics::Note(const toml::source_region& where, std::string message) {
  mistakes_.push_back({where.begin.line, where.begin.column, std::move(message)});
}

Error Diagnostics::AsError() const {
  std::vector<Mistake> sorted = mistakes_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Mistake& a, const Mistake& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  std::string text;
  for (const Mistake& mistake : sorted) {
    text += Format("{}{}:{}:{}: {}", text.empty() ? "" : "\n", file_, mistake.line, mistake.column,
                   mistake.message);
  }
  return {ErrorCode::kInvalidArgument, text};
}

void Diagnostics::Asked(AskedKey key) {
  if (asked_ == nullptr) return;
  for (AskedKey& known : *asked_) {
    if (known.table != key.table || known.key != key.key) continue;
    if (known.type == KeyType::kAny) known = std::move(key);
    return;
  }
  asked_->push_back(std::move(key));
}

Reader::~Reader() {
  for (const auto& [key, node] : table_) {
    const std::string_view name = key.str();
    if (std::find(asked_.begin(), asked_.end(), name) != asked_.end()) continue;
    std::string message = Format("unknown key \"{}\" in {}", Printable(name), name_);
    if (const auto nearest = Nearest(name, asked_); !nearest.empty()) {
      message += Format("; did you mean \"{}\"?", nearest);
    }
    diagnostics_->Note(key.source(), std::move(message));
  }
}

const toml::node* Reader::Ask(AskedKey asked) {
  const std::string key = asked.key;
  asked_.push_back(key);
  asked.table = name_;
  diagnostics_->Asked(std::move(asked));
  return table_.get(key);
}

const toml::node* Reader::Find(std::string_view key) {
  return Ask({.table = "", .key = std::string(key)});
}

void Reader::Mistake(std::string_view key, std::string message) {
  const toml::node* node = table_.get(key);
  diagnostics_->Note(node == nullptr ? table_.source() : node->source(), std::move(message));
}

void Reader::WrongType(std::string_view key, std::string_view wanted) {
  Mistake(key, Format("\"{}\" in {} must be {}", key, name_, wanted));
}

void Reader::String(std::string_view key, std::string* value, Need need) {
  const toml::node* node =
      Ask({.table = "", .key = std::string(key), .type = KeyType::kString, .need = need});
  if (node == nullptr) {
    if (need == Need::kRequired) Mistake(key, Format("{} needs the key \"{}\"", name_, key));
    return;
  }
  if (const auto text = node->value_exact<std::string>()) {
    *value = *text;
  } else {
    WrongType(key, "a string");
  }
}

void Reader::Bool(std::string_view key, bool* value) {
  const toml::node* node = Ask({.table = "", .key = std::string(key), .type = KeyType::kBool});
  if (node == nullptr) return;
  if (const auto flag = node->value_exact<bool>()) {
    *value = *flag;
  } else {
    WrongType(key, "true or false");
  }
}

void Reader::Int(std::string_view key, std::int64_t* value, std::int64_t low, std::int64_t high) {
  const toml::node* node =
      Ask({.table = "", .key = std::string(key), .type = KeyType::kInt, .low = low, .high = high});
  if (node == nullptr) return;
  const auto number = node->value_exact<std::int64_t>();
  if (!number) return WrongType(key, "a whole number");
  if (*number < low || *number > high) {
    return WrongType(
        key, high >= kNoHighest ? Format("at least {}", low) : Format("from {} to {}", low, high));
  }
  *value = *number;
}

void Reader::Double(std::string_view key, double* value, Need need) {
  const toml::node* node =
      Ask({.table = "", .key = std::string(key), .type = KeyType::kDouble, .need = need});
  if (node == nullptr) {
    if (need == Need::kRequired) Mistake(key, Format("{} needs the key \"{}\"", name_, key));
    return;
  }
  const auto number = node->is_number() ? node->value<double>() : std::nullopt;
  if (!number || !std::isfinite(*number)) return WrongType(key, "a finite number");
  *value = *number;
}

void Reader::Strings(std::string_view key, std::vector<std::string>* values) {
  const toml::node* node = Ask({.table = "", .key = std::string(key), .type = KeyType::kStrings});
  if (node == nullptr) return;
  const toml::array* array = node->as_array();
  if (array == nullptr) return WrongType(key, "a list of strings");
  values->clear();
  for (const toml::node& element : *array) {
    const auto text = element.value_exact<std::string>();
    if (!text) return WrongType(key, "a list of strings");
    values->push_back(*text);
  }
}

void Reader::Doubles(std::string_view key, std::vector<double>* values) {
  const toml::node* node = Ask({.table = "", .key = std::string(key), .type = KeyType::kDoubles});
  if (node == nullptr) return;
  values->clear();
  if (node->is_number()) return values->push_back(*node->value<double>());
  const toml::array* array = node->as_array();
  if (array == nullptr) return WrongType(key, "a number or a list of numbers");
  for (const toml::node& element : *array) {
    const auto number = element.is_number() ? element.value<double>() : std::nullopt;
    if (!number || !std::isfinite(*number)) return WrongType(key, "a number or a list of numbers");
    values->push_back(*number);
  }
}

void Reader::Ints(std::string_view key, std::vector<std::int64_t>* values, std::int64_t low) {
  const toml::node* node =
      Ask({.table = "", .key = std::string(key), .type = KeyType::kInts, .low = low});
  if (node == nullptr) return;
  values->clear();
  const toml::array* array = node->as_array();
  if (array == nullptr || array->empty()) return WrongType(key, "a list of whole numbers");
  for (const toml::node& element : *array) {
    const auto number = element.value_exact<std::int64_t>();
    if (!number || *number < low) {
      return WrongType(key, Format("a list of whole numbers of at least {}", low));
    }
    values->push_back(*number);
  }
}

void Reader::Table(std::string_view key,
                   const std::function<void(const toml::table&, std::string)>& read) {
  const toml::node* node = Ask({.table = "", .key = std::string(key), .type = KeyType::kTable});
  if (node == nullptr) return;
  const toml::table* table = node->as_table();
  if (table == nullptr) return WrongType(key, "a table");
  read(*table, Format("\"{}\" of {}", key, name_));
}

void Reader::FreeTable(std::string_view key,
                       const std::function<void(const std::string&, const toml::node&)>& read) {
  const toml::node* node = Ask({.table = "", .key = std::string(key), .type = KeyType::kFreeTable});
  if (node == nullptr) return;
  const toml::table* table = node->as_table();
  if (table == nullptr) return WrongType(key, "a table");
  for (const auto& [name, value] : *table) read(std::string(name.str()), value);
}

}  // namespace quantbench
