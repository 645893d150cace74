// Pieces: what an encoded model is written from, one after the other, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "quantbench/base/status.h"
#include "quantbench/model.h"

namespace quantbench {

// Bytes that are there, or that are made when their turn comes.
struct Piece {
  std::uint64_t size = 0;
  Bytes bytes;                          // when there is no `make`
  std::function<Result<Bytes>()> make;  // of `size` bytes

  [[nodiscard]] static Piece Of(Bytes bytes);
  // The payload: a view where the tensor has one, else made later. Errors as ByteCount.
  [[nodiscard]] static Result<Piece> PayloadOf(const Initializer& tensor);
  [[nodiscard]] Result<Bytes> Get() const { return make ? make() : bytes; }
};

using PartsUse = std::function<Status(std::span<const std::span<const std::byte>>)>;
// Calls use(parts) for batches of parts that are the pieces in order, until it or a piece fails.
// Behind a batch its pages go back and what was made is freed, so besides one made piece only some
// 8 MB stay in memory.
[[nodiscard]] Status ForEachBatch(std::span<const Piece> pieces, const PartsUse& use);

}  // namespace quantbench
