// Json: round trips, limits, hostile text.
#include "quantbench/base/json.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace quantbench {
namespace json_test {

TEST(Json, ReadsBackWhatItWrote) {
  Json json = Json::MakeObject()
                  .Set("integer", std::int64_t{-9007199254740993})
                  .Set("double", 0.1)
                  .Set("integral double", 3.0)
                  .Set("text", "a \"quote\" and a \n newline")
                  .Set("list", Json::List(std::vector<std::int64_t>{1, 2, 3}))
                  .Set("nothing", nullptr)
                  .Set("flag", true);
  const auto again = Json::Parse(json.Dump());
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(again.value(), json);
  EXPECT_FALSE(again.value()["integral double"].is_integer());
}

TEST(Json, KeepsTheOrderOfKeys) {
  const auto json = Json::Parse(R"({"z": 1, "a": 2, "m": 3})");
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(json.value().Dump(), R"({"z":1,"a":2,"m":3})");
}

TEST(Json, WritesNanAndInfinityAsNull) {
  const Json json = Json::List(std::vector<double>{NAN, INFINITY, 1.5});
  EXPECT_EQ(json.Dump(), "[null,null,1.5]");
  EXPECT_TRUE(std::isnan(Json(nullptr).AsDouble()));
}

TEST(Json, KeepsUnsignedNumbersBeyondInt64AsDoubles) {
  const Json json(std::numeric_limits<std::uint64_t>::max());
  EXPECT_FALSE(json.is_integer());
  EXPECT_DOUBLE_EQ(json.AsDouble(), 18446744073709551615.0);
}

TEST(Json, RefusesDeepNesting) {
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  const auto json = Json::Parse(deep, 64);
  ASSERT_FALSE(json.ok());
  EXPECT_NE(json.error().message().find("64 levels"), std::string::npos);
  EXPECT_TRUE(Json::Parse(deep, 100).ok());
}

TEST(Json, RefusesWhatIsNotJsonAndNamesTheByte) {
  for (const char* text : {"", "{", "{\"a\" 1}", "[1,]", "nul", "{\"a\":1}}", "\"\xff\"", "01"}) {
    const auto json = Json::Parse(text);
    ASSERT_FALSE(json.ok()) << text;
    EXPECT_EQ(json.error().code(), ErrorCode::kMalformed);
  }
}

TEST(Json, ReplacesInvalidUtf8WhenWriting) {
  EXPECT_EQ(Json("a\xff"
                 "b")
                .Dump(),
            "\"a\xEF\xBF\xBD"
            "b\"");
}

TEST(Json, ReturnsFallbacksForAbsentAndMistypedValues) {
  const Json json = Json::MakeObject().Set("text", "x").Set("half", 0.5);
  EXPECT_EQ(json["missing"].AsInt(7), 7);
  EXPECT_EQ(json["text"].AsInt(7), 7);
  EXPECT_EQ(json["half"].AsInt(7), 7);
  EXPECT_EQ(json["missing"]["deeper"].AsString(), "");
  EXPECT_EQ(json.RequireInt("text", "here").error().message(),
            "here: \"text\" is missing or not a whole number");
}

}  // namespace json_test
}  // namespace quantbench
