// TorchScript: what can be told of a .pt file without libtorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/base/file.h"
#include "quantbench/base/status.h"
#include "quantbench/model.h"

namespace quantbench {

// The file that describes a module's inputs and outputs inside its archive, which TorchScript does
// not: torch.jit.save(..., _extra_files={"quantbench.json": ...}). A JSON object:
//   {"inputs": [{"name": "x", "type": "float32", "dims": ["batch", 3, 224, 224]}, ...],
//    "outputs": [{"name": "logits"}, ...]}
// in the order of forward's arguments. Dimensions that are words are free.
inline constexpr std::string_view kTorchDescription = "quantbench.json";

// A module that torch.jit.save wrote.
struct TorchScript {
  std::filesystem::path path;
  std::shared_ptr<const MappedFile> file;
  std::uint64_t tensor_bytes = 0;  // of the tensors it stores: parameters, buffers, constants
  std::int64_t tensors = 0;        // storages; several tensors may share one
  std::uint64_t code_bytes = 0;    // of its program, as it lies in the archive
  std::vector<ValueInfo> inputs;   // as described; empty: they are not
  std::vector<std::string> outputs;

  [[nodiscard]] std::uint64_t file_bytes() const { return file->bytes().size(); }
};

// Whether the file is for LoadTorchScript: begins as a zip archive does. False for one that cannot
// be read.
[[nodiscard]] bool IsTorchScript(const std::filesystem::path& path);
// Untrusted. kMalformed names the file and why it is no TorchScript: no zip archive, no data.pkl or
// code in it, a description that is not as above.
[[nodiscard]] Result<TorchScript> LoadTorchScript(const std::filesystem::path& path);

}  // namespace quantbench
