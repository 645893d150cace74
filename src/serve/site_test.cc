// The site: what it shows, and everything it refuses.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "quantbench/serve.h"

namespace quantbench {
namespace site_test {

namespace fs = std::filesystem;

class SiteTest : public ::testing::Test {
 protected:
  SiteTest()
      : folder_(fs::temp_directory_path() /
                ("qb_site_test." + std::to_string(getpid()) + "." +
                 ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    for (const char* name : {"figures", "tables", "records", "models"}) {
      fs::create_directories(folder_ / name);
    }
    Put("figures/size.svg", "<svg/>");
    Put("tables/size.csv", "a");
    Put("records/measure.json", "{}");
    Put("models/m.onnx", "x");
    Put("hypotheses.json", "{}");
  }
  ~SiteTest() override { fs::remove_all(folder_); }
  void Put(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  // A site whose page is made of a number that grows when it is made.
  [[nodiscard]] Site Made() {
    return Site({folder_, 8080, [this] { return version_; },
                 [this] {
                   ++made_;
                   Put("report.html", "page " + version_);
                   return Ok();
                 }});
  }
  static WebRequest Get(const std::string& path) { return {"GET", path, "127.0.0.1:8080", ""}; }

  fs::path folder_;
  std::string version_ = "1";
  int made_ = 0;
};

TEST_F(SiteTest, MakesThePageOnlyWhereRecordsChanged) {
  Site site = Made();
  const WebAnswer first = site.Answer(Get("/"));
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, "page 1");
  WebRequest again = Get("/");
  again.if_none_match = first.version;
  EXPECT_EQ(site.Answer(again).status, 304);
  EXPECT_EQ(made_, 1);
  version_ = "2";
  const WebAnswer second = site.Answer(again);
  EXPECT_EQ(second.body, "page 2");
  EXPECT_EQ(made_, 2);
}

TEST_F(SiteTest, ShowsFiguresAndTablesAndNothingElse) {
  Site site = Made();
  EXPECT_EQ(site.Answer(Get("/figures/size.svg")).type, "image/svg+xml");
  EXPECT_EQ(site.Answer(Get("/tables/size.csv")).body, "a");
  for (const char* path :
       {"/records/measure.json", "/models/m.onnx", "/hypotheses.json", "/figures/", "/figures",
        "/figures/none.svg", "/figures/../tables/size.csv", "/../tables/size.csv", "//etc/passwd",
        "/tables/../records/measure.json", "/figures/size.csv", "/report.md", ""}) {
    EXPECT_EQ(site.Answer(Get(path)).status, 404) << path;
  }
}

TEST_F(SiteTest, FollowsNoLink) {
  fs::create_symlink("/etc/hostname", folder_ / "tables" / "x.csv");
  EXPECT_EQ(Made().Answer(Get("/tables/x.csv")).status, 404);
}

TEST_F(SiteTest, AnswersOnlyToNamesOfThisMachine) {
  Site site = Made();
  for (const char* host : {"evil.example", "evil.example:8080", "127.0.0.1", "127.0.0.1:80", "",
                           "localhost", "localhost:8080.evil.example", "0.0.0.0:8080"}) {
    WebRequest request = Get("/");
    request.host = host;
    EXPECT_EQ(site.Answer(request).status, 403) << host;
  }
  WebRequest request = Get("/");
  request.host = "localhost:8080";
  EXPECT_EQ(site.Answer(request).status, 200);
}

TEST_F(SiteTest, IsReadOnly) {
  Site site = Made();
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", ""}) {
    WebRequest request = Get("/");
    request.method = method;
    EXPECT_EQ(site.Answer(request).status, 405) << method;
  }
}

TEST_F(SiteTest, SaysWhyThePageCannotBeMade) {
  Site site({folder_, 8080, [] { return "1"; },
             [] { return Status(Error(ErrorCode::kIo, "the disk is full")); }});
  EXPECT_EQ(site.Answer(Get("/")).status, 500);
  EXPECT_EQ(site.Answer(Get("/")).body, "the disk is full\n");
}

}  // namespace site_test
}  // namespace quantbench
