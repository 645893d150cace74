// Terminal: data to stdout, words to stderr, progress only where a person watches.
#include "cli/terminal.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

#include "quantbench/base/clock.h"
#include "quantbench/base/format.h"
#include "quantbench/base/json.h"

namespace quantbench {
namespace {

constexpr std::int64_t kUpdateEveryNs = 100'000'000;
constexpr std::int64_t kBarWidth = 24;

bool EnvironmentSays(const char* name, std::string_view value) {
  const char* found = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return found != nullptr && (value.empty() ? *found != '\0' : value == found);
}

// Columns of the terminal behind stderr; 80 where it does not say.
std::size_t Columns() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20;
  return known ? size.ws_col : 80;
}

void Words(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

int ExitCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound: return kExitUsage;
    case ErrorCode::kMalformed:
    case ErrorCode::kUnsupported:
    case ErrorCode::kEngine: return kExitRefused;
    case ErrorCode::kUnavailable:
    case ErrorCode::kIo: return kExitMachine;
    case ErrorCode::kInternal: return kExitInternal;
  }
  return kExitInternal;
}

Terminal::Terminal()
    : watched_(isatty(STDERR_FILENO) == 1 && !EnvironmentSays("TERM", "dumb")),
      coloured_(watched_ && !EnvironmentSays("NO_COLOR", "")) {}

Terminal::~Terminal() {
  ClearBar();
}

void Terminal::ClearBar() {
  if (bar_shown_) Words("\r\x1b[K");
  bar_shown_ = false;
}

void Terminal::Update(std::string_view step, std::int64_t done, std::int64_t total) {
  if (!watched_) return;
  const std::int64_t now = SystemClock().NowNs();
  if (now - last_update_ns_ < kUpdateEveryNs && done < total) return;
  last_update_ns_ = now;
  std::string bar;
  if (total > 0) {
    const std::int64_t filled = std::clamp<std::int64_t>(kBarWidth * done / total, 0, kBarWidth);
    bar = Format("[{:#<{}}{:.<{}}] {}/{} ", "", filled, "", kBarWidth - filled, done, total);
  }
  // No longer than the line, or clearing would leave a part of it behind.
  const std::size_t room = Columns() - std::min(Columns() - 1, bar.size() + 4);
  ClearBar();
  Words(bar + Printable(step, room));
  bar_shown_ = true;
}

void Terminal::Note(std::string_view line) {
  ClearBar();
  Words(Printable(line, 2000) + "\n");
}

bool Terminal::Print(std::string_view text) {
  ClearBar();
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  return std::fflush(stdout) == 0 && written;
}

int Terminal::Fail(const Error& error, OutputFormat format) {
  ClearBar();
  const std::string label = coloured_ ? "\x1b[31merror:\x1b[0m " : "error: ";
  // A study may have many mistakes; each stands on a line of its own.
  std::string_view rest = error.message();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    Words("quantbench: " + label + Printable(rest.substr(0, end), 2000) + "\n");
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (format == OutputFormat::kJson) {
    const Json json = Json::MakeObject().Set(
        "error",
        Json::MakeObject().Set("code", Name(error.code())).Set("message", error.message()));
    Print(json.Show(2) + "\n");
  }
  return ExitCodeOf(error.code());
}

}  // namespace quantbench
