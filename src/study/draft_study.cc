// A first text for a study: what can be read off the models is filled in, the rest is marked.
#include <algorithm>
#include <set>

#include "quantbench/base/format.h"
#include "quantbench/base/json.h"
#include "quantbench/calibrate.h"
#include "quantbench/model.h"
#include "quantbench/model/torchscript.h"
#include "quantbench/study.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

enum class Looks : std::uint8_t { kImage, kText, kNumbers };

// What was read off one model.
struct Sketch {
  std::string id;
  std::string path;  // as the study names it
  Looks looks = Looks::kNumbers;
  bool is_language_model = false;
  bool has_convolutions = false;
  bool has_free_batch = false;
  bool is_torch = false;
  std::vector<std::string> inputs;    // one line each
  std::set<std::string> batch_names;  // of first dimensions
  std::map<std::string, std::int64_t> dims;
  std::string scalars;          // inputs of one number, that a study can fill with one value
  std::int64_t vocabulary = 0;  // 0: no table of embeddings
};

// TOML's basic strings have the escapes of JSON.
std::string Quoted(std::string_view text) {
  return Json(std::string(text)).Dump();
}

std::string IdOf(const fs::path& path, std::set<std::string>* taken) {
  std::string id = path.stem().string();
  for (char& c : id) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!is_plain && c != '_' && c != '-' && c != '.') c = '_';
  }
  if (id.empty() || id == kOriginal) id = "model";
  std::string unique = id;
  for (int i = 2; !taken->insert(unique).second; ++i) unique = Format("{}_{}", id, i);
  return unique;
}

bool HoldsIds(DataType type) {
  return type == DataType::kInt64 || type == DataType::kInt32;
}

bool LooksLikeImage(const ValueInfo& input) {
  if (HoldsIds(input.type) || input.dims.size() != 4) return false;
  return input.dims[1].value == 1 || input.dims[1].value == 3 || input.dims[3].value == 1 ||
         input.dims[3].value == 3;
}

// A size that a free dimension of that name often has.
std::int64_t UsualSize(std::string_view name) {
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  if (has("past")) return 16;
  if (has("seq") || has("len") || has("tok") || has("time") || has("frame")) return 128;
  if (has("height") || has("width") || name == "h" || name == "w") return 224;
  return 16;
}

void SketchInput(const ValueInfo& input, Sketch* sketch) {
  sketch->inputs.push_back(Format("{}: {} {}", Printable(input.name), Name(input.type),
                                  input.has_shape ? Printable(ToString(input.dims)) : "?"));
  if (input.has_shape && input.dims.empty()) {
    sketch->scalars += Format("{}{} = 0", sketch->scalars.empty() ? "" : ", ", Quoted(input.name));
  }
  if (LooksLikeImage(input)) sketch->looks = Looks::kImage;
  if (HoldsIds(input.type) && input.dims.size() == 2) sketch->looks = Looks::kText;
  for (std::size_t axis = 0; axis < input.dims.size(); ++axis) {
    const Dimension& dim = input.dims[axis];
    if (dim.value >= 0) continue;
    if (axis == 0 || sketch->batch_names.count(dim.name) > 0) continue;
    const std::string name = dim.name.empty() ? Format("{}:{}", input.name, axis) : dim.name;
    sketch->dims[name] = UsualSize(name);
  }
}

// A TorchScript module as far as it is described: its inputs.
Result<Model> OutsideOf(const fs::path& path) {
  QB_TRY(const TorchScript module, LoadTorchScript(path));
  Model model;
  model.graph.inputs = module.inputs;
  return model;
}

