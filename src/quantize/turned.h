// Small matrices of codes, scales and weights, the other way round.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace quantbench {

// [rows, columns] as [columns, rows].
template <typename T>
std::vector<T> TurnedRows(std::span<const T> values, std::int64_t rows, std::int64_t columns) {
  std::vector<T> turned(values.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      turned[static_cast<std::size_t>(column * rows + row)] =
          values[static_cast<std::size_t>(row * columns + column)];
    }
  }
  return turned;
}

}  // namespace quantbench
