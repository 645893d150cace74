// Scale groups: tensors that must share their codes, and the range they cover together.
#pragma once

#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "quantbench/calibrate.h"

#include "quantize/integer_region.h"

namespace quantbench {

// Union-find over tensors. Members of a group have the same codes; a member's values are those of
// the group's root times a positive factor (1 but for rescaled tensors), and so is its scale.
class ScaleGroups {
 public:
  struct Range {
    double low = 0;
    double high = 0;
    [[nodiscard]] double width() const { return high - low; }
    friend bool operator==(const Range&, const Range&) = default;
  };

  // Every tensor of the region alone, its range extended to hold 0; `table` has them all.
  ScaleGroups(const IntegerRegion& region, const CalibrationTable& table);

  // b becomes `factor` times a. False, and nothing happens, when a tensor that stands in for a
  // clamp would reach beyond the clamp's bounds.
  [[nodiscard]] bool Join(const std::string& a, const std::string& b, double factor = 1);
  [[nodiscard]] Range RangeOf(const std::string& tensor) const;
  // Its group's parameters for codes of that type.
  [[nodiscard]] QuantParams ParamsOf(const std::string& tensor, CodeRange codes) const;
  // A name for the tensor's group: that of one of its members.
  [[nodiscard]] const std::string& GroupOf(const std::string& tensor) const;
  // The widest range among tensors over the narrowest that is not empty; 1 when none is.
  [[nodiscard]] double Spread(const std::vector<std::string>& tensors) const;

 private:
  struct Link {
    std::string parent;
    double factor = 1;  // this tensor = factor * parent
  };
  struct Group {
    Range range;
    Range limit = {-std::numeric_limits<double>::infinity(),
                   std::numeric_limits<double>::infinity()};
  };
  [[nodiscard]] Link RootOf(const std::string& tensor) const;
  std::map<std::string, Link> links_;
  std::map<std::string, Group> groups_;  // of roots
};

// Joins what movers only move and what is only rescaled.
void JoinMovers(const PlanContext& context, const IntegerRegion& region, ScaleGroups* groups);
// Joins inputs and output of a Concat whose ranges are alike: then it is a copy. Else each keeps
// its own.
void JoinConcats(const PlanContext& context, const IntegerRegion& region, ScaleGroups* groups);

}  // namespace quantbench
