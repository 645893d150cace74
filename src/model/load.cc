// Loading: a file or a buffer becomes a Model.
#include <algorithm>
#include <array>
#include <cctype>
#include <new>

#include "quantbench/base/format.h"

#include "model/decode.h"
#include "model/survey.h"
#include "model/wire.h"

namespace quantbench {
namespace {

struct Magic {
  std::string_view bytes;
  std::size_t offset;
  std::string_view what;
};
// Files that people hand us instead of a model, by their first bytes.
constexpr auto kMagics = std::to_array<Magic>({
    {"PK\x03\x04", 0,
     "TorchScript or a PyTorch checkpoint (zip); this needs ONNX: export it first"},
    {"\x1f\x8b", 0, "a gzip file; unpack it first"},
    {"BZh", 0, "a bzip2 file; unpack it first"},
    {"\xfd"
     "7zXZ",
     0, "an xz file; unpack it first"},
    {"\x28\xb5\x2f\xfd", 0, "a zstd file; unpack it first"},
    {"TFL3", 4, "a TensorFlow Lite model; convert it to ONNX first"},
    {"ORTM", 4, "an ORT-format model; use the .onnx it was made from"},
    {"GGUF", 0, "a GGUF model; use an ONNX export of it"},
    {"\x80\x02", 0, "a PyTorch checkpoint (pickle); export it to ONNX first"},
    {"\x80\x03", 0, "a PyTorch checkpoint (pickle); export it to ONNX first"},
    {"\x80\x04", 0, "a PyTorch checkpoint (pickle); export it to ONNX first"},
    {"\x80\x05", 0, "a PyTorch checkpoint (pickle); export it to ONNX first"},
    {"\x89HDF", 0, "an HDF5 file, probably a Keras model; convert it to ONNX first"},
    {"\x93NUMPY", 0, "a NumPy array"},
    {"\x89PNG", 0, "a PNG image"},
    {"\xff\xd8\xff", 0, "a JPEG image"},
    {"\x7f"
     "ELF",
     0, "a program or library"},
    {"version https://git-lfs", 0, "a Git LFS pointer; fetch the file with git lfs pull"},
});

bool IsPlainText(std::string_view head) {
  return std::all_of(head.begin(), head.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return std::isprint(byte) != 0 || std::isspace(byte) != 0 || byte >= 0x80;
  });
}

// What the bytes look like when they are no model; empty when they look like nothing known.
std::string_view Recognise(std::string_view bytes) {
  for (const Magic& magic : kMagics) {
    if (bytes.size() > magic.offset && bytes.substr(magic.offset).starts_with(magic.bytes)) {
      return magic.what;
    }
  }
  std::string head(bytes.substr(0, 256));
  if (!IsPlainText(head)) return {};
  std::transform(head.begin(), head.end(), head.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (head.find("<!doctype html") != std::string::npos || head.find("<html") != std::string::npos) {
    return "a web page; the download went wrong";
  }
  return "a text file";
}

// What people should do about a file that is something else; otherwise the error as it is.
Error Refusal(std::string_view bytes, Error error) {
  const std::string_view known = Recognise(bytes);
  if (known.empty()) return error;
  return {ErrorCode::kMalformed, Format("not a model: looks like {}", known)};
}

// Where the bytes of a model lie.
struct Source {
  Bytes bytes;
  std::filesystem::path folder;      // of its external data
  const MappedFile* file = nullptr;  // null in memory
};

Result<Model> Read(const Source& source, const ModelLimits& limits) {
  const std::string_view text = wire::Text(source.bytes.view);
  Model model;
  const ExternalData external(source.folder, &model.external_files);
  const Decoder decoder(source.bytes.owner, external, source.file);
  Survey survey(decoder, limits);
  try {
    survey.Walk(text);
    decoder.ReadModel(text, &model);
  } catch (const wire::WireError& error) {
    const std::string where = survey.where();
    return Error(ErrorCode::kMalformed,
                 Format("{}: {}", where.empty() ? "damaged or not a model" : where, error.what));
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::kIo, "not enough memory to read the model");
  }
  if (model.opsets.empty() || model.graph.origin.view.empty()) {
    return Error(ErrorCode::kMalformed, Format("damaged or not a model: it has no {}",
                                               model.opsets.empty() ? "operator set" : "graph"));
  }
  model.hidden_external = survey.hidden_external();
  return model;
}

Result<Model> Parse(const Source& source, const ModelLimits& limits) {
  const std::string_view text = wire::Text(source.bytes.view);
  if (text.empty()) return Error(ErrorCode::kMalformed, "not a model: the file is empty");
  if (text.size() > wire::kLargestMessage) {
    return Refusal(text, {ErrorCode::kUnsupported,
                          Format("{} is more than the 2 GB a model file may have; keep its tensors "
                                 "as external data",
                                 FormatBytes(text.size()))});
  }
  auto model = Read(source, limits);
  if (!model.ok()) return Refusal(text, model.error());
  model.value().folder = source.folder;
  model.value().file_bytes = text.size();
  return model;
}

}  // namespace

Result<Model> LoadModel(const std::filesystem::path& path, const ModelLimits& limits) {
  QB_TRY(const auto file, MappedFile::Open(path));
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  auto model = Parse({{file, file->bytes()}, folder, file.get()}, limits);
  if (!model.ok()) return model.error().Within(path.string());
  model.value().path = path;
  model.value().file = file;
  return model;
}

Result<Model> ParseModel(Bytes bytes, const std::filesystem::path& folder,
                         const ModelLimits& limits) {
  return Parse({std::move(bytes), folder}, limits);
}

}  // namespace quantbench
