// Findings about the measuring itself.
#include "analyse/trouble.h"

#include <algorithm>
#include <string>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

using Level = Finding::Level;

constexpr double kVaries = 0.10;  // coefficient of variation [pyperf's threshold]

// Things told in one sentence: the first, how many there are, and what is said of them.
struct Group {
  std::string kind;  // what may stand together
  std::string first;
  std::string says;
  Level level = Level::kWarning;
  std::int64_t count = 0;
};

void AddTo(std::vector<Group>* groups, Group one) {
  const auto same = std::find_if(groups->begin(), groups->end(), [&](const Group& group) {
    return group.kind == one.kind && group.says == one.says;
  });
  if (same == groups->end()) {
    one.count = 1;
    groups->push_back(std::move(one));
  } else {
    ++same->count;
  }
}

// The cells of a model in which something was found, and the one with most of it.
struct Share {
  std::int64_t found = 0;
  std::int64_t all = 0;
  double most = 0;
  std::string where;

  void Count(double value, double above, std::string place) {
    ++all;
    if (value <= above) return;
    ++found;
    if (value <= most) return;
    most = value;
    where = std::move(place);
  }
};

Share Contended(const std::string& model, const Analysis& analysis) {
  Share share;
  for (const CellResult& cell : analysis.cells) {
    if (cell.model != model || cell.outcome != Outcome::kOk) continue;
    share.Count(cell.contention, kContended, cell.cell.Describe());
  }
  return share;
}

Share Varying(const std::string& model, const Analysis& analysis) {
  Share share;
  for (const CellResult& cell : analysis.cells) {
    if (cell.model != model) continue;
    for (const ArmLatency& arm : cell.arms) {
      if (arm.ms.n < 2) continue;
      share.Count(arm.ms.stddev / arm.ms.mean, kVaries,
                  Format("{} at {}", arm.arm, cell.cell.Describe()));
    }
  }
  return share;
}

}  // namespace

void AddFailures(const Analysis& analysis, const std::vector<const Record*>& records,
                 std::vector<Finding>* findings) {
  std::vector<Group> groups;
  for (const Record* record : records) {
    if (record->outcome == Outcome::kOk) continue;
    AddTo(&groups,
          {Format("{} {}", Name(record->what.kind), record->what.model), record->what.Describe(),
           Format("{}: {}", Name(record->outcome), record->reason),
           record->outcome == Outcome::kSkipped ? Level::kNote : Level::kWarning});
  }
  for (const CellResult& cell : analysis.cells) {
    for (const ArmLatency& arm : cell.arms) {
      if (arm.outcome == Outcome::kOk || arm.outcome == Outcome::kSkipped) continue;
      AddTo(&groups, {Format("{} {}", cell.model, arm.arm),
                      Format("{} {} at {}", cell.model, arm.arm, cell.cell.Describe()),
                      Format("{}: {}", Name(arm.outcome), arm.reason)});
    }
  }
  for (const Group& group : groups) {
    const std::string more = group.count > 1 ? Format(" (and {} more)", group.count - 1) : "";
    findings->push_back({group.level, Format("{}{}: {}", group.first, more, group.says)});
  }
}

void AddDisturbances(const Analysis& analysis, std::vector<Finding>* findings) {
  for (const StudyModel& model : analysis.study.models) {
    const Share contended = Contended(model.id, analysis);
    if (contended.found == 0) continue;
    findings->push_back(
        {Level::kWarning,
         Format(
             "{}: other processes took the processor in {} of {} cells: runs took up to {:.2f} "
             "times their CPU time ({}), so milliseconds there are too high and ratios are those "
             "of CPU time; `ps -eo pcpu,comm --sort=-pcpu | head` shows who it was",
             model.id, contended.found, contended.all, contended.most, contended.where)});
  }
  for (const StudyModel& model : analysis.study.models) {
    const Share varying = Varying(model.id, analysis);
    if (varying.found == 0) continue;
    findings->push_back(
        {Level::kNote, Format("{}: the standard deviation is above {:.0f} % of the mean in {} of "
                              "{} measurements, up to {:.0f} % ({})",
                              model.id, kVaries * 100, varying.found, varying.all,
                              varying.most * 100, varying.where)});
  }
}

void AddControls(const Analysis& analysis, std::vector<Finding>* findings) {
  for (const CellResult& cell : analysis.cells) {
    if (!cell.control_failed()) continue;
    findings->push_back(
        {Level::kWarning,
         Format("{} at {}: two copies of the original differ, {:.4f} [{:.4f}, {:.4f}]: the "
                "intervals there are widened by as much; chance does this in up to 5 of 100 cells",
                cell.model, cell.cell.Describe(), cell.control.estimate, cell.control.low,
                cell.control.high)});
  }
  for (const CellResult& cell : analysis.cells) {
    for (const ArmLatency& arm : cell.arms) {
      if (!arm.estimators_disagree) continue;
      findings->push_back(
          {Level::kNote,
           Format(
               "{} {} at {}: the ratio of means ({:.3f}) and that of medians differ by more than "
               "their intervals: some runs were disturbed, or run at two speeds",
               cell.model, arm.arm, cell.cell.Describe(), arm.wall_ratio.estimate)});
    }
  }
}

}  // namespace quantbench
