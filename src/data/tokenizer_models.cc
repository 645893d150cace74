// WordPiece and byte-level BPE.
#include <algorithm>
#include <array>
#include <queue>

#include "quantbench/base/format.h"

#include "data/tokenizer_parts.h"
#include "data/unicode.h"

namespace quantbench {
namespace {

class WordPiece final : public TokenModel {
 public:
  explicit WordPiece(WordPieceSettings settings) : settings_(std::move(settings)) {}

  void Append(std::u32string_view text, TokenIds* ids) const override {
    if (settings_.whole_words) return AppendWords(text, ids);
    for (const std::u32string_view word : SplitWords(text)) AppendPieces(word, ids);
  }

 private:
  void AppendWords(std::u32string_view text, TokenIds* ids) const {
    while (!text.empty()) {
      const auto end = std::find_if(text.begin(), text.end(), IsSpace);
      const auto length = static_cast<std::size_t>(end - text.begin());
      if (length > 0) {
        const auto found = settings_.vocabulary.find(EncodeUtf8(text.substr(0, length)));
        ids->push_back(found == settings_.vocabulary.end() ? settings_.unknown : found->second);
      }
      text.remove_prefix(std::min(length + 1, text.size()));
    }
  }

  // A word that cannot be covered by pieces is one unknown token.
  void AppendPieces(std::u32string_view word, TokenIds* ids) const {
    const std::size_t before = ids->size();
    const bool too_long = static_cast<std::int64_t>(word.size()) > settings_.longest_word;
    for (std::size_t begin = 0; begin < word.size() && !too_long;) {
      std::size_t end = word.size();
      auto found = settings_.vocabulary.end();
      for (; end > begin; --end) {
        const std::string piece =
            (begin > 0 ? settings_.prefix : "") + EncodeUtf8(word.substr(begin, end - begin));
        found = settings_.vocabulary.find(piece);
        if (found != settings_.vocabulary.end()) break;
      }
      if (end == begin) {
        ids->resize(before);
        break;
      }
      ids->push_back(found->second);
      begin = end;
    }
    if (ids->size() == before) ids->push_back(settings_.unknown);
  }

  WordPieceSettings settings_;
};

// The printable code point that stands for each byte in GPT-2's vocabularies: printable Latin-1
// stands for itself, the other bytes follow from U+0100 on.
std::array<char32_t, 256> ByteAlphabet() {
  std::array<char32_t, 256> alphabet{};
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
                        (byte >= 0xAE && byte <= 0xFF);
    alphabet[byte] = itself ? byte : next++;
  }
  return alphabet;
}

struct Merge {
  std::int32_t rank = 0;
  std::int32_t result = 0;
};
using MergeTable = std::unordered_map<std::uint64_t, Merge>;

std::uint64_t PairKey(std::int32_t left, std::int32_t right) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32U) |
         static_cast<std::uint32_t>(right);
}

// The symbols of one piece as a list whose neighbours merge, best merge first, leftmost of equals.
class Merger {
 public:
  Merger(const MergeTable& merges, TokenIds symbols)
      : merges_(merges), ids_(std::move(symbols)), next_(ids_.size()), previous_(ids_.size()) {
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      next_[i] = i + 1;
      previous_[i] = i - 1;  // of the first: wraps to the largest value, as kNone
    }
    for (std::size_t i = 0; i + 1 < ids_.size(); ++i) Push(i);
  }

  void Run(TokenIds* out) {
    while (!queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      const std::size_t right = ids_[best.at] < 0 ? ids_.size() : next_[best.at];
      if (right >= ids_.size() || PairKey(ids_[best.at], ids_[right]) != best.pair) continue;
      ids_[best.at] = best.result;
      ids_[right] = -1;
      next_[best.at] = next_[right];
      if (next_[right] < ids_.size()) previous_[next_[right]] = best.at;
      Push(best.at);
      if (previous_[best.at] != kNone) Push(previous_[best.at]);
    }
    for (const std::int32_t id : ids_) {
      if (id >= 0) out->push_back(id);
    }
  }

 private:
  static constexpr std::size_t kNone = SIZE_MAX;
  struct Candidate {
    std::int32_t rank;
    std::size_t at;
    std::uint64_t pair;
    std::int32_t result;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };

  void Push(std::size_t at) {
    if (next_[at] >= ids_.size()) return;
    const std::uint64_t pair = PairKey(ids_[at], ids_[next_[at]]);
    const auto found = merges_.find(pair);
    if (found == merges_.end()) return;
    queue_.push({found->second.rank, at, pair, found->second.result});
  }

  const MergeTable& merges_;
  TokenIds ids_;  // -1: merged into the symbol before
  std::vector<std::size_t> next_;
  std::vector<std::size_t> previous_;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue_;
};

