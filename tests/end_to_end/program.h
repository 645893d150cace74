// Running the real program, for end-to-end tests.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace quantbench::testing {

namespace fs = std::filesystem;

inline const std::string kQuickstart = std::string(QB_SOURCE_DIR) + "/examples/quickstart/";
// Test images of the quickstart with their labels, as a data set.
inline const std::string kGlyphs = "kind = \"idx\"\npath = \"" + kQuickstart +
                                   "data/glyph-test-images.idx3.gz\"\nlabels = \"" + kQuickstart +
                                   "data/glyph-test-labels.idx1.gz\"\npreprocess = { scale = "
                                   "0.00392156862745098, mean = 0.2, std = 0.3 }\n";

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

// A folder of the test's own, removed with it; commands run in it.
class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest()
      : folder_(fs::temp_directory_path() /
                ("qb_e2e." + std::to_string(getpid()) + "." +
                 ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(folder_);
  }
  ~ProgramTest() override {
    std::error_code ignored;
    fs::permissions(folder_ / "locked", fs::perms::owner_all, ignored);
    fs::remove_all(folder_, ignored);
  }

  // `quantbench <arguments>` through the shell, so that redirections and variables may stand there.
  Ran Run(const std::string& arguments, const std::string& environment = "") const {
    const std::string out = folder_ / "stdout.txt";
    const std::string err = folder_ / "stderr.txt";
    const std::string command = "cd '" + folder_.string() + "' && " + environment +
                                " '" QB_BINARY "' " + arguments + " >'" + out + "' 2>'" + err +
                                "' </dev/null";
    const int status = std::system(command.c_str());  // NOLINT(cert-env33-c): a test of a program
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), Read(out), Read(err)};
  }
  // As Run, but bound by the permissions of files even where the tests run as root: root without
  // any capability is.
  Ran RunBoundByPermissions(const std::string& arguments) const {
    return Run(arguments, geteuid() == 0 ? "setpriv --bounding-set=-all --inh-caps=-all" : "");
  }
  static std::string Read(const fs::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  void Put(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  fs::path folder_;
};

inline int CountLines(const std::string& text) {
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

// A refused command: the code, one line of words, that line.
inline void ExpectRefusal(const Ran& ran, int code, const std::string& words) {
  EXPECT_EQ(ran.code, code) << ran.err;
  EXPECT_NE(ran.err.find(words), std::string::npos) << ran.err;
  EXPECT_EQ(CountLines(ran.err), 1) << ran.err;
  EXPECT_TRUE(ran.out.empty()) << ran.out;
}

}  // namespace quantbench::testing
