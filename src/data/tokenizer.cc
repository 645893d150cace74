// Tokenizers: added tokens, normalizing, special tokens around, cutting; vocab.txt.
#include <algorithm>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "data/tokenizer_parts.h"
#include "data/unicode.h"

namespace quantbench {
namespace {

constexpr std::uint64_t kMostTokenizerBytes = 256U << 20U;

class AssembledTokenizer final : public Tokenizer {
 public:
  explicit AssembledTokenizer(TokenizerParts parts)
      : Tokenizer(parts.frame), parts_(std::move(parts)) {}

  [[nodiscard]] Result<std::vector<std::int32_t>> Ids(std::string_view text) const override {
    QB_TRY(const std::u32string decoded, DecodeUtf8(text));
    TokenIds ids;
    std::u32string_view rest = decoded;
    while (!rest.empty()) {
      std::size_t at = 0;
      const AddedToken* next = FindAdded(rest, &at);
      std::u32string_view plain = rest.substr(0, at);
      if (next != nullptr && next->strip_left) {
        while (!plain.empty() && IsSpace(plain.back())) plain.remove_suffix(1);
      }
      if (!plain.empty()) {
        QB_TRY(const std::u32string normalized, NormalizeText(plain, parts_.normalize));
        parts_.model->Append(normalized, &ids);
      }
      if (next == nullptr) break;
      ids.push_back(next->id);
      rest.remove_prefix(at + next->text.size());
      while (next->strip_right && !rest.empty() && IsSpace(rest.front())) rest.remove_prefix(1);
    }
    return ids;
  }

 private:
  // The added token that comes first, the longest where several begin there; null when none does.
  const AddedToken* FindAdded(std::u32string_view text, std::size_t* at) const {
    const AddedToken* best = nullptr;
    *at = text.size();
    for (const AddedToken& token : parts_.added) {
      const std::size_t found = text.find(token.text);
      if (found == std::u32string_view::npos) continue;
      if (best != nullptr && found > *at) continue;
      if (best != nullptr && found == *at && token.text.size() <= best->text.size()) continue;
      best = &token;
      *at = found;
    }
    return best;
  }

  TokenizerParts parts_;
};

Result<TokenizerParts> ReadVocabulary(std::string_view text, const TextOptions& options) {
  WordPieceSettings settings;
  settings.whole_words = options.model == "words";
  std::int32_t id = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view token = text.substr(0, end);
    if (token.ends_with('\r')) token.remove_suffix(1);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!settings.vocabulary.emplace(token, id).second) {
      return Error(ErrorCode::kMalformed, Format("line {}: the token \"{}\" stands there twice",
                                                 id + 1, Printable(token)));
    }
    ++id;
  }
  const auto find = [&](const char* token) {
    const auto found = settings.vocabulary.find(token);
    return found == settings.vocabulary.end() ? -1 : found->second;
  };
  settings.unknown = find("[UNK]");
  if (settings.unknown < 0) return Error(ErrorCode::kMalformed, "no line is [UNK]");
  TokenizerParts parts;
  parts.frame.vocabulary = id;
  parts.frame.pad = std::max(0, find("[PAD]"));
  if (find("[CLS]") >= 0) parts.frame.before = {find("[CLS]")};
  if (find("[SEP]") >= 0) parts.frame.between = parts.frame.after = {find("[SEP]")};
  for (const char* special : {"[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]"}) {
    if (settings.whole_words || find(special) < 0) continue;
    QB_TRY(const std::u32string decoded, DecodeUtf8(special));
    parts.added.push_back({decoded, find(special)});
  }
  using Step = NormalizeStep;
  if (!settings.whole_words) parts.normalize = {Step::kCleanText, Step::kSplitIdeographs};
  if (options.lowercase && !settings.whole_words) parts.normalize.push_back(Step::kStripAccents);
  if (options.lowercase) parts.normalize.push_back(Step::kLowerCase);
  parts.model = MakeWordPiece(std::move(settings));
  return parts;
}

Result<TokenizerParts> ReadParts(const TextOptions& options) {
  QB_TRY(const std::string text, ReadFile(options.tokenizer, kMostTokenizerBytes));
  if (options.tokenizer.extension() != ".json") return ReadVocabulary(text, options);
  QB_TRY(const Json json, Json::Parse(text));
  return ReadTokenizerJson(json);
}

// Lengths that `first` and `second` are cut to so that together they have `most`: the longer loses
// tokens until both are equal, then both do, the longer keeping the odd one.
// [huggingface/tokenizers, "longest_first"]
void CutLongestFirst(std::size_t most, std::size_t* first, std::size_t* second) {
  const bool swapped = *first > *second;
  std::size_t& shorter = swapped ? *second : *first;
  std::size_t& longer = swapped ? *first : *second;
  if (shorter + longer <= most) return;
  longer = shorter > most ? shorter : std::max(shorter, most - shorter);
  if (shorter + longer > most) {
    shorter = most / 2;
    longer = shorter + most % 2;
  }
}

}  // namespace

Result<Tokenizer::Encoding> Tokenizer::Encode(std::string_view text, const std::string* pair,
                                              std::int64_t max_length) const {
  QB_TRY(TokenIds first, Ids(text));
  TokenIds second;
  if (pair != nullptr) {
    QB_TRY(second, Ids(*pair));
  }
  const std::size_t special =
      frame_.before.size() + frame_.after.size() + (pair == nullptr ? 0 : frame_.between.size());
  if (max_length > 0) {
    const auto most = static_cast<std::size_t>(max_length);
    std::size_t keep_first = first.size();
    std::size_t keep_second = second.size();
    CutLongestFirst(most > special ? most - special : 0, &keep_first, &keep_second);
    first.resize(keep_first);
    second.resize(keep_second);
  }
  Encoding encoding;
  const auto add = [&](const TokenIds& ids, std::int32_t type) {
    encoding.ids.insert(encoding.ids.end(), ids.begin(), ids.end());
    encoding.types.resize(encoding.ids.size(), type);
  };
  add(frame_.before, 0);
  add(first, 0);
  if (pair != nullptr) {
    add(frame_.between, 0);
    add(second, frame_.second_type);
  }
  add(frame_.after, pair == nullptr ? 0 : frame_.second_type);
  return encoding;
}

std::unique_ptr<Tokenizer> Assemble(TokenizerParts parts) {
  return std::make_unique<AssembledTokenizer>(std::move(parts));
}

Result<std::unique_ptr<Tokenizer>> LoadTokenizer(const TextOptions& options) {
  if (options.tokenizer.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "text needs a tokenizer: `text = { tokenizer = \"tokenizer.json\" }`");
  }
  auto parts = ReadParts(options);
  if (!parts.ok()) {
    const std::string name = options.tokenizer.string();
    if (parts.error().message().starts_with(name)) return parts.error();
    return parts.error().Within(name);
  }
  return Assemble(std::move(parts).value());
}

}  // namespace quantbench
