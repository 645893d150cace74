// Loading: a file or a buffer becomes a Model.
#include <array>

#include "model/decode.h"
#include "model/wire.h"
#include "quantbench/base/format.h"

namespace quantbench {
namespace {

struct Magic {
  std::string_view bytes;
  std::size_t offset;
  std::string_view what;
};
// Files that people hand us instead of a model, by their first bytes.
constexpr auto kMagics = std::to_array<Magic>({
    {"PK\x03\x04", 0, "a zip archive, probably a PyTorch checkpoint; export it to ONNX first"},
    {"\x1f\x8b", 0, "a gzip file; unpack it first"},
    {"TFL3", 4, "a TensorFlow Lite model; convert it to ONNX first"},
    {"ORTM", 4, "an ORT-format model; use the .onnx it was made from"},
    {"GGUF", 0, "a GGUF model, not ONNX"},
    {"\x80\x02", 0, "a Python pickle, probably a PyTorch checkpoint; export it to ONNX first"},
    {"\x89HDF", 0, "an HDF5 file, probably a Keras model; convert it to ONNX first"},
    {"\x93NUMPY", 0, "a NumPy array, not a model"},
    {"<!DOCTYPE", 0, "a web page; the download went wrong"},
    {"<html", 0, "a web page; the download went wrong"},
    {"version https://git-lfs", 0, "a Git LFS pointer; run git lfs pull"},
});

std::string_view Recognise(std::string_view bytes) {
  for (const Magic& magic : kMagics) {
    if (bytes.size() > magic.offset && bytes.substr(magic.offset).starts_with(magic.bytes)) {
      return magic.what;
    }
  }
  return {};
}

Result<Model> Parse(Bytes bytes, const std::filesystem::path& folder, bool allow_external,
                    const ModelLimits& limits) {
  const std::string_view text = wire::Text(bytes.view);
  if (text.empty()) return Error(ErrorCode::kMalformed, "the file is empty");
  if (const std::string_view other = Recognise(text); !other.empty()) {
    return Error(ErrorCode::kMalformed, Format("not an ONNX model: looks like {}", other));
  }
  Model model;
  Decoder decoder(bytes.owner, folder, limits, allow_external ? &model.external_files : nullptr);
  QB_OK(CatchDecodeErrors(decoder, [&] { decoder.Read(text, &model); }));
  if (model.opsets.empty() || (model.graph.nodes.empty() && model.graph.outputs.empty())) {
    return Error(ErrorCode::kMalformed, "not an ONNX model: no operator set and no graph");
  }
  model.folder = folder;
  model.file_bytes = text.size();
  return model;
}

}  // namespace

Result<Model> LoadModel(const std::filesystem::path& path, const ModelLimits& limits) {
  QB_TRY(const auto file, MappedFile::Open(path));
  auto model = Parse({file, file->bytes()}, path.parent_path(), true, limits);
  if (!model.ok()) return model.error().Within(path.string());
  model.value().file = file;
  return model;
}

Result<Model> ParseModel(Bytes bytes, const std::filesystem::path& folder,
                         const ModelLimits& limits) {
  return Parse(std::move(bytes), folder, !folder.empty(), limits);
}

}  // namespace quantbench
