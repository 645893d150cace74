// Parsing of data sets: a [data.X] table, or a file of its own.
#include "study/parse_data.h"

#include <array>
#include <system_error>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/study.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

// A string that must be one of a few.
template <typename Names>
void OneOf(Reader* reader, std::string_view key, const Names& known, std::string* value) {
  const bool asked = reader->Find(key) != nullptr;
  reader->String(key, value);
  if (!asked) return;
  for (const std::string_view name : known) {
    if (name == *value) return;
  }
  std::string message = Format("\"{}\" is not a {}", Printable(*value), key);
  if (const auto nearest = Nearest(*value, known); !nearest.empty()) {
    message += Format("; did you mean \"{}\"?", nearest);
  }
  reader->Mistake(key, std::move(message));
}

void RequireFile(Reader* reader, std::string_view key, const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    reader->Mistake(key, Format("{} does not exist", path.string()));
  }
}

// Reads each member of an options struct from the key of its name.
struct ReadVisitor {
  Reader* reader;
  const fs::path* folder;
  void operator()(std::string_view key, std::string& value) const { reader->String(key, &value); }
  void operator()(std::string_view key, bool& value) const { reader->Bool(key, &value); }
  void operator()(std::string_view key, std::int64_t& value) const { reader->Int(key, &value, 0); }
  void operator()(std::string_view key, double& value) const { reader->Double(key, &value); }
  void operator()(std::string_view key, std::vector<std::string>& values) const {
    reader->Strings(key, &values);
  }
  void operator()(std::string_view key, fs::path& value) const {
    std::string text;
    reader->String(key, &text);
    if (text.empty()) return;
    value = Resolve(*folder, text);
    RequireFile(reader, key, value);
  }
};

template <typename Options>
void ParseOptions(Reader* parent, std::string_view key, const fs::path& folder, Options* options) {
  parent->Table(key, [&](const toml::table& table, std::string name) {
    Reader reader(table, std::move(name), &parent->diagnostics());
    Options::Visit(*options, ReadVisitor{&reader, &folder});
  });
}

Preprocess ParsePreprocess(const toml::table& table, std::string name, Diagnostics* diagnostics) {
  Reader reader(table, std::move(name), diagnostics);
  Preprocess preprocess;
  std::int64_t resize = 0;
  std::int64_t crop = 0;
  reader.Int("resize", &resize, 1, 65536);
  reader.Int("crop", &crop, 1, 65536);
  preprocess.resize = static_cast<int>(resize);
  preprocess.crop = static_cast<int>(crop);
  reader.Ints("size", &preprocess.size, 1);
  if (!preprocess.size.empty() &&
      (preprocess.size.size() != 2 || preprocess.size[0] > 65536 || preprocess.size[1] > 65536)) {
    reader.Mistake("size", "size is [height, width], each at most 65536");
  }
  if (reader.Find("scale") != nullptr) {
    double scale = 1;
    reader.Double("scale", &scale);
    preprocess.scale = scale;
  }
  reader.Doubles("mean", &preprocess.mean);
  reader.Doubles("std", &preprocess.std);
  for (const double value : preprocess.std) {
    if (value == 0) reader.Mistake("std", "a standard deviation is 0");
  }
  OneOf(&reader, "channels", std::array<std::string_view, 3>{"rgb", "bgr", "gray"},
        &preprocess.channels);
  OneOf(&reader, "layout", std::array<std::string_view, 2>{"nchw", "nhwc"}, &preprocess.layout);
  OneOf(&reader, "stored", std::array<std::string_view, 2>{"nchw", "nhwc"}, &preprocess.stored);
  return preprocess;
}

