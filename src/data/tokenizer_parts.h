// The parts that tokenizers are made of.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "quantbench/base/json.h"
#include "quantbench/data.h"

namespace quantbench {

using Vocabulary = std::unordered_map<std::string, std::int32_t>;
using TokenIds = std::vector<std::int32_t>;

// Steps that change the text before it is cut into words.
enum class NormalizeStep : std::uint8_t {
  kCleanText,        // control characters go, every space becomes ' '
  kSplitIdeographs,  // spaces around each
  kStripAccents,     // nonspacing marks go
  kLowerCase,
  kNfc,
  kNfd,
  kNfkc,
  kNfkd,
};
Result<std::u32string> NormalizeText(std::u32string_view text,
                                     const std::vector<NormalizeStep>& steps);

// How a byte-level tokenizer cuts text before merging.
enum class SplitPattern : std::uint8_t {
  kNone,
  kGpt2,    // contractions, words, numbers, signs, each with at most one space before
  kCl100k,  // as GPT-4 and Llama 3: numbers of up to three digits, line ends with signs
  kQwen2,   // as kCl100k, each digit by itself
};
// Views of consecutive pieces that cover the text.
std::vector<std::u32string_view> SplitText(std::u32string_view text, SplitPattern pattern);

// Words cut as BERT's pre-tokenizer does: at spaces, and around each punctuation mark.
std::vector<std::u32string_view> SplitWords(std::u32string_view text);

// Turns one normalized stretch of text, between added tokens, into ids.
class TokenModel {
 public:
  TokenModel() = default;
  TokenModel(const TokenModel&) = delete;
  TokenModel& operator=(const TokenModel&) = delete;
  TokenModel(TokenModel&&) = delete;
  TokenModel& operator=(TokenModel&&) = delete;
  virtual ~TokenModel() = default;
  virtual void Append(std::u32string_view text, TokenIds* ids) const = 0;
};

struct WordPieceSettings {
  Vocabulary vocabulary;
  std::int32_t unknown = 0;
  std::string prefix = "##";        // of pieces inside a word
  std::int64_t longest_word = 100;  // code points; longer words are unknown
  bool whole_words = false;         // no pieces, and words are cut at spaces only
};
// Greedy longest pieces from the left [Wu et al. 2016, as in BERT].
std::unique_ptr<TokenModel> MakeWordPiece(WordPieceSettings settings);

struct ByteBpeSettings {
  Vocabulary vocabulary;                                    // tokens in the byte alphabet of GPT-2
  std::vector<std::pair<std::string, std::string>> merges;  // best first
  SplitPattern pattern = SplitPattern::kGpt2;
  bool prefix_space = false;
  bool ignore_merges = false;  // a piece that is a token is that token
};
// Byte pair encoding [Sennrich et al. 2016] over bytes [Radford et al. 2019]. kMalformed names a
// merge or a byte that is no token.
Result<std::unique_ptr<TokenModel>> MakeByteBpe(ByteBpeSettings settings);

// A token that is found in the text before anything else happens to it.
struct AddedToken {
  std::u32string text;
  std::int32_t id = 0;
  bool strip_left = false;   // spaces before it belong to it
  bool strip_right = false;  // and those after it
};

// What LoadTokenizer assembles.
struct TokenizerParts {
  std::vector<NormalizeStep> normalize;
  std::vector<AddedToken> added;
  std::unique_ptr<TokenModel> model;
  Tokenizer::Frame frame;
};
std::unique_ptr<Tokenizer> Assemble(TokenizerParts parts);

// Errors without the file's name.
Result<TokenizerParts> ReadTokenizerJson(const Json& json);

}  // namespace quantbench
