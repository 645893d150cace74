// Tokenizers against the reference library's answers (tests/data/tokenizers/make.mjs).
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "quantbench/base/file.h"
#include "quantbench/base/json.h"
#include "quantbench/data.h"

namespace quantbench {
namespace tokenizer_test {

const std::string kFolder = std::string(QB_SOURCE_DIR) + "/tests/data/tokenizers/";

std::vector<std::int32_t> Numbers(const Json& json) {
  std::vector<std::int32_t> numbers;
  for (const Json& value : json.AsArray()) {
    numbers.push_back(static_cast<std::int32_t>(value.AsInt()));
  }
  return numbers;
}

void ExpectAsReference(const TextOptions& options, const std::string& cases) {
  const auto tokenizer = LoadTokenizer(options);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message();
  const Json expected = Json::Parse(ReadFile(kFolder + cases).value()).value();
  ASSERT_GT(expected.AsArray().size(), 130U);
  for (const Json& one : expected.AsArray()) {
    const std::string& text = one["text"].AsString();
    const bool pair = one.Has("pair");
    const auto got = tokenizer.value()->Encode(text, pair ? &one["pair"].AsString() : nullptr,
                                               one["max"].AsInt());
    ASSERT_TRUE(got.ok()) << got.error().message();
    EXPECT_EQ(got.value().ids, Numbers(one["ids"])) << one.Dump();
    if (pair) {
      EXPECT_EQ(got.value().types, Numbers(one["types"])) << one.Dump();
    }
  }
}

class Reference : public ::testing::TestWithParam<const char*> {};

TEST_P(Reference, AgreesOnAwkwardStrings) {
  TextOptions options;
  options.tokenizer = kFolder + GetParam() + ".json";
  ExpectAsReference(options, std::string(GetParam()) + ".cases.json");
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, Reference,
                         ::testing::Values("wordpiece-uncased", "wordpiece-cased", "bpe-gpt2",
                                           "bpe-roberta", "bpe-llama3", "bpe-qwen2"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Vocabulary, ReadsAVocabTxtAsBertDoes) {
  TextOptions options;
  options.tokenizer = kFolder + "vocab.txt";
  ExpectAsReference(options, "wordpiece-uncased.cases.json");
}

class TokenizerFile : public ::testing::Test {
 protected:
  TokenizerFile()
      : folder_(std::filesystem::temp_directory_path() /
                ("qb_tokenizer_test." + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~TokenizerFile() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] Result<std::unique_ptr<Tokenizer>> Load(const std::string& name,
                                                        const std::string& text,
                                                        const std::string& model = "") const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    TextOptions options;
    options.tokenizer = folder_ / name;
    options.model = model;
    return LoadTokenizer(options);
  }
  std::filesystem::path folder_;
};

TEST_F(TokenizerFile, TakesWholeWords) {
  const auto tokenizer = Load("vocab.txt", "[PAD]\n[UNK]\n[CLS]\nthe\n'll\nélan\n", "words");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message();
  EXPECT_EQ(tokenizer.value()->Encode("The  'LL fox ÉLAN ", nullptr, 0).value().ids,
            (std::vector<std::int32_t>{2, 3, 4, 1, 5}));
  EXPECT_EQ(tokenizer.value()->Encode("the the the", nullptr, 3).value().ids,
            (std::vector<std::int32_t>{2, 3, 3}));
  EXPECT_FALSE(tokenizer.value()->Ids("\xff").ok());
}

TEST_F(TokenizerFile, NamesWhatItDoesNotUnderstand) {
  const Json good = Json::Parse(ReadFile(kFolder + "bpe-gpt2.json").value()).value();
  const auto refusal = [&](const std::string& key, const char* value) {
    Json changed = good;
    changed.Set(key, Json::Parse(value).value());
    const auto loaded = Load("t.json", changed.Dump());
    return loaded.ok() ? std::string("was read") : loaded.error().message();
  };
  const auto expect = [&](const std::string& key, const char* value, const char* reason) {
    EXPECT_NE(refusal(key, value).find(reason), std::string::npos) << refusal(key, value);
  };
  expect("normalizer", R"({"type": "Precompiled"})", "normalizer \"Precompiled\"");
  expect("pre_tokenizer", R"({"type": "Metaspace"})", "pre_tokenizer \"Metaspace\"");
  expect("pre_tokenizer",
         R"({"type": "Split", "pattern": {"Regex": "x+"}, "behavior": "Isolated"})",
         "split pattern x+");
  expect("post_processor", R"({"type": "Odd"})", "post_processor \"Odd\"");
  expect("model", R"({"type": "Unigram"})", "model \"Unigram\"");
  expect("model", R"({"type": "BPE", "vocab": {"a": -1}, "merges": []})", "id of \"a\"");
  expect("model", R"({"type": "BPE", "vocab": {"a": 0}, "merges": []})", "byte 0 has no token");
  expect("added_tokens", R"([{"id": 1, "content": "x", "single_word": true}])", "single_word");
  EXPECT_FALSE(Load("t.json", "{").ok());
  EXPECT_FALSE(Load("vocab.txt", "a\nb\n").ok());
  EXPECT_FALSE(Load("vocab.txt", "[UNK]\nb\nb\n").ok());
}

TEST_F(TokenizerFile, StaysFastOnOneHugeWord) {
  TextOptions options;
  options.tokenizer = kFolder + "bpe-gpt2.json";
  const auto tokenizer = LoadTokenizer(options);
  ASSERT_TRUE(tokenizer.ok());
  const std::string word(300'000, 't');  // quadratic merging would take minutes
  EXPECT_GT(tokenizer.value()->Ids(word).value().size(), 1000U);
}

}  // namespace tokenizer_test
}  // namespace quantbench
