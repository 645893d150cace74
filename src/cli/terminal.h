// Terminal: data to stdout, words to stderr, progress only where a person watches.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "quantbench/base/progress.h"
#include "quantbench/base/status.h"
#include "quantbench/report.h"

namespace quantbench {

// Exit codes, as the manual documents them.
inline constexpr int kExitDone = 0;
inline constexpr int kExitGateMissed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitCasesFailed = 3;
inline constexpr int kExitMachine = 4;
inline constexpr int kExitRefused = 5;
inline constexpr int kExitInternal = 70;

[[nodiscard]] int ExitCodeOf(ErrorCode code);

// NO_COLOR, TERM=dumb and a redirected stderr switch colours off.
class Terminal final : public Progress {
 public:
  Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  Terminal(Terminal&&) = delete;
  Terminal& operator=(Terminal&&) = delete;
  ~Terminal() override;

  void Update(std::string_view step, std::int64_t done, std::int64_t total) override;
  void Note(std::string_view line) override;

  // Data. False when stdout is gone or full.
  bool Print(std::string_view text);
  // "quantbench: error: MESSAGE" on stderr (and {"error": ...} on stdout when `format` is JSON).
  // Returns the exit code.
  int Fail(const Error& error, OutputFormat format = OutputFormat::kTable);

 private:
  void ClearBar();

  bool watched_;
  bool coloured_;
  bool bar_shown_ = false;
  std::int64_t last_update_ns_ = 0;
};

}  // namespace quantbench
