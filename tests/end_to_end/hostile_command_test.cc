// Hostile names through the real program: what its terminal gets is text, whatever a file, a flag,
// a study or a model is called.
#include <algorithm>
#include <array>
#include <vector>

#include <fcntl.h>
#include <spawn.h>

#include "quantbench/base/format.h"
#include "quantbench/base/json.h"
#include "quantbench/model.h"

#include "hostile_names.h"
#include "model_builder.h"
#include "program.h"

namespace quantbench::testing {
namespace {

class HostileCommand : public ProgramTest {
 protected:
  // The program with exactly these arguments, without a shell between.
  [[nodiscard]] Ran Exec(std::vector<std::string> arguments) const {
    const std::string out = folder_ / "stdout.txt";
    const std::string err = folder_ / "stderr.txt";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, folder_.c_str());
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    constexpr int kNew = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), kNew, 0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), kNew, 0600);
    arguments.insert(arguments.begin(), QB_BINARY);
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    pid_t pid = -1;
    const int failed = posix_spawn(&pid, QB_BINARY, &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) return {};
    int status = 0;
    waitpid(pid, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), Read(out), Read(err)};
  }

  // What a terminal would obey in what came out; line ends of CSV are "\r\n".
  static std::string Obeyed(const Ran& ran) {
    std::string all = ran.out + ran.err;
    for (std::size_t at = all.find("\r\n"); at != std::string::npos; at = all.find("\r\n", at)) {
      all.erase(at, 1);
    }
    return TerminalObeys(all);
  }
};

// One message of one line each, exit code 2 to 5, nothing obeyed. A name stands as a file, as a
// command or as a flag, in turn.
TEST_F(HostileCommand, FilesCommandsAndFlagsThatAreNotThere) {
  int wrong = 0;
  std::size_t turn = 0;
  for (const std::string& name : HostileNames()) {
    const std::array<std::vector<std::string>, 3> all = {
        {{"inspect", "./" + name}, {"x" + name}, {"bench", "--" + name}}};
    const std::vector<std::string>& arguments = all[turn % all.size()];
    if (++turn % 4 != 0 && TerminalObeys(name).empty()) continue;
    const Ran ran = Exec(arguments);
    const bool help = arguments.back() == "----help";
    const bool fine = Obeyed(ran).empty() &&
                      (help || (ran.code >= 2 && ran.code <= 5 && CountLines(ran.err) == 1));
    if (fine || ++wrong > 5) continue;
    ADD_FAILURE() << arguments[0] << " " << Printable(name, 60) << ": " << Obeyed(ran) << "; code "
                  << ran.code << ", " << Printable(ran.err, 300);
  }
  EXPECT_EQ(wrong, 0);
}

// A TOML string that holds these bytes.
std::string Quoted(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') text += '\\';
    if (byte < 0x20 || byte == 0x7f) {
      text += Format("\\u{:04x}", byte);
    } else {
      text += c;
    }
  }
  return text + "\"";
}

// What is no UTF-8 is replaced where it is written.
bool IsUtf8(const std::string& name) {
  return Json::Parse(Json(name).Dump()).value().AsString() == name;
}

// Every mistake of a study is told, each on a line of its own.
TEST_F(HostileCommand, MistakesOfAStudy) {
  std::string study = "[study]\ntitle = \"x\"\n";
  int tables = 0;
  for (const std::string& name : HostileNames()) {
    if (!IsUtf8(name) || name.size() > 1000) continue;
    const std::string text = Quoted(name);
    study += Format(
        "[[model]]\nid = {0}\npath = {0}\nwhy = {0}\n{0} = 1\n"
        "[[variant]]\nid = {0}\nrecipe = {0}\n"
        "[[hypothesis]]\nid = {0}\ntext = {0}\nmetric = {0}\nexpect = {0}\narms = [{0}]\n",
        text);
    ++tables;
  }
  EXPECT_GT(tables, 200);
  Put("study.toml", study);
  for (const char* command : {"check", "run", "report"}) {
    const Ran ran = Exec({command, "study.toml"});
    EXPECT_EQ(ran.code, 2);
    EXPECT_EQ(Obeyed(ran), "") << command;
    EXPECT_GT(CountLines(ran.err), tables) << command;
  }
}

// What no study may be called is told one by one where it is no TOML at all.
TEST_F(HostileCommand, StudiesThatAreNoToml) {
  for (const std::string& name : TerminalNames()) {
    Put("study.toml", "[study]\ntitle = " + name + "\n");
    const Ran ran = Exec({"check", "study.toml"});
    EXPECT_EQ(Obeyed(ran), "") << Printable(name, 60) << Printable(ran.err, 200);
    EXPECT_NE(ran.code, 70) << Printable(name, 60);
  }
}

// Layers, tensors and inputs of a model in every table that shows them.
TEST_F(HostileCommand, NamesInsideAModel) {
  ModelBuilder builder;
  std::string value = builder.Input("x", {-1, 4});
  std::size_t layers = 0;
  for (const std::string& name : HostileNames()) {
    const std::string weight = builder.Weight(name, {4, 4});
    value = builder.Add("MatMul", "layer " + name, {value, weight});
    ++layers;
  }
  builder.Output(value);
  ASSERT_TRUE(SaveModel(builder.Build(), folder_ / "m.onnx", {}).ok());
  for (const char* format : {"table", "md", "csv", "json"}) {
    for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
             {"inspect", "m.onnx", "-o", format}, {"inspect", "m.onnx", "--flops", "-o", format}}) {
      const Ran ran = Exec(arguments);
      EXPECT_EQ(Obeyed(ran), "") << arguments[0] << " " << format;
      EXPECT_EQ(ran.code, 0) << Printable(ran.err, 300);
      EXPECT_GT(static_cast<std::size_t>(CountLines(ran.out)), layers) << arguments[0];
    }
  }
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"quantize", "m.onnx", "--recipe", "dynamic-int8", "-o", "q.onnx", "--no-verify"},
           {"quantize", "m.onnx", "--recipe", "dynamic-int8", "-o", "-", "--plan-only"},
           {"explain", "m.onnx", "--all"}}) {
    const Ran ran = Exec(arguments);
    EXPECT_EQ(Obeyed(ran), "") << arguments[0] << " " << arguments.back();
  }
}

// A model that is refused names its element.
TEST_F(HostileCommand, ModelsThatAreRefused) {
  int wrong = 0;
  for (const std::string& name : TerminalNames()) {
    ModelBuilder builder;
    const std::string input = builder.Input("x", {1, 4});
    builder.Add("MatMul", name, {input, name + " that is nowhere"});
    builder.Output(name + "_out");
    fs::remove(folder_ / "m.onnx");
    ASSERT_TRUE(SaveModel(builder.Build(), folder_ / "m.onnx", {}).ok());
    const Ran ran = Exec({"inspect", "m.onnx"});
    if (ran.code == 5 && Obeyed(ran).empty() && CountLines(ran.err) == 1) continue;
    if (++wrong > 5) continue;
    ADD_FAILURE() << Printable(name, 60) << ": " << ran.code << ", " << Printable(ran.err, 300);
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace quantbench::testing
