// The schema of study files: in step with the parser, and of the same mind about right and wrong.
#include <cmath>
#include <filesystem>
#include <regex>
#include <set>

#include <gtest/gtest.h>
#include <toml++/toml.h>

#include "quantbench/base/file.h"
#include "quantbench/study.h"

#include "study/asked_keys.h"
#include "study/study_keys.h"

namespace quantbench {
namespace study_schema_test {

namespace fs = std::filesystem;

// --- a validator for what the schema uses of draft 7 ---

Json ToJson(const toml::node& node) {
  if (const toml::table* table = node.as_table()) {
    Json object = Json::MakeObject();
    for (const auto& [key, value] : *table) object.Set(key.str(), ToJson(value));
    return object;
  }
  if (const toml::array* array = node.as_array()) {
    Json list = Json::Array{};
    for (const toml::node& element : *array) list.Append(ToJson(element));
    return list;
  }
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto flag = node.value_exact<bool>()) return *flag;
  if (const auto number = node.value_exact<std::int64_t>()) return *number;
  return node.value_or(std::nan(""));
}

bool HasType(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_bool();
  if (type == "integer") return value.is_integer();
  return type == "number" && value.is_number();
}

bool Valid(const Json& schema, const Json& value);

bool ValidNumber(const Json& schema, const Json& value) {
  const double x = value.AsDouble();
  return !(schema.Has("minimum") && x < schema["minimum"].AsDouble()) &&
         !(schema.Has("maximum") && x > schema["maximum"].AsDouble()) &&
         !(schema.Has("exclusiveMinimum") && x <= schema["exclusiveMinimum"].AsDouble()) &&
         !(schema.Has("exclusiveMaximum") && x >= schema["exclusiveMaximum"].AsDouble());
}

bool ValidString(const Json& schema, const std::string& text) {
  if (schema.Has("maxLength") &&
      static_cast<std::int64_t>(text.size()) > schema["maxLength"].AsInt()) {
    return false;
  }
  return !schema.Has("pattern") ||
         std::regex_search(text, std::regex(schema["pattern"].AsString()));
}

bool ValidArray(const Json& schema, const Json::Array& list) {
  const auto size = static_cast<std::int64_t>(list.size());
  if (schema.Has("minItems") && size < schema["minItems"].AsInt()) return false;
  if (schema.Has("maxItems") && size > schema["maxItems"].AsInt()) return false;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (schema.Has("items") && !Valid(schema["items"], list[i])) return false;
    for (std::size_t k = 0; schema.Has("uniqueItems") && k < i; ++k) {
      if (list[k] == list[i]) return false;
    }
  }
  return true;
}

bool ValidObject(const Json& schema, const Json& value) {
  for (const Json& key : schema["required"].AsArray()) {
    if (!value.Has(key.AsString())) return false;
  }
  for (const auto& [key, member] : value.AsObject()) {
    if (schema.Has("propertyNames") && !Valid(schema["propertyNames"], key)) return false;
    const Json& known = schema["properties"];
    if (known.Has(key)) {
      if (!Valid(known[key], member)) return false;
    } else if (schema.Has("additionalProperties")) {
      const Json& others = schema["additionalProperties"];
      if (others.is_bool() ? !others.AsBool() : !Valid(others, member)) return false;
    }
  }
  if (!schema.Has("if")) return true;
  return Valid(schema["if"], value) || Valid(schema["else"], value);
}

template <typename Holds>
bool Any(const Json& list, Holds holds) {
  for (const Json& element : list.AsArray()) {
    if (holds(element)) return true;
  }
  return false;
}

