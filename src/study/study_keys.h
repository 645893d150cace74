// What every key of a study file means, for its schema.
#pragma once

#include <span>
#include <string_view>

namespace quantbench {

// Of a key that the parser knows. The parser itself says of what type it is, in what range a whole
// number lies, and whether it is required.
struct StudyKey {
  std::string_view table;  // what the parser calls it in a text that has all tables (schema.cc)
  std::string_view key;
  std::string_view meaning;  // as docs/study-file.md has it
  std::string_view rule;     // further members of its schema, a JSON object; empty: none
};
std::span<const StudyKey> StudyKeys();

}  // namespace quantbench
