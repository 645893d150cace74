// Hostile lines of text, and token ids.
#include "hostile_data.h"

namespace quantbench {
namespace hostile_texts_test {

using testing::Hostile;
using testing::HostileData;
using testing::NpyOf;

Hostile Lines(const std::string& what, const std::string& file, const std::string& bytes,
              const std::string& names, const std::string& reason) {
  return {what, "text", file, {{file, bytes}}, "", names, reason};
}

std::vector<Hostile> HostileTexts() {
  return {
      Lines("zero bytes", "a.tsv", "", "a.tsv", "no lines"),
      Lines("a heading only", "a.tsv", "sentence\tlabel\n", "a.tsv", "no lines"),
      Lines("a heading without text", "a.tsv", "x\ty\n1\t2\n", "a.tsv", "\"sentence\""),
      Lines("a line without its label", "a.tsv", "sentence\tlabel\nx\n", "a.tsv:2", "\"label\""),
      Lines("a label that is a word", "a.tsv", "sentence\tlabel\nx\tgood\n", "a.tsv:2",
            "not a class number"),
      Lines("a negative label", "a.tsv", "sentence\tlabel\nx\t-1\n", "a.tsv:2",
            "not a class number"),
      Lines("invalid UTF-8", "a.tsv", "sentence\tlabel\n\xFF\xFE\t1\n", "a.tsv:2", "not UTF-8"),
      Lines("an overlong form", "a.tsv", "sentence\tlabel\n\xC0\x80\t1\n", "a.tsv:2", "not UTF-8"),
      Lines("a surrogate", "a.tsv", "sentence\tlabel\n\xED\xA0\x80\t1\n", "a.tsv:2", "not UTF-8"),
      Lines("a line of 2 MB", "a.tsv", "sentence\tlabel\n" + std::string(2U << 20U, 'x') + "\t1\n",
            "a.tsv:2", "longer than"),
      Lines("a line that is no JSON", "a.jsonl", "{\"text\": \"a\", \"label\": 1}\n{\"text\"\n",
            "a.jsonl:2", ""),
      Lines("a line that is another JSON", "a.jsonl", "{\"text\": \"a\", \"label\": 1}\n[1, 2]\n",
            "a.jsonl:2", "\"text\""),
      Lines("a text that is a number", "a.jsonl",
            "{\"text\": \"a\", \"label\": 1}\n{\"text\": 5, \"label\": 1}\n", "a.jsonl:2",
            "\"text\""),
      Lines("a label that is missing", "a.jsonl",
            "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\"}\n", "a.jsonl:2", "\"label\""),
      Lines("a JSON bomb", "a.jsonl", std::string(90'000, '['), "a.jsonl", ""),
      {"token ids that are floats",
       "tokens",
       "a.npy",
       {{"a.npy", NpyOf("<f4", "(4,)", std::string(16, 'x'))}},
       "",
       "a.npy",
       "float32"},
      {"a negative token id",
       "tokens",
       "a.npy",
       {{"a.npy", NpyOf("|i1", "(1, 3)", "\x01\xFE\x02")}},
       "",
       "a.npy",
       "-2 of element 1"},
      {"token rows of one id",
       "tokens",
       "a.npy",
       {{"a.npy", NpyOf("|u1", "(3, 1)", "abc")}},
       "",
       "a.npy",
       "two ids"},
      {"half a token", "tokens", "a.bin", {{"a.bin", "abc"}}, "", "a.bin", "16-bit"},
      {"fewer tokens than a window",
       "tokens",
       "a.bin",
       {{"a.bin", "abcd"}},
       "",
       "a.bin",
       "fewer than"},
  };
}

TEST_F(HostileData, TextsAreNamedWithAReason) {
  Check(HostileTexts(), 20);
}

}  // namespace hostile_texts_test
}  // namespace quantbench