bool Valid(const Json& schema, const Json& value) {
  if (schema.Has("type") && !HasType(value, schema["type"].AsString())) return false;
  if (schema.Has("const") && !(schema["const"] == value)) return false;
  if (schema.Has("enum") && !Any(schema["enum"], [&](const Json& e) { return e == value; })) {
    return false;
  }
  if (schema.Has("anyOf") &&
      !Any(schema["anyOf"], [&](const Json& one) { return Valid(one, value); })) {
    return false;
  }
  if (schema.Has("not") && Valid(schema["not"], value)) return false;
  if (value.is_number()) return ValidNumber(schema, value);
  if (value.is_string()) return ValidString(schema, value.AsString());
  if (value.is_array()) return ValidArray(schema, value.AsArray());
  return !value.is_object() || ValidObject(schema, value);
}

// Members of a schema that the validator knows; it must not pass over one that it does not.
void ExpectUnderstood(const Json& schema) {
  static const std::set<std::string> known = {"$schema",
                                              "title",
                                              "description",
                                              "type",
                                              "properties",
                                              "required",
                                              "enum",
                                              "const",
                                              "anyOf",
                                              "not",
                                              "items",
                                              "minItems",
                                              "maxItems",
                                              "pattern",
                                              "maxLength",
                                              "minimum",
                                              "maximum",
                                              "exclusiveMinimum",
                                              "default",
                                              "examples",
                                              "uniqueItems",
                                              "propertyNames",
                                              "exclusiveMaximum",
                                              "additionalProperties",
                                              "if",
                                              "else"};
  for (const auto& [name, value] : schema.AsObject()) {
    EXPECT_TRUE(known.contains(name)) << name;
    if (name == "properties") {
      for (const auto& [key, property] : value.AsObject()) ExpectUnderstood(property);
    } else if (name == "items" || name == "additionalProperties" || name == "not") {
      ExpectUnderstood(value);
    }
    if (name == "anyOf") {
      for (const Json& one : value.AsArray()) ExpectUnderstood(one);
    }
  }
}

Json FromToml(const std::string& text) {
  return ToJson(toml::parse(text));
}

// --- tests ---

// A study with most of the keys.
std::string Rich() {
  const std::string here = std::string(QB_SOURCE_DIR) + "/examples/quickstart/";
  return "[study]\ntitle = \"t\"\nauthors = [\"a\"]\nprecision = 0.02\nbudget_s = 6\n"
         "include = \"data-loading\"\nmargin = 0.01\n"
         "[[model]]\nid = \"m\"\npath = \"" +
         here +
         "models/glyph_mlp.onnx\"\ndata = \"d\"\n"
         "dims = { seq = 8 }\nconstants = { sr = 16000 }\n"
         "[[variant]]\nid = \"a\"\nrecipe = \"static-int8\"\n"
         "calibrate = { samples = 8, observer = \"mse\", percentile = 99.9 }\n"
         "[[variant]]\nid = \"b\"\nrecipe = { base = \"static-int8\", steps = [\"clip\"], "
         "rules = [\"Conv=float\"], target = \"arm\", format = \"qdq\", damping = 0.1, block = 32 "
         "}\n"
         "[data.d]\nkind = \"idx\"\npath = \"" +
         here +
         "data/glyph-test-images.idx3.gz\"\n"
         "preprocess = { scale = 0.5, mean = 0.2, std = [0.3], layout = \"nchw\" }\n"
         "inputs = { x = \"\", y = 3, z = { nonzero_of = \"x\" } }\ntask = \"classify\"\n"
         "[data.s]\nkind = \"synthetic\"\n"
         "[budget]\ndrop = 0.01\n[torch]\ndevice = \"cpu\"\nquantized_engine = \"x86\"\n"
         "[sweep]\nbatch = [1, 2]\ndims = { seq = [8, 16] }\n"
         "[scenario]\nrun = [\"offline\", \"server\"]\np99_ms = 5\n"
         "[[hypothesis]]\nid = \"H1\"\ntext = \"c\"\nmetric = \"latency.ratio\"\n"
         "arms = [\"a\", \"original\"]\nwhere = { model = \"m\", batch = 1 }\nexpect = \"<= "
         "0.667\"\n";
}

