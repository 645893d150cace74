// How large a model's file is, whatever it is.
#include "run/size_of_file.h"

#include "quantbench/model.h"
#include "quantbench/model/torchscript.h"

namespace quantbench {

Result<ModelSize> SizeOfFile(const std::filesystem::path& path) {
  if (IsTorchScript(path)) {
    QB_TRY(const TorchScript model, LoadTorchScript(path));
    return SizeOf(model);
  }
  QB_TRY(const Model model, LoadModel(path));
  return SizeOf(model);
}

}  // namespace quantbench
