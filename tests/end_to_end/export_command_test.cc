// What leaves a study through the real program: exports, bundles, the schema, a report in a
// browser.
#include <csignal>

#include "end_to_end/program.h"
#include "raw_http.h"

namespace quantbench::testing {
namespace {

class ExportCommand : public ProgramTest {
 protected:
  ExportCommand() {
    Put("study.toml",
        "[study]\ntitle = \"=1+1\"\nrepetitions = 2\nprocesses = 2\n"
        "difficulties = \"\"\"\nfirst line,\nsecond line\n\nnew paragraph\"\"\"\n"
        "[[model]]\nid = \"mlp\"\nbits = 32\npath = \"" +
            kQuickstart + "models/glyph_mlp.onnx\"\n" +
            "[[variant]]\nid = \"dyn\"\nrecipe = \"dynamic-int8\"\n");
  }
  void MakeResults() const {
    const Ran ran = Run("run study.toml");
    ASSERT_EQ(ran.code, 0) << ran.err;
  }
};

TEST_F(ExportCommand, WritesEveryFormatAndTouchesNoRecord) {
  MakeResults();
  Put("results/records/.measure-mlp-1.json.1.0.part", "half");
  const Ran ran = Run("export results --csv t --jsonl s.jsonl --sqlite s.db");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "t\ns.jsonl\ns.db\n");
  EXPECT_NE(Read(folder_ / "t" / "study.csv").find("title,'=1+1\r\n"), std::string::npos);
  EXPECT_GT(CountLines(Read(folder_ / "t" / "laps.csv")), 8);
  EXPECT_NE(
      Read(folder_ / "s.jsonl").find("{\"table\":\"study\",\"name\":\"title\",\"value\":\"=1+1\"}"),
      std::string::npos);
  EXPECT_EQ(Read(folder_ / "s.db").substr(0, 15), "SQLite format 3");
  EXPECT_TRUE(fs::exists(folder_ / "results/records/.measure-mlp-1.json.1.0.part"));
  const std::string page = Read(folder_ / "results" / "report.html");
  EXPECT_NE(page.find("<p>first line, second line</p>\n<p>new paragraph</p>"), std::string::npos);
}

TEST_F(ExportCommand, SaysWhatIsMissing) {
  EXPECT_EQ(Run("export study.toml").code, 2);
  EXPECT_EQ(Run("export --csv t").code, 2);
  const Ran none = Run("export study.toml --csv t");
  EXPECT_EQ(none.code, 2);
  EXPECT_NE(none.err.find("no records here"), std::string::npos) << none.err;
  EXPECT_FALSE(fs::exists(folder_ / "results"));
  EXPECT_EQ(Run("bundle study.toml").code, 2);
  EXPECT_EQ(Run("bundle --verify study.toml").code, 5);
  EXPECT_EQ(Run("export --columns -o md").code, 0);
}

TEST_F(ExportCommand, PacksABundleThatVerifies) {
  MakeResults();
  const Ran ran = Run("bundle study.toml -o study.tar.gz");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.err.find("models and data are left out"), std::string::npos) << ran.err;
  ASSERT_EQ(Run("bundle study.toml -o again.tar.gz").code, 0);
  EXPECT_EQ(Read(folder_ / "study.tar.gz"), Read(folder_ / "again.tar.gz"));
  EXPECT_EQ(Run("bundle --verify study.tar.gz").code, 0);
  const std::string check = "cd '" + folder_.string() +
                            "' && mkdir x && tar xzf study.tar.gz -C x && cd x/study && "
                            "sha256sum --quiet -c MANIFEST";
  EXPECT_EQ(std::system(check.c_str()), 0);  // NOLINT(cert-env33-c): a test
  Put("x/study/results/report.md", "changed");
  const std::string repack =
      "cd '" + folder_.string() + "/x' && tar czf ../bad.tar.gz $(find study -type f)";
  ASSERT_EQ(std::system(repack.c_str()), 0);  // NOLINT(cert-env33-c): a test
  const Ran bad = Run("bundle --verify bad.tar.gz");
  EXPECT_EQ(bad.code, 5);
  EXPECT_NE(bad.err.find("results/report.md: is not what was packed"), std::string::npos)
      << bad.err;
}

TEST_F(ExportCommand, DraftsNameTheSchemaBesideThem) {
  const Ran made = Run("new " + kQuickstart + "models/glyph_mlp.onnx -o new.toml");
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_TRUE(Read(folder_ / "new.toml").starts_with("#:schema ./study.schema.json\n"));
  EXPECT_EQ(Read(folder_ / "study.schema.json"), Run("schema").out);
  EXPECT_EQ(Run("check new.toml").code, 0);
}

std::string Request(int port, const std::string& first, const std::string& host = "127.0.0.1") {
  return AskBytes(port, RequestOf(port, first, host));
}

TEST_F(ExportCommand, ShowsTheReportToThisMachineUntilCtrlC) {
  MakeResults();
  int out[2];
  ASSERT_EQ(pipe(out), 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(out[1], STDOUT_FILENO);
    close(out[0]);
    if (chdir(folder_.c_str()) != 0) _exit(1);
    execl(QB_BINARY, QB_BINARY, "report", "study.toml", "--serve", "--port", "0", nullptr);
    _exit(1);
  }
  close(out[1]);
  FILE* lines = fdopen(out[0], "r");
  int port = 0;
  ASSERT_EQ(std::fscanf(lines, "http://127.0.0.1:%d/", &port), 1);
  const std::string page = Request(port, "GET /");
  EXPECT_TRUE(page.starts_with("HTTP/1.1 200")) << page.substr(0, 300);
  EXPECT_NE(page.find("\r\nRefresh: "), std::string::npos);
  EXPECT_NE(page.find("frame-ancestors 'none'"), std::string::npos);
  EXPECT_NE(page.find("</html>"), std::string::npos);
  EXPECT_TRUE(Request(port, "GET /", "evil.example").starts_with("HTTP/1.1 403"));
  EXPECT_TRUE(Request(port, "POST /").starts_with("HTTP/1.1 405"));
  EXPECT_TRUE(Request(port, "GET /tables/../../study.toml").starts_with("HTTP/1.1 404"));
  EXPECT_TRUE(Request(port, "GET /tables/%2e%2e/%2e%2e/study.toml").starts_with("HTTP/1.1 404"));
  EXPECT_TRUE(Request(port, "GET /tables/summary.csv").starts_with("HTTP/1.1 200"));
  EXPECT_EQ(Request(port, "HEAD /").find("</html>"), std::string::npos);
  // Records that came since are in the next answer.
  std::error_code ignored;
  fs::remove(folder_ / "results" / "report.html", ignored);
  for (const auto& entry : fs::directory_iterator(folder_ / "results" / "records")) {
    if (entry.path().filename().string().starts_with("measure-")) fs::remove(entry.path(), ignored);
  }
  EXPECT_NE(Request(port, "GET /").find("</html>"), std::string::npos);
  ASSERT_EQ(kill(child, SIGINT), 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(Request(port, "GET /"), "");
  std::fclose(lines);
}

}  // namespace
}  // namespace quantbench::testing
