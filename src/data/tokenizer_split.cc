// Cutting text into words and pieces, and normalizing it before.
#include <algorithm>
#include <array>

#include "data/tokenizer_parts.h"
#include "data/unicode.h"

namespace quantbench {
namespace {

std::u32string CleanText(std::u32string_view text) {
  std::u32string clean;
  for (const char32_t code : text) {
    const bool white = code == '\t' || code == '\n' || code == '\r';
    if (code == 0 || code == 0xFFFD || (!white && IsOther(code))) continue;
    clean.push_back(IsSpace(code) ? U' ' : code);
  }
  return clean;
}

std::u32string SplitIdeographs(std::u32string_view text) {
  std::u32string split;
  for (const char32_t code : text) {
    const bool ideograph = IsIdeograph(code);
    if (ideograph) split.push_back(' ');
    split.push_back(code);
    if (ideograph) split.push_back(' ');
  }
  return split;
}

Result<std::u32string> StripAccents(std::u32string_view text) {
  QB_TRY(std::u32string decomposed, Normalize(text, NormalForm::kNfd));
  std::erase_if(decomposed, IsNonspacingMark);
  return decomposed;
}

Result<std::u32string> Apply(std::u32string_view text, NormalizeStep step) {
  switch (step) {
    case NormalizeStep::kCleanText: return CleanText(text);
    case NormalizeStep::kSplitIdeographs: return SplitIdeographs(text);
    case NormalizeStep::kStripAccents: return StripAccents(text);
    case NormalizeStep::kLowerCase: return LowerCase(text);
    case NormalizeStep::kNfc: return Normalize(text, NormalForm::kNfc);
    case NormalizeStep::kNfd: return Normalize(text, NormalForm::kNfd);
    case NormalizeStep::kNfkc: return Normalize(text, NormalForm::kNfkc);
    case NormalizeStep::kNfkd: return Normalize(text, NormalForm::kNfkd);
  }
  return std::u32string(text);
}

// Walks the alternatives of a split pattern by hand: each function returns how many code points its
// alternative takes at `at`, 0 when it does not match. Letters, numbers and spaces are \p{L}, \p{N}
// and \s of the regular expressions that the tokenizers publish.
class Splitter {
 public:
  Splitter(std::u32string_view text, SplitPattern pattern) : text_(text), pattern_(pattern) {}

  [[nodiscard]] std::size_t Piece(std::size_t at) const {
    const bool gpt2 = pattern_ == SplitPattern::kGpt2;
    if (const std::size_t n = Contraction(at); n > 0) return n;
    return gpt2 ? Gpt2Piece(at) : Cl100kPiece(at);
  }

 private:
  template <typename Is>
  [[nodiscard]] std::size_t Run(std::size_t at, Is is, std::size_t most = SIZE_MAX) const {
    std::size_t n = 0;
    while (at + n < text_.size() && n < most && is(text_[at + n])) ++n;
    return n;
  }
  static bool IsSign(char32_t code) { return !IsSpace(code) && !IsLetter(code) && !IsNumber(code); }
  static bool IsLineEnd(char32_t code) { return code == '\r' || code == '\n'; }

  // 's 't 're 've 'm 'll 'd; in either case but for GPT-2.
  [[nodiscard]] std::size_t Contraction(std::size_t at) const {
    if (text_[at] != '\'') return 0;
    std::u32string_view after = text_.substr(at + 1, 2);
    std::u32string lower(after);
    if (pattern_ != SplitPattern::kGpt2) lower = LowerCase(after);
    for (const std::u32string_view end : {U"s", U"t", U"re", U"ve", U"m", U"ll", U"d"}) {
      if (std::u32string_view(lower).starts_with(end)) return 1 + end.size();
    }
    // Regular expressions fold the long s to s where case does not matter.
    if (pattern_ != SplitPattern::kGpt2 && !after.empty() && after[0] == 0x17F) return 2;
    return 0;
  }

  // Spaces, but for the last when something else follows it: that space belongs to the next piece.
  [[nodiscard]] std::size_t Spaces(std::size_t at) const {
    const std::size_t n = Run(at, IsSpace);
    return n > 1 && at + n < text_.size() ? n - 1 : n;
  }

  [[nodiscard]] std::size_t Gpt2Piece(std::size_t at) const {
    const std::size_t space = text_[at] == ' ' && at + 1 < text_.size() ? 1 : 0;
    if (const std::size_t n = Run(at + space, IsLetter); n > 0) return space + n;
    if (const std::size_t n = Run(at + space, IsNumber); n > 0) return space + n;
    if (const std::size_t n = Run(at + space, IsSign); n > 0) return space + n;
    return Spaces(at);
  }

  [[nodiscard]] std::size_t Cl100kPiece(std::size_t at) const {
    const char32_t first = text_[at];
    const bool may_lead = !IsLineEnd(first) && !IsLetter(first) && !IsNumber(first);
    const std::size_t lead = may_lead && at + 1 < text_.size() ? 1 : 0;
    if (const std::size_t n = Run(at + lead, IsLetter); n > 0) return lead + n;
    const std::size_t digits = pattern_ == SplitPattern::kQwen2 ? 1 : 3;
    if (const std::size_t n = Run(at, IsNumber, digits); n > 0) return n;
    const std::size_t space = first == ' ' && at + 1 < text_.size() ? 1 : 0;
    if (const std::size_t n = Run(at + space, IsSign); n > 0) {
      return space + n + Run(at + space + n, IsLineEnd);
    }
    const std::size_t spaces = Run(at, IsSpace);
    for (std::size_t n = spaces; n > 0; --n) {
      if (IsLineEnd(text_[at + n - 1])) return n;  // spaces up to and with the last line end
    }
    return Spaces(at);
  }

  std::u32string_view text_;
  SplitPattern pattern_;
};

}  // namespace

Result<std::u32string> NormalizeText(std::u32string_view text,
                                     const std::vector<NormalizeStep>& steps) {
  std::u32string normalized(text);
  for (const NormalizeStep step : steps) {
    QB_TRY(normalized, Apply(normalized, step));
  }
  return normalized;
}

std::vector<std::u32string_view> SplitText(std::u32string_view text, SplitPattern pattern) {
  if (pattern == SplitPattern::kNone) return {text};
  std::vector<std::u32string_view> pieces;
  const Splitter splitter(text, pattern);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t n = std::max<std::size_t>(1, splitter.Piece(at));
    pieces.push_back(text.substr(at, n));
    at += n;
  }
  return pieces;
}

std::vector<std::u32string_view> SplitWords(std::u32string_view text) {
  std::vector<std::u32string_view> words;
  std::size_t begin = 0;
  const auto end_word = [&](std::size_t end) {
    if (end > begin) words.push_back(text.substr(begin, end - begin));
    begin = end;
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool space = IsSpace(text[at]);
    if (!space && !IsPunctuation(text[at])) continue;
    end_word(at);
    if (space) {
      begin = at + 1;
    } else {
      end_word(at + 1);
    }
  }
  end_word(text.size());
  return words;
}

}  // namespace quantbench
