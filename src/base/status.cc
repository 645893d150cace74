// Status and Result: names of error codes, and the check that aborts.
#include "quantbench/base/status.h"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace quantbench {
namespace {

struct CodeName {
  ErrorCode code;
  std::string_view name;
};
constexpr auto kNames = std::to_array<CodeName>({
    {ErrorCode::kInvalidArgument, "invalid-argument"},
    {ErrorCode::kNotFound, "not-found"},
    {ErrorCode::kMalformed, "malformed"},
    {ErrorCode::kUnsupported, "unsupported"},
    {ErrorCode::kUnavailable, "unavailable"},
    {ErrorCode::kIo, "io"},
    {ErrorCode::kEngine, "engine"},
    {ErrorCode::kInternal, "internal"},
});

}  // namespace

std::string_view Name(ErrorCode code) {
  for (const CodeName& entry : kNames) {
    if (entry.code == code) return entry.name;
  }
  return "internal";
}

ErrorCode ParseErrorCode(std::string_view name) {
  for (const CodeName& entry : kNames) {
    if (entry.name == name) return entry.code;
  }
  return ErrorCode::kInternal;
}

void CheckFailed(const char* condition, const char* why, const char* file, int line) {
  std::fprintf(stderr, "check failed: %s: %s (%s:%d)\n", condition, why, file, line);
  std::abort();
}

}  // namespace quantbench
