// Minimum cut by shortest augmenting paths.
#include "quantize/min_cut.h"

#include <algorithm>

namespace quantbench {
namespace {

constexpr std::size_t kTerminals = 2;
constexpr std::int64_t kNotReached = -1;
constexpr std::int64_t kFromNowhere = -2;

}  // namespace

MinCut::MinCut(std::size_t nodes) : from_(nodes + kTerminals) {}

std::size_t MinCut::AddNode() {
  from_.emplace_back();
  return from_.size() - kTerminals - 1;
}

void MinCut::AddEdge(std::size_t from, std::size_t to, std::int64_t capacity) {
  if (capacity <= 0) return;
  from_[from].push_back(edges_.size());
  edges_.push_back({to, std::min(capacity, kNever)});
  from_[to].push_back(edges_.size());
  edges_.push_back({from, 0});
}

void MinCut::AddChoice(std::size_t node, std::int64_t on_first, std::int64_t on_second) {
  AddEdge(kSource, node + kTerminals, on_second);
  AddEdge(node + kTerminals, kSink, on_first);
}

void MinCut::AddBorder(std::size_t a, std::size_t b, std::int64_t cost) {
  AddEdge(a + kTerminals, b + kTerminals, cost);
}

std::vector<std::int64_t> MinCut::Reach() const {
  std::vector<std::int64_t> by(from_.size(), kNotReached);
  by[kSource] = kFromNowhere;
  std::vector<std::size_t> queue = {kSource};
  for (std::size_t next = 0; next < queue.size() && by[kSink] == kNotReached; ++next) {
    for (const std::size_t edge : from_[queue[next]]) {
      const std::size_t to = edges_[edge].to;
      if (edges_[edge].left == 0 || by[to] != kNotReached) continue;
      by[to] = static_cast<std::int64_t>(edge);
      queue.push_back(to);
    }
  }
  return by;
}

std::vector<bool> MinCut::Solve() {
  std::vector<std::int64_t> by = Reach();
  for (; by[kSink] != kNotReached; by = Reach()) {
    std::vector<std::size_t> path;
    std::int64_t flow = kNever;
    for (std::size_t node = kSink; node != kSource; node = edges_[path.back() ^ 1U].to) {
      path.push_back(static_cast<std::size_t>(by[node]));
      flow = std::min(flow, edges_[path.back()].left);
    }
    for (const std::size_t edge : path) {
      edges_[edge].left -= flow;
      edges_[edge ^ 1U].left += flow;
    }
  }
  std::vector<bool> is_first;
  for (std::size_t node = kTerminals; node < by.size(); ++node) {
    is_first.push_back(by[node] != kNotReached);
  }
  return is_first;
}

}  // namespace quantbench
