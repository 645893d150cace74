// Reader: one TOML table read key by key; every mistake is noted with its line and column.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "quantbench/base/status.h"

namespace quantbench {

// What a key holds.
enum class KeyType : std::uint8_t {
  kAny,
  kString,
  kBool,
  kInt,
  kDouble,
  kStrings,
  kDoubles,  // a number, or a list of numbers
  kInts,
  kTable,
  kFreeTable,
};

enum class Need : std::uint8_t { kOptional, kRequired };

inline constexpr std::int64_t kNoLowest = INT64_MIN;
inline constexpr std::int64_t kNoHighest = std::int64_t{1} << 62;

// A key that a reader asked for; the study's schema is made of these (schema.cc).
struct AskedKey {
  std::string table;  // the reader's name: "[[model]]"
  std::string key;
  KeyType type = KeyType::kAny;
  Need need = Need::kOptional;
  std::int64_t low = kNoLowest;  // of whole numbers
  std::int64_t high = kNoHighest;
};

// Mistakes of a study file, in the order found.
class Diagnostics {
 public:
  explicit Diagnostics(std::string file) : file_(std::move(file)) {}

  void Note(const toml::source_region& where, std::string message);
  [[nodiscard]] bool clean() const { return mistakes_.empty(); }
  // All mistakes, sorted by place, one a line.
  [[nodiscard]] Error AsError() const;

  // From now on everything that readers ask for is added to `asked`, once a key.
  void Listen(std::vector<AskedKey>* asked) { asked_ = asked; }
  void Asked(AskedKey key);

 private:
  struct Mistake {
    std::uint32_t line;
    std::uint32_t column;
    std::string message;
  };
  std::string file_;
  std::vector<Mistake> mistakes_;
  std::vector<AskedKey>* asked_ = nullptr;
};

// Reads the keys of one table. Keys that nobody asked for are mistakes when the reader goes.
class Reader {
 public:
  // `name` is what messages call the table: "[study]", "[[model]]".
  Reader(const toml::table& table, std::string name, Diagnostics* diagnostics)
      : table_(table), name_(std::move(name)), diagnostics_(diagnostics) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  Reader(Reader&&) = delete;
  Reader& operator=(Reader&&) = delete;
  ~Reader();

  // Each leaves `value` alone when the key is absent.
  void String(std::string_view key, std::string* value, Need need = Need::kOptional);
  void Bool(std::string_view key, bool* value);
  void Int(std::string_view key, std::int64_t* value, std::int64_t low,
           std::int64_t high = kNoHighest);
  void Double(std::string_view key, double* value, Need need = Need::kOptional);
  void Strings(std::string_view key, std::vector<std::string>* values);
  void Doubles(std::string_view key, std::vector<double>* values);
  void Ints(std::string_view key, std::vector<std::int64_t>* values, std::int64_t low);
  // Calls `read` with the sub-table and its name.
  void Table(std::string_view key,
             const std::function<void(const toml::table&, std::string)>& read);
  // Calls `read` for each key and value of a sub-table with free keys.
  void FreeTable(std::string_view key,
                 const std::function<void(const std::string&, const toml::node&)>& read);

  // The node of that key, counted as asked for; null when absent.
  const toml::node* Find(std::string_view key);
  // Notes a mistake at the key (at the table when the key is absent).
  void Mistake(std::string_view key, std::string message);
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Diagnostics& diagnostics() { return *diagnostics_; }

 private:
  // Find, with what the key is to hold.
  const toml::node* Ask(AskedKey asked);
  void WrongType(std::string_view key, std::string_view wanted);

  const toml::table& table_;
  std::string name_;
  Diagnostics* diagnostics_;
  std::vector<std::string> asked_;
};

}  // namespace quantbench
