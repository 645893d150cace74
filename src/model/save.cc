// Saving: a model as pieces, as one buffer, or as a file with its external data beside it.
#include <algorithm>
#include <cstring>
#include <new>
#include <system_error>

#include "quantbench/base/format.h"

#include "model/data_file.h"
#include "model/encode.h"
#include "model/piece.h"
#include "model/walk.h"
#include "model/wire.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;
using Parts = std::span<const std::span<const std::byte>>;

bool UsesExternal(const Model& model) {
  bool uses = !model.external_files.empty();
  ForEachTensor(model.graph, [&](const Initializer& tensor, bool) {
    uses = uses || tensor.storage == Storage::kExternal;
  });
  return uses;
}

std::uint64_t TensorBytes(const Model& model) {
  std::uint64_t sum = 0;
  ForEachTensor(model.graph,
                [&](const Initializer& tensor, bool) { sum += tensor.stored_bytes(); });
  return sum;
}

bool IsSameFile(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return !a.empty() && fs::equivalent(a, b, ignored);
}

// Whether the file may be written at all, asked before anything is.
Status CheckTarget(const Model& model, const fs::path& path, bool replace) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (!fs::exists(status)) return Ok();
  const auto refuse = [&](std::string_view why) {
    return Error(ErrorCode::kInvalidArgument, Format("{}: {}", path.string(), why));
  };
  bool is_source = IsSameFile(model.path, path);
  for (const auto& [location, file] : model.external_files) {
    is_source = is_source || IsSameFile(model.folder / location, path);
  }
  if (is_source) return refuse("is a file that the model was read from");
  if (!fs::is_regular_file(status)) return refuse("exists and is not a regular file");
  if (!replace) return refuse("exists already");
  return Ok();
}

Result<AtomicFile> Write(std::span<const Piece> pieces, const fs::path& path,
                         const SaveOptions& options) {
  QB_TRY(AtomicFile file,
         AtomicFile::Create(path, options.replace_existing ? AtomicFile::IfExists::kReplace
                                                           : AtomicFile::IfExists::kFail));
  std::uint64_t size = 0;
  for (const Piece& piece : pieces) size += piece.size;
  QB_OK(file.RequireSpace(size));
  QB_OK(ForEachBatch(pieces, [&](Parts parts) { return file.Write(parts); }));
  return file;
}

Status SaveWhole(const Model& model, const fs::path& path, const SaveOptions& options) {
  QB_TRY(const EncodedModel encoded, EncodeModel(model));
  QB_TRY(AtomicFile file, Write(encoded.pieces, path, options));
  return file.Commit();
}

// Puts both files in their places. At no time does a model lie beside data that is not its own: an
// old model goes before its data is replaced, and the new one comes after its data.
Status CommitBoth(AtomicFile* data, const fs::path& data_path, AtomicFile* model,
                  const fs::path& path) {
  std::error_code ignored;
  const bool replaces_data = fs::exists(data_path, ignored);
  if (replaces_data) fs::remove(path, ignored);
  QB_OK(data->Commit());
  Status committed = model->Commit();
  if (!committed.ok()) fs::remove(data_path, ignored);
  return committed;
}

Status SaveSplit(const Model& model, const fs::path& path, const SaveOptions& options) {
  if (model.hidden_external > 0) {
    return Error(ErrorCode::kUnsupported,
                 Format("{}: {} tensors in functions, sparse tensors or training information have "
                        "external data, which is not copied",
                        path.string(), model.hidden_external));
  }
  const std::string location = path.filename().string() + ".data";
  const fs::path data_path = path.parent_path() / location;
  Model split = model;
  DataFile data(location);
  QB_OK(data.MoveOut(&split.graph, options.external_threshold));
  if (data.empty()) return SaveWhole(split, path, options);
  QB_OK(CheckTarget(model, data_path, options.replace_existing));
  QB_TRY(const EncodedModel encoded, EncodeModel(split));
  QB_TRY(AtomicFile data_file, Write(data.pieces(), data_path, options));
  QB_TRY(AtomicFile model_file, Write(encoded.pieces, path, options));
  return CommitBoth(&data_file, data_path, &model_file, path);
}

}  // namespace

Result<EncodedModel> EncodeModel(const Model& model) {
  EncodedModel encoded;
  try {
    wire::Rope rope = Encoder(model).Encode(model);
    encoded.size = rope.size();
    encoded.pieces = rope.Take();
  } catch (const wire::WireError& error) {
    return Error(ErrorCode::kMalformed, Format("the model's origin: {}", error.what));
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::kIo, "not enough memory to write the model");
  }
  if (encoded.size > wire::kLargestMessage) {
    return Error(ErrorCode::kUnsupported,
                 Format("the model has {}, more than the 2 GB a model file may have; keep its "
                        "tensors as external data",
                        FormatBytes(encoded.size)));
  }
  return encoded;
}

Result<std::vector<std::byte>> EncodeToBytes(const Model& model) {
  QB_TRY(const EncodedModel encoded, EncodeModel(model));
  std::vector<std::byte> bytes;
  bytes.reserve(encoded.size);
  QB_OK(ForEachBatch(encoded.pieces, [&](Parts parts) {
    for (const auto part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
    return Ok();
  }));
  return bytes;
}

Status SaveModel(const Model& model, const fs::path& path, const SaveOptions& options) {
  QB_OK(CheckTarget(model, path, options.replace_existing));
  if (UsesExternal(model) || TensorBytes(model) > options.external_above) {
    return SaveSplit(model, path, options);
  }
  return SaveWhole(model, path, options);
}

}  // namespace quantbench
