// What the machine said of itself while it measured.
#include <algorithm>
#include <array>
#include <functional>
#include <map>

#include "quantbench/base/format.h"

#include "analyse/trouble.h"

namespace quantbench {
namespace {

// The moments of one process: before the first round and after each.
using Moments = std::vector<Conditions>;

std::vector<Moments> MomentsOf(const Record& record) {
  std::vector<Moments> processes;
  for (const Json& process : record.results["conditions"].AsArray()) {
    Moments moments;
    for (const Json& moment : process.AsArray()) moments.push_back(Conditions::FromJson(moment));
    if (moments.size() > 1) processes.push_back(std::move(moments));
  }
  return processes;
}

// Growth of a counter over the rounds of all processes; 0 where it is not known.
double Grown(const std::vector<Moments>& processes, std::int64_t Conditions::*counter) {
  double sum = 0;
  for (const Moments& moments : processes) {
    const std::int64_t first = moments.front().*counter;
    const std::int64_t last = moments.back().*counter;
    if (first >= 0 && last > first) sum += static_cast<double>(last - first);
  }
  return sum;
}

// Seconds that all laps took.
double LapSeconds(const Record& record) {
  double ns = 0;
  for (const Json& arm : record.results["arms"].AsArray()) {
    for (const Json& process : arm["processes"].AsArray()) {
      for (const Json& lap : process["laps"].AsArray()) {
        for (const Json& run : lap["run_ns"].AsArray()) ns += run.AsDouble();
      }
    }
  }
  return ns * 1e-9;
}

// How far the frequency went below its highest value, 0 to 1.
double FrequencyFall(const std::vector<Moments>& processes) {
  std::int64_t least = INT64_MAX;
  std::int64_t most = 0;
  for (const Moments& moments : processes) {
    for (const Conditions& moment : moments) {
      if (moment.frequency_khz <= 0) continue;
      least = std::min(least, moment.frequency_khz);
      most = std::max(most, moment.frequency_khz);
    }
  }
  return most > 0 ? 1 - static_cast<double>(least) / static_cast<double>(most) : 0;
}

// Bit 0: now; bit 16: since it was switched on [Raspberry Pi, vcgencmd get_throttled].
double UnderVoltage(const std::vector<Moments>& processes) {
  double found = 0;
  for (const Moments& moments : processes) {
    for (const Conditions& moment : moments) {
      if (moment.under_voltage > 0 && (moment.under_voltage & 1) != 0) found = 1;
    }
  }
  return found;
}

double ShareOf(double seconds, const Record& record) {
  const double laps = LapSeconds(record);
  return laps > 0 ? seconds / laps : 0;
}

// Something the machine may have suffered from: how much, from where on it is worth a word, the
// word.
struct Trouble {
  std::function<double(const Record&, const std::vector<Moments>&)> amount;
  double above = 0;
  std::string_view says;  // of the largest amount
  bool percent = false;
  std::string_view remedy;
};

const std::array<Trouble, 6>& Troubles() {
  static const std::array<Trouble, 6> troubles = {{
      {[](const Record&, const auto& moments) { return Grown(moments, &Conditions::throttled); }, 0,
       "the processor slowed down for heat, {} times", false,
       "let it cool down first, or give it a fan"},
      {[](const Record& record, const auto& moments) {
         return ShareOf(Grown(moments, &Conditions::quota_stopped_us) * 1e-6, record);
       },
       0.01, "the container's CPU quota stopped it for {} % of the time", true,
       "`cat /sys/fs/cgroup/cpu.max` shows the quota; `docker update --cpus 4 NAME` raises it"},
      {[](const Record& record, const auto& moments) {
         return ShareOf(Grown(moments, &Conditions::steal_ms) * 1e-3, record);
       },
       0.02, "the hypervisor took the processors for {} % of the time", true,
       "other machines share the host: trust ratios, not milliseconds"},
      {[](const Record&, const auto& moments) {
         return Grown(moments, &Conditions::swapped_pages);
       },
       100, "the machine swapped, {} pages", false,
       "`free -h` shows memory; close programs, or measure smaller batches"},
      {[](const Record&, const auto& moments) { return FrequencyFall(moments); }, 0.1,
       "the processors' frequency changed by {} %", true,
       "`sudo cpupower frequency-set -g performance` keeps it up"},
      {[](const Record&, const auto& moments) { return UnderVoltage(moments); }, 0,
       "the power supply was too weak (under-voltage)", false, "use the board's own supply"},
  }};
  return troubles;
}

// The measured cells of a model, and those among them that a trouble befell.
struct Befallen {
  std::int64_t cells = 0;
  std::int64_t all = 0;
  double most = 0;
  std::string where;  // the amount was largest
};

Befallen CellsWith(const Trouble& trouble, const StudyModel& model,
                   const std::vector<const Record*>& records) {
  Befallen befallen;
  for (const Record* record : records) {
    if (record->what.kind != CaseKind::kMeasure || record->what.model != model.id) continue;
    ++befallen.all;
    const double amount = trouble.amount(*record, MomentsOf(*record));
    if (amount <= trouble.above) continue;
    ++befallen.cells;
    if (amount > befallen.most) befallen.where = record->what.cell.Describe();
    befallen.most = std::max(befallen.most, amount);
  }
  return befallen;
}

// How often a pattern was seen, and where first.
struct Seen {
  std::int64_t count = 0;
  std::string first;
};

// The patterns of a cell's times; the return is the number of arms that have times.
std::int64_t CountPatterns(const CellResult& cell, std::map<Pattern, Seen>* patterns) {
  std::int64_t arms = 0;
  for (const ArmLatency& arm : cell.arms) {
    if (arm.outcome != Outcome::kOk || arm.ms.n == 0) continue;
    ++arms;
    if (arm.pattern == Pattern::kFlat) continue;
    Seen& seen = (*patterns)[arm.pattern];
    if (seen.count++ == 0) seen.first = Format("{} at {}", arm.arm, cell.cell.Describe());
  }
  return arms;
}

}  // namespace

void AddConditions(const Analysis& analysis, const std::vector<const Record*>& records,
                   std::vector<Finding>* findings) {
  for (const StudyModel& model : analysis.study.models) {
    for (const Trouble& trouble : Troubles()) {
      const auto [cells, all, most, where] = CellsWith(trouble, model, records);
      if (cells == 0) continue;
      const std::string figure = Format("{:.3g}", trouble.percent ? most * 100 : most);
      const std::string said = fmt::format(fmt::runtime(trouble.says), figure);
      findings->push_back(
          {Finding::Level::kWarning, Format("{}: in {} of {} cells {} (most at {}); {}", model.id,
                                            cells, all, said, where, trouble.remedy)});
    }
  }
}

void AddPatterns(const Analysis& analysis, std::vector<Finding>* findings) {
  static constexpr std::array<std::string_view, 5> kMeanings = {
      "", "times still fell after warming up: milliseconds are a little too high",
      "times rose while measuring: heat, or memory that fills up; measure again when it is cool",
      "times jump between two levels: cores of two kinds, a clock that steps, or a neighbour",
      "times have no steady level: milliseconds depend on when they were taken, ratios do not"};
  for (const StudyModel& model : analysis.study.models) {
    std::map<Pattern, Seen> patterns;
    std::int64_t all = 0;
    for (const CellResult& cell : analysis.cells) {
      if (cell.model != model.id || cell.contention > kContended) continue;  // already told
      all += CountPatterns(cell, &patterns);
    }
    for (const auto& [pattern, seen] : patterns) {
      findings->push_back(
          {Finding::Level::kNote,
           Format("{}: {} ({} of {} measurements, first {})", model.id,
                  kMeanings[static_cast<std::size_t>(pattern)], seen.count, all, seen.first)});
    }
  }
}

}  // namespace quantbench
