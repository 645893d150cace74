// Minimum cut: the cheapest way to part the nodes of a graph in two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace quantbench {

// Nodes 0 to n - 1 lie on one of two sides. Costs are at least 0; kNever forbids.
class MinCut {
 public:
  static constexpr std::int64_t kNever = std::int64_t{1} << 60;

  explicit MinCut(std::size_t nodes);
  [[nodiscard]] std::size_t AddNode();
  // What the node costs on the first side and on the second.
  void AddChoice(std::size_t node, std::int64_t on_first, std::int64_t on_second);
  // What it costs where `a` is on the first side and `b` on the second.
  void AddBorder(std::size_t a, std::size_t b, std::int64_t cost);
  // Finds the cheapest sides; of several with the fewest nodes on the first [Edmonds, Karp 1972].
  // By node, whether it is on the first side. The work grows with the cube of the nodes at worst.
  [[nodiscard]] std::vector<bool> Solve();

 private:
  struct Edge {
    std::size_t to = 0;
    std::int64_t left = 0;  // of its capacity; its reverse is its neighbour in `edges_`
  };
  void AddEdge(std::size_t from, std::size_t to, std::int64_t capacity);
  // Edges by which the sink, or else all that can be reached, is reached; by node, -1: not.
  [[nodiscard]] std::vector<std::int64_t> Reach() const;

  static constexpr std::size_t kSource = 0;
  static constexpr std::size_t kSink = 1;
  std::vector<std::vector<std::size_t>> from_;  // by node: its edges
  std::vector<Edge> edges_;
};

}  // namespace quantbench
