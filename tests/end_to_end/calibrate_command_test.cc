// `quantbench calibrate`, tables, and `explain --accuracy` from the user's seat.
#include <array>
#include <limits>
#include <set>

#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>

#include "quantbench/base/json.h"

#include "end_to_end/program.h"

namespace quantbench::testing {
namespace {

using Calibrate = ProgramTest;
const std::string kCnn = kQuickstart + "models/glyph_cnn.onnx";
const std::string kTransformer = kQuickstart + "models/intent_transformer.onnx";
const std::string kImages = kQuickstart + "data/glyph-calibration-images.idx3.gz";

TEST_F(Calibrate, OneTableServesEveryObserver) {
  ASSERT_EQ(
      Run("calibrate " + kCnn + " --data " + kImages + " --samples 40 --threads 1 -o t.json").code,
      0);
  for (const std::string observer : {"minmax", "average", "percentile", "entropy", "mse"}) {
    const std::string with =
        " --recipe static-int8-fast --observer " + observer + " --no-verify --threads 1 --force";
    const Ran from_table = Run("quantize " + kCnn + " --calibration t.json" + with + " -o a.onnx");
    ASSERT_EQ(from_table.code, 0) << from_table.err;
    const Ran direct = Run("quantize " + kCnn + " --calibrate " + kImages + " --samples 40" + with +
                           " --memory 100kB -o b.onnx");
    ASSERT_EQ(direct.code, 0) << direct.err;
    EXPECT_NE(direct.err.find("watching"), std::string::npos) << direct.err;
    EXPECT_EQ(Read(folder_ / "a.onnx"), Read(folder_ / "b.onnx")) << observer;
  }
}

// Told of what becomes of the files of a folder.
class FolderWatch {
 public:
  explicit FolderWatch(const fs::path& folder) : fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    inotify_add_watch(fd_, folder.c_str(), IN_CREATE | IN_MODIFY | IN_MOVED_TO);
  }
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;
  ~FolderWatch() { close(fd_); }

  // Whether `event` has come for a file whose name holds `part`; waits a moment for any.
  bool Saw(std::uint32_t event, const std::string& part) {
    pollfd ready{fd_, POLLIN, 0};
    poll(&ready, 1, 5);
    alignas(inotify_event) std::array<char, 4096> buffer{};
    bool saw = false;
    for (ssize_t size = 0; (size = read(fd_, buffer.data(), buffer.size())) > 0;) {
      for (ssize_t at = 0; at < size;) {
        const auto* told = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        const std::string name = told->len > 0 ? told->name : "";
        saw = saw || ((told->mask & event) != 0 && name.find(part) != std::string::npos);
        at += static_cast<ssize_t>(sizeof(inotify_event)) + told->len;
      }
    }
    return saw;
  }

 private:
  int fd_;
};

class KilledCalibrate : public ProgramTest {
 protected:
  // `quantbench <arguments>`, killed with SIGKILL as soon as `event` comes to a file that keeps
  // what was seen. False when it was done before that.
  bool RunAndKill(const std::string& arguments, std::uint32_t event) {
    FolderWatch watch(folder_);
    const std::string command = "cd '" + folder_.string() + "' && exec '" QB_BINARY "' " +
                                arguments + " >/dev/null 2>&1 </dev/null";
    const pid_t child = fork();
    if (child == 0) {
      execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      _exit(1);
    }
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
      if (watch.Saw(event, "cut.json.partial")) kill(child, SIGKILL);
    }
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << status;
    return WIFSIGNALED(status);
  }
  std::set<std::string> Files() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }
};

// Killed when keeping what was seen begins, when that is written but not complete, and when it has
// its name, over and over.
TEST_F(KilledCalibrate, EndsWithTheTableOfOneThatWasNot) {
  constexpr std::array<std::uint32_t, 3> kMoments = {IN_CREATE, IN_MODIFY, IN_MOVED_TO};
  constexpr int kKills = 9;  // the last of them when something was kept
  const std::string command = "calibrate " + kCnn + " --data " + kImages +
                              " --samples 200 --memory 300kB --threads 1 --print json -o ";
  ASSERT_EQ(Run(command + "whole.json").code, 0);
  std::set<std::string> files = Files();
  int kills = 0;
  for (int tries = 0; kills < kKills && tries < 5 * kKills; ++tries) {
    const std::uint32_t moment = kMoments.at(static_cast<std::size_t>(kills) % kMoments.size());
    const bool killed = RunAndKill(command + "cut.json", moment);
    if (fs::exists(folder_ /
                   "cut.json")) {  // it was quicker than the kill: that one does not count
      EXPECT_EQ(Read(folder_ / "cut.json"), Read(folder_ / "whole.json"));
      fs::remove(folder_ / "cut.json");
    } else {
      EXPECT_TRUE(killed);
      ++kills;
    }
  }
  EXPECT_EQ(kills, kKills);
  const Ran last = Run(command + "cut.json");
  ASSERT_EQ(last.code, 0) << last.err;
  const Json tables = Json::Parse(last.out).value();
  for (const Json& row : tables["Result"].AsArray()) {
    if (row["what"].AsString() != "went on from") continue;
    EXPECT_NE(row["value"].AsString(), "0 samples");
    files.insert("cut.json");
  }
  EXPECT_EQ(Read(folder_ / "cut.json"), Read(folder_ / "whole.json"));
  EXPECT_EQ(Files(), files) << "nothing but the table may be there";
}