Result<Sketch> SketchOf(const fs::path& path, const fs::path& folder,
                        std::set<std::string>* taken) {
  QB_TRY(const Model model, IsTorchScript(path) ? OutsideOf(path) : LoadModel(path));
  Sketch sketch;
  sketch.is_torch = IsTorchScript(path);
  sketch.id = IdOf(path, taken);
  std::error_code failed;
  const fs::path relative = fs::relative(path, folder, failed);
  sketch.path = (failed || relative.empty() ? path : relative).generic_string();
  for (const ValueInfo* input : model.RuntimeInputs()) {
    if (input->dims.empty() || input->dims[0].value >= 0) continue;
    sketch.has_free_batch = true;
    if (!input->dims[0].name.empty()) sketch.batch_names.insert(input->dims[0].name);
  }
  for (const ValueInfo* input : model.RuntimeInputs()) SketchInput(*input, &sketch);
  for (const InputSpec& input : InputsOf(model)) {
    sketch.vocabulary = std::max(sketch.vocabulary, input.rows);
  }
  sketch.has_convolutions = std::any_of(model.graph.nodes.begin(), model.graph.nodes.end(),
                                        [](const Node& node) { return node.Is("Conv"); });
  for (const ValueInfo& output : model.graph.outputs) {
    if (sketch.looks == Looks::kText && output.dims.size() == 3 && sketch.vocabulary > 0 &&
        output.dims[2].value == sketch.vocabulary) {
      sketch.is_language_model = true;
    }
  }
  return sketch;
}

std::string_view DataIdOf(const Sketch& sketch) {
  if (sketch.looks == Looks::kImage) return "images";
  if (sketch.is_language_model) return "tokens";
  return sketch.looks == Looks::kText ? "texts" : "arrays";
}

std::string ModelText(const Sketch& sketch) {
  std::string text =
      Format("[[model]]\nid = {}\npath = {}\nwhy = \"\"  # fill in: why this model\n",
             Quoted(sketch.id), Quoted(sketch.path));
  if (sketch.is_torch && sketch.inputs.empty()) {
    text += "inputs = []  # fill in, in order: \"x=float32[batch,3,224,224]\"\n";
  }
  for (const std::string& input : sketch.inputs) text += Format("# input {}\n", input);
  text += Format("# data = \"{}\"  # once [data.{}] below is filled in\n", DataIdOf(sketch),
                 DataIdOf(sketch));
  if (!sketch.dims.empty()) {
    std::string dims;
    for (const auto& [name, size] : sketch.dims) {
      dims += Format("{}{} = {}", dims.empty() ? "" : ", ", Quoted(name), size);
    }
    text += Format("dims = {{ {} }}  # free dimensions: a guess, fill in\n", dims);
  }
  if (!sketch.scalars.empty()) {
    text += Format("constants = {{ {} }}  # inputs of one number: fill in\n", sketch.scalars);
  }
  if (sketch.vocabulary > 0) {
    text += Format("vocabulary = {}  # rows of its table of embeddings\n", sketch.vocabulary);
  }
  return text + "\n";
}

std::string VariantText(std::string_view recipe, std::string_view why) {
  return Format("[[variant]]\nid = \"{}\"\nrecipe = \"{}\"\nwhy = \"{}\"\n\n", recipe, recipe, why);
}

std::string VariantsText(const std::vector<Sketch>& sketches) {
  const auto any = [&](auto holds) { return std::any_of(sketches.begin(), sketches.end(), holds); };
  std::string text;
  if (any([](const Sketch& sketch) { return sketch.has_convolutions; })) {
    text += VariantText("static-int8", "integer arithmetic from end to end; calibrated");
  }
  const bool all_torch = std::all_of(sketches.begin(), sketches.end(),
                                     [](const Sketch& sketch) { return sketch.is_torch; });
  if (all_torch || any([](const Sketch& sketch) { return sketch.looks != Looks::kImage; })) {
    text += VariantText("dynamic-int8", "integer products, activations measured while running");
  }
  if (any([](const Sketch& sketch) { return sketch.is_language_model; })) {
    text += VariantText("weight-int4", "4-bit weights in blocks: smallest");
  }
  if (all_torch) return text;
  return text + VariantText("float16", "half the bytes, float arithmetic");
}

