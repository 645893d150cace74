// Parsing of a study: every key checked, every mistake found in one go.
#include <algorithm>
#include <cctype>
#include <set>
#include <system_error>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/study.h"

#include "study/asked_keys.h"
#include "study/parse_data.h"
#include "study/parse_parts.h"
#include "study/reader.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostCells = 10'000;

bool IsId(std::string_view text) {
  return !text.empty() && text.size() <= 80 && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
         });
}

class Parser {
 public:
  Parser(const toml::table& root, fs::path folder, Diagnostics* diagnostics)
      : root_(root), folder_(std::move(folder)), diagnostics_(diagnostics) {}

  Study Parse() {
    Reader reader(root_, "the study", diagnostics_);
    reader.Table("study", [&](const toml::table& table, const std::string&) { ReadHead(table); });
    if (root_.get("study") == nullptr) reader.Mistake("study", "the study needs a [study] table");
    reader.FreeTable("data", [&](const std::string& id, const toml::node& node) {
      const toml::table* table = node.as_table();
      if (table == nullptr) return diagnostics_->Note(node.source(), "[data.X] must be a table");
      CheckId(id, *table, "data");
      study_.data[id] =
          ParseData(*table, id, Format("[data.{}]", Printable(id)), folder_, diagnostics_);
    });
    reader.Table("budget", [&](const toml::table& table, std::string name) {
      Reader parts(table, std::move(name), diagnostics_);
      for (const auto& [key, value] : {std::pair{"drop", &study_.budget.drop},
                                       std::pair{"latency_ms", &study_.budget.latency_ms},
                                       std::pair{"size_mb", &study_.budget.size_mb}}) {
        parts.Double(key, value);
        if (*value < 0) parts.Mistake(key, "a budget is not negative");
      }
    });
    reader.Table("torch", [&](const toml::table& table, std::string name) {
      Reader parts(table, std::move(name), diagnostics_);
      ReadTorch(&parts, &study_.torch);
    });
    ForEach(&reader, "model", [&](const toml::table& table) { ReadModel(table); });
    ForEach(&reader, "variant", [&](const toml::table& table) { ReadVariant(table); });
    reader.Table("sweep", [&](const toml::table& table, const std::string&) { ReadSweep(table); });
    reader.Table("scenario", [&](const toml::table& table, const std::string&) {
      Reader parts(table, "[scenario]", diagnostics_);
      ReadScenario(&parts, &study_.scenario);
    });
    ForEach(&reader, "hypothesis", [&](const toml::table& table) { ReadHypothesis(table); });
    if (study_.models.empty()) reader.Mistake("model", "the study needs at least one [[model]]");
    return std::move(study_);
  }

 private:
  // Each table of a [[list]].
  void ForEach(Reader* reader, std::string_view key,
               const std::function<void(const toml::table&)>& read) {
    const toml::node* node = reader->Find(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) return reader->Mistake(key, Format("write [[{}]], not [{}]", key, key));
    for (const toml::node& element : *array) {
      if (const toml::table* table = element.as_table()) read(*table);
    }
  }

  void CheckId(const std::string& id, const toml::table& table, const std::string& kind) {
    if (!IsId(id)) {
      diagnostics_->Note(
          table.source(),
          Format("{} id \"{}\" may hold letters, digits, _, - and . only", kind, Printable(id)));
    }
    if (!ids_[kind].insert(id).second) {
      diagnostics_->Note(table.source(), Format("{} id \"{}\" is used twice", kind, Printable(id)));
    }
  }

  // A name that must be among `known`.
  void CheckKnown(Reader* reader, std::string_view key, const std::string& name,
                  const std::vector<std::string>& known, std::string_view what) {
    if (std::find(known.begin(), known.end(), name) != known.end()) return;
    std::string message = Format("there is no {} \"{}\"", what, Printable(name));
    if (const auto nearest = Nearest(name, known); !nearest.empty()) {
      message += Format("; did you mean \"{}\"?", nearest);
    }
    reader->Mistake(key, std::move(message));
  }