TEST_F(Calibrate, BelievesNothingThatIsTorn) {
  const std::string command =
      "calibrate " + kCnn + " --data " + kImages + " --samples 40 --threads 1";
  ASSERT_EQ(Run(command + " -o whole.json").code, 0);
  // What a kill in the middle of writing, or another program, may leave there.
  const std::string torn =
      R"({"format": "quantbench unfinished calibration", "key": "", "statistics": {"samples": 39)";
  for (const std::string& left : {torn, torn + "9}}", std::string("\0\0\0", 3)}) {
    Put("cut.json.partial", left);
    EXPECT_EQ(Run(command + " --force -o cut.json").code, 0);
    EXPECT_EQ(Read(folder_ / "cut.json"), Read(folder_ / "whole.json"));
    EXPECT_FALSE(fs::exists(folder_ / "cut.json.partial"));
  }
}

TEST_F(Calibrate, StopsWhenScalesHaveSettledAndSaysSo) {
  const Ran ran = Run("calibrate " + kCnn + " --data " + kImages +
                      " --samples auto --observer percentile --percentile 99 -o t.json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.err.find("settled"), std::string::npos) << ran.err;
}

TEST_F(Calibrate, RefusesWhatItCannotUse) {
  ASSERT_EQ(Run("calibrate " + kCnn + " --samples 4 -o t.json").code, 0);
  const Ran other = Run("quantize " + kTransformer + " --calibration t.json -o x.onnx");
  EXPECT_EQ(other.code, 2);
  EXPECT_NE(other.err.find("made for another model"), std::string::npos) << other.err;
  EXPECT_EQ(Run("calibrate " + kCnn + " --samples 4 -o t.json").code, 2);  // exists
  Put("torn.json", Read(folder_ / "t.json").substr(0, 1000));
  EXPECT_EQ(Run("quantize " + kCnn + " --calibration torn.json -o x.onnx").code, 5);
  EXPECT_EQ(Run("calibrate " + kCnn + " --samples some -o u.json").code, 2);
  EXPECT_EQ(Run("calibrate " + kCnn + " --recipe float16 -o u.json").code, 2);
}

// Of a cell in dB that is not empty: a number, or "equal".
double Decibels(const Json& cell) {
  return cell.AsString() == "equal" ? std::numeric_limits<double>::infinity() : cell.AsDouble();
}

TEST_F(Calibrate, ExplainRanksLayersAndFindsTheOneThatHurts) {
  const Ran ran = Run("explain " + kCnn + " --accuracy --calibrate " + kImages +
                      " --samples 32 --compare 4 --print json --figures out");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json tables = Json::Parse(ran.out).value();
  const Json::Array& layers = tables["Layers, those that cost most first"].AsArray();
  ASSERT_GE(layers.size(), 3U);
  double before = -1000;
  for (const Json& layer : layers) {
    if (layer["only it dB"].is_null()) continue;  // stays float alone
    const double only = Decibels(layer["only it dB"]);
    EXPECT_GE(only, before);
    EXPECT_GT(only, 10);
    EXPECT_GT(Decibels(layer["local dB"]), 10) << layer.Dump();
    EXPECT_GE(Decibels(layer["all but it dB"]), 5) << layer.Dump();
    before = only;
  }
  EXPECT_TRUE(fs::exists(folder_ / "out" / "accuracy-by-layer.gp"));
  const Ran quick = Run("explain " + kTransformer +
                        " --accuracy --recipe dynamic-int8 --quick --vocabulary 200 --compare 2");
  EXPECT_EQ(quick.code, 0) << quick.err;
  EXPECT_EQ(Run("explain " + kCnn).code, 2);
}

}  // namespace
}  // namespace quantbench::testing
