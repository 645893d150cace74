// What pays: static layers that are expected to be faster as floats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "quantize/layer_choices.h"

namespace quantbench {

// The choices of all layers, static integers left where they are not expected to pay: layers and
// stretches of layers, or all of them where the rest would hardly gain (docs/quantization.md, "What
// pays"). Follows from the graph alone. Where the recipe does not weigh costs, the target or the
// form of a layer was not measured or a shape is not known, layers are chosen as they can be.
// `note` (may be null): what a reader of the plan should know; as it was: nothing was left.
[[nodiscard]] LayerChoices ChoicesThatPay(const PlanContext& context, std::string* note);

// A tensor of the integer region as the cut sees it.
struct WeighedTensor {
  std::int64_t producer = -1;  // place among the members; -1: none puts it out as codes
  std::vector<std::size_t> readers;
  bool is_read_as_float = false;  // by others
  double to_codes = 0;            // nanoseconds
  double to_floats = 0;
};
// Members of the region with what they cost.
struct WeighedRegion {
  struct Member {
    std::int64_t node = -1;
    double as_float = 0;  // nanoseconds
    double as_integers = 0;
    bool is_forced = false;  // to integers
  };
  std::vector<Member> members;
  std::vector<WeighedTensor> tensors;

  // Of the members that are integers and the others, with the conversions between.
  [[nodiscard]] double CostOf(const std::vector<bool>& is_integer) const;
};
// Which members should be integers, by their places: all where the whole gains clearly, none where
// even the best mix hardly does, else the best mix.
[[nodiscard]] std::vector<bool> WhichPay(const WeighedRegion& region);

}  // namespace quantbench
