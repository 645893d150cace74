// The machine: small files, folders and programs, as sensors are read through them.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "quantbench/base/format.h"
#include "quantbench/energy.h"

#include "energy/nvml.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostText = 64U << 10U;
constexpr int kPatienceMs = 2000;

Error FileError(const std::string& path, int code) {
  const bool locked = code == EACCES || code == EPERM;
  const ErrorCode kind = code == ENOENT || code == ENOTDIR ? ErrorCode::kNotFound
                         : locked                          ? ErrorCode::kUnavailable
                                                           : ErrorCode::kIo;
  return {kind, Format("{}: {}", path, std::generic_category().message(code))};
}

// What comes out of a descriptor until its end; false when nothing comes for `patience_ms` (-1:
// wait for ever).
bool Drain(int fd, int patience_ms, std::string* text) {
  std::array<char, 4096> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  while (text->size() < kMostText) {
    pollfd waiting = {fd, POLLIN, 0};
    if (patience_ms >= 0 && poll(&waiting, 1, patience_ms) <= 0) return false;
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    if (n == 0) return true;
    text->append(buffer.data(), static_cast<std::size_t>(n));
  }
  return true;
}

void TrimEnd(std::string* text) {
  while (!text->empty() &&
         (std::isspace(static_cast<unsigned char>(text->back())) != 0 || text->back() == '\0')) {
    text->pop_back();
  }
}

// Starts a program with its stdout on a pipe. Returns the error number.
int Spawn(const std::vector<std::string>& command, const std::array<int, 2>& ends, pid_t* child) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  const int code =
      posix_spawnp(child, arguments.front(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return code;
}

Result<std::string> RunProgram(const std::vector<std::string>& command) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return FileError(command.front(), errno);
  pid_t child = 0;
  const int code = Spawn(command, ends, &child);
  close(ends[1]);
  std::string text;
  const bool whole = code == 0 && Drain(ends[0], kPatienceMs, &text);
  close(ends[0]);
  if (code != 0) return FileError(command.front(), code);
  if (!whole) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!whole) return Error(ErrorCode::kUnavailable, Format("{} hangs", command.front()));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Error(ErrorCode::kUnavailable, Format("{} fails", command.front()));
  }
  return text;
}

class RootedMachine final : public Machine {
 public:
  explicit RootedMachine(fs::path root) : root_(std::move(root)), whole_(root_ == "/") {}

  [[nodiscard]] Result<std::string> Read(const std::string& path) const override {
    const int fd = open(Rooted(path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return FileError(path, errno);
    std::string text;
    errno = 0;
    const bool whole = Drain(fd, -1, &text);
    const int code = errno;
    close(fd);
    if (!whole) return FileError(path, code);
    TrimEnd(&text);
    return text;
  }
  [[nodiscard]] std::vector<std::string> List(const std::string& folder) const override {
    std::vector<std::string> names;
    std::error_code failed;
    for (fs::directory_iterator it(Rooted(folder), failed), end; !failed && it != end;
         it.increment(failed)) {
      names.push_back(it->path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  [[nodiscard]] Result<std::string> Run(const std::vector<std::string>& command) const override {
    if (!whole_) return Error(ErrorCode::kNotFound, command.front() + ": of another machine");
    return RunProgram(command);
  }
  [[nodiscard]] std::vector<std::string> Gpus() const override {
    return whole_ ? NvmlGpus() : std::vector<std::string>();
  }
  [[nodiscard]] Result<double> GpuJoules(std::size_t index) const override {
    return NvmlJoules(index);
  }

 private:
  [[nodiscard]] std::string Rooted(const std::string& path) const {
    return whole_ ? path : root_.string() + path;
  }
  fs::path root_;
  bool whole_;
};

}  // namespace

std::unique_ptr<Machine> MachineAt(const fs::path& root) {
  return std::make_unique<RootedMachine>(root);
}

}  // namespace quantbench