class ByteBpe final : public TokenModel {
 public:
  ByteBpe(ByteBpeSettings settings, MergeTable merges, std::array<std::int32_t, 256> bytes)
      : settings_(std::move(settings)),
        merges_(std::move(merges)),
        bytes_(bytes),
        alphabet_(ByteAlphabet()) {}

  void Append(std::u32string_view text, TokenIds* ids) const override {
    std::u32string spaced;
    if (settings_.prefix_space && !text.empty() && text.front() != U' ') {
      spaced = U' ' + std::u32string(text);
      text = spaced;
    }
    for (const std::u32string_view piece : SplitText(text, settings_.pattern)) {
      AppendPiece(EncodeUtf8(piece), ids);
    }
  }

 private:
  void AppendPiece(const std::string& piece, TokenIds* ids) const {
    TokenIds symbols;
    std::string token;
    for (const char c : piece) {
      const auto byte = static_cast<unsigned char>(c);
      symbols.push_back(bytes_[byte]);
      if (settings_.ignore_merges) AppendUtf8(alphabet_[byte], &token);
    }
    if (settings_.ignore_merges) {
      if (const auto whole = settings_.vocabulary.find(token);
          whole != settings_.vocabulary.end()) {
        return ids->push_back(whole->second);
      }
    }
    Merger(merges_, std::move(symbols)).Run(ids);
  }

  ByteBpeSettings settings_;
  MergeTable merges_;
  std::array<std::int32_t, 256> bytes_;
  std::array<char32_t, 256> alphabet_;
};

}  // namespace

std::unique_ptr<TokenModel> MakeWordPiece(WordPieceSettings settings) {
  return std::make_unique<WordPiece>(std::move(settings));
}

Result<std::unique_ptr<TokenModel>> MakeByteBpe(ByteBpeSettings settings) {
  std::array<std::int32_t, 256> bytes{};
  const auto alphabet = ByteAlphabet();
  for (std::size_t byte = 0; byte < 256; ++byte) {
    std::string token;
    AppendUtf8(alphabet[byte], &token);
    const auto found = settings.vocabulary.find(token);
    if (found == settings.vocabulary.end()) {
      return Error(ErrorCode::kMalformed, Format("byte {} has no token in the vocabulary", byte));
    }
    bytes[byte] = found->second;
  }
  MergeTable merges;
  std::int32_t rank = 0;
  for (const auto& [left, right] : settings.merges) {
    const auto a = settings.vocabulary.find(left);
    const auto b = settings.vocabulary.find(right);
    const auto both = settings.vocabulary.find(left + right);
    const auto end = settings.vocabulary.end();
    if (a == end || b == end || both == end) {
      return Error(ErrorCode::kMalformed,
                   Format("merge {}: \"{} {}\" is not made of tokens of the vocabulary", rank,
                          Printable(left), Printable(right)));
    }
    merges.emplace(PairKey(a->second, b->second), Merge{rank, both->second});
    ++rank;
  }
  settings.merges.clear();
  return std::unique_ptr<TokenModel>(
      std::make_unique<ByteBpe>(std::move(settings), std::move(merges), bytes));
}

}  // namespace quantbench
