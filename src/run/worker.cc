// Workers, the parent's side: start one, hand it a request, read its reply, classify how it ended.
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "quantbench/base/clock.h"
#include "quantbench/base/format.h"
#include "quantbench/run.h"

#include "run/protocol.h"

namespace quantbench {
namespace {

constexpr std::size_t kStderrKept = 2000;
constexpr std::string_view kPaddingName = "QUANTBENCH_PADDING=";

// A worker process and the two descriptors we hold of it.
struct Child {
  pid_t pid = -1;
  int channel = -1;  // request out, replies in
  int words = -1;    // its stderr
};

// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void BecomeWorker(const char* program, char* const* environment, int channel,
                               int words, std::uint64_t memory_bytes) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (memory_bytes > 0) {
    const rlimit limit{memory_bytes, memory_bytes};
    setrlimit(RLIMIT_AS, &limit);
  }
  // When memory runs out, the kernel is to take the worker and not its parent.
  if (const int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); score >= 0) {
    (void)!write(score, "1000", 4);
    close(score);
  }
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  dup2(words, STDERR_FILENO);
  dup2(channel, kWorkerChannel);
  if (channel == kWorkerChannel) fcntl(channel, F_SETFD, 0);
  std::array<char, 16> verb{};
  std::strncpy(verb.data(), kWorkerVerb, verb.size() - 1);
  std::array<char*, 3> arguments = {const_cast<char*>(program), verb.data(), nullptr};
  execve(program, arguments.data(), environment);
  _exit(127);
}

// Our own environment and one variable more.
std::vector<char*> EnvironmentWith(std::string* more) {
  std::vector<char*> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.push_back(*variable);
  if (more != nullptr) variables.push_back(more->data());
  variables.push_back(nullptr);
  return variables;
}

Result<Child> Start(const WorkerOptions& options) {
  std::array<int, 2> channel{};
  std::array<int, 2> words{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel.data()) != 0 ||
      pipe2(words.data(), O_CLOEXEC) != 0) {
    return Error(ErrorCode::kIo, Format("cannot start a worker: {}", std::strerror(errno)));
  }
  const std::string program = options.program.empty() ? "/proc/self/exe" : options.program.string();
  std::string padding = std::string(kPaddingName) + std::string(options.padding, 'x');
  const std::vector<char*> environment = EnvironmentWith(options.padding > 0 ? &padding : nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    BecomeWorker(program.c_str(), environment.data(), channel[1], words[1], options.memory_bytes);
  }
  const int fork_error = errno;
  close(channel[1]);
  close(words[1]);
  if (pid < 0) {
    close(channel[0]);
    close(words[0]);
    return Error(ErrorCode::kIo, Format("cannot start a worker: {}", std::strerror(fork_error)));
  }
  return Child{pid, channel[0], words[0]};
}

