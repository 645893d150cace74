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
    Batch batch;
    for (const Bytes& piece : pieces) {
      for (Part rest = piece.view; !rest.empty();) {
        rest = batch.Take(piece.owner.get(), rest);
        if (!batch.full()) continue;
        if (Status done = Flush(use, &batch); !done.ok()) return done;
      }
    }
    return Flush(use, &batch);
  }

 private:
  static constexpr std::size_t kBatch = 8U << 20U;
  static constexpr std::size_t kParts = 512;

  struct Batch {
    std::vector<Part> parts;
    std::vector<const void*> owners;  // of each part
    std::size_t size = 0;

    // Takes what there is room for and returns the rest.
    Part Take(const void* owner, Part piece) {
      parts.push_back(piece.first(std::min(kBatch - size, piece.size())));
      owners.push_back(owner);
      size += parts.back().size();
      return piece.subspan(parts.back().size());
    }
    [[nodiscard]] bool full() const { return size == kBatch || parts.size() == kParts; }
  };

  template <typename Use>
  Status Flush(const Use& use, Batch* batch) const {
    QB_OK(use(std::span<const Part>(batch->parts)));
    for (std::size_t i = 0; i < batch->parts.size(); ++i) {
      Release(batch->owners[i], batch->parts[i]);
    }
    *batch = {};
    return Ok();
  }

  void Release(const void* owner, Part part) const {
    const auto file = files_.find(owner);
    if (file != files_.end()) file->second->Release(part);
  }

  std::unordered_map<const void*, const MappedFile*> files_;  // by the address views are owned by
};

}  // namespace quantbench
