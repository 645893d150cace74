// DataFile: the file of external data that a saved model brings along.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "quantbench/model.h"

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
  // was external and stays behind comes into the model.
  Status MoveOut(Graph* graph, std::uint64_t threshold);

  [[nodiscard]] bool empty() const { return pieces_.empty(); }
  // The content, with the zeros between the tensors.
  [[nodiscard]] const std::vector<Bytes>& pieces() const { return pieces_; }

 private:
  Status Move(std::uint64_t threshold, Initializer* tensor);
  ExternalLocation Add(const Bytes& payload);

  std::string location_;
  std::vector<Bytes> pieces_;
  std::uint64_t size_ = 0;
  std::map<std::pair<const std::byte*, std::size_t>, ExternalLocation> known_;
};

}  // namespace quantbench
