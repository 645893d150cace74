// A sensor being read: wraps undone, power integrated, nonsense refused.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "quantbench/base/format.h"

#include "energy/find.h"

namespace quantbench {
namespace {

// A counter moves in steps of up to so much time, so over less it proves no watts.
constexpr double kLeastSeconds = 0.1;

// Joules that a counter gained; not finite when it fell back and that is no wrap.
double Gained(const EnergyChannel& channel, double before, double after) {
  if (after >= before) return after - before;
  return channel.range_j >= before ? channel.range_j - before + after : NAN;
}

}  // namespace

EnergyMeter::~EnergyMeter() {
  thread_.request_stop();
}

Error EnergyMeter::Refuse(std::string why) const {
  return {ErrorCode::kUnavailable, Format("energy sensor {}: {}", sensor_.name, why)};
}

Status EnergyMeter::Add(const Reading& now) {
  const double seconds = static_cast<double>(now.at_ns - last_->at_ns) * 1e-9;
  double joules = 0;
  double watts = 0;
  for (std::size_t i = 0; i < now.values.size(); ++i) {
    const EnergyChannel& channel = sensor_.channels[i];
    if (!IsCounter(channel)) {
      joules += (last_->values[i] + now.values[i]) / 2 * seconds;
      watts += now.values[i];
      continue;
    }
    const double gained = Gained(channel, last_->values[i], now.values[i]);
    const double power = gained / std::max(seconds, kLeastSeconds);
    const bool fell = now.values[i] < last_->values[i];
    if (fell && !(power <= sensor_.most_watts)) {
      return Refuse(Format("{} fell from {:.6g} J to {:.6g} J, and that is no wrap",
                           Printable(channel.label, 40), last_->values[i], now.values[i]));
    }
    joules += gained;
    watts = std::max(watts, power);
  }
  if (!(watts >= 0 && watts <= sensor_.most_watts)) {
    return Refuse(Format("{:.4g} W is nonsense", watts));
  }
  joules_ += joules;
  return Ok();
}

Status EnergyMeter::Poll() {
  if (error_) return *error_;
  Reading now;
  for (const EnergyChannel& channel : sensor_.channels) {
    auto value = ReadChannel(machine_, channel);
    if (!value.ok()) {
      error_ = Refuse(value.error().message());
      return *error_;
    }
    now.values.push_back(value.value());
  }
  now.at_ns = clock_.NowNs();
  if (last_) {
    if (auto added = Add(now); !added.ok()) {
      error_ = added.error();
      return *error_;
    }
    changes_ += now.values != last_->values ? 1 : 0;
  }
  ++readings_;
  last_ = std::move(now);
  return Ok();
}

Result<double> EnergyMeter::Joules() {
  const std::lock_guard lock(mutex_);
  QB_OK(Poll());
  return joules_;
}

void EnergyMeter::KeepReading() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const auto never = [] { return false; };
    while (!wake_.wait_for(lock, stop, std::chrono::nanoseconds(sensor_.sample_ns), never)) {
      if (stop.stop_requested() || !Poll().ok()) return;
    }
  });
}

std::int64_t EnergyMeter::readings() const {
  const std::lock_guard lock(mutex_);
  return readings_;
}

std::int64_t EnergyMeter::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

}  // namespace quantbench
