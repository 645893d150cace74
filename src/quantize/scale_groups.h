// Scale groups: tensors that must share one scale, and the range they cover together.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "quantbench/calibrate.h"

#include "quantize/integer_region.h"

namespace quantbench {

// Union-find over tensors, each group with the range of all its members, extended to hold 0.
class ScaleGroups {
 public:
  // Every tensor alone; `table` has them all.
  ScaleGroups(const std::set<std::string>& tensors, const CalibrationTable& table);

  void Join(const std::string& a, const std::string& b);
  struct Range {
    double low = 0;
    double high = 0;
    [[nodiscard]] double width() const { return high - low; }
  };
  [[nodiscard]] Range RangeOf(const std::string& tensor) const;
  // A name for the tensor's group: that of one of its members.
  [[nodiscard]] const std::string& GroupOf(const std::string& tensor) const { return Root(tensor); }
  // The widest range among tensors over the narrowest that is not empty; 1 when none is.
  [[nodiscard]] double Spread(const std::vector<std::string>& tensors) const;

 private:
  [[nodiscard]] const std::string& Root(const std::string& tensor) const;
  std::map<std::string, std::string> parent_;
  std::map<std::string, Range> range_;  // of roots
};

// Joins what movers only move. The engine drops quantization around them when scales agree.
void JoinMovers(const PlanContext& context, const IntegerRegion& region, ScaleGroups* groups);
// Joins inputs and output of a Concat whose ranges are alike: then it is a copy. Else each keeps
// its own.
void JoinConcats(const PlanContext& context, const IntegerRegion& region, ScaleGroups* groups);

}  // namespace quantbench
