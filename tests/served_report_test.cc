// A folder of results as `report --serve` shows it, by a live server: hostile names in pages and as
// files, and requests that want more than is shown.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/report.h"
#include "quantbench/serve.h"

#include "hostile_analysis.h"
#include "hostile_names.h"
#include "raw_http.h"
#include "report/page.h"

namespace quantbench::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSecret = "the secret of another folder";

class ServedReport : public ::testing::Test {
 protected:
  ServedReport()
      : root_(fs::temp_directory_path() /
              ("qb_served." + std::to_string(getpid()) + "." +
               ::testing::UnitTest::GetInstance()->current_test_info()->name())),
        folder_(root_ / "results") {
    for (const char* name : {"figures", "tables", "records", "models"}) {
      fs::create_directories(folder_ / name);
    }
    Put(root_ / "secret.csv", kSecret);
    Put(folder_ / "records" / "measure.json", kSecret);
    Put(folder_ / "models" / "m.onnx", kSecret);
    Put(folder_ / "tables" / "x.csv", "a,b\r\n");
    thread_ = std::thread([this] {
      const Status served =
          Serve({folder_, 0, 10, [this] { return version_; }, [this] { return make_(); },
                 [this](int port) { port_.set_value(port); }});
      if (!served.ok()) port_.set_value(-1);
    });
    port = port_.get_future().get();
  }
  ~ServedReport() override {
    pthread_kill(thread_.native_handle(), SIGTERM);  // blocked there, and waited for
    thread_.join();
    fs::remove_all(root_);
  }

