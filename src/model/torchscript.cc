// TorchScript: what can be told of a .pt file without libtorch.
#include "quantbench/model/torchscript.h"

#include <algorithm>
#include <fstream>
#include <optional>

#include "quantbench/base/format.h"
#include "quantbench/base/json.h"
#include "quantbench/base/zip.h"

namespace quantbench {
namespace {

constexpr std::string_view kZipMagic("PK\x03\x04", 4);
constexpr std::uint64_t kMostDescription = 1U << 20U;
constexpr std::size_t kMostRank = 64;

Error NotTorchScript(std::string_view why) {
  return {ErrorCode::kMalformed, Format("not a TorchScript model: {}", why)};
}

// "resnet18/data/0" without the archive's own name: "data/0".
std::string_view WithoutRoot(std::string_view name) {
  const std::size_t slash = name.find('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

Result<ValueInfo> ReadDescribedInput(const Json& json) {
  ValueInfo input;
  input.name = json["name"].AsString();
  if (input.name.empty()) return NotTorchScript("an input in its description has no name");
  const auto wrong = [&](std::string_view what) {
    return NotTorchScript(
        Format("input \"{}\" in its description: {}", Printable(input.name), what));
  };
  const auto type = ParseDataType(json["type"].AsString());
  if (!type.ok()) return wrong(type.error().message());
  input.is_tensor = true;
  input.type = type.value();
  input.has_shape = true;
  if (!json["dims"].is_array() || json["dims"].AsArray().size() > kMostRank) {
    return wrong("dims is no list of dimensions");
  }
  for (const Json& dim : json["dims"].AsArray()) {
    const bool fixed = dim.is_integer() && dim.AsInt() >= 0;
    if (!fixed && !dim.is_string()) return wrong("a dimension is neither a size nor a word");
    input.dims.push_back({fixed ? dim.AsInt() : -1, dim.AsString()});
  }
  return input;
}

Status ReadDescription(std::string_view text, TorchScript* model) {
  const auto json = Json::Parse(text);
  if (!json.ok()) {
    return NotTorchScript(Format("its {}: {}", kTorchDescription, json.error().message()));
  }
  for (const Json& input : json.value()["inputs"].AsArray()) {
    QB_TRY(ValueInfo read, ReadDescribedInput(input));
    model->inputs.push_back(std::move(read));
  }
  for (const Json& output : json.value()["outputs"].AsArray()) {
    model->outputs.push_back(output["name"].AsString());
  }
  return Ok();
}

Status ReadArchive(TorchScript* model) {
  const std::string_view zip = model->file->text();
  if (!zip.starts_with(kZipMagic)) return NotTorchScript("no zip archive");
  QB_TRY(const std::vector<ZipMember> members, ReadZipDirectory(zip));
  bool has_data = false;
  std::optional<ZipMember> description;
  for (const ZipMember& member : members) {
    const std::string_view name = WithoutRoot(member.name);
    if (name == "data.pkl") has_data = true;
    if (name == Format("extra/{}", kTorchDescription)) description = member;
    if (name.starts_with("code/")) model->code_bytes += member.compressed;
    const bool tensor = name.starts_with("data/") || (name.starts_with("constants/") &&
                                                      name.find('.') == std::string_view::npos);
    if (!tensor) continue;
    if (member.compressed > zip.size()) return NotTorchScript("a tensor lies outside the file");
    model->tensor_bytes += member.compressed;
    ++model->tensors;
  }
  if (!has_data) return NotTorchScript("a zip archive without data.pkl");
  if (model->code_bytes == 0) {
    return NotTorchScript(
        "a checkpoint without code; save torch.jit.trace(module, inputs), or export it to ONNX");
  }
  if (!description) return Ok();
  QB_TRY(const std::string_view text, ZipMemberBytes(zip, *description));
  if (description->method != 0 || text.size() > kMostDescription) {
    return NotTorchScript(Format("its {} is deflated or too large", kTorchDescription));
  }
  return ReadDescription(text, model);
}

}  // namespace

bool IsTorchScript(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string head(kZipMagic.size(), '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  return file.good() && head == kZipMagic;
}

Result<TorchScript> LoadTorchScript(const std::filesystem::path& path) {
  TorchScript model;
  QB_TRY(model.file, MappedFile::Open(path));
  model.path = path;
  if (auto read = ReadArchive(&model); !read.ok()) return read.error().Within(path.string());
  return model;
}

}  // namespace quantbench
