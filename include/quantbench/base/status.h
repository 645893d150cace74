// Status and Result: how every fallible function in quantbench reports failure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace quantbench {

// Why an operation failed. Each code answers "who can fix it?".
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,  // the caller: a flag, a study file, a recipe
  kNotFound,         // the caller: a path or a name that does not exist
  kMalformed,        // the producer of the bytes: not a valid model, data set or record
  kUnsupported,      // us: a valid request that we do not implement
  kUnavailable,      // the machine: no engine, no sensor, no such device
  kIo,               // the machine: a read or write failed
  kEngine,           // the inference engine refused, crashed, hung or ran out of memory
  kInternal,         // our bug
};

[[nodiscard]] std::string_view Name(ErrorCode code);
// The code of that name; kInternal for an unknown one (it crossed a process border garbled).
[[nodiscard]] ErrorCode ParseErrorCode(std::string_view name);

// What failed and why, in one line. Small, copyable, never empty.
class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  [[nodiscard]] ErrorCode code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }

  // The same error seen from one level up: "context: message".
  [[nodiscard]] Error Within(std::string_view context) const {
    return {code_, std::string(context) + ": " + message_};
  }

 private:
  ErrorCode code_;
  std::string message_;
};

// A value, or the reason there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return value_.has_value(); }
  [[nodiscard]] const Error& error() const { return *error_; }
  [[nodiscard]] const T& value() const& { return *value_; }
  [[nodiscard]] T& value() & { return *value_; }
  [[nodiscard]] T value() && { return *std::move(value_); }

 private:
  std::optional<T> value_;
  std::optional<Error> error_;
};

struct Unit {};
using Status = Result<Unit>;
inline Status Ok() {
  return Unit{};
}

// Prints "check failed: CONDITION: WHY (FILE:LINE)" to stderr and aborts.
[[noreturn]] void CheckFailed(const char* condition, const char* why, const char* file, int line);

}  // namespace quantbench

// Evaluates a Result; on failure returns its error from the enclosing function, otherwise binds the
// value.  QB_TRY(Graph graph, LoadGraph(path));   QB_TRY(const auto n, Count(shape));
#define QB_TRY(declaration, expression) \
  QB_TRY_NAMED(QB_CONCAT(qb_result_, __LINE__), declaration, expression)
#define QB_TRY_NAMED(result, declaration, expression) \
  auto result = (expression);                         \
  if (!result.ok()) return result.error();            \
  declaration = std::move(result).value()
// The same for a Status.  QB_OK(WriteFile(path, bytes));
#define QB_OK(expression)                                 \
  do {                                                    \
    if (auto qb_status = (expression); !qb_status.ok()) { \
      return qb_status.error();                           \
    }                                                     \
  } while (false)
#define QB_CONCAT(a, b) QB_CONCAT_INNER(a, b)
#define QB_CONCAT_INNER(a, b) a##b

// A programmer's error (an index, a shape contract inside a room): says so and aborts, in release
// too.
#define QB_CHECK(condition, why) \
  ((condition) ? (void)0 : ::quantbench::CheckFailed(#condition, why, __FILE__, __LINE__))
