// Laying out the external data of a model.
#include "model/data_file.h"

#include <algorithm>
#include <utility>

#include "model/walk.h"

namespace quantbench {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kLargeTensor = 1U << 20U;
constexpr std::uint64_t kSmallAlignment = 64;

Piece Zeros(std::uint64_t count) {
  return Piece::Of(Bytes::Own(std::vector<std::byte>(count)));
}

const void* IdentityOf(const Initializer& tensor) {
  switch (tensor.storage) {
    case Storage::kTyped: return tensor.origin.view.data();
    case Storage::kDeferred: return tensor.maker.get();
    default: return tensor.data.view.data();
  }
}

}  // namespace

Status DataFile::MoveOut(Graph* graph, std::uint64_t threshold) {
  Status moved = Ok();
  ForEachTensor(*graph, [&](Initializer& tensor, bool in_attribute) {
    if (!moved.ok()) return;
    const bool is_read_early =
        in_attribute || tensor.type == DataType::kInt64 || tensor.type == DataType::kInt32;
    moved = Move(is_read_early ? std::max(threshold, kLargeTensor) : threshold, &tensor);
  });
  return moved;
}

Status DataFile::Move(std::uint64_t threshold, Initializer* tensor) {
  if (tensor->storage == Storage::kExternal) {
    tensor->storage = Storage::kRaw;
    tensor->external = {};
  }
  if (tensor->type == DataType::kString || tensor->stored_bytes() < threshold) return Ok();
  QB_TRY(Piece payload, Piece::PayloadOf(*tensor));
  tensor->external = Add(std::move(payload), IdentityOf(*tensor));
  tensor->storage = Storage::kExternal;
  return Ok();
}

ExternalLocation DataFile::Add(Piece payload, const void* identity) {
  const std::uint64_t size = payload.size;
  const auto key = std::pair(identity, size);
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  const std::uint64_t alignment = size >= kLargeTensor ? kPage : kSmallAlignment;
  const std::uint64_t begin = (size_ + alignment - 1) / alignment * alignment;
  if (begin > size_) pieces_.push_back(Zeros(begin - size_));
  pieces_.push_back(std::move(payload));
  size_ = begin + size;
  return known_[key] = {location_, begin, size};
}

}  // namespace quantbench
