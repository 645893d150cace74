// Finding the file behind bytes.
#include "graph/mapped_pages.h"

namespace quantbench {
namespace {

bool Holds(const std::shared_ptr<const MappedFile>& file, const std::byte* place) {
  if (file == nullptr || file->bytes().empty()) return false;
  const std::byte* begin = file->bytes().data();
  return place >= begin && place < begin + file->bytes().size();
}

}  // namespace

std::shared_ptr<const MappedFile> FileHolding(const Model& model,
                                              std::span<const std::byte> bytes) {
  if (Holds(model.file, bytes.data())) return model.file;
  for (const auto& [location, file] : model.external_files) {
    if (Holds(file, bytes.data())) return file;
  }
  return nullptr;
}

void ReleasePages(const Model& model, std::span<const std::byte> bytes) {
  if (const auto file = FileHolding(model, bytes)) file->Release(bytes);
}

}  // namespace quantbench
