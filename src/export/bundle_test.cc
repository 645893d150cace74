// Bundles: the same bytes for the same files, nothing of this machine, and hostile ones refused.
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "quantbench/base/file.h"
#include "quantbench/export.h"

#include "export/archive_io.h"
#include "export/private_words.h"

namespace quantbench {
namespace bundle_test {

namespace fs = std::filesystem;

class BundleTest : public ::testing::Test {
 protected:
  BundleTest()
      : folder_(fs::temp_directory_path() /
                ("qb_bundle_test." + std::to_string(getpid()) + "." +
                 ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    for (const char* name : {"results/records", "results/figures", "results/tables", "models"}) {
      fs::create_directories(folder_ / name);
    }
    Put("study.toml", "# in " + folder_.string() + "/models\n");
    Put("results/records/measure-m-1.json", "{\"path\": \"" + folder_.string() + "\"}");
    Put("results/records/.measure-m-2.json.part", "half");
    Put("results/report.html", "<p>page</p>");
    Put("results/report.md", "page");
    Put("results/figures/size.png", "\x89PNG");
    Put("results/figures/size.gp", "plot");
    Put("results/tables/size.csv", "a,b");
    Put("models/m.onnx", "no model");
    study_.file = folder_ / "study.toml";
    StudyModel model;
    model.id = "m";
    model.path = folder_ / "models" / "m.onnx";
    study_.models = {model};
  }
  ~BundleTest() override { fs::remove_all(folder_); }

  void Put(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  [[nodiscard]] Result<Bundle> Pack(const std::string& name,
                                    const BundleOptions& options = {}) const {
    return PackBundle(study_, folder_ / "results", folder_ / name, options);
  }
  [[nodiscard]] std::string TextOf(const std::string& archive, const std::string& wanted) const {
    std::string text = "absent";
    EXPECT_TRUE(
        ReadArchive(folder_ / archive, {}, [&](const std::string& name, std::string_view bytes) {
          if (name == wanted) text = bytes;
        }).ok());
    return text;
  }
  // Why an archive with one file of that name is refused.
  [[nodiscard]] std::string RefusalOf(const std::string& name, const std::string& archive) const {
    auto writer = ArchiveWriter::Create(folder_ / archive);
    EXPECT_TRUE(writer.ok() && writer.value().Add(name, "x").ok() && writer.value().Commit().ok());
    const auto bundle = VerifyBundle(folder_ / archive);
    return bundle.ok() ? "" : bundle.error().message();
  }

  fs::path folder_;
  Study study_;
};

TEST_F(BundleTest, HoldsWhatIsHandedInAndNothingElse) {
  const auto bundle = Pack("b.zip");
  ASSERT_TRUE(bundle.ok()) << bundle.error().message();
  std::vector<std::string> names;
  for (const BundleFile& file : bundle.value().files) names.push_back(file.name);
  EXPECT_EQ(names, (std::vector<std::string>{"results/figures/size.gp", "results/figures/size.png",
                                             "results/records/measure-m-1.json",
                                             "results/report.html", "results/report.md",
                                             "results/tables/size.csv", "study.toml"}));
}

TEST_F(BundleTest, TheSameFilesMakeTheSameBytes) {
  for (const std::string ending : {".zip", ".tar.gz"}) {
    ASSERT_TRUE(Pack("a" + ending).ok());
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "results")) {
      fs::last_write_time(entry.path(), fs::file_time_type::clock::now() - std::chrono::hours(48));
    }
    ASSERT_TRUE(Pack("b" + ending).ok());
    EXPECT_EQ(ReadFile(folder_ / ("a" + ending)).value(),
              ReadFile(folder_ / ("b" + ending)).value());
    EXPECT_EQ(VerifyBundle(folder_ / ("a" + ending)).value().files.size(), 7U);
  }
}

TEST_F(BundleTest, ShortensPathsInTextsButNotInRecords) {
  const auto bundle = Pack("b.zip");
  ASSERT_TRUE(bundle.ok());
  EXPECT_EQ(TextOf("b.zip", "study/study.toml"), "# in ./models\n");
  EXPECT_NE(TextOf("b.zip", "study/results/records/measure-m-1.json").find(folder_.string()),
            std::string::npos);
  ASSERT_EQ(bundle.value().notes.size(), 2U);
  EXPECT_NE(bundle.value().notes[1].find("in 1 file: results/records/measure-m-1.json"),
            std::string::npos)
      << bundle.value().notes[1];
  ASSERT_TRUE(Pack("h.zip", {.with_host = true}).ok());
  EXPECT_NE(TextOf("h.zip", "study/study.toml").find(folder_.string()), std::string::npos);
  EXPECT_TRUE(TextOf("h.zip", "study/MANIFEST").starts_with("# host: "));
}

TEST_F(BundleTest, PacksModelsOnRequestWhereTheStudyFindsThem) {
  ASSERT_TRUE(Pack("m.tar.gz", {.with_models = true}).ok());
  EXPECT_EQ(TextOf("m.tar.gz", "study/models/m.onnx"), "no model");
  ASSERT_TRUE(Pack("n.tar.gz").ok());
  EXPECT_EQ(TextOf("n.tar.gz", "study/models/m.onnx"), "absent");
}

TEST_F(BundleTest, ALinkIsNotFollowed) {
  fs::create_symlink("/etc/hostname", folder_ / "results" / "tables" / "stolen.csv");
  const auto bundle = Pack("b.zip");
  ASSERT_TRUE(bundle.ok());
  EXPECT_EQ(bundle.value().files.size(), 7U);
}

TEST_F(BundleTest, AnotherEndingIsRefused) {
  EXPECT_EQ(Pack("b.rar").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(fs::exists(folder_ / "b.rar"));
}

TEST_F(BundleTest, FindsWhatWasChanged) {
  const auto write = [&](const std::string& manifest, const std::string& text) {
    auto writer = ArchiveWriter::Create(folder_ / "x.zip");
    EXPECT_TRUE(writer.value().Add("s/a", text).ok());
    EXPECT_TRUE(writer.value().Add("s/MANIFEST", manifest).ok());
    EXPECT_TRUE(writer.value().Commit().ok());
    const auto bundle = VerifyBundle(folder_ / "x.zip");
    return bundle.ok() ? "fine" : bundle.error().message();
  };
  const std::string right = Sha256("text") + "  a\n";
  EXPECT_EQ(write("# remark\n" + right, "text"), "fine");
  EXPECT_NE(write(right, "texT").find("a: is not what was packed"), std::string::npos);
  EXPECT_NE(write("", "text").find("a: not in the manifest"), std::string::npos);
  EXPECT_NE(write(right + Sha256("") + "  b\n", "text").find("b: missing"), std::string::npos);
  EXPECT_NE(write("nonsense\n", "text").find("is no line of a manifest"), std::string::npos);
}

TEST_F(BundleTest, RefusesNamesThatLeadElsewhere) {
  for (const std::string archive : {"x.zip", "x.tar.gz"}) {
    for (const std::string name : {"../evil", "s/../../evil", "/etc/passwd", "s//evil"}) {
      EXPECT_NE(RefusalOf(name, archive).find("is refused: "), std::string::npos)
          << archive << " " << name << ": " << RefusalOf(name, archive);
    }
    // A zip's are read as slashes.
    const std::string back = RefusalOf("s\\..\\..\\evil", archive);
    EXPECT_NE(back.find("is refused: "), std::string::npos) << archive << ": " << back;
    EXPECT_NE(RefusalOf("s/fine", archive).find("it has no MANIFEST"), std::string::npos);
  }
}

TEST_F(BundleTest, RefusesLinksInATar) {
  fs::create_symlink("/etc/passwd", folder_ / "link");
  const std::string tar = "cd '" + folder_.string() + "' && tar czf x.tar.gz link";
  ASSERT_EQ(std::system(tar.c_str()), 0);  // NOLINT(cert-env33-c): a test
  EXPECT_NE(VerifyBundle(folder_ / "x.tar.gz").error().message().find("no regular file"),
            std::string::npos);
}

TEST_F(BundleTest, RefusesWhatUnpacksToFarMoreThanItTakes) {
  auto writer = ArchiveWriter::Create(folder_ / "bomb.zip");
  ASSERT_TRUE(writer.value().Add("s/zeros", std::string(8U << 20U, '\0')).ok());
  ASSERT_TRUE(writer.value().Commit().ok());
  const ArchiveLimits limits = {.spare_bytes = 1000};
  std::uint64_t taken = 0;
  const Status read =
      ReadArchive(folder_ / "bomb.zip", limits,
                  [&](const std::string&, std::string_view bytes) { taken += bytes.size(); });
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.error().message().find("far more than it takes"), std::string::npos);
  EXPECT_EQ(taken, 0U);
}

TEST_F(BundleTest, DamageIsAnErrorAndNeverACrash) {
  for (const std::string name : {"d.zip", "d.tar.gz"}) {
    ASSERT_TRUE(Pack(name).ok());
    const std::string good = ReadFile(folder_ / name).value();
    for (std::size_t at = 0; at < good.size(); at += 13) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 0x55);
      Put("bad" + name, bad);
      const auto changed = VerifyBundle(folder_ / ("bad" + name));
      // A changed time or remark of the archive changes no file.
      if (changed.ok()) {
        EXPECT_EQ(changed.value().files.size(), 7U);
      }
      Put("cut" + name, good.substr(0, at));
      EXPECT_FALSE(VerifyBundle(folder_ / ("cut" + name)).ok()) << name << " " << at;
    }
  }
}

TEST(PrivateWords, ShortensFoldersAndFindsTheHostAsAWord) {
  const PrivateWords words("/work/study", "/work/study/results", "jetson");
  EXPECT_EQ(words.WithoutPaths("a /work/study/m.onnx /work/study /work/studying"),
            "a ./m.onnx . /work/studying");
  EXPECT_EQ(words.WithoutPaths("\"/work/study/results/x\""), "\"results/x\"");
  EXPECT_TRUE(words.HasHost("on jetson."));
  EXPECT_FALSE(words.HasHost("jetsons, jetson-2"));
  EXPECT_FALSE(PrivateWords("/a", "/a/r", "vm").HasHost("a vm"));
  EXPECT_TRUE(words.HasPath("x=/work/study"));
  EXPECT_FALSE(words.HasPath("/work/other"));
}

}  // namespace bundle_test
}  // namespace quantbench
