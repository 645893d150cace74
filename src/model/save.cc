// Saving: a model as pieces, as one buffer, or as a file with its external data beside it.
#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <system_error>

#include "model/decode.h"
#include "model/encode.h"
#include "quantbench/base/format.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kProtobufLimit = std::numeric_limits<std::int32_t>::max();
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kLargeTensor = 1U << 20U;  // from here on a tensor begins on a page
constexpr std::uint64_t kSmallAlignment = 64;

void ForEachTensor(Graph* graph, const std::function<void(Initializer*)>& visit) {
  for (Initializer& tensor : graph->initializers) visit(&tensor);
  for (Node& node : graph->nodes) {
    for (Attribute& attribute : node.attributes) {
      for (Initializer& tensor : attribute.tensors) visit(&tensor);
      for (Graph& body : attribute.graphs) ForEachTensor(&body, visit);
    }
  }
}

// Pages of a mapped file are given back once they were written, so that copying stays small.
void Release(const Model& model, const Bytes& bytes) {
  constexpr std::size_t kWorthIt = 1U << 16U;
  if (bytes.size() < kWorthIt) return;
  for (const auto& [location, file] : model.external_files) {
    if (file.get() == bytes.owner.get()) file->Release(bytes.view);
  }
  if (model.file != nullptr && model.file.get() == bytes.owner.get()) {
    model.file->Release(bytes.view);
  }
}

// The data file of a model with external data: what goes where, in order.
struct DataFile {
  std::vector<Bytes> payloads;
  std::vector<std::uint64_t> paddings;  // zeros before each payload
  std::uint64_t size = 0;

  ExternalLocation Add(const Bytes& payload, const std::string& location) {
    const std::uint64_t alignment = payload.size() >= kLargeTensor ? kPage : kSmallAlignment;
    const std::uint64_t begin = (size + alignment - 1) / alignment * alignment;
    payloads.push_back(payload);
    paddings.push_back(begin - size);
    size = begin + payload.size();
    return {location, begin, payload.size()};
  }
};

bool HasExternal(const Model& model) {
  return !model.external_files.empty();
}

std::uint64_t TensorBytes(const Model& model) {
  std::uint64_t sum = 0;
  Model* unchanged = const_cast<Model*>(&model);  // ForEachTensor edits only through `visit`
  ForEachTensor(&unchanged->graph, [&](Initializer* tensor) { sum += tensor->data.size(); });
  return sum;
}

// Moves the payloads of at least `threshold` bytes out of the model.
DataFile MoveOut(Model* model, const std::string& location, std::uint64_t threshold) {
  DataFile data;
  ForEachTensor(&model->graph, [&](Initializer* tensor) {
    if (tensor->storage == Storage::kTyped || tensor->data.size() < threshold) return;
    tensor->external = data.Add(tensor->data, location);
    tensor->storage = Storage::kExternal;
  });
  // Short payloads that were external before come home.
  ForEachTensor(&model->graph, [&](Initializer* tensor) {
    const bool moved = tensor->storage == Storage::kExternal && tensor->external.location == location;
    if (tensor->storage == Storage::kExternal && !moved) tensor->storage = Storage::kRaw;
  });
  return data;
}

Status WriteData(const Model& model, const DataFile& data, AtomicFile* file) {
  const std::vector<std::byte> zeros(kPage);
  for (std::size_t i = 0; i < data.payloads.size(); ++i) {
    QB_OK(file->Write(std::span(zeros).first(data.paddings[i])));
    QB_OK(file->Write(data.payloads[i].view));
    Release(model, data.payloads[i]);
  }
  return Ok();
}

Status CheckTarget(const Model& model, const fs::path& path, bool replace) {
  std::error_code error;
  if (!fs::exists(path, error)) return Ok();
  if (!replace) {
    return Error(ErrorCode::kInvalidArgument, Format("{}: exists already", path.string()));
  }
  for (const auto& [location, file] : model.external_files) {
    if (fs::equivalent(model.folder / location, path, error)) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("{}: is a file the model was read from", path.string()));
    }
  }
  return Ok();
}

AtomicFile::IfExists Existing(const SaveOptions& options) {
  return options.replace_existing ? AtomicFile::IfExists::kReplace : AtomicFile::IfExists::kFail;
}

Status WriteModel(const Model& model, const fs::path& path, const SaveOptions& options) {
  QB_TRY(const EncodedModel encoded, EncodeModel(model));
  QB_TRY(AtomicFile file, AtomicFile::Create(path, Existing(options)));
  for (const Bytes& piece : encoded.pieces) {
    QB_OK(file.Write(piece.view));
    Release(model, piece);
  }
  return file.Commit();
}

}  // namespace

Result<EncodedModel> EncodeModel(const Model& model) {
  EncodedModel encoded;
  const Decoder nowhere(nullptr, {}, {}, nullptr);
  QB_OK(CatchDecodeErrors(nowhere, [&] {
    wire::Rope rope = EncodeMessage(model);
    encoded.size = rope.size();
    encoded.pieces = rope.Take();
  }));
  if (encoded.size > kProtobufLimit) {
    return Error(ErrorCode::kUnsupported,
                 Format("the model message has {}, more than the 2 GB of protobuf; use external data",
                        FormatBytes(encoded.size)));
  }
  return encoded;
}

Result<std::vector<std::byte>> EncodeToBytes(const Model& model) {
  QB_TRY(const EncodedModel encoded, EncodeModel(model));
  std::vector<std::byte> bytes(encoded.size);
  std::size_t at = 0;
  for (const Bytes& piece : encoded.pieces) {
    std::memcpy(bytes.data() + at, piece.view.data(), piece.size());
    at += piece.size();
  }
  return bytes;
}

Status SaveModel(const Model& model, const fs::path& path, const SaveOptions& options) {
  QB_OK(CheckTarget(model, path, options.replace_existing));
  if (!HasExternal(model) && TensorBytes(model) <= options.external_above) {
    return WriteModel(model, path, options);
  }
  Model split = model;
  const std::string location = path.filename().string() + ".data";
  const fs::path data_path = path.parent_path() / location;
  QB_OK(CheckTarget(model, data_path, options.replace_existing));
  const DataFile data = MoveOut(&split, location, options.external_threshold);
  if (data.payloads.empty()) return WriteModel(split, path, options);
  // The data first: a model that is there finds its data.
  QB_TRY(AtomicFile file, AtomicFile::Create(data_path, Existing(options)));
  QB_OK(WriteData(model, data, &file));
  QB_OK(file.Commit());
  return WriteModel(split, path, options);
}

}  // namespace quantbench
