// `quantbench payoff`, from the user's seat.
#include "quantbench/base/json.h"

#include "end_to_end/program.h"

namespace quantbench::testing {
namespace {

using PayoffCommand = ProgramTest;
const std::string kDigitNet = kQuickstart + "models/glyph_mlp.onnx";

TEST_F(PayoffCommand, KeepsWhatItMeasured) {
  const Ran measured =
      Run("payoff " + kDigitNet + " --recipes dynamic-int8,static-int8 --table kept.json -o json");
  ASSERT_EQ(measured.code, 0) << measured.err;
  // Other models and recipes are added, and what is known is shown without models.
  ASSERT_EQ(Run("payoff " + kDigitNet + " --recipes weight-int4 --table kept.json").code, 0);
  const Ran shown = Run("payoff --table kept.json --all -o json");
  ASSERT_EQ(shown.code, 0) << shown.err;
  const auto tables = Json::Parse(shown.out);
  ASSERT_TRUE(tables.ok()) << shown.out;
  std::map<std::string, int> layers;
  for (const Json& row : tables.value()["Layers"].AsArray()) {
    EXPECT_EQ(row["family"].AsString(), "product");
    EXPECT_EQ(row["positions"].AsInt(), 1);
    ++layers[row["recipe"].AsString()];
  }
  EXPECT_EQ(layers["dynamic-int8"], 3) << shown.out;
  EXPECT_EQ(layers["static-int8"], 3) << shown.out;
  EXPECT_EQ(layers["weight-int4"], 3) << shown.out;
}

TEST_F(PayoffCommand, SaysWhatIsMissing) {
  const Ran nothing = Run("payoff --table none.json");
  EXPECT_EQ(nothing.code, 2);
  EXPECT_NE(nothing.err.find("name models to measure"), std::string::npos) << nothing.err;
  const Ran unknown = Run("payoff " + kDigitNet + " --recipes dynamic-int9 --table none.json");
  EXPECT_EQ(unknown.code, 2);
  EXPECT_NE(unknown.err.find("did you mean"), std::string::npos) << unknown.err;
  Put("torn.json", "{\"payoffs\": [{\"family\": \"product\"");
  const Ran torn = Run("payoff --table torn.json");
  EXPECT_EQ(torn.code, 5);
  EXPECT_NE(torn.err.find("torn.json"), std::string::npos) << torn.err;
}

}  // namespace
}  // namespace quantbench::testing
