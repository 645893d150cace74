// tokenizer.json: what the Hugging Face tokenizers library writes. Each part that is not understood
// is refused by name: a tokenizer that is nearly right gives wrong answers in silence.
#include <algorithm>
#include <array>
#include <limits>

#include "quantbench/base/format.h"

#include "data/tokenizer_parts.h"
#include "data/unicode.h"

namespace quantbench {
namespace {

Error Unknown(std::string_view what, const Json& part) {
  return {ErrorCode::kUnsupported, Format("tokenizer.json: {} \"{}\" is not understood", what,
                                          Printable(part["type"].AsString()))};
}

Error Broken(std::string message) {
  return {ErrorCode::kMalformed, "tokenizer.json: " + std::move(message)};
}

Result<std::int32_t> IdOf(const Json& json, std::string_view token) {
  const std::int64_t id = json.AsInt(-1);
  if (!json.is_integer() || id < 0 || id > std::numeric_limits<std::int32_t>::max()) {
    return Broken(Format("the id of \"{}\" is not a token id", Printable(token)));
  }
  return static_cast<std::int32_t>(id);
}

Result<Vocabulary> ReadVocabularyObject(const Json& json) {
  Vocabulary vocabulary;
  vocabulary.reserve(json.AsObject().size());
  for (const auto& [token, value] : json.AsObject()) {
    QB_TRY(const std::int32_t id, IdOf(value, token));
    vocabulary[token] = id;
  }
  if (vocabulary.empty()) return Broken("model.vocab has no tokens");
  return vocabulary;
}

void AddBertSteps(const Json& json, std::vector<NormalizeStep>* steps) {
  const bool lower = json["lowercase"].AsBool(true);
  if (json["clean_text"].AsBool(true)) steps->push_back(NormalizeStep::kCleanText);
  if (json["handle_chinese_chars"].AsBool(true)) {
    steps->push_back(NormalizeStep::kSplitIdeographs);
  }
  if (json["strip_accents"].AsBool(lower)) steps->push_back(NormalizeStep::kStripAccents);
  if (lower) steps->push_back(NormalizeStep::kLowerCase);
}

Status ReadNormalizer(const Json& json, std::vector<NormalizeStep>* steps) {
  if (json.is_null()) return Ok();
  const std::string& type = json["type"].AsString();
  if (type == "BertNormalizer") {
    AddBertSteps(json, steps);
    return Ok();
  }
  if (type == "Sequence") {
    for (const Json& part : json["normalizers"].AsArray()) QB_OK(ReadNormalizer(part, steps));
    return Ok();
  }
  constexpr auto kSteps = std::to_array<std::pair<std::string_view, NormalizeStep>>({
      {"NFC", NormalizeStep::kNfc},
      {"NFD", NormalizeStep::kNfd},
      {"NFKC", NormalizeStep::kNfkc},
      {"NFKD", NormalizeStep::kNfkd},
      {"Lowercase", NormalizeStep::kLowerCase},
  });
  for (const auto& [name, step] : kSteps) {
    if (name != type) continue;
    steps->push_back(step);
    return Ok();
  }
  return Unknown("normalizer", json);
}

Result<SplitPattern> ReadPattern(const Json& json) {
  constexpr std::string_view kCommon =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}@| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const auto with_digits = [&](std::string_view digits) {
    std::string pattern(kCommon);
    return pattern.replace(pattern.find('@'), 1, digits);
  };
  const std::string& pattern = json["pattern"]["Regex"].AsString();
  const bool plain = json["behavior"].AsString() == "Isolated" && !json["invert"].AsBool();
  if (plain && pattern == with_digits("{1,3}")) return SplitPattern::kCl100k;
  if (plain && pattern == with_digits("")) return SplitPattern::kQwen2;
  return Error(
      ErrorCode::kUnsupported,
      Format("tokenizer.json: the split pattern {} is not understood", Printable(pattern, 120)));
}

Status ReadBytePreTokenizer(const Json& json, ByteBpeSettings* settings) {
  const std::string& type = json["type"].AsString();
  if (type == "ByteLevel") {
    settings->prefix_space = json["add_prefix_space"].AsBool(true);
    if (json["use_regex"].AsBool(true)) settings->pattern = SplitPattern::kGpt2;
    return Ok();
  }
  if (type == "Split") {
    QB_TRY(settings->pattern, ReadPattern(json));
    return Ok();
  }
  if (type != "Sequence") return Unknown("pre_tokenizer", json);
  for (const Json& part : json["pretokenizers"].AsArray()) {
    if (settings->pattern != SplitPattern::kNone && part["type"].AsString() == "Split") {
      return Unknown("second pre_tokenizer", part);
    }
    QB_OK(ReadBytePreTokenizer(part, settings));
  }
  return Ok();
}

Result<std::unique_ptr<TokenModel>> ReadByteBpe(const Json& json) {
  const Json& model = json["model"];
  ByteBpeSettings settings;
  QB_TRY(settings.vocabulary, ReadVocabularyObject(model["vocab"]));
  settings.pattern = SplitPattern::kNone;
  QB_OK(ReadBytePreTokenizer(json["pre_tokenizer"], &settings));
  settings.ignore_merges = model["ignore_merges"].AsBool();
  for (const std::string_view part : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model[part].AsString().empty()) {
      return Error(ErrorCode::kUnsupported,
                   Format("tokenizer.json: a BPE model with {} is not understood", part));
    }
  }
  if (model["dropout"].AsDouble(0) > 0 || model["byte_fallback"].AsBool()) {
    return Error(ErrorCode::kUnsupported,
                 "tokenizer.json: BPE with dropout or byte_fallback is not understood");
  }
  for (const Json& merge : model["merges"].AsArray()) {
    if (merge.is_array() && merge.AsArray().size() == 2) {
      settings.merges.emplace_back(merge.AsArray()[0].AsString(), merge.AsArray()[1].AsString());
      continue;
    }
    const std::string& text = merge.AsString();
    const std::size_t space = text.find(' ');
    if (space == std::string::npos) {
      return Broken(Format("merge {} is not a pair", settings.merges.size()));
    }
    settings.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return MakeByteBpe(std::move(settings));
}

Result<std::unique_ptr<TokenModel>> ReadWordPiece(const Json& json) {
  const Json& model = json["model"];
  if (json["pre_tokenizer"]["type"].AsString() != "BertPreTokenizer") {
    return Unknown("pre_tokenizer", json["pre_tokenizer"]);
  }
  WordPieceSettings settings;
  QB_TRY(settings.vocabulary, ReadVocabularyObject(model["vocab"]));
  settings.prefix = model.Has("continuing_subword_prefix")
                        ? model["continuing_subword_prefix"].AsString()
                        : settings.prefix;
  settings.longest_word = model["max_input_chars_per_word"].AsInt(settings.longest_word);
  const std::string& unknown = model["unk_token"].AsString();
  const auto found = settings.vocabulary.find(unknown);
  if (found == settings.vocabulary.end()) {
    return Broken(Format("the unk_token \"{}\" is not in the vocabulary", Printable(unknown)));
  }
  settings.unknown = found->second;
  return MakeWordPiece(std::move(settings));
}

Status ReadAdded(const Json& json, TokenizerParts* parts) {
  for (const Json& token : json["added_tokens"].AsArray()) {
    const std::string& content = token["content"].AsString();
    QB_TRY(const std::int32_t id, IdOf(token["id"], content));
    QB_TRY(std::u32string text, DecodeUtf8(content));
    if (text.empty()) return Broken("an added token is empty");
    const bool changed = token["normalized"].AsBool() && !parts->normalize.empty();
    if (token["single_word"].AsBool() || changed) {
      return Error(ErrorCode::kUnsupported,
                   Format("tokenizer.json: added token \"{}\" is {}, which is not understood",
                          Printable(content), changed ? "normalized" : "single_word"));
    }
    parts->added.push_back(
        {std::move(text), id, token["lstrip"].AsBool(), token["rstrip"].AsBool()});
    parts->frame.vocabulary = std::max<std::int64_t>(parts->frame.vocabulary, id + 1);
    for (const std::string_view name : {"[PAD]", "<pad>", "<|endoftext|>"}) {
      if (content == name && (parts->frame.pad < 0 || name != "<|endoftext|>"))
        parts->frame.pad = id;
    }
  }
  return Ok();
}

// The special tokens before, between and after the texts of a template.
struct TemplateIds {
  std::vector<TokenIds> around = {{}};  // before A, then after each text
  std::vector<std::int32_t> types;      // of each text and special token, in order
  std::vector<bool> is_text;
};

Result<TemplateIds> ReadTemplate(const Json& pieces, const Json& special) {
  TemplateIds ids;
  for (const Json& piece : pieces.AsArray()) {
    const bool text = piece.Has("Sequence");
    const Json& part = piece[text ? "Sequence" : "SpecialToken"];
    ids.is_text.push_back(text);
    ids.types.push_back(static_cast<std::int32_t>(part["type_id"].AsInt()));
    if (text) {
      ids.around.emplace_back();
      continue;
    }
    const std::string& name = part["id"].AsString();
    const Json::Array& tokens = special[name]["ids"].AsArray();
    if (tokens.empty()) return Broken(Format("special token \"{}\" has no id", Printable(name)));
    for (const Json& token : tokens) {
      QB_TRY(const std::int32_t id, IdOf(token, name));
      ids.around.back().push_back(id);
    }
  }
  return ids;
}

Status ReadTemplateProcessing(const Json& json, TokenizerParts* parts) {
  QB_TRY(const TemplateIds one, ReadTemplate(json["single"], json["special_tokens"]));
  QB_TRY(const TemplateIds two, ReadTemplate(json["pair"], json["special_tokens"]));
  const bool plain = one.around.size() == 2 && two.around.size() == 3 &&
                     one.around[0] == two.around[0] && one.around[1] == two.around[2];
  if (!plain) return Unknown("template of the post_processor", json);
  parts->frame.before = one.around[0];
  parts->frame.between = two.around[1];
  parts->frame.after = one.around[1];
  // Everything up to the second text has type 0, the second text and what follows one type.
  std::size_t texts = 0;
  for (std::size_t i = 0; i < two.types.size(); ++i) {
    if (two.is_text[i] && ++texts == 2) parts->frame.second_type = two.types[i];
    const std::int32_t expected = texts < 2 ? 0 : parts->frame.second_type;
    if (two.types[i] != expected) return Unknown("type_ids of the post_processor", json);
  }
  return Ok();
}

Status ReadPostProcessor(const Json& json, TokenizerParts* parts) {
  if (json.is_null()) return Ok();
  const std::string& type = json["type"].AsString();
  if (type == "ByteLevel") return Ok();  // concerns offsets only
  if (type == "TemplateProcessing") return ReadTemplateProcessing(json, parts);
  if (type == "Sequence") {
    for (const Json& part : json["processors"].AsArray()) QB_OK(ReadPostProcessor(part, parts));
    return Ok();
  }
  if (type != "BertProcessing" && type != "RobertaProcessing") {
    return Unknown("post_processor", json);
  }
  const auto id = [&](std::string_view key) {
    const Json::Array& pair = json[key].AsArray();
    return pair.size() == 2 ? IdOf(pair[1], key) : Broken(Format("{} is not a token", key));
  };
  QB_TRY(const std::int32_t separator, id("sep"));
  QB_TRY(const std::int32_t start, id("cls"));
  const bool bert = type == "BertProcessing";
  parts->frame.before = {start};
  parts->frame.after = {separator};
  parts->frame.between = bert ? TokenIds{separator} : TokenIds{separator, separator};
  parts->frame.second_type = bert ? 1 : 0;
  return Ok();
}

}  // namespace

Result<TokenizerParts> ReadTokenizerJson(const Json& json) {
  TokenizerParts parts;
  QB_OK(ReadNormalizer(json["normalizer"], &parts.normalize));
  const Json& model = json["model"];
  const bool pieces = model["type"].AsString() == "WordPiece";
  if (!pieces && model["type"].AsString() != "BPE") return Unknown("model", model);
  for (const auto& [token, id] : model["vocab"].AsObject()) {
    parts.frame.vocabulary = std::max(parts.frame.vocabulary, id.AsInt() + 1);
  }
  if (pieces) {
    QB_TRY(parts.model, ReadWordPiece(json));
  } else {
    QB_TRY(parts.model, ReadByteBpe(json));
  }
  parts.frame.pad = -1;
  QB_OK(ReadAdded(json, &parts));
  parts.frame.pad = std::max(parts.frame.pad, 0);
  QB_OK(ReadPostProcessor(json["post_processor"], &parts));
  return parts;
}

}  // namespace quantbench
