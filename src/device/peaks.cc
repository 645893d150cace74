// Peaks: from repetitions to rates, and questions to what was measured.
#include <algorithm>
#include <cmath>
#include <limits>

#include "quantbench/base/format.h"
#include "quantbench/device.h"

namespace quantbench {
namespace {

constexpr double kNanosecond = 1e-9;
constexpr double kDoubtful = 0.1;  // spread or waiting above it: the machine was busy

double Length(const Burst& burst) {
  return static_cast<double>(burst.end_ns - burst.start_ns);
}

// Of rates of repetitions; `waited` is set by the caller.
Rate RateFrom(std::vector<double> rates) {
  Rate rate;
  if (rates.empty()) return rate;
  std::sort(rates.begin(), rates.end());
  rate.per_s = rates.back();
  rate.spread = 1 - rates[rates.size() / 2] / rates.back();
  return rate;
}

double WaitedOf(std::span<const Burst> bursts) {
  double wall = 0;
  double cpu = 0;
  for (const Burst& burst : bursts) {
    wall += Length(burst);
    cpu += static_cast<double>(burst.cpu_ns);
  }
  return wall > 0 ? std::clamp(1 - cpu / wall, 0.0, 1.0) : 0;
}

// Work that a thread did in [from, to), as if it had worked evenly; `next` is where to look on from
// the next time.
double WorkWithin(std::span<const Burst> bursts, std::int64_t from, std::int64_t to,
                  std::size_t* next) {
  while (*next < bursts.size() && bursts[*next].end_ns <= from) ++*next;
  double work = 0;
  for (std::size_t i = *next; i < bursts.size() && bursts[i].start_ns < to; ++i) {
    const auto shared =
        static_cast<double>(std::min(to, bursts[i].end_ns) - std::max(from, bursts[i].start_ns));
    work += bursts[i].work * shared / Length(bursts[i]);
  }
  return work;
}

std::vector<Burst> Sound(std::span<const Burst> bursts) {
  std::vector<Burst> sound;
  for (const Burst& burst : bursts) {
    if (burst.end_ns > burst.start_ns && burst.work > 0) sound.push_back(burst);
  }
  return sound;
}

Json RateJson(const Rate& rate) {
  return Json::MakeObject()
      .Set("per_s", rate.per_s)
      .Set("spread", rate.spread)
      .Set("waited", rate.waited);
}

Result<Rate> RateFromJson(const Json& json) {
  Rate rate;
  QB_TRY(rate.per_s, json.RequireDouble("per_s", "peaks"));
  QB_TRY(rate.spread, json.RequireDouble("spread", "peaks"));
  QB_TRY(rate.waited, json.RequireDouble("waited", "peaks"));
  for (const double value : {rate.per_s, rate.spread, rate.waited}) {
    if (!std::isfinite(value) || value < 0) {
      return Error(ErrorCode::kMalformed, "peaks: a rate is negative or not finite");
    }
  }
  return rate;
}

Result<PeakKind> ParsePeakKind(std::string_view name) {
  for (const PeakKind kind : {PeakKind::kFloat32, PeakKind::kInt8, PeakKind::kRead}) {
    if (Name(kind) == name) return kind;
  }
  return Error(ErrorCode::kMalformed, Format("peaks: unknown kind \"{}\"", Printable(name)));
}

}  // namespace

std::string_view Name(PeakKind kind) {
  switch (kind) {
    case PeakKind::kFloat32: return "float32";
    case PeakKind::kInt8: return "int8";
    case PeakKind::kRead: return "read";
  }
  return "";
}

Rate RateOfThread(std::span<const Burst> bursts) {
  std::vector<double> rates;
  for (const Burst& burst : Sound(bursts)) {
    if (burst.cpu_ns > 0) {
      rates.push_back(burst.work / (static_cast<double>(burst.cpu_ns) * kNanosecond));
    }
  }
  Rate rate = RateFrom(std::move(rates));
  rate.waited = WaitedOf(bursts);
  return rate;
}

Rate RateOfThreads(std::span<const std::vector<Burst>> threads) {
  if (threads.empty()) return {};
  std::vector<std::vector<Burst>> sound;
  std::int64_t begin = std::numeric_limits<std::int64_t>::min();
  std::int64_t end = std::numeric_limits<std::int64_t>::max();
  double waited = 0;
  for (const std::vector<Burst>& bursts : threads) {
    sound.push_back(Sound(bursts));
    if (sound.back().empty()) return {};
    begin = std::max(begin, sound.back().front().start_ns);
    end = std::min(end, sound.back().back().end_ns);
    waited += WaitedOf(sound.back()) / static_cast<double>(threads.size());
  }
  std::vector<std::size_t> next(sound.size());
  std::vector<double> rates;
  for (const Burst& burst : sound.front()) {
    if (burst.start_ns < begin || burst.end_ns > end) continue;  // not all were at work
    double work = 0;
    for (std::size_t i = 0; i < sound.size(); ++i) {
      work += WorkWithin(sound[i], burst.start_ns, burst.end_ns, &next[i]);
    }
    rates.push_back(work / (Length(burst) * kNanosecond));
  }
  Rate rate = RateFrom(std::move(rates));
  rate.waited = waited;
  return rate;
}

double DevicePeaks::PerSecond(const Peak& peak, int wanted) const {
  if (wanted <= 0 || wanted >= threads) return peak.all.per_s;
  if (wanted == 1) return peak.one.per_s;
  return std::min(peak.all.per_s, peak.one.per_s * wanted);
}

const Peak* DevicePeaks::Fastest(PeakKind kind, int wanted) const {
  const Peak* fastest = nullptr;
  for (const Peak& peak : peaks) {
    if (peak.kind != kind || PerSecond(peak, wanted) <= 0) continue;
    if (fastest == nullptr || PerSecond(peak, wanted) > PerSecond(*fastest, wanted)) {
      fastest = &peak;
    }
  }
  return fastest;
}

const Peak* DevicePeaks::LevelOf(std::uint64_t bytes) const {
  const Peak* nearest = nullptr;
  const auto size = [](const Peak& peak) {
    return peak.bytes == 0 ? std::numeric_limits<std::uint64_t>::max() : peak.bytes;
  };
  for (const Peak& peak : peaks) {
    if (peak.kind != PeakKind::kRead || peak.one.per_s <= 0 || size(peak) < bytes) continue;
    if (nearest == nullptr || size(peak) < size(*nearest)) nearest = &peak;
  }
  if (nearest != nullptr) return nearest;
  // Memory could not be measured: the level farthest out stands for it.
  for (const Peak& peak : peaks) {
    if (peak.kind != PeakKind::kRead || peak.one.per_s <= 0) continue;
    if (nearest == nullptr || peak.bytes > nearest->bytes) nearest = &peak;
  }
  return nearest;
}

bool DevicePeaks::is_doubtful() const {
  return std::any_of(peaks.begin(), peaks.end(), [](const Peak& peak) {
    return std::max({peak.one.spread, peak.one.waited, peak.all.spread, peak.all.waited}) >
           kDoubtful;
  });
}

Json DevicePeaks::ToJson() const {
  Json list = Json::Array{};
  for (const Peak& peak : peaks) {
    list.Append(Json::MakeObject()
                    .Set("kind", Name(peak.kind))
                    .Set("name", peak.name)
                    .Set("bytes", peak.bytes)
                    .Set("one", RateJson(peak.one))
                    .Set("all", RateJson(peak.all)));
  }
  return Json::MakeObject()
      .Set("threads", threads)
      .Set("seconds", seconds)
      .Set("peaks", std::move(list));
}

Result<DevicePeaks> DevicePeaks::FromJson(const Json& json) {
  DevicePeaks peaks;
  peaks.threads = static_cast<int>(std::clamp<std::int64_t>(json["threads"].AsInt(1), 1, 1 << 20));
  peaks.seconds = json["seconds"].AsDouble();
  for (const Json& entry : json["peaks"].AsArray()) {
    Peak peak;
    QB_TRY(peak.kind, ParsePeakKind(entry["kind"].AsString()));
    peak.name = entry["name"].AsString();
    peak.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(0, entry["bytes"].AsInt()));
    QB_TRY(peak.one, RateFromJson(entry["one"]));
    QB_TRY(peak.all, RateFromJson(entry["all"]));
    peaks.peaks.push_back(std::move(peak));
  }
  if (peaks.peaks.empty()) return Error(ErrorCode::kMalformed, "peaks: there are none");
  return peaks;
}

}  // namespace quantbench