std::string Changed(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(StudySchema, HoldsEveryKeyOfTheParserAndNoOther) {
  std::set<std::string> described;
  for (const StudyKey& key : StudyKeys()) {
    EXPECT_FALSE(key.meaning.empty()) << key.key;
    EXPECT_TRUE(described.insert(std::string(key.table) + " " + std::string(key.key)).second)
        << key.table << " " << key.key;
  }
  std::set<std::string> asked;
  for (const AskedKey& key : KeysAskedFor(kEveryTable)) {
    const bool made_of_tables = key.key == "model" || key.key == "variant" ||
                                key.key == "hypothesis" || key.key == "recipe";
    EXPECT_TRUE(key.type != KeyType::kAny || made_of_tables) << key.table << " " << key.key;
    asked.insert(key.table + " " + key.key);
  }
  EXPECT_EQ(asked, described);
  EXPECT_GT(asked.size(), 100U);
}

TEST(StudySchema, EveryKeyIsInTheManual) {
  const fs::path docs = fs::path(QB_SOURCE_DIR) / "docs";
  const std::string manual =
      ReadFile(docs / "study-file.md").value() + ReadFile(docs / "data.md").value();
  for (const StudyKey& key : StudyKeys()) {
    const std::regex word("\\b" + std::string(key.key) + "\\b");
    EXPECT_TRUE(std::regex_search(manual, word)) << key.table << " " << key.key;
  }
}

TEST(StudySchema, ListsTheNamesThatTheParserTakes) {
  const Json schema = StudySchema();
  const Json& variant = schema["properties"]["variant"]["items"]["properties"];
  const Json::Array& recipes = variant["recipe"]["anyOf"].AsArray();
  ASSERT_EQ(recipes.size(), 2U);
  EXPECT_EQ(recipes[0]["enum"].AsArray().size(), Recipes().size());
  const auto all_parse = [](const Json& names, auto parse) {
    EXPECT_FALSE(names.AsArray().empty());
    for (const Json& name : names.AsArray())
      EXPECT_TRUE(parse(name.AsString()).ok()) << name.Dump();
  };
  const Json& recipe = recipes[1]["properties"];
  all_parse(recipe["target"]["enum"], ParseTarget);
  all_parse(recipe["format"]["enum"], ParseQuantFormat);
  all_parse(variant["calibrate"]["properties"]["observer"]["enum"], ParseObserver);
  const Json& hypothesis = schema["properties"]["hypothesis"]["items"]["properties"];
  all_parse(hypothesis["metric"]["enum"], ParseMetric);
  all_parse(schema["properties"]["scenario"]["properties"]["run"]["items"]["enum"], ParseScenario);
  all_parse(schema["properties"]["data"]["additionalProperties"]["properties"]["task"]["enum"],
            ParseTask);
}

TEST(StudySchema, UsesOnlyWhatTheTestUnderstands) {
  ExpectUnderstood(StudySchema());
}

TEST(StudySchema, TheShippedStudiesAreValid) {
  const Json schema = StudySchema();
  int checked = 0;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(QB_SOURCE_DIR) / "examples")) {
    if (entry.path().filename() != "study.toml") continue;
    EXPECT_TRUE(Valid(schema, FromToml(ReadFile(entry.path()).value()))) << entry.path();
    const auto study = LoadStudy(entry.path());
    EXPECT_TRUE(study.ok()) << study.error().message();
    ++checked;
  }
  EXPECT_EQ(checked, 2);
}

TEST(StudySchema, ParserAndSchemaAgreeOnWhatIsRight) {
  const auto parsed = ParseStudy(Rich(), "s.toml", "/");
  EXPECT_TRUE(parsed.ok()) << parsed.error().message();
  EXPECT_TRUE(Valid(StudySchema(), FromToml(Rich())));
}

