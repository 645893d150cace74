// The energy scenario: blocks of work between blocks of idling.
#include <algorithm>
#include <cmath>

#include "quantbench/base/format.h"
#include "quantbench/measure.h"

#include "measure/warm_up.h"

namespace quantbench {
namespace {

constexpr std::int64_t kUncountedShare = 10;  // of a block, before it
constexpr std::int64_t kLeastToStall = 500'000'000;
constexpr double kUpdatesOfBlock = 2;  // of a power sensor, at least, on average

// Fills blocks one after the other.
class BlockRun {
 public:
  BlockRun(const EnergyPlan& plan, const EnergyWatch& watch, Progress& progress, std::int64_t total)
      : plan_(plan),
        watch_(watch),
        progress_(progress),
        begin_(watch.clock.NowNs()),
        total_(total) {}

  Result<EnergyBlock> Idle() {
    progress_.Update("energy, blocks", done_++, total_);
    watch_.wait(watch_.clock.NowNs() + plan_.block_ns / kUncountedShare);
    return Block([this](std::int64_t end) -> Result<std::int64_t> {
      watch_.wait(end);
      return std::int64_t{0};
    });
  }

  Result<EnergyBlock> Work(const Pass& pass) {
    progress_.Update("energy, blocks", done_++, total_);
    QB_OK(Until(pass, watch_.clock.NowNs() + plan_.block_ns / kUncountedShare));
    return Block([&](std::int64_t end) { return Until(pass, end); });
  }

 private:
  // Passes until that time of the clock, at least one.
  Result<std::int64_t> Until(const Pass& pass, std::int64_t end) {
    std::int64_t runs = 0;
    do {
      QB_OK(pass());
      ++runs;
    } while (watch_.clock.NowNs() < end);
    return runs;
  }

  [[nodiscard]] Result<double> JoulesNow() const {
    if (watch_.meter == nullptr) return NAN;
    return watch_.meter->Joules();
  }

  template <typename Fill>
  Result<EnergyBlock> Block(const Fill& fill) {
    EnergyBlock block;
    QB_TRY(const double before, JoulesNow());
    const std::int64_t start = watch_.clock.NowNs();
    QB_TRY(block.runs, fill(start + plan_.block_ns));
    block.wall_ns = std::max<std::int64_t>(1, watch_.clock.NowNs() - start);
    QB_TRY(const double after, JoulesNow());
    block.start_ns = start - begin_;
    block.joules = after - before;
    return block;
  }

  const EnergyPlan& plan_;
  const EnergyWatch& watch_;
  Progress& progress_;
  std::int64_t begin_;
  std::int64_t total_;
  std::int64_t done_ = 0;
};

struct Sum {
  double joules = 0;
  double seconds = 0;
  [[nodiscard]] double watts() const { return joules / seconds; }
};

void AddBlocks(std::span<const EnergyBlock> blocks, Sum* sum) {
  for (const EnergyBlock& block : blocks) {
    sum->joules += block.joules;
    sum->seconds += static_cast<double>(block.wall_ns) * 1e-9;
  }
}

Error Nonsense(std::string why) {
  return {ErrorCode::kUnavailable, std::move(why)};
}

// A power sensor that seldom says something new cannot tell one block from the next.
Status CheckUpdates(const EnergyMeter& meter, double blocks, const EnergyPlan& plan) {
  const bool counts = meter.sensor().tier == EnergyTier::kCounter ||
                      meter.sensor().channels.front().kind == EnergyChannel::Kind::kGpu;
  if (counts || static_cast<double>(meter.changes()) >= kUpdatesOfBlock * blocks) return Ok();
  return Nonsense(Format(
      "energy sensor {}: said something new {} times in {:.0f} blocks of {:.3g} "
      "s: it stands still, or needs longer blocks",
      meter.sensor().name, meter.changes(), blocks, static_cast<double>(plan.block_ns) * 1e-9));
}

}  // namespace

double EnergyBlock::watts() const {
  return joules / (static_cast<double>(wall_ns) * 1e-9);
}

Result<EnergySamples> MeasureEnergy(const std::vector<Pass>& arms, const EnergyPlan& plan,
                                    const EnergyWatch& watch, Progress& progress) {
  for (const Pass& pass : arms) {
    LatencySamples warmed;
    QB_TRY(const std::int64_t run_ns, WarmUp(pass, {}, watch.clock, &warmed));
    (void)run_ns;
  }
  EnergySamples samples;
  samples.arms.resize(arms.size());
  const std::int64_t total = std::int64_t{2} * plan.rounds * std::ssize(arms) + 1;
  samples.began_utc_ns = watch.utc_ns();
  BlockRun run(plan, watch, progress, total);
  for (const auto& order : OrderRounds(arms.size(), plan.rounds, plan.seed)) {
    for (const std::size_t arm : order) {
      QB_TRY(EnergyBlock idle, run.Idle());
      samples.idle.push_back(idle);
      QB_TRY(EnergyBlock block, run.Work(arms[arm]));
      samples.arms[arm].push_back(block);
    }
  }
  QB_TRY(EnergyBlock last, run.Idle());
  samples.idle.push_back(last);
  if (watch.meter == nullptr) return samples;
  QB_OK(CheckUpdates(*watch.meter, static_cast<double>(total), plan));
  if (auto sense = CheckEnergy(samples); !sense.ok()) {
    return sense.error().Within(Format("energy sensor {}", watch.meter->sensor().name));
  }
  return samples;
}

Status CheckEnergy(const EnergySamples& samples) {
  Sum idle;
  AddBlocks(samples.idle, &idle);
  Sum work;
  for (const std::vector<EnergyBlock>& blocks : samples.arms) {
    for (const EnergyBlock& block : blocks) {
      if (block.joules <= 0 && block.wall_ns >= kLeastToStall) {
        return Nonsense(Format("counted nothing in {:.3g} s of work",
                               static_cast<double>(block.wall_ns) * 1e-9));
      }
    }
    AddBlocks(blocks, &work);
  }
  if (!(work.joules > 0)) return Nonsense("counted nothing while models ran");
  if (work.watts() <= idle.watts()) {
    return Nonsense(
        Format("tells {:.4g} W while models ran and {:.4g} W while idle: it does not "
               "see them, or others kept the machine busy",
               work.watts(), idle.watts()));
  }
  return Ok();
}

double IdleAround(const EnergyBlock& block, std::span<const EnergyBlock> idle) {
  const EnergyBlock* before = nullptr;
  const EnergyBlock* after = nullptr;
  for (const EnergyBlock& one : idle) {
    if (one.start_ns < block.start_ns && (before == nullptr || one.start_ns > before->start_ns)) {
      before = &one;
    }
    if (one.start_ns > block.start_ns && (after == nullptr || one.start_ns < after->start_ns)) {
      after = &one;
    }
  }
  if (before == nullptr && after == nullptr) return NAN;
  if (before == nullptr || after == nullptr) return (before == nullptr ? after : before)->watts();
  return (before->watts() + after->watts()) / 2;
}

}  // namespace quantbench
