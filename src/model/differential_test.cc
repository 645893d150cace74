// Our reader against libprotobuf's on damaged models: never laxer about the encoding.
#include <gtest/gtest.h>

#include "model/everything_model.h"
#include "model/shuffled.h"

namespace quantbench {
namespace differential_test {

// Whether we can read everything in it: the messages, and the numbers of every tensor we show.
bool Accepts(const std::string& text) {
  const auto model = ParseText(text);
  if (!model.ok()) return false;
  for (const Initializer& tensor : model.value().graph.initializers) {
    const auto payload = PayloadOf(tensor);
    if (!payload.ok() && payload.error().code() == ErrorCode::kMalformed) return false;
  }
  return true;
}

bool OracleAccepts(const std::string& text) {
  onnx::ModelProto model;
  return model.ParseFromString(text);
}

struct Tally {
  int both = 0;
  int stricter = 0;
  int neither = 0;
};

void Compare(const std::string& text, Tally* tally) {
  const bool ours = Accepts(text);
  const bool oracle = OracleAccepts(text);
  ASSERT_TRUE(oracle || !ours) << "accepted what protobuf refuses, " << text.size() << " bytes";
  ++(ours ? tally->both : oracle ? tally->stricter : tally->neither);
  if (!ours) return;
  const auto model = ParseText(text);
  ASSERT_EQ(EncodeText(model.value()), text);
  static_cast<void>(CheckModel(model.value()));  // must not crash, whatever it says
}

std::string Mutated(std::string text, Random* random) {
  for (std::uint64_t edits = 1 + random->Below(4); edits > 0; --edits) {
    const std::uint64_t at = random->Below(text.size());
    // Mostly in place: a message whose length changed seldom stays one.
    switch (random->Below(12)) {
      case 0: text.insert(at, 1, static_cast<char>(random->Below(256))); break;
      case 1: text.erase(at, 1 + random->Below(3)); break;
      case 2: text[at] = static_cast<char>(random->Below(256)); break;
      case 3: text.insert(at, text.substr(random->Below(text.size()), random->Below(20))); break;
      default: text[at] = static_cast<char>(text[at] ^ static_cast<char>(1U << random->Below(8)));
    }
    if (text.empty()) text = "\n";
  }
  return text;
}

TEST(Differential, AgreesOnTruncationAtEveryByte) {
  const std::string whole = EverythingModel().SerializeAsString();
  Tally tally;
  for (std::size_t size = 0; size < whole.size(); ++size) Compare(whole.substr(0, size), &tally);
  EXPECT_GT(tally.neither, 1000);
  // A prefix that ends between two fields of the model is a message, but seldom a model.
  EXPECT_LT(tally.stricter, 40);
}

TEST(Differential, AgreesOnMutations) {
  Tally tally;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    Random random(seed);
    const onnx::ModelProto base = seed % 2 == 0 ? EverythingModel() : AddModel();
    Compare(Mutated(base.SerializeAsString(), &random), &tally);
  }
  // The comparison says something only if both outcomes are frequent.
  EXPECT_GT(tally.both, 400);
  EXPECT_GT(tally.neither, 400);
}

TEST(Differential, AgreesOnMutationsOfUnknownFieldsAndOtherOrders) {
  Tally tally;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Random random(seed);
    const std::string text =
        Shuffled(wire::Message::kModel, EverythingModel().SerializeAsString(), true, &random);
    Compare(Mutated(text, &random), &tally);
  }
  EXPECT_GT(tally.both, 100);
  EXPECT_GT(tally.neither, 100);
}

TEST(Differential, AcceptsWhatItWroteAfterAnEditAsTheOracleDoes) {
  int edited = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Random random(seed);
    auto model = ParseText(Mutated(EverythingModel().SerializeAsString(), &random));
    if (!model.ok()) continue;
    model.value().graph.name += "!";
    for (Node& node : model.value().graph.nodes) node.name += "!";
    const std::string text = EncodeText(model.value());
    ASSERT_TRUE(OracleAccepts(text) || !Accepts(text)) << "seed " << seed;
    const auto again = ParseText(text);
    ASSERT_TRUE(again.ok()) << "seed " << seed << ": " << again.error().message();
    EXPECT_EQ(again.value().graph.nodes.size(), model.value().graph.nodes.size());
    ++edited;
  }
  EXPECT_GT(edited, 100);
}

}  // namespace differential_test
}  // namespace quantbench
