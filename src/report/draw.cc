// Drawing: gnuplot runs the scripts; they and their data stay beside the pictures for restyling.
#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "report/figures.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

std::string Script(const Figure& figure) {
  return Format(
      "# {}: gnuplot {}.gp draws the figure again.\n"
      "set encoding utf8\n"
      "set terminal pngcairo noenhanced size 1000,600 font \"DejaVu Sans,12\" background "
      "\"#ffffff\"\n"
      "set output '{}.png'\n{}"
      "set terminal svg noenhanced size 1000,600 font \"sans-serif,14\" background \"#ffffff\"\n"
      "set output '{}.svg'\nreplot\nset output\n",
      Printable(figure.title), figure.name, figure.name, figure.script, figure.name);
}

// Runs gnuplot in `folder`; its exit code, -1 when it is not there.
int RunGnuplot(const fs::path& folder, const std::string& script) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "gnuplot.log",
                                   O_WRONLY | O_CREAT | O_TRUNC, 0644);
  std::string program = "gnuplot";
  std::string argument = script;
  std::array<char*, 3> arguments = {program.data(), argument.data(), nullptr};
  pid_t pid = -1;
  const int failed = posix_spawnp(&pid, "gnuplot", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return -1;
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

// gnuplot leaves two things in texts as they are: "]]>", for which XML has no place, and "&#",
// which would be read as another character, or as none [XML 1.0, 2.4 and 4.1]. It writes neither
// itself.
Status MendSvg(const fs::path& path) {
  constexpr auto kLeft = std::to_array<std::pair<std::string_view, std::string_view>>(
      {{"]]>", "]]&gt;"}, {"&#", "&amp;#"}});
  QB_TRY(std::string svg, ReadFile(path, 64U << 20U));
  bool mended = false;
  for (const auto& [left, escaped] : kLeft) {
    for (std::size_t at = svg.find(left); at != std::string::npos;
         at = svg.find(left, at + escaped.size())) {
      svg.replace(at, left.size(), escaped);
      mended = true;
    }
  }
  return mended ? WriteFileAtomic(path, svg) : Ok();
}

}  // namespace

Result<std::vector<fs::path>> DrawFigures(const std::vector<Figure>& figures,
                                          const fs::path& folder, std::string* missing) {
  QB_OK(MakeFolders(folder));
  std::vector<fs::path> drawn;
  std::error_code ignored;
  for (const Figure& figure : figures) {
    QB_OK(WriteFileAtomic(folder / (figure.name + ".dat"), figure.data));
    QB_OK(WriteFileAtomic(folder / (figure.name + ".gp"), Script(figure)));
    const int code = RunGnuplot(folder, figure.name + ".gp");
    if (code == -1 || code == 127) {
      *missing = "figures: gnuplot is not installed; sudo apt-get install gnuplot-nox";
      break;
    }
    if (code != 0) {
      const auto log = ReadFile(folder / "gnuplot.log", 1U << 20U);
      return Error(ErrorCode::kInternal, Format("gnuplot refused {}: {}", figure.name,
                                                Printable(log.ok() ? log.value() : "")));
    }
    drawn.push_back(folder / (figure.name + ".png"));
    drawn.push_back(folder / (figure.name + ".svg"));
    QB_OK(MendSvg(drawn.back()));
  }
  fs::remove(folder / "gnuplot.log", ignored);
  return drawn;
}

}  // namespace quantbench