// Whether the whole request went out; a worker that died early takes only part of it.
bool Send(int channel, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(channel, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return shutdown(channel, SHUT_WR) == 0;
}

// What came from a worker until its channel closed.
struct Heard {
  Json answer;        // the last line that was not progress; null when none came
  std::string words;  // the end of its stderr
  bool timed_out = false;
};

class Listener {
 public:
  Listener(const Child& child, Progress& progress) : child_(child), progress_(progress) {}

  Heard Listen(std::int64_t timeout_s) {
    const std::int64_t deadline = SystemClock().NowNs() + timeout_s * 1'000'000'000;
    std::array<pollfd, 2> polls{{{child_.channel, POLLIN, 0}, {child_.words, POLLIN, 0}}};
    while (polls[0].fd >= 0) {
      const std::int64_t left_ms = (deadline - SystemClock().NowNs()) / 1'000'000;
      if (left_ms <= 0) {
        heard_.timed_out = true;
        kill(child_.pid, SIGKILL);
        break;
      }
      if (poll(polls.data(), polls.size(),
               static_cast<int>(std::min<std::int64_t>(left_ms, 1000))) < 0) {
        continue;  // EINTR: the loop ends by the deadline at the latest
      }
      if (polls[0].revents != 0 && !ReadChannel()) polls[0].fd = -1;
      if (polls[1].revents != 0 && !ReadWords()) polls[1].fd = -1;
    }
    return std::move(heard_);
  }

 private:
  bool ReadChannel() {
    std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const ssize_t n = read(child_.channel, buffer.data(), buffer.size());
    if (n <= 0) return n < 0 && errno == EINTR;
    pending_.append(buffer.data(), static_cast<std::size_t>(n));
    std::size_t begin = 0;
    for (std::size_t end = pending_.find('\n'); end != std::string::npos;
         end = pending_.find('\n', begin)) {
      HandleLine(std::string_view(pending_).substr(begin, end - begin));
      begin = end + 1;
    }
    pending_.erase(0, begin);
    return true;
  }

  bool ReadWords() {
    std::array<char, 4096> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const ssize_t n = read(child_.words, buffer.data(), buffer.size());
    if (n <= 0) return n < 0 && errno == EINTR;
    heard_.words.append(buffer.data(), static_cast<std::size_t>(n));
    if (heard_.words.size() > kStderrKept) {
      heard_.words.erase(0, heard_.words.size() - kStderrKept);
    }
    return true;
  }

  void HandleLine(std::string_view line) {
    auto message = Json::Parse(line);
    if (!message.ok()) return;  // a torn line: the missing answer is noticed at the end
    if (message.value().Has("step")) {
      const Json& json = message.value();
      progress_.Update(json["step"].AsString(), json["done"].AsInt(), json["total"].AsInt());
    } else if (message.value().Has("note")) {
      progress_.Note(message.value()["note"].AsString());
    } else {
      heard_.answer = std::move(message).value();
    }
  }

  const Child& child_;
  Progress& progress_;
  std::string pending_;
  Heard heard_;
};

// The last non-empty line of a worker's stderr, for the reason of a crash.
std::string LastWords(const std::string& words) {
  const std::size_t end = words.find_last_not_of("\n ");
  if (end == std::string::npos) return "";
  const std::size_t newline = words.rfind('\n', end);
  const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
  return Format(" ({})", Printable(std::string_view(words).substr(begin, end + 1 - begin)));
}

WorkerResult Failure(Outcome outcome, std::string reason) {
  WorkerResult result;
  result.outcome = outcome;
  result.reason = std::move(reason);
  return result;
}

WorkerResult FromAnswer(const Json& answer) {
  WorkerResult result;
  result.peak_bytes = static_cast<std::uint64_t>(answer["peak_bytes"].AsInt());
  if (answer.Has("reply")) {
    result.reply = answer["reply"];
    return result;
  }
  const Json& error = answer["error"];
  result.outcome = error["out_of_memory"].AsBool() ? Outcome::kOutOfMemory : Outcome::kFailed;
  result.code = ParseErrorCode(error["code"].AsString());
  result.reason = error["message"].AsString();
  return result;
}

// How the worker ended, from its answer and its wait status.
WorkerResult Classify(const Heard& heard, int status, const WorkerOptions& options) {
  if (heard.timed_out) {
    return Failure(Outcome::kTimedOut,
                   Format("no answer within {} s: the worker was ended", options.timeout_s));
  }
  if (!heard.answer.is_null()) return FromAnswer(heard.answer);
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    if (signal == SIGKILL) {
      return Failure(Outcome::kOutOfMemory,
                     "the worker was killed from outside (SIGKILL), most likely by the kernel for "
                     "lack of memory");
    }
    return Failure(Outcome::kCrashed, Format("the engine's worker crashed: {}{}", strsignal(signal),
                                             LastWords(heard.words)));
  }
  if (WEXITSTATUS(status) == 127) {
    return Failure(Outcome::kFailed, "the worker program could not be started");
  }
  return Failure(Outcome::kCrashed, Format("the engine's worker ended with exit code {}{}",
                                           WEXITSTATUS(status), LastWords(heard.words)));
}

}  // namespace

WorkerResult RunWorker(const Json& request, const WorkerOptions& options, Progress& progress) {
  Json full = request;
  full.Set("engine", options.engine).Set("torch", options.torch.ToJson());
  auto child = Start(options);
  if (!child.ok()) {
    WorkerResult result = Failure(Outcome::kFailed, child.error().message());
    result.code = child.error().code();
    return result;
  }
  Send(child.value().channel, full.Dump());
  const Heard heard = Listener(child.value(), progress).Listen(options.timeout_s);
  close(child.value().channel);
  close(child.value().words);
  int status = 0;
  while (waitpid(child.value().pid, &status, 0) < 0 && errno == EINTR) {
  }
  return Classify(heard, status, options);
}

}  // namespace quantbench
