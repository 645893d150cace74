// Joining the log of an external meter with the blocks of an energy record.
#include <cmath>

#include "quantbench/base/clock.h"
#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/run.h"

namespace quantbench {
namespace {

constexpr std::int64_t kEarliestUtcNs = 0;
constexpr std::int64_t kLatestUtcNs = 9'000'000'000'000'000'000;  // the year 2255

// "12:00:05.25 UTC".
std::string TimeOfDay(std::int64_t utc_ns) {
  const std::int64_t ms = utc_ns / 1'000'000 % 86'400'000;
  return Format("{:02}:{:02}:{:02}.{:03} UTC", ms / 3'600'000, ms / 60'000 % 60, ms / 1000 % 60,
                ms % 1000);
}

// The blocks with the log's joules. `whose`: "original", "idling".
Result<std::vector<EnergyBlock>> Filled(const Json& json, std::int64_t began_utc_ns,
                                        const PowerLog& log, std::string_view whose) {
  QB_TRY(std::vector<EnergyBlock> blocks, EnergyBlocksFromJson(json));
  std::int64_t number = 0;
  for (EnergyBlock& block : blocks) {
    ++number;
    const std::int64_t from = began_utc_ns + block.start_ns;
    const std::int64_t to = from + block.wall_ns;
    auto joules = log.Joules(from, to);
    if (!joules.ok()) {
      return joules.error().Within(Format("block {} of {} ({} to {})", number, Printable(whose),
                                          TimeOfDay(from), TimeOfDay(to)));
    }
    block.joules = joules.value();
  }
  return blocks;
}

// In every process; of one that did not blocks stand at other indices than the idle ones.
bool Ran(const Json& arm) {
  return arm["outcome"].AsString() == Name(Outcome::kOk);
}

// Joins process after process.
class MeterJoin {
 public:
  MeterJoin(const Record& record, const PowerLog& log) : record_(record), log_(log) {}

  Result<Json> Results() {
    const Json::Array& began = record_.results["began_utc_ns"].AsArray();
    const Json::Array& idle = record_.results["idle"].AsArray();
    if (record_.what.cell.scenario != Scenario::kEnergy || began.empty() ||
        began.size() != idle.size()) {
      return Error(ErrorCode::kMalformed, "the record has no blocks of an energy scenario");
    }
    arms_ = record_.results["arms"].AsArray();
    filled_.resize(arms_.size());
    Json idles = Json::Array{};
    for (std::size_t process = 0; process < began.size(); ++process) {
      const std::int64_t utc_ns = began[process].AsInt(-1);
      if (utc_ns < kEarliestUtcNs || utc_ns > kLatestUtcNs) {
        return Error(ErrorCode::kMalformed, "the record has no time of day");
      }
      QB_TRY(Json one, Process(process, utc_ns, idle[process]));
      idles.Append(std::move(one));
    }
    Json arms = Json::Array{};
    for (std::size_t i = 0; i < arms_.size(); ++i) {
      if (Ran(arms_[i])) arms_[i].Set("processes", std::move(filled_[i]));
      arms.Append(std::move(arms_[i]));
    }
    Json results = record_.results;
    results.Set("arms", std::move(arms)).Set("idle", std::move(idles));
    return results;
  }

 private:
  // Fills the arms of a process; returns its idle blocks.
  Result<Json> Process(std::size_t process, std::int64_t began_utc_ns, const Json& idle) {
    EnergySamples samples;
    samples.began_utc_ns = began_utc_ns;
    QB_TRY(samples.idle, Filled(idle, began_utc_ns, log_, "idling"));
    for (std::size_t i = 0; i < arms_.size(); ++i) {
      if (!Ran(arms_[i])) continue;
      const Json::Array& processes = arms_[i]["processes"].AsArray();
      if (filled_[i].is_null()) filled_[i] = Json::Array{};
      if (process >= processes.size()) continue;
      QB_TRY(std::vector<EnergyBlock> blocks,
             Filled(processes[process], began_utc_ns, log_, arms_[i]["arm"].AsString()));
      filled_[i].Append(ToJson(blocks));
      samples.arms.push_back(std::move(blocks));
    }
    if (auto sense = CheckEnergy(samples); !sense.ok()) {
      return Error(ErrorCode::kMalformed,
                   Format("the meter {}; or its clock is off (--offset)", sense.error().message()));
    }
    return ToJson(samples.idle);
  }

  const Record& record_;
  const PowerLog& log_;
  Json::Array arms_;
  std::vector<Json> filled_;
};

}  // namespace

Result<Record> JoinMeter(const Record& record, const PowerLog& log, Json meter) {
  Record joined = record;
  QB_TRY(joined.results, MeterJoin(record, log).Results());
  joined.results.Set("sensor", Json::MakeObject()
                                   .Set("name", kExternalMeter)
                                   .Set("tier", Name(EnergyTier::kMeter))
                                   .Set("covers", "what it was plugged before")
                                   .Set("log", std::move(meter)));
  joined.key = Sha256(record.key + " joined with a meter").substr(0, 32);
  joined.settings.Set("joined_from", record.key);
  joined.finished = UtcNow();
  return joined;
}

}  // namespace quantbench
