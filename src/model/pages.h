// Pages: copies pieces of a mapped model in batches and gives its pages back behind them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <unordered_map>
#include <vector>

#include "quantbench/base/file.h"
#include "quantbench/model.h"

namespace quantbench {

class Pages {
 public:
  using Part = std::span<const std::byte>;

  explicit Pages(const Model& model) {
    if (model.file != nullptr) files_[model.file.get()] = model.file.get();
    for (const auto& [location, file] : model.external_files) files_[file.get()] = file.get();
  }

  // Calls use(parts) for batches of parts that are the pieces in order, until one fails. A batch
  // has at most kBatch bytes, so no more than that stays in memory.
  template <typename Use>
  Status ForEachBatch(std::span<const Bytes> pieces, const Use& use) const {
    std::vector<Part> parts;
    std::vector<const void*> owners;
    std::size_t size = 0;
    const auto flush = [&]() -> Status {
      QB_OK(use(std::span<const Part>(parts)));
      for (std::size_t i = 0; i < parts.size(); ++i) Release(owners[i], parts[i]);
      parts.clear();
      owners.clear();
      size = 0;
      return Ok();
    };
    for (const Bytes& piece : pieces) {
      for (std::size_t at = 0; at < piece.size();) {
        parts.push_back(piece.view.subspan(at, std::min(kBatch - size, piece.size() - at)));
        owners.push_back(piece.owner.get());
        at += parts.back().size();
        size += parts.back().size();
        if (size == kBatch || parts.size() == kParts) QB_OK(flush());
      }
    }
    return flush();
  }

 private:
  static constexpr std::size_t kBatch = 8U << 20U;
  static constexpr std::size_t kParts = 512;

  void Release(const void* owner, Part part) const {
    const auto file = files_.find(owner);
    if (file != files_.end()) file->second->Release(part);
  }

  std::unordered_map<const void*, const MappedFile*> files_;  // by the address views are owned by
};

}  // namespace quantbench
