// The shapes of a run with one sample.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "quantbench/graph.h"

namespace quantbench {

// Elements of a tensor of that shape; a hostile one ends in no overflow.
[[nodiscard]] double NumbersIn(const Shape& shape);

// Free first dimensions of inputs, and those of the same name, are 1. Of the outer graph.
class SampleShapes {
 public:
  explicit SampleShapes(const Model& model);

  // Null: not known.
  [[nodiscard]] const Shape* Of(std::string_view tensor) const;
  // Of a tensor; absent when its shape is not known.
  [[nodiscard]] std::optional<double> ElementsOf(std::string_view tensor) const;

 private:
  std::unordered_map<std::string, Shape> shapes_;
};

}  // namespace quantbench
