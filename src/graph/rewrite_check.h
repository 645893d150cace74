// For tests of rewriting: the same function before and after, in the real engine.
#pragma once

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "quantbench/graph.h"

#include "engine_runner.h"

namespace quantbench::testing {

inline int CountOf(const Graph& graph, std::string_view op_type) {
  return static_cast<int>(std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                        [&](const Node& node) { return node.op_type == op_type; }));
}

// Nodes by operator.
inline std::map<std::string, int> OperatorsOf(const Graph& graph) {
  std::map<std::string, int> counts;
  for (const Node& node : graph.nodes) ++counts[node.op_type];
  return counts;
}

inline constexpr double kBitByBit = std::numeric_limits<double>::infinity();
inline constexpr double kUpToRounding = 110;  // decibels

// `after` is sound, and its outputs are those of `before`, in shape and type too, at least so many
// decibels above their difference.
inline void ExpectSameOutputs(const Model& before, const Model& after,
                              const std::vector<NamedTensor>& inputs, double decibels,
                              const SessionOptions& options = {}) {
  Must(CheckModel(after));
  const std::vector<Tensor> wanted = RunModel(before, inputs, options);
  const std::vector<Tensor> got = RunModel(after, inputs, options);
  ASSERT_EQ(wanted.size(), got.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(wanted[i].shape, got[i].shape) << "output " << i;
    EXPECT_EQ(wanted[i].type, got[i].type) << "output " << i;
    if (decibels == kBitByBit) {
      EXPECT_EQ(wanted[i].bytes, got[i].bytes) << "output " << i;
    } else {
      EXPECT_GE(Sqnr(wanted[i], got[i]), decibels) << "output " << i;
    }
  }
}

}  // namespace quantbench::testing