std::string_view DataText(std::string_view id) {
  if (id == "images") {
    return "# [data.images]\n# kind = \"image-folder\"\n# path = \"images\"\n"
           "# labels = \"labels.csv\"  # file name, class\n"
           "# preprocess = { resize = 256, crop = [224, 224], mean = [0.485, 0.456, 0.406], "
           "std = [0.229, 0.224, 0.225] }\n\n";
  }
  if (id == "texts") {
    return "# [data.texts]\n# kind = \"text\"\n# path = \"texts.tsv\"  # text, tab, class\n"
           "# text = { tokenizer = \"tokenizer.json\" }\n\n";
  }
  if (id == "tokens") {
    return "# [data.tokens]\n# kind = \"tokens\"\n# path = \"tokens.npy\"  # ids, a row a text\n\n";
  }
  return "# [data.arrays]\n# kind = \"npy\"\n# path = \"inputs.npy\"\n# labels = "
         "\"labels.npy\"\n\n";
}

std::string SweepText(const std::vector<Sketch>& sketches) {
  const bool batches = std::any_of(sketches.begin(), sketches.end(),
                                   [](const Sketch& sketch) { return sketch.has_free_batch; });
  std::map<std::string, std::int64_t> dims;
  for (const Sketch& sketch : sketches) dims.insert(sketch.dims.begin(), sketch.dims.end());
  std::string text = Format("[sweep]\nbatch = {}\nthreads = [1]\n",
                            batches ? "[1, 2, 4, 8]" : "[1]  # the models' batch is fixed");
  std::string sizes;
  for (const auto& [name, size] : dims) {
    sizes += Format("{}{} = [{}, {}, {}]", sizes.empty() ? "" : ", ", Quoted(name), size / 4,
                    size / 2, size);
  }
  if (!sizes.empty()) text += Format("# dims = {{ {} }}\n", sizes);
  return text + "\n";
}

std::string HypothesisText(std::string_view variant) {
  return Format(
      "# Say what you expect before you run it, and why: the first run freezes it by hash and "
      "time.\n"
      "# [[hypothesis]]\n# id = \"h1\"\n"
      "# text = \"the file of {0} is at most 0.3 times as large\"\n"
      "# why = \"8 of 32 bits, scales, and what stays float\"\n"
      "# metric = \"size.ratio\"\n# arms = [\"{0}\", \"original\"]\n# expect = \"<= 0.3\"\n",
      variant);
}

}  // namespace

Result<std::string> DraftStudy(const std::vector<fs::path>& models, const fs::path& file) {
  std::error_code failed;
  const fs::path folder = fs::absolute(file, failed).parent_path();
  std::set<std::string> taken;
  std::vector<Sketch> sketches;
  for (const fs::path& path : models) {
    QB_TRY(Sketch sketch, SketchOf(path, folder, &taken));
    sketches.push_back(std::move(sketch));
  }
  const std::string name = Printable(file.filename().string());
  std::string text = Format(
      "#:schema ./study.schema.json\n"
      "# A draft: what is to be filled in says so; docs/study-file.md explains every key.\n"
      "#   quantbench check {0}    finds every mistake\n"
      "#   quantbench run {0}      does the rest\n\n"
      "[study]\ntitle = \"What does quantizing buy on this device?\"\n"
      "group = \"\"  # fill in\nauthors = []  # fill in: your names\nrepetitions = 10  # k\n"
      "difficulties = \"\"\"\n\"\"\"  # fill in: what went wrong, what is strange\n"
      "discussion = \"\"\"\n\"\"\"  # fill in: what the results mean\n\n",
      name);
  std::set<std::string_view> data;
  for (const Sketch& sketch : sketches) {
    text += ModelText(sketch);
    data.insert(DataIdOf(sketch));
  }
  const std::string variants = VariantsText(sketches);
  text += variants;
  for (const std::string_view id : data) text += DataText(id);
  text += SweepText(sketches);
  const auto has = [&](std::string_view name) {
    return variants.find(Format("id = \"{}\"", name)) != std::string::npos;
  };
  return text + HypothesisText(has("static-int8")    ? "static-int8"
                               : has("dynamic-int8") ? "dynamic-int8"
                                                     : "float16");
}

}  // namespace quantbench
