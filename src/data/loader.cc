// Loading ahead: groups of consecutive samples are read by threads while earlier ones are used.
#include <algorithm>
#include <deque>
#include <future>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "quantbench/base/format.h"
#include "quantbench/base/parallel.h"
#include "quantbench/data.h"

namespace quantbench {
namespace {

using LoadedGroup = std::vector<Result<Sample>>;

LoadedGroup LoadGroup(const Dataset* dataset, std::int64_t begin, std::int64_t end) {
  LoadedGroup group;
  group.reserve(static_cast<std::size_t>(end - begin));
  for (std::int64_t i = begin; i < end; ++i) group.push_back(dataset->Get(i));
  return group;
}

}  // namespace

struct Loader::State {
  const Dataset* dataset = nullptr;
  Options options;
  std::int64_t asked = 0;  // the first sample that no group holds
  std::int64_t given = 0;  // index of the front of `ready`
  std::deque<std::future<LoadedGroup>> groups;
  std::deque<Result<Sample>> ready;
  std::vector<BadSample> bad;

  // Starts groups until as many as threads are being read.
  void Ask() {
    const auto threads = static_cast<std::size_t>(options.threads);
    while (asked < options.end && groups.size() < threads) {
      const std::int64_t until = std::min(options.end, asked + options.group);
      const auto policy = threads > 1 ? std::launch::async : std::launch::deferred;
      groups.push_back(std::async(policy, LoadGroup, dataset, asked, until));
      asked = until;
    }
  }

  // Refills `ready`; false when all samples were given.
  bool Refill() {
    Ask();
    if (groups.empty()) return false;
    LoadedGroup group = groups.front().get();
    groups.pop_front();
    for (Result<Sample>& sample : group) ready.push_back(std::move(sample));
    Ask();
    return true;
  }
};

Loader::Loader(const Dataset& dataset, const Options& options) : state_(std::make_unique<State>()) {
  state_->dataset = &dataset;
  state_->options = options;
  state_->options.group = std::max<std::int64_t>(1, options.group);
  if (options.threads <= 0) state_->options.threads = UsableCores();
  state_->asked = state_->given = options.begin;
}

Loader::~Loader() = default;

Result<std::vector<Sample>> Loader::Next(std::int64_t count) {
  std::vector<Sample> samples;
  while (static_cast<std::int64_t>(samples.size()) < count) {
    if (state_->ready.empty() && !state_->Refill()) break;
    Result<Sample> sample = std::move(state_->ready.front());
    state_->ready.pop_front();
    const std::int64_t index = state_->given++;
    if (sample.ok()) {
      samples.push_back(std::move(sample).value());
    } else if (state_->options.skip_bad) {
      state_->bad.push_back({index, sample.error().message()});
    } else {
      return sample.error();
    }
  }
  return samples;
}

const std::vector<BadSample>& Loader::bad() const {
  return state_->bad;
}

void KeepFreedMemory() {
#if defined(__GLIBC__)
  constexpr int kLargest = 32 << 20;  // that glibc lets one set
  mallopt(M_MMAP_THRESHOLD, kLargest);
  mallopt(M_TRIM_THRESHOLD, 8 * kLargest);
#endif
}

}  // namespace quantbench
