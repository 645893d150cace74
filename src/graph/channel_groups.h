// Activations that must keep one channel count.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "quantbench/model.h"

namespace quantbench {

// Sets of activations [N, C, ...] tied to one channel count C by depthwise Conv, elementwise
// operators and pooling. A set is closed when C can be raised without anyone else noticing: it is
// written by dense and depthwise Conv and the operators that tie it, read by those and no others,
// and no value of it is an input or output of the graph.
class ChannelGroups {
 public:
  // The graph must outlive it, unedited.
  ChannelGroups(const Model& model, const GraphIndex& index);

  // The set that the value belongs to; absent when it is not closed.
  [[nodiscard]] std::optional<std::size_t> ClosedGroupOf(std::string_view value) const;

 private:
  struct Layout {
    std::int64_t channels = 0;
    std::int64_t rank = 0;
    friend bool operator==(const Layout&, const Layout&) = default;
  };
  void AddConv(const GraphIndex& index, const Node& node);
  void AddTie(const GraphIndex& index, const Node& node);
  void OpenAll(const Node& node);
  void OpenReads(const Graph& body);
  void Open(std::string_view value) { open_[IdOf(value)] = true; }
  void Join(std::size_t a, std::size_t b) { parent_[RootOf(b)] = RootOf(a); }
  std::size_t IdOf(std::string_view value);
  std::size_t RootOf(std::size_t id);

  std::unordered_map<std::string_view, std::size_t> ids_;
  std::vector<std::size_t> parent_;  // in the end, the root
  std::vector<std::optional<Layout>> layouts_;
  std::vector<bool> open_;  // in the end, true of a root: its set is open
};

}  // namespace quantbench
