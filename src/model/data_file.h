// DataFile: the file of external data that a saved model brings along.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "quantbench/model.h"

#include "model/piece.h"

namespace quantbench {

// What lies where in the file, in order. Tensors of 1 MB or more begin on a page of 4096 bytes, so
// that engines can map them; smaller ones at a multiple of 64. A payload that several tensors share
// is stored once.
class DataFile {
 public:
  explicit DataFile(std::string location) : location_(std::move(location)) {}

  // Moves the initializers of at least `threshold` bytes out of the graph and its subgraphs.
  // Tensors of attributes, and of 32 and 64 bit integers (shapes, axes, indices), go from 1 MB on
  // only: engines need their numbers while they infer shapes, before they open other files. What
  // was external and stays behind comes into the model. Deferred and typed numbers are made when
  // the pieces are written.
  Status MoveOut(Graph* graph, std::uint64_t threshold);

  [[nodiscard]] bool empty() const { return pieces_.empty(); }
  // The content, with the zeros between the tensors.
  [[nodiscard]] const std::vector<Piece>& pieces() const { return pieces_; }

 private:
  Status Move(std::uint64_t threshold, Initializer* tensor);
  // `identity`: what two tensors with the same payload share.
  ExternalLocation Add(Piece payload, const void* identity);

  std::string location_;
  std::vector<Piece> pieces_;
  std::uint64_t size_ = 0;
  std::map<std::pair<const void*, std::uint64_t>, ExternalLocation> known_;
};

}  // namespace quantbench
