// Caches: what the kernel says of them, or what reading at growing sizes shows.
#include <algorithm>
#include <charconv>
#include <sstream>

#include "quantbench/base/format.h"
#include "quantbench/base/small_file.h"
#include "quantbench/device.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr double kLevelFall = 0.8;  // of the rate: below it a level has ended
constexpr std::size_t kMostLevels = 3;

// "512K", "32M", "32768": bytes; 0 for what is no size.
std::uint64_t BytesIn(const std::string& text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || number > (std::uint64_t{1} << 40U)) return 0;
  if (rest == end) return number;
  switch (*rest) {
    case 'K': return number << 10U;
    case 'M': return number << 20U;
    case 'G': return number << 30U;
    default: return 0;
  }
}

// Processors in a list as the kernel writes them: "0-3,8" has 5; 0 for what is no list.
int CountListed(const std::string& list) {
  std::istringstream parts(list);
  int count = 0;
  for (std::string part; std::getline(parts, part, ',');) {
    int first = 0;
    const char* end = part.data() + part.size();
    const auto [rest, error] = std::from_chars(part.data(), end, first);
    if (error != std::errc()) return 0;
    int last = first;
    if (rest != end && (*rest != '-' || std::from_chars(rest + 1, end, last).ec != std::errc())) {
      return 0;
    }
    if (last < first || last > (1 << 20)) return 0;
    count += last - first + 1;
  }
  return count;
}

}  // namespace

std::vector<CacheLevel> ReadCaches(const fs::path& root) {
  constexpr int kMostCaches = 16;
  std::vector<CacheLevel> levels;
  for (int index = 0; index < kMostCaches; ++index) {
    const fs::path folder = root / Format("sys/devices/system/cpu/cpu0/cache/index{}", index);
    const std::string type = FirstLineIn(folder / "type");
    if (type != "Data" && type != "Unified") continue;
    CacheLevel level;
    level.level = static_cast<int>(NumberIn(folder / "level").value_or(0));
    level.bytes = BytesIn(FirstLineIn(folder / "size"));
    level.shared_by = std::max(1, CountListed(FirstLineIn(folder / "shared_cpu_list")));
    if (level.level >= 1 && level.level <= 9 && level.bytes > 0) levels.push_back(level);
  }
  std::stable_sort(levels.begin(), levels.end(),
                   [](const CacheLevel& a, const CacheLevel& b) { return a.level < b.level; });
  return levels;
}

std::string FormatCacheSize(std::uint64_t bytes) {
  constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20U;
  const auto size = static_cast<double>(bytes);
  return bytes < kMebibyte ? Format("{:.4g} KiB", size / 1024)
                           : Format("{:.4g} MiB", size / static_cast<double>(kMebibyte));
}

std::vector<CacheLevel> FindCaches(std::span<const std::pair<std::uint64_t, double>> rates) {
  std::vector<CacheLevel> levels;
  double level_rate = 0;  // the fastest of the level that we are in
  bool is_falling = false;
  for (std::size_t i = 0; i + 1 < rates.size() && levels.size() < kMostLevels; ++i) {
    const double here = rates[i].second;
    const double next = rates[i + 1].second;
    // Sizes a little beyond a level are served by two: the next level begins where it is flat.
    if (is_falling && next < here * kLevelFall) continue;
    level_rate = is_falling ? here : std::max(level_rate, here);
    is_falling = next < level_rate * kLevelFall;
    if (is_falling) {
      levels.push_back({static_cast<int>(levels.size()) + 1, rates[i].first, 1});
    }
  }
  return levels;
}

}  // namespace quantbench