InputRule ParseInputRule(const toml::node& node, const std::string& input, Reader* parent) {
  InputRule rule;
  if (const auto array = node.value_exact<std::string>()) {
    rule.array = *array;
    return rule;
  }
  if (node.is_number()) {
    rule.constant = node.value<double>();
    return rule;
  }
  const toml::table* table = node.as_table();
  if (table == nullptr) {
    parent->diagnostics().Note(node.source(),
                               Format("input \"{}\" must be a file or array name, a number, or "
                                      "{{ nonzero_of = \"other input\" }}",
                                      Printable(input)));
    return rule;
  }
  Reader reader(*table, Format("input \"{}\"", Printable(input)), &parent->diagnostics());
  reader.String("array", &rule.array);
  reader.String("nonzero_of", &rule.nonzero_of);
  reader.String("feedback", &rule.feedback);
  if (!rule.feedback.empty()) rule.constant = 0;  // before the first step
  if (reader.Find("constant") != nullptr) {
    double constant = 0;
    reader.Double("constant", &constant);
    rule.constant = constant;
  }
  return rule;
}

// The kind of a data set that is given as a path alone.
std::string KindOf(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return "image-folder";
  const std::string text = path.string();
  if (text.find("idx") != std::string::npos) return "idx";
  return path.extension() == ".npz" ? "npz" : "npy";
}

}  // namespace

fs::path Resolve(const fs::path& folder, const std::string& path) {
  const fs::path given(path);
  return given.is_absolute() ? given : (folder / given).lexically_normal();
}

DataSpec ParseData(const toml::table& table, const std::string& id, const std::string& name,
                   const fs::path& folder, Diagnostics* diagnostics) {
  Reader reader(table, name, diagnostics);
  DataSpec spec;
  spec.id = id;
  std::string path;
  std::string labels;
  std::int64_t seed = 1;
  OneOf(&reader, "kind", DataKinds(), &spec.kind);
  if (spec.kind.empty()) reader.Mistake("kind", Format("{} needs the key \"kind\"", name));
  reader.String("path", &path, spec.kind == "synthetic" ? Need::kOptional : Need::kRequired);
  reader.String("labels", &labels);
  ParseOptions(&reader, "text", folder, &spec.text);
  ParseOptions(&reader, "audio", folder, &spec.audio);
  ParseOptions(&reader, "answer", folder, &spec.answer);
  reader.String("task", &spec.task);
  if (!spec.task.empty()) {
    if (auto task = ParseTask(spec.task); !task.ok())
      reader.Mistake("task", task.error().message());
  }
  std::string on_bad = "fail";
  OneOf(&reader, "on_bad_sample", std::array<std::string_view, 2>{"fail", "skip"}, &on_bad);
  spec.skip_bad = on_bad == "skip";
  reader.Int("limit", &spec.limit, 1);
  reader.Bool("shuffle", &spec.shuffle);
  reader.Int("seed", &seed, 0);
  spec.seed = static_cast<std::uint64_t>(seed);
  if (!path.empty()) {
    spec.path = Resolve(folder, path);
    RequireFile(&reader, "path", spec.path);
  }
  if (!labels.empty()) {
    spec.labels = Resolve(folder, labels);
    RequireFile(&reader, "labels", spec.labels);
  }
  reader.FreeTable("inputs", [&](const std::string& input, const toml::node& node) {
    spec.inputs[input] = ParseInputRule(node, input, &reader);
  });
  reader.Table("preprocess", [&](const toml::table& preprocess, std::string title) {
    spec.preprocess = ParsePreprocess(preprocess, std::move(title), diagnostics);
  });
  return spec;
}

Result<DataSpec> LoadDataSpec(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    return Error(ErrorCode::kNotFound, Format("{}: no such file or folder", path.string()));
  }
  if (path.extension() != ".toml") {
    DataSpec spec;
    spec.id = path.stem().string();
    spec.kind = KindOf(path);
    spec.path = path;
    const fs::path labels = path / "labels.csv";
    if (spec.kind == "image-folder" && fs::exists(labels, ignored)) spec.labels = labels;
    return spec;
  }
  QB_TRY(const std::string text, ReadFile(path, 16U << 20U));
  Diagnostics diagnostics(path.string());
  try {
    const toml::table table = toml::parse(text, path.string());
    DataSpec spec =
        ParseData(table, path.stem().string(), "the data set", path.parent_path(), &diagnostics);
    if (!diagnostics.clean()) return diagnostics.AsError();
    return spec;
  } catch (const toml::parse_error& error) {
    diagnostics.Note(error.source(), std::string(error.description()));
    return diagnostics.AsError();
  }
}

}  // namespace quantbench