  static void Put(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  [[nodiscard]] RawAnswer Get(const std::string& path) const {
    return ReadAnswer(AskBytes(port, RequestOf(port, "GET " + path)));
  }
  // The page is made of this analysis from now on; true: with figures and tables.
  void Show(const std::string& name, bool whole) {
    version_ += "x";
    make_ = [this, name, whole]() -> Status {
      const Analysis analysis = AnalysisNamed(name);
      if (!whole) return WriteFileAtomic(folder_ / "report.html", RenderHtmlPage(analysis, {}, {}));
      QB_TRY(const Report report, WriteReport(analysis, folder_));
      return Ok();
    };
  }
  // What is wrong with the headers of an answer; empty: nothing.
  static std::string Unsafe(const RawAnswer& answer) {
    static const std::set<std::string> kKnown = {"content-security-policy",
                                                 "x-content-type-options",
                                                 "referrer-policy",
                                                 "cross-origin-resource-policy",
                                                 "cache-control",
                                                 "etag",
                                                 "refresh",
                                                 "allow",
                                                 "content-type",
                                                 "content-length",
                                                 "connection",
                                                 "keep-alive",
                                                 "accept-ranges"};
    for (const auto& [name, value] : answer.headers) {
      if (!kKnown.contains(name)) return "header " + name;
      if (!TerminalObeys(value).empty()) return TerminalObeys(value);
    }
    const auto has = [&](const char* name, std::string_view value) {
      const auto found = answer.headers.find(name);
      return found != answer.headers.end() && found->second.find(value) != std::string::npos;
    };
    if (!has("content-security-policy", "default-src 'none'")) return "no policy";
    if (!has("content-security-policy", "frame-ancestors 'none'")) return "may be framed";
    if (!has("x-content-type-options", "nosniff")) return "may be sniffed";
    return "";
  }

  fs::path root_;
  fs::path folder_;
  int port = 0;

 private:
  std::promise<int> port_;
  std::thread thread_;
  // Asked for by the server's threads, one at a time, while no other request is on its way.
  std::string version_;
  std::function<Status()> make_ = [] { return Ok(); };
};

TEST_F(ServedReport, PagesOfHostileNamesHoldNoElementMore) {
  int wrong = 0;
  std::map<std::string, std::ptrdiff_t> expected;  // elements, by what is harmless
  const auto elements = [](const std::string& page) {
    return std::count(page.begin(), page.end(), '<');
  };
  std::size_t turn = 0;
  for (const std::string& name : HostileNames()) {
    if (++turn % 7 != 0) continue;  // hostile_report_test.cc reads the pages of all of them
    Show(name, false);
    const RawAnswer answer = Get("/");
    const std::string harmless = Harmless(name);
    if (!expected.contains(harmless)) {
      expected[harmless] = elements(RenderHtmlPage(AnalysisNamed(harmless), {}, {}));
    }
    const bool fine = answer.status == 200 && Unsafe(answer).empty() &&
                      answer.headers.at("content-type") == "text/html; charset=utf-8" &&
                      answer.body.ends_with("</html>\n") &&
                      elements(answer.body) == expected[harmless] &&
                      TerminalObeys(answer.body).empty();
    if (fine || ++wrong > 5) continue;
    ADD_FAILURE() << Printable(name, 80) << ": " << answer.status << ", " << Unsafe(answer) << ", "
                  << elements(answer.body) << " elements instead of " << expected[harmless];
  }
  EXPECT_EQ(wrong, 0);
}

TEST_F(ServedReport, FiguresAndTablesOfAHostileModelAreServedAsWhatTheyAre) {
  Show("</title></g></svg><script>alert(1)</script>", true);
  EXPECT_EQ(Get("/").status, 200);
  int served = 0;
  for (const char* part : {"figures", "tables"}) {
    for (const auto& entry : fs::directory_iterator(folder_ / part)) {
      const std::string file = entry.path().filename().string();
      const RawAnswer answer = Get("/" + std::string(part) + "/" + PercentEncoded(file));
      EXPECT_EQ(answer.status, 200) << file;
      EXPECT_EQ(Unsafe(answer), "") << file;
      EXPECT_EQ(answer.body, ReadFile(entry.path(), 64U << 20U).value()) << file;
      if (file.ends_with(".svg")) {
        EXPECT_THAT(answer.body, Not(HasSubstr("<script"))) << file;
      }
      ++served;
    }
  }
  EXPECT_GT(served, 20);
}

TEST_F(ServedReport, FilesOfHostileNamesAreServedAsText) {
  int tried = 0;
  for (const std::string& name : HostileNames()) {
    const std::string file = name + ".csv";
    if (name.find('/') != std::string::npos || file.size() > 255) continue;
    Put(folder_ / "tables" / file, "<script>alert(1)</script>");
    const RawAnswer answer = Get("/tables/" + PercentEncoded(file));
    EXPECT_EQ(answer.status, 200) << Printable(name);
    EXPECT_EQ(Unsafe(answer), "") << Printable(name);
    EXPECT_EQ(answer.headers.at("content-type"), "text/csv; charset=utf-8") << Printable(name);
    EXPECT_EQ(answer.body, "<script>alert(1)</script>") << Printable(name);
    // Nothing of what was asked for comes back where it is not there.
    const RawAnswer none = Get("/figures/" + PercentEncoded(file));
    EXPECT_EQ(none.status, 404) << Printable(name);
    EXPECT_EQ(none.body, "nothing is shown here\n") << Printable(name);
    ++tried;
  }
  EXPECT_GT(tried, 150);
}

TEST_F(ServedReport, NoPathLeadsOut) {
  fs::create_symlink(root_ / "secret.csv", folder_ / "tables" / "link.csv");
  fs::create_directory_symlink(root_, folder_ / "tables" / "up");
  fs::create_hard_link(root_ / "secret.csv", folder_ / "tables" / "hard.csv");
  fs::create_directory(folder_ / "tables" / "folder.csv");
  ASSERT_EQ(mkfifo((folder_ / "tables" / "pipe.csv").c_str(), 0600), 0);
  const std::string nul(1, '\0');
  const std::vector<std::string> paths = {"/../secret.csv",
                                          "/tables/../../secret.csv",
                                          "/tables/../../../../../../../etc/passwd",
                                          "/tables/%2e%2e/%2e%2e/secret.csv",
                                          "/tables/..%2f..%2fsecret.csv",
                                          "/tables/%252e%252e/%252e%252e/secret.csv",
                                          "/tables/..%252f..%252fsecret.csv",
                                          "/tables/%c0%ae%c0%ae/%c0%ae%c0%ae/secret.csv",
                                          "/tables/..%c0%af..%c0%afsecret.csv",
                                          "/tables/..\\..\\secret.csv",
                                          "/tables/..%5c..%5csecret.csv",
                                          "/tables/....//....//secret.csv",
                                          "/tables/..;/..;/secret.csv",
                                          "/tables/%u002e%u002e/secret.csv",
                                          "/tables/%2e%2e%2fsecret.csv",
                                          "//" + (root_ / "secret.csv").string(),
                                          "/" + (root_ / "secret.csv").string(),
                                          "/tables/" + (root_ / "secret.csv").string(),
                                          "/tables/%2f" + (root_ / "secret.csv").string(),
                                          "/tables/link.csv",
                                          "/tables/up/secret.csv",
                                          "/tables/hard.csv",
                                          "/tables/folder.csv",
                                          "/tables/pipe.csv",
                                          "/tables/",
                                          "/tables",
                                          "/tables/.csv/..",
                                          "/.",
                                          "/..",
                                          "/./",
                                          "//",
                                          "/records/measure.json",
                                          "/models/m.onnx",
                                          "/tables/../records/measure.json",
                                          "/records/measure.json%00.html",
                                          "/tables/x.csv%00.svg",
                                          "/%00",
                                          "/secret.csv%00.csv",
                                          "/tables/" + nul + "x.csv",
                                          "/tables/x.csv/",
                                          "/tables//x.csv",
                                          "/./tables/x.csv",
                                          "/figures/../tables/x.csv",
                                          "/tables/%",
                                          "/tables/%zz.csv",
                                          "/tables/%2",
                                          "*",
                                          "",
                                          "tables/x.csv",
                                          "http://evil.example/",
                                          "/" + std::string(3000, 'a') + ".csv",
                                          "/tables/" + std::string(7000, '.') + "/x.csv",
                                          "/" + std::string(100'000, 'a')};
  for (const std::string& path : paths) {
    const std::string bytes = AskBytes(port, RequestOf(port, "GET " + path));
    const RawAnswer answer = ReadAnswer(bytes);
    EXPECT_THAT(bytes, Not(HasSubstr(kSecret))) << Printable(path);
    EXPECT_THAT(bytes, Not(HasSubstr("root:"))) << Printable(path);
    EXPECT_THAT(answer.status, AnyOf(0, 400, 404, 414)) << Printable(path);
    if (answer.status == 404) {
      EXPECT_EQ(Unsafe(answer), "") << Printable(path);
      EXPECT_EQ(answer.body, "nothing is shown here\n") << Printable(path);
    }
  }
  EXPECT_EQ(Get("/tables/x.csv").body, "a,b\r\n");  // it is still there
}

TEST_F(ServedReport, AsksForNothingInHeaders) {
  Show("harmless", false);
  const auto ask = [&](const std::string& host, const std::string& more) {
    return ReadAnswer(AskBytes(port, RequestOf(port, "GET /tables/x.csv", host, more)));
  };
  for (const char* host :
       {"evil.example", "127.0.0.1.evil.example", "127.0.0.2", "0.0.0.0", "[::1]", "localhost.",
        "LOCALHOST", "evil@127.0.0.1", "127.0.0.1:1\r\nX: y"}) {
    const RawAnswer answer = ask(host, "");
    EXPECT_EQ(answer.status, 403) << host;
    EXPECT_EQ(Unsafe(answer), "") << host;
    EXPECT_EQ(answer.body, "this is not the name of this machine\n");
  }
  EXPECT_EQ(ReadAnswer(AskBytes(port, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n")).status, 403);
  EXPECT_EQ(ReadAnswer(AskBytes(port, "GET / HTTP/1.0\r\n\r\n")).status, 403);
  // Two names: none is believed.
  EXPECT_EQ(ask("127.0.0.1", "Host: evil.example\r\n").status, 403);
  EXPECT_EQ(ask("localhost", "Origin: http://evil.example\r\n")
                .headers.count("access-control-allow-origin"),
            0U);
  // A name in the first line is not the one that counts.
  EXPECT_THAT(
      ReadAnswer(AskBytes(port, RequestOf(port, "GET http://127.0.0.1/", "evil.example"))).status,
      AnyOf(400, 403, 404));
  // Line ends in what is asked for end no header.
  const RawAnswer split = Get("/?%0d%0aX-Evil:%201");
  EXPECT_EQ(split.status, 200);
  EXPECT_EQ(Unsafe(split), "");
  EXPECT_EQ(Get("/%0d%0aX-Evil:%201").status, 404);
  EXPECT_EQ(Get("/?<script>alert(1)</script>").body, Get("/").body);
}

TEST_F(ServedReport, IsReadOnly) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT",
                             "PROPFIND", "get", "GETS", "<script>"}) {
    for (const char* path : {"/", "/tables/x.csv", "/tables/new.csv"}) {
      const std::string body = "Content-Length: 3\r\n";
      const RawAnswer answer = ReadAnswer(AskBytes(
          port, RequestOf(port, Format("{} {}", method, path), "127.0.0.1", body) + "abc"));
      EXPECT_THAT(answer.status, AnyOf(400, 405)) << method << " " << path;
      EXPECT_EQ(Unsafe(answer), "") << method << " " << path;
      EXPECT_THAT(answer.body, Not(HasSubstr("a,b"))) << method << " " << path;
    }
  }
  EXPECT_FALSE(fs::exists(folder_ / "tables" / "new.csv"));
  EXPECT_EQ(ReadFile(folder_ / "tables" / "x.csv").value(), "a,b\r\n");
  const RawAnswer head = ReadAnswer(AskBytes(port, RequestOf(port, "HEAD /tables/x.csv")));
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(Unsafe(head), "");
}

TEST_F(ServedReport, OutlivesNonsense) {
  Show("harmless", false);
  const std::string page = Get("/").body;
  const auto with = [&](const std::string& headers) {
    return RequestOf(port, "GET /", "127.0.0.1", headers);
  };
  std::string ranges = "Range: bytes=0-";
  while (ranges.size() < 6000) ranges += ",0-";
  for (const std::string& bytes :
       {std::string("\r\n\r\n"), std::string("GET\r\n\r\n"), std::string("GET / HTTP/9.9\r\n\r\n"),
        std::string(20'000, 'x') + "\r\n\r\n", std::string(1000, '\0') + "\r\n\r\n",
        with("Range: bytes=999999999-\r\n"), with("Range: bytes=5-2\r\n"), with("Range: x\r\n"),
        with("Range: bytes=0-1\r\n"), with(ranges + "\r\n"), with("Content-Length: -1\r\n"),
        with("Content-Length: 99999999999999999999\r\n"),
        with("If-None-Match: " + std::string(7000, '"') + "\r\n"),
        with("Accept-Encoding: gzip, br\r\n"), with("X: " + std::string(9000, 'x') + "\r\n")}) {
    const std::string answer = AskBytes(port, bytes, "127.0.0.1", 300);
    EXPECT_LT(answer.size(), page.size() + 2000) << Printable(bytes, 60);
    EXPECT_EQ(Get("/").body, page) << "after " << Printable(bytes, 60);
  }
}

TEST_F(ServedReport, CutsNothingIntoParts) {
  for (const char* range : {"bytes=0-1", "bytes=0-,0-,0-,0-", "bytes=999999999-", "bytes=-1"}) {
    const RawAnswer answer = ReadAnswer(AskBytes(
        port, RequestOf(port, "GET /tables/x.csv", "127.0.0.1", Format("Range: {}\r\n", range))));
    EXPECT_EQ(answer.status, 416) << range;
    EXPECT_EQ(answer.body, "") << range;
    EXPECT_EQ(Unsafe(answer), "") << range;
  }
}

TEST_F(ServedReport, ListensToThisMachineOnly) {
  EXPECT_NE(AskBytes(port, RequestOf(port, "GET /tables/x.csv")), "");
  for (const char* address : {"127.0.0.2", "127.1.2.3"}) {
    EXPECT_EQ(AskBytes(port, RequestOf(port, "GET /tables/x.csv"), address), "") << address;
  }
  // In the kernel's list the port has one line that listens, and its address is the loopback's.
  const std::string wanted = Format(":{:04X} 00000000:0000 0A", port);
  std::ifstream table("/proc/net/tcp");
  int listening = 0;
  for (std::string line; std::getline(table, line);) {
    if (line.find(wanted) == std::string::npos) continue;
    ++listening;
    EXPECT_NE(line.find(Format("{:08X}{}", htonl(INADDR_LOOPBACK), wanted)), std::string::npos);
  }
  EXPECT_EQ(listening, 1);
}

}  // namespace
}  // namespace quantbench::testing
