// The log of an external meter: a CSV that a person exported, so anything may be in it.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "quantbench/base/format.h"
#include "quantbench/energy.h"

namespace quantbench {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr double kLastSecond = 9e9;  // the year 2255: below what nanoseconds can hold
constexpr double kMostMeterWatts = 1e6;
constexpr double kMostMeterJoules = 1e15;
constexpr std::int64_t kLeastEntries = 5;
constexpr std::size_t kMostColumns = 1000;

Error Bad(std::string why) {
  return {ErrorCode::kMalformed, std::move(why)};
}

std::string_view Trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '"'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> Cells(std::string_view line) {
  std::vector<std::string_view> cells;
  while (cells.size() < kMostColumns) {
    const std::size_t comma = line.find(',');
    cells.push_back(Trimmed(line.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    line.remove_prefix(comma + 1);
  }
  return cells;
}

std::optional<double> WholeNumber(std::string_view text) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return whole && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

// So many digits at the front of `text`, removed from it with the character behind them.
std::optional<int> TakeDigits(std::string_view* text, std::size_t digits, std::string_view behind) {
  int value = 0;
  if (text->size() < digits) return std::nullopt;
  for (const char c : text->substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text->remove_prefix(digits);
  if (behind.empty()) return value;
  if (text->empty() || behind.find(text->front()) == std::string_view::npos) return std::nullopt;
  text->remove_prefix(1);
  return value;
}

// ".25" at the front of `text`, removed from it; nanoseconds.
std::int64_t TakeFraction(std::string_view* text) {
  if (text->empty() || text->front() != '.') return 0;
  text->remove_prefix(1);
  std::int64_t scale = kSecondNs;
  std::int64_t ns = 0;
  while (!text->empty() && text->front() >= '0' && text->front() <= '9') {
    scale /= 10;
    ns += scale * (text->front() - '0');
    text->remove_prefix(1);
  }
  return ns;
}

// "2026-05-01T12:00:00.25" and a zone.
Result<std::int64_t> DateTime(std::string_view text, const std::optional<int>& zone_minutes) {
  const Error no = Bad(Format("\"{}\" is no time: 2026-05-01T12:00:00.5Z or seconds since 1970",
                              Printable(text, 60)));
  const auto year = TakeDigits(&text, 4, "-");
  const auto month = year ? TakeDigits(&text, 2, "-") : std::nullopt;
  const auto day = month ? TakeDigits(&text, 2, "T ") : std::nullopt;
  const auto hour = day ? TakeDigits(&text, 2, ":") : std::nullopt;
  const auto minute = hour ? TakeDigits(&text, 2, ":") : std::nullopt;
  const auto second = minute ? TakeDigits(&text, 2, "") : std::nullopt;
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return no;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year < 1970 || *year > 2250) return no;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t fraction = TakeFraction(&text);
  if (text.empty() && !zone_minutes) {
    return Bad("the time names no zone: end it in Z or +02:00, or state one with --zone");
  }
  int zone = zone_minutes.value_or(0);
  if (!text.empty()) {
    const auto own = ParseZone(text);
    if (!own.ok()) return no;
    zone = own.value();
  }
  const std::int64_t minutes = (days * 24 + *hour) * 60 + *minute - zone;
  const std::int64_t seconds = minutes * 60 + *second;
  return seconds * kSecondNs + fraction;
}

Result<std::int64_t> TimeOf(std::string_view text, const PowerLogOptions& options) {
  const auto offset_ns = static_cast<std::int64_t>(std::llround(options.offset_s * 1e9));
  if (const auto number = WholeNumber(text)) {
    if (!(*number >= 0 && *number < kLastSecond)) {
      return Bad(
          Format("{} is no time: seconds since 1970 (not milliseconds)", Printable(text, 60)));
    }
    const double whole = std::floor(*number);
    return static_cast<std::int64_t>(whole) * kSecondNs + std::llround((*number - whole) * 1e9) +
           offset_ns;
  }
  QB_TRY(const std::int64_t utc_ns, DateTime(text, options.zone_minutes));
  return utc_ns + offset_ns;
}

// Which columns are read.
struct Heading {
  std::size_t columns = 0;
  std::size_t time = 0;
  std::size_t value = 0;
  bool cumulative = false;
};

Result<Heading> ParseHeading(std::string_view line) {
  if (line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  const std::vector<std::string_view> cells = Cells(line);
  const auto find = [&](std::string_view name) {
    return static_cast<std::size_t>(std::find(cells.begin(), cells.end(), name) - cells.begin());
  };
  Heading heading;
  heading.columns = cells.size();
  heading.time = find("time");
  heading.cumulative = find("watts") == cells.size();
  heading.value = heading.cumulative ? find("joules") : find("watts");
  if (heading.time == cells.size() || heading.value == cells.size()) {
    return Bad(
        Format("the heading must name the columns time and watts (or joules), comma "
               "between; it is \"{}\"",
               Printable(line, 80)));
  }
  return heading;
}

Result<PowerLog::Entry> ParseEntry(std::string_view line, const Heading& heading,
                                   const PowerLogOptions& options) {
  const std::vector<std::string_view> cells = Cells(line);
  if (cells.size() != heading.columns) {
    return Bad(Format("{} cells where the heading has {}", cells.size(), heading.columns));
  }
  PowerLog::Entry entry;
  QB_TRY(entry.utc_ns, TimeOf(cells[heading.time], options));
  const std::string_view text = cells[heading.value];
  const auto value = WholeNumber(text);
  if (!value) return Bad(Format("\"{}\" is no number", Printable(text, 60)));
  entry.value = *value;
  const double most = heading.cumulative ? kMostMeterJoules : kMostMeterWatts;
  if (!(entry.value >= 0 && entry.value <= most)) {
    return Bad(
        Format("{} {} is nonsense", Printable(text, 60), heading.cumulative ? "joules" : "watts"));
  }
  return entry;
}

// The value at a moment between two entries.
double At(const PowerLog::Entry& before, const PowerLog::Entry& after, std::int64_t utc_ns) {
  const auto span = static_cast<double>(after.utc_ns - before.utc_ns);
  const double share = static_cast<double>(utc_ns - before.utc_ns) / span;
  return before.value + (after.value - before.value) * share;
}

}  // namespace

Result<int> ParseZone(std::string_view text) {
  const Error no(ErrorCode::kInvalidArgument,
                 Format("\"{}\" is no zone: Z, +02:00 or -0530", Printable(text, 20)));
  if (text == "Z" || text == "z" || text == "UTC") return 0;
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return no;
  const int sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  const auto hours = TakeDigits(&text, 2, "");
  if (!text.empty() && text.front() == ':') text.remove_prefix(1);
  const auto minutes = text.empty() ? std::optional(0) : TakeDigits(&text, 2, "");
  if (!hours || !minutes || !text.empty() || *hours > 14 || *minutes > 59) return no;
  return sign * (*hours * 60 + *minutes);
}

Result<PowerLog> ParsePowerLog(std::string_view text, const std::string& name,
                               const PowerLogOptions& options) {
  PowerLog log;
  std::optional<Heading> heading;
  for (std::int64_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (Trimmed(line).empty()) continue;
    const std::string where = Format("{}:{}", name, number);
    if (!heading) {
      auto parsed = ParseHeading(Trimmed(line));
      if (!parsed.ok()) return parsed.error().Within(where);
      heading = parsed.value();
      log.cumulative = heading->cumulative;
      continue;
    }
    auto entry = ParseEntry(line, *heading, options);
    if (!entry.ok()) return entry.error().Within(where);
    if (!log.entries.empty() && entry.value().utc_ns <= log.entries.back().utc_ns) {
      return Bad("the time is not later than the one before").Within(where);
    }
    if (log.cumulative && !log.entries.empty() && entry.value().value < log.entries.back().value) {
      return Bad("the joules are fewer than the ones before").Within(where);
    }
    log.entries.push_back(entry.value());
  }
  if (log.entries.empty()) return Bad(name + ": no lines of measurements");
  return log;
}

Result<double> PowerLog::Joules(std::int64_t from_utc_ns, std::int64_t to_utc_ns) const {
  const auto later = [](std::int64_t utc_ns, const Entry& entry) { return utc_ns < entry.utc_ns; };
  // The first entry after each moment; the one before it is at or before the moment.
  const auto first = std::upper_bound(entries.begin(), entries.end(), from_utc_ns, later);
  auto last = std::upper_bound(entries.begin(), entries.end(), to_utc_ns, later);
  if (last == entries.end() && !entries.empty() && entries.back().utc_ns == to_utc_ns) --last;
  if (first == entries.begin() || first == entries.end() || last == entries.end()) {
    return Bad("the meter's log does not reach over it: is the clock off (--offset)?");
  }
  if (last - first < kLeastEntries) {
    return Bad(
        Format("the meter's log has {} entries in it, at least {} are needed: longer blocks "
               "(--block), or a meter that logs more often",
               last - first, kLeastEntries));
  }
  double joules = 0;
  Entry before = {from_utc_ns, At(*(first - 1), *first, from_utc_ns)};
  const double start = before.value;
  for (auto it = first; it <= last; ++it) {
    const bool end = it == last;
    const Entry after = end ? Entry{to_utc_ns, At(*(it - 1), *it, to_utc_ns)} : *it;
    const std::int64_t gap = after.utc_ns - before.utc_ns;
    if (gap > (to_utc_ns - from_utc_ns) / 2) {
      return Bad(
          Format("the meter's log has a gap of {:.3g} s in it", static_cast<double>(gap) * 1e-9));
    }
    joules += (before.value + after.value) / 2 * static_cast<double>(gap) * 1e-9;
    before = after;
  }
  return cumulative ? before.value - start : joules;
}

}  // namespace quantbench
