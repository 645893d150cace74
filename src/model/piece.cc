// Making pieces, and handing them out in batches.
#include "model/piece.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "model/payload.h"

namespace quantbench {
namespace {

using Part = std::span<const std::byte>;

constexpr std::size_t kBatch = 8U << 20U;
constexpr std::size_t kParts = 512;

// Parts that are used together, and what keeps them alive.
class Batch {
 public:
  // Takes what there is room for and returns the rest.
  Part Take(const Bytes& bytes, Part rest) {
    const Part part = rest.first(std::min(kBatch - size_, rest.size()));
    parts_.push_back(part);
    owners_.push_back(bytes.Part(part));
    size_ += part.size();
    return rest.subspan(part.size());
  }
  void CountMade(std::uint64_t bytes) { made_ += bytes; }

  [[nodiscard]] bool empty() const { return parts_.empty(); }
  [[nodiscard]] bool full() const { return size_ == kBatch || parts_.size() == kParts; }
  // Bytes of made pieces that parts of this batch keep alive.
  [[nodiscard]] std::uint64_t made() const { return made_; }
  [[nodiscard]] std::span<const Part> parts() const { return parts_; }

  void Release() {
    for (const Bytes& owner : owners_) owner.Release(owner.view);
    *this = {};
  }

 private:
  std::vector<Part> parts_;
  std::vector<Bytes> owners_;  // of each part
  std::size_t size_ = 0;
  std::uint64_t made_ = 0;
};

// Hands on whatever was collected.
Status Flush(const PartsUse& use, Batch* batch) {
  if (batch->empty()) return Ok();
  QB_OK(use(batch->parts()));
  batch->Release();
  return Ok();
}

Status TakeAll(const Bytes& bytes, const PartsUse& use, Batch* batch) {
  for (Part rest = bytes.view; !rest.empty();) {
    rest = batch->Take(bytes, rest);
    if (batch->full()) QB_OK(Flush(use, batch));
  }
  return Ok();
}

}  // namespace

Piece Piece::Of(Bytes bytes) {
  const std::uint64_t size = bytes.size();
  return {size, std::move(bytes), {}};
}

Result<Piece> Piece::PayloadOf(const Initializer& tensor) {
  if (tensor.storage == Storage::kRaw || tensor.storage == Storage::kExternal) {
    return Of(tensor.data);
  }
  QB_TRY(const std::uint64_t size, PayloadSize(tensor));
  return Piece{size, {}, [tensor] { return quantbench::PayloadOf(tensor); }};
}

Status ForEachBatch(std::span<const Piece> pieces, const PartsUse& use) {
  Batch batch;
  for (const Piece& piece : pieces) {
    const bool is_made = static_cast<bool>(piece.make);
    if (is_made && batch.made() + piece.size > kBatch) QB_OK(Flush(use, &batch));
    QB_TRY(const Bytes bytes, piece.Get());
    QB_OK(TakeAll(bytes, use, &batch));
    if (is_made && !batch.empty()) batch.CountMade(piece.size);
  }
  return Flush(use, &batch);
}

}  // namespace quantbench
