// What was measured of the metric that a hypothesis is about.
#pragma once

#include <string>
#include <vector>

#include "quantbench/analyse.h"

#include "analyse/unknown.h"

namespace quantbench {

struct Evidence {
  Interval value = kUnknown;
  bool exact = false;         // known without error, or measured once: the point decides
  bool is_ratio = false;      // distances are those of logarithms
  std::int64_t repeated = 0;  // processes that the interval is over; 0: it is over samples
  std::string remark;         // why it is not known, or what stands behind a point
};

// Whether every cell of the sweep has a value of its own.
[[nodiscard]] bool IsOfCells(Metric metric);

// The metric of `arms` (one or two, as it needs) in a cell; of a metric with IsOfCells.
[[nodiscard]] Evidence EvidenceIn(const CellResult& cell, Metric metric,
                                  const std::vector<std::string>& arms);
// The metric over a model.
[[nodiscard]] Evidence EvidenceOf(const Analysis& analysis, const std::string& model, Metric metric,
                                  const std::vector<std::string>& arms);

// How the metric changes from `from` to `to`: to over from, or their difference. `cell`: of a
// metric with IsOfCells, else null.
[[nodiscard]] Evidence ChangeBetween(const Analysis& analysis, const CellResult* cell,
                                     const std::string& model, Metric metric,
                                     const std::string& from, const std::string& to);

// Half of an interval, in logarithms of a ratio; 0 of what is exact, NaN of what has none.
[[nodiscard]] double HalfOf(const Evidence& evidence);
// The value from which distances are counted: its logarithm, of a ratio.
[[nodiscard]] double PlaceOf(double value, bool is_ratio);

// Nothing is known, and why.
[[nodiscard]] Evidence Missing(std::string remark);
// Of files on disk; NaN where not known.
[[nodiscard]] double BytesOf(const Analysis& analysis, const std::string& model,
                             const std::string& arm);
// `later` over `earlier`, as if they were independent, which pairs are at worst.
[[nodiscard]] Interval Quotient(const Interval& later, const Interval& earlier);

}  // namespace quantbench
