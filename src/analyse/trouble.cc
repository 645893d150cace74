// Findings about the measuring itself.
#include "analyse/trouble.h"

#include <algorithm>
#include <string>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

using Level = Finding::Level;

constexpr double kVaries = 0.10;     // coefficient of variation [pyperf's threshold]
constexpr double kContended = 1.15;  // wall time over CPU time of a single thread

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

// Wall time against CPU time over all laps of a cell.
double WallOverCpu(const Record& record) {
  double wall = 0;
  double cpu = 0;
  for (const Json& arm : record.results["arms"].AsArray()) {
    for (const Json& process : arm["processes"].AsArray()) {
      for (const Json& value : process["wall_ns"].AsArray()) wall += value.AsDouble();
      for (const Json& value : process["cpu_ns"].AsArray()) cpu += value.AsDouble();
    }
  }
  return cpu > 0 ? wall / cpu : 1;
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

// Cells on one thread only: with more, CPU time and wall time cannot be compared.
Share Contended(const std::string& model, const std::vector<const Record*>& records) {
  Share share;
  for (const Record* record : records) {
    const Case& what = record->what;
    if (what.kind != CaseKind::kMeasure || what.model != model) continue;
    if (what.cell.threads != 1 || record->outcome != Outcome::kOk) continue;
    share.Count(WallOverCpu(*record), kContended, what.cell.Describe());
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

void AddDisturbances(const Analysis& analysis, const std::vector<const Record*>& records,
                     std::vector<Finding>* findings) {
  for (const StudyModel& model : analysis.study.models) {
    const Share contended = Contended(model.id, records);
    if (contended.found == 0) continue;
    findings->push_back(
        {Level::kWarning,
         Format("{}: other processes took the processor in {} of {} cells on one thread: wall time "
                "was up to {:.2f} times the CPU time ({}), so milliseconds there are too high; "
                "close them and measure again",
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

}  // namespace quantbench
