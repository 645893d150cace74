// Orders of arms within rounds.
#include <algorithm>
#include <numeric>

#include "quantbench/base/random.h"
#include "quantbench/measure.h"

namespace quantbench {
namespace {

using Order = std::vector<std::size_t>;

// Fisher-Yates.
template <typename T>
void Shuffle(std::vector<T>* items, Random* random) {
  for (std::size_t i = items->size(); i > 1; --i) {
    std::swap((*items)[i - 1], (*items)[random->Below(i)]);
  }
}

// Rows of a Williams design: 0, n-1, 1, n-2, ... and its cyclic shifts; for odd n also their mirror
// images, since one square alone cannot balance what follows what.
std::vector<Order> WilliamsRows(std::size_t n) {
  Order first(n);
  for (std::size_t i = 0; i < n; ++i) first[i] = i % 2 == 0 ? i / 2 : n - 1 - i / 2;
  std::vector<Order> rows;
  for (std::size_t shift = 0; shift < n; ++shift) {
    Order row(n);
    for (std::size_t i = 0; i < n; ++i) row[i] = (first[i] + shift) % n;
    rows.push_back(row);
    if (n % 2 == 1) {
      std::reverse(row.begin(), row.end());
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace

std::vector<Order> OrderRounds(std::size_t arms, int rounds, std::uint64_t seed) {
  Random random(seed);
  Order names(arms);
  std::iota(names.begin(), names.end(), 0U);
  Shuffle(&names, &random);
  const std::vector<Order> rows = WilliamsRows(arms);
  std::vector<Order> orders;
  while (orders.size() < static_cast<std::size_t>(std::max(0, rounds))) {
    std::vector<Order> block = rows;
    Shuffle(&block, &random);
    for (Order& row : block) {
      for (std::size_t& arm : row) arm = names[arm];
      orders.push_back(std::move(row));
    }
  }
  orders.resize(static_cast<std::size_t>(std::max(0, rounds)));
  return orders;
}

}  // namespace quantbench
