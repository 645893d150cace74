// NumPy arrays in memory.
#pragma once

#include <string_view>

#include "quantbench/data.h"

namespace quantbench {

// What the header of a .npy says; the payload is a view, of exactly the bytes the shape needs.
struct NpyView {
  DataType type = DataType::kUndefined;
  Shape shape;
  bool fortran = false;  // column-major, rank 2 or more
  bool swapped = false;  // big-endian numbers of more than a byte
  std::string_view payload;
};
// Errors without the file's name.
Result<NpyView> ViewNpy(std::string_view text);
// Row-major, little-endian.
Tensor ReadView(const NpyView& view);

}  // namespace quantbench