  [[nodiscard]] std::vector<std::string> DataIds() const {
    std::vector<std::string> ids;
    for (const auto& [id, spec] : study_.data) ids.push_back(id);
    return ids;
  }
  [[nodiscard]] std::vector<std::string> ModelIds() const {
    std::vector<std::string> ids;
    for (const StudyModel& model : study_.models) ids.push_back(model.id);
    return ids;
  }
  [[nodiscard]] std::vector<std::string> ArmIds() const {
    std::vector<std::string> ids = {std::string(kOriginal)};
    for (const StudyVariant& variant : study_.variants) ids.push_back(variant.id);
    return ids;
  }

  void ReadHead(const toml::table& table) {
    Reader reader(table, "[study]", diagnostics_);
    reader.String("title", &study_.title, Need::kRequired);
    reader.Strings("authors", &study_.authors);
    reader.String("group", &study_.group);
    reader.String("text", &study_.text);
    reader.String("difficulties", &study_.difficulties);
    reader.String("discussion", &study_.discussion);
    ReadLatency(&reader, &study_.latency);
    reader.Int("timeout_s", &study_.timeout_s, 1);
    reader.Int("evaluate_samples", &study_.evaluate.limit, 1);
    reader.Int("evaluate_batch", &study_.evaluate.batch, 1, 65536);
    reader.Double("margin", &study_.margin);
    if (!(study_.margin > 0 && study_.margin < 1)) {
      reader.Mistake("margin", "margin is a share between 0 and 1, as 0.01");
    }
    reader.Bool("until_decided", &study_.until_decided);
    reader.Int("natural_batches", &study_.natural_batches, 1, 100'000);
    std::string include;
    reader.String("include", &include);
    if (!include.empty() && include != "data-loading") {
      reader.Mistake("include", Format("\"{}\" cannot be included; only \"data-loading\" can",
                                       Printable(include)));
    }
    study_.include_data_loading = include == "data-loading";
  }

  void ReadModel(const toml::table& table) {
    Reader reader(table, "[[model]]", diagnostics_);
    StudyModel model;
    std::string path;
    reader.String("id", &model.id, Need::kRequired);
    reader.String("path", &path, Need::kRequired);
    reader.String("why", &model.why);
    reader.Int("bits", &model.bits, 1, 64);
    reader.String("data", &model.data);
    reader.String("calibrate", &model.calibrate);
    reader.String("metric", &model.metric);
    reader.Int("vocabulary", &model.vocabulary, 1);
    ReadStatedInputs(&reader, &model);
    reader.FreeTable("dims", [&](const std::string& name, const toml::node& node) {
      const auto size = node.value_exact<std::int64_t>();
      if (!size || *size < 1) {
        return diagnostics_->Note(node.source(),
                                  Format("dimension \"{}\" must be a whole number of "
                                         "at least 1",
                                         Printable(name)));
      }
      model.dims[name] = *size;
    });
    reader.FreeTable("constants", [&](const std::string& name, const toml::node& node) {
      const auto value = node.is_number() ? node.value<double>() : std::nullopt;
      if (!value) {
        return diagnostics_->Note(node.source(),
                                  Format("constant \"{}\" must be a number", Printable(name)));
      }
      model.constants[name] = *value;
    });
    if (!model.id.empty()) CheckId(model.id, table, "model");
    if (!model.data.empty()) CheckKnown(&reader, "data", model.data, DataIds(), "data set");
    if (!model.calibrate.empty()) {
      CheckKnown(&reader, "calibrate", model.calibrate, DataIds(), "data set");
    }
    if (!path.empty()) {
      model.path = Resolve(folder_, path);
      std::error_code ignored;
      if (!fs::exists(model.path, ignored)) {
        reader.Mistake("path", Format("{} does not exist", model.path.string()));
      }
    }
    study_.models.push_back(std::move(model));
  }

  // Files that somebody else made in place of a recipe, or a recipe.
  void ReadMaking(Reader* reader, StudyVariant* variant) {
    const std::vector<std::string> models = variant->models.empty() ? ModelIds() : variant->models;
    variant->given = ReadFiles(reader, "path", folder_, models);
    variant->from = ReadFiles(reader, "from", folder_, models);
    if (variant->given.empty()) {
      ReadRecipe(reader, &variant->recipe);
      const auto* recipe = reader->Find("recipe");
      const auto* parts = recipe == nullptr ? nullptr : recipe->as_table();
      variant->per_channel =
          parts != nullptr && (*parts)["per_channel"].value_exact<bool>().value_or(false);
      return;
    }
    variant->recipe.name = "given";
    if (reader->Find("recipe") != nullptr) {
      reader->Mistake("recipe", "a variant has either a recipe or a path");
    }
    if (!variant->from.empty()) {
      reader->Mistake("from",
                      "\"from\" is what a recipe quantizes: a variant with a path has none");
    }
  }

  static void ReadStatedInputs(Reader* reader, StudyModel* model) {
    std::vector<std::string> texts;
    reader->Strings("inputs", &texts);
    for (const std::string& text : texts) {
      auto input = ParseInputSpec(text);
      if (!input.ok()) return reader->Mistake("inputs", input.error().message());
      model->inputs.push_back(std::move(input).value());
    }
  }

  void ReadVariant(const toml::table& table) {
    Reader reader(table, "[[variant]]", diagnostics_);
    StudyVariant variant;
    reader.String("id", &variant.id, Need::kRequired);
    reader.String("why", &variant.why);
    reader.Int("bits", &variant.bits, 1, 64);
    reader.String("quantizes", &variant.quantizes);
    reader.Strings("models", &variant.models);
    ReadMaking(&reader, &variant);
    for (const std::string& model : variant.models) {
      CheckKnown(&reader, "models", model, ModelIds(), "model");
    }
    reader.Table("calibrate", [&](const toml::table& calibrate, std::string name) {
      Reader parts(calibrate, std::move(name), diagnostics_);
      parts.String("data", &variant.calibrate_data);
      ReadCalibration(calibrate, &parts, &variant.calibration);
      if (!variant.calibrate_data.empty()) {
        CheckKnown(&parts, "data", variant.calibrate_data, DataIds(), "data set");
      }
    });
    if (variant.id == kOriginal) reader.Mistake("id", "\"original\" is the model as given");
    if (!variant.id.empty()) CheckId(variant.id, table, "variant");
    study_.variants.push_back(std::move(variant));
  }

  void ReadSweep(const toml::table& table) {
    Reader reader(table, "[sweep]", diagnostics_);
    reader.Ints("batch", &study_.sweep.batch, 1);
    reader.Ints("threads", &study_.sweep.threads, 1);
    reader.Bool("densify", &study_.sweep.densify);
    std::int64_t cells = static_cast<std::int64_t>(study_.sweep.batch.size()) *
                         static_cast<std::int64_t>(study_.sweep.threads.size());
    reader.Table("dims", [&](const toml::table& dims, std::string name) {
      Reader parts(dims, std::move(name), diagnostics_);
      for (const auto& [key, value] : dims) {
        std::vector<std::int64_t>& sizes = study_.sweep.dims[std::string(key.str())];
        parts.Ints(key.str(), &sizes, 1);
        cells *= std::max<std::int64_t>(1, static_cast<std::int64_t>(sizes.size()));
      }
    });
    if (cells > kMostCells) {
      diagnostics_->Note(table.source(), Format("the sweep has {} cells, more than the limit of {}",
                                                cells, kMostCells));
    }
  }

  void ReadWhere(const toml::table& table, std::string name, Hypothesis* hypothesis) {
    Reader reader(table, std::move(name), diagnostics_);
    reader.String("model", &hypothesis->model);
    if (!hypothesis->model.empty()) {
      CheckKnown(&reader, "model", hypothesis->model, ModelIds(), "model");
    }
    for (const auto& [key, target] :
         {std::pair{"batch", &hypothesis->batch}, std::pair{"threads", &hypothesis->threads}}) {
      if (reader.Find(key) == nullptr) continue;
      std::int64_t value = 1;
      reader.Int(key, &value, 1);
      *target = value;
    }
    reader.FreeTable("dims", [&](const std::string& dim, const toml::node& node) {
      hypothesis->dims[dim] = node.value_or(std::int64_t{0});
    });
  }

  void ReadHypothesis(const toml::table& table) {
    Reader reader(table, "[[hypothesis]]", diagnostics_);
    Hypothesis hypothesis;
    std::string metric;
    std::string expect;
    reader.String("id", &hypothesis.id, Need::kRequired);
    reader.String("text", &hypothesis.text, Need::kRequired);
    reader.String("why", &hypothesis.why);
    reader.String("metric", &metric, Need::kRequired);
    reader.Strings("arms", &hypothesis.arms);
    reader.String("expect", &expect, Need::kRequired);
    reader.String("along", &hypothesis.along);
    reader.Bool("primary", &hypothesis.primary);
    ReadConfidence(&reader, &hypothesis);
    const auto parsed = ParseMetric(metric);
    const auto expected = ParseExpectation(expect);
    if (parsed.ok()) hypothesis.metric = parsed.value();
    if (expected.ok()) hypothesis.expect = expected.value();
    if (!parsed.ok() && !metric.empty()) reader.Mistake("metric", parsed.error().message());
    if (!expected.ok() && !expect.empty()) reader.Mistake("expect", expected.error().message());
    for (const std::string& arm : hypothesis.arms) {
      CheckKnown(&reader, "arms", arm, ArmIds(), "variant");
    }
    if (!hypothesis.along.empty()) {
      CheckKnown(&reader, "along", hypothesis.along, Directions(), "such direction as");
    }
    reader.Table("where", [&](const toml::table& where, std::string name) {
      ReadWhere(where, std::move(name), &hypothesis);
    });
    if (parsed.ok() && expected.ok()) {
      for (const auto& [key, wrong] : MistakesOf(hypothesis)) reader.Mistake(key, wrong);
    }
    if (!hypothesis.id.empty()) CheckId(hypothesis.id, table, "hypothesis");
    study_.hypotheses.push_back(std::move(hypothesis));
  }

  // What a hypothesis can go along.
  [[nodiscard]] std::vector<std::string> Directions() const {
    std::vector<std::string> names = {"batch", "threads", std::string(kAlongArms),
                                      std::string(kAlongSize), std::string(kAlongModels)};
    for (const auto& [name, sizes] : study_.sweep.dims) names.push_back(name);
    return names;
  }

  static void ReadConfidence(Reader* reader, Hypothesis* hypothesis) {
    double confidence = -1;
    reader->Double("confidence", &confidence);
    if (reader->Find("confidence") == nullptr) return;
    if (!(confidence >= 0 && confidence <= 1)) {
      return reader->Mistake("confidence", "must be between 0 and 1");
    }
    hypothesis->confidence = confidence;
  }

  const toml::table& root_;
  fs::path folder_;
  Diagnostics* diagnostics_;
  Study study_;
  std::map<std::string, std::set<std::string>> ids_;
};

}  // namespace

Result<Study> ParseStudy(std::string_view text, const fs::path& file, const fs::path& folder) {
  Diagnostics diagnostics(file.string());
  try {
    const toml::table root = toml::parse(text, file.string());
    Study study = Parser(root, folder, &diagnostics).Parse();
    study.file = file;
    if (!diagnostics.clean()) return diagnostics.AsError();
    return study;
  } catch (const toml::parse_error& error) {
    diagnostics.Note(error.source(), std::string(error.description()));
    return diagnostics.AsError();
  }
}

std::vector<AskedKey> KeysAskedFor(std::string_view text) {
  std::vector<AskedKey> asked;
  Diagnostics diagnostics("");
  diagnostics.Listen(&asked);
  try {
    const toml::table root = toml::parse(text);
    (void)Parser(root, "", &diagnostics).Parse();
  } catch (const toml::parse_error&) {
    asked.clear();
  }
  return asked;
}

Result<Study> LoadStudy(const fs::path& path) {
  QB_TRY(const std::string text, ReadFile(path, 16U << 20U));
  return ParseStudy(text, path, path.parent_path());
}

}  // namespace quantbench