TEST(StudySchema, ParserAndSchemaAgreeOnWhatIsWrong) {
  const Json schema = StudySchema();
  const std::vector<std::pair<std::string, std::string>> mistakes = {
      {"title = \"t\"", "titel = \"t\""},
      {"title = \"t\"", "title = 3"},
      {"authors = [\"a\"]", "authors = \"a\""},
      {"precision = 0.02", "precision = 0"},
      {"budget_s = 6", "budget_s = -1"},
      {"include = \"data-loading\"", "include = \"everything\""},
      {"margin = 0.01", "margin = 1"},
      {"id = \"m\"", "id = \"m/n\""},
      {"[[model]]\nid = \"m\"", "[[model]]"},
      {"dims = { seq = 8 }", "dims = { seq = 0 }"},
      {"constants = { sr = 16000 }", "constants = { sr = \"x\" }"},
      {"id = \"a\"", "id = \"original\""},
      {"recipe = \"static-int8\"", "recipe = \"static-int9\""},
      {"samples = 8", "samples = 0"},
      {"observer = \"mse\"", "observer = \"mean\""},
      {"percentile = 99.9", "percentile = 10"},
      {"steps = [\"clip\"]", "steps = [\"clap\"]"},
      {"target = \"arm\"", "target = \"x86\""},
      {"format = \"qdq\"", "format = \"qqq\""},
      {"damping = 0.1", "damping = 11"},
      {"kind = \"idx\"", "kind = \"idy\""},
      {"std = [0.3]", "std = [0]"},
      {"layout = \"nchw\"", "layout = \"chwn\""},
      {"z = { nonzero_of = \"x\" }", "z = { nonzero = \"x\" }"},
      {"task = \"classify\"", "task = \"guess\""},
      {"drop = 0.01", "drop = -0.01"},
      {"device = \"cpu\"", "device = \"gpu\""},
      {"quantized_engine = \"x86\"", "quantized_engine = \"avx\""},
      {"device = \"cpu\"", "devise = \"cpu\""},
      {"batch = [1, 2]", "batch = []"},
      {"dims = { seq = [8, 16] }", "dims = { seq = [0] }"},
      {"run = [\"offline\", \"server\"]", "run = [\"offline\", \"offline\"]"},
      {"run = [\"offline\", \"server\"]", "run = [\"single-stream\"]"},
      {"metric = \"latency.ratio\"", "metric = \"latencies\""},
      {"where = { model = \"m\", batch = 1 }", "where = { bach = 1 }"},
      {"batch = 1 }", "batch = 0 }"},
      {"expect = \"<= 0.667\"", "expect = \"small\""},
      {"expect = \"<= 0.667\"", "expect = \"1..\""},
      {"[[hypothesis]]", "[hypothesis]"},
  };
  for (const auto& [right, wrong] : mistakes) {
    const std::string text = Changed(Rich(), right, wrong);
    EXPECT_FALSE(ParseStudy(text, "s.toml", "/").ok()) << wrong;
    EXPECT_FALSE(Valid(schema, FromToml(text))) << wrong;
  }
}

TEST(StudySchema, TakesTheExpectationsThatTheParserTakes) {
  const Json schema = StudySchema()["properties"]["hypothesis"]["items"]["properties"]["expect"];
  for (const char* text : {"<= 0.667",
                           ">= 1.5",
                           "< 1",
                           "> 0",
                           "0.2..0.3",
                           "0..1",
                           "-1..-0.5",
                           ">= -0.01",
                           "<1e-3",
                           " <= 2 ",
                           "increases",
                           " decreases ",
                           "slope 0.9..1.1",
                           "slope >= 0.5",
                           "slope <1",
                           "1 +- 0.03",
                           "1 +- 3%",
                           "1 +- 3 %",
                           "1 .. 2",
                           "slope",
                           "slope increases",
                           "increases 1",
                           "1 +-",
                           "1 %",
                           "",
                           "1",
                           "<",
                           "0.3",
                           "..",
                           "=1",
                           "<= 1 or so"}) {
    EXPECT_EQ(Valid(schema, text), ParseExpectation(text).ok()) << text;
  }
}

}  // namespace study_schema_test
}  // namespace quantbench
