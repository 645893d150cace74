// Files: complete or absent; opening beneath a folder.
#include "quantbench/base/file.h"

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/open_beneath.h"

namespace quantbench {
namespace file_test {

namespace fs = std::filesystem;

class FileTest : public ::testing::Test {
 protected:
  FileTest() {
    folder_ = fs::temp_directory_path() /
              ("qb_file_test." + std::to_string(getpid()) + "." +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_ / "inside" / "deep");
    Put("inside/weights.bin", "weights");
    Put("inside/deep/more.bin", "more");
    Put("secret.bin", "secret");
  }
  ~FileTest() override { fs::remove_all(folder_); }

  void Put(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  [[nodiscard]] std::size_t CountFiles() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  fs::path folder_;
};

TEST_F(FileTest, CommittedFileIsThereAndNothingElse) {
  const std::size_t before = CountFiles();
  ASSERT_TRUE(WriteFileAtomic(folder_ / "a.txt", "hello").ok());
  EXPECT_EQ(ReadFile(folder_ / "a.txt").value(), "hello");
  EXPECT_EQ(CountFiles(), before + 1);
}

TEST_F(FileTest, AbandonedFileLeavesNothing) {
  const std::size_t before = CountFiles();
  {
    auto file = AtomicFile::Create(folder_ / "a.txt");
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file.value().Write("half").ok());
  }
  EXPECT_EQ(CountFiles(), before);
}

TEST_F(FileTest, WhatAKilledWriterLeftIsRemovedByTheNextOne) {
  Put(".a.txt.1.0.part", "half");
  Put(".a.txt.mine.part", "somebody's own");
  Put(".b.txt.1.0.part", "half of another file");
  auto living = AtomicFile::Create(folder_ / "a.txt");
  ASSERT_TRUE(living.ok() && living.value().Write("slow").ok());
  EXPECT_FALSE(fs::exists(folder_ / ".a.txt.1.0.part"));
  EXPECT_TRUE(fs::exists(folder_ / ".a.txt.mine.part"));
  EXPECT_TRUE(fs::exists(folder_ / ".b.txt.1.0.part"));
  ASSERT_TRUE(WriteFileAtomic(folder_ / "a.txt", "quick").ok());
  ASSERT_TRUE(living.value().Commit().ok());  // it lives, so nobody took its file
  EXPECT_EQ(ReadFile(folder_ / "a.txt").value(), "slow");
}

TEST_F(FileTest, OldContentStaysUntilCommit) {
  Put("a.txt", "old");
  auto file = AtomicFile::Create(folder_ / "a.txt");
  ASSERT_TRUE(file.ok() && file.value().Write("new").ok());
  EXPECT_EQ(ReadFile(folder_ / "a.txt").value(), "old");
  ASSERT_TRUE(file.value().Commit().ok());
  EXPECT_EQ(ReadFile(folder_ / "a.txt").value(), "new");
}

TEST_F(FileTest, DoesNotReplaceWhenToldNotTo) {
  auto late = AtomicFile::Create(folder_ / "a.txt", AtomicFile::IfExists::kFail);
  ASSERT_TRUE(late.ok() && late.value().Write("mine").ok());
  Put("a.txt", "theirs");  // appears between Create and Commit
  const auto committed = late.value().Commit();
  ASSERT_FALSE(committed.ok());
  EXPECT_EQ(committed.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(ReadFile(folder_ / "a.txt").value(), "theirs");
  EXPECT_FALSE(AtomicFile::Create(folder_ / "a.txt", AtomicFile::IfExists::kFail).ok());
}

TEST_F(FileTest, WritesManyPiecesInOrder) {
  std::string expected;
  std::vector<std::string> texts;
  for (int i = 0; i < 3000; ++i) texts.push_back(i % 7 == 0 ? "" : "piece " + std::to_string(i));
  std::vector<std::span<const std::byte>> pieces;
  for (const std::string& text : texts) {
    expected += text;
    pieces.push_back(std::as_bytes(std::span(text.data(), text.size())));
  }
  auto file = AtomicFile::Create(folder_ / "pieces");
  ASSERT_TRUE(file.ok() && file.value().Write(pieces).ok() && file.value().Commit().ok());
  EXPECT_EQ(ReadFile(folder_ / "pieces").value(), expected);
}

TEST_F(FileTest, KnowsWhatTheDiskCannotHold) {
  const auto file = AtomicFile::Create(folder_ / "big");
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file.value().RequireSpace(1).ok());
  const auto required = file.value().RequireSpace(std::uint64_t{1} << 60U);
  ASSERT_FALSE(required.ok());
  EXPECT_EQ(required.error().code(), ErrorCode::kIo);
  EXPECT_NE(required.error().message().find("big: no space left on the device ("),
            std::string::npos)
      << required.error().message();
}

TEST_F(FileTest, FullDiskIsAnErrorThatNamesTheFileAndLeavesNothing) {
  signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const rlimit small{4096, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::size_t before = CountFiles();
  const auto written = WriteFileAtomic(folder_ / "big", std::string(100'000, 'x'));
  setrlimit(RLIMIT_FSIZE, &old);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code(), ErrorCode::kIo);
  EXPECT_NE(written.error().message().find("big"), std::string::npos);
  EXPECT_EQ(CountFiles(), before);
}

TEST_F(FileTest, OpensBeneathAFolder) {
  const auto file = MappedFile::OpenBeneath(folder_ / "inside", "deep/more.bin");
  ASSERT_TRUE(file.ok()) << file.error().message();
  EXPECT_EQ(file.value()->text(), "more");
}

std::size_t ResidentFilePages() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0;
  std::size_t resident = 0;
  std::size_t file_pages = 0;
  statm >> size >> resident >> file_pages;
  return file_pages;
}

TEST_F(FileTest, ReleasedPagesAreGoneAndCanBeReadAgain) {
  constexpr std::size_t kSize = 64'000'001;
  {
    auto file = AtomicFile::Create(folder_ / "large");  // in large writes, as models are
    ASSERT_TRUE(file.ok() && file.value().Write(std::string(kSize, 'x')).ok());
    ASSERT_TRUE(file.value().Commit().ok());
  }
  const auto file = MappedFile::Open(folder_ / "large").value();
  const std::size_t before = ResidentFilePages();
  constexpr std::size_t kPart = 777'777;
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < kSize; begin += kPart) {
    const auto part = file->bytes().subspan(begin, std::min(kPart, kSize - begin));
    count += static_cast<std::size_t>(std::count(part.begin(), part.end(), std::byte{'x'}));
    file->Release(part);
    EXPECT_LE(ResidentFilePages(), before + 1) << begin;
  }
  EXPECT_EQ(count, kSize);
  file->Release({file->bytes().data(), 0});
  EXPECT_EQ(file->text().front(), 'x');
  EXPECT_EQ(file->text().back(), 'x');
}

TEST_F(FileTest, CopiesPartsOfLargeAndSmallFilesAndLeavesNoPages) {
  for (const std::size_t size : {std::size_t{1000}, std::size_t{5'000'003}}) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 % 251);
    ASSERT_TRUE(WriteFileAtomic(folder_ / "numbers", text).ok());
    const auto file = MappedFile::Open(folder_ / "numbers").value();
    const std::size_t before = ResidentFilePages();
    for (const std::size_t begin : {std::size_t{0}, std::size_t{1}, size / 2, size}) {
      std::string copy(size - begin, ' ');
      file->Copy(file->bytes().subspan(begin), reinterpret_cast<std::byte*>(copy.data()));
      EXPECT_EQ(copy, text.substr(begin));
    }
    EXPECT_LE(ResidentFilePages(), before + 1);
  }
}

TEST_F(FileTest, RefusesEveryWayOut) {
  const fs::path inside = folder_ / "inside";
  fs::create_symlink("../secret.bin", inside / "link.bin");
  fs::create_symlink("..", inside / "up");
  fs::create_hard_link(folder_ / "secret.bin", inside / "hard.bin");
  ASSERT_EQ(mkfifo((inside / "pipe").c_str(), 0600), 0);
  const std::vector<std::string> ways = {"../secret.bin",
                                         "deep/../../secret.bin",
                                         "/etc/passwd",
                                         "link.bin",
                                         "up/secret.bin",
                                         "hard.bin",
                                         "pipe",
                                         "deep",
                                         "",
                                         "missing.bin",
                                         std::string("a\0b", 3)};
  for (const std::string& name : ways) {
    const auto file = MappedFile::OpenBeneath(inside, name);
    EXPECT_FALSE(file.ok()) << name;
  }
}

TEST_F(FileTest, BothWaysOfOpeningBeneathRefuseLinks) {
  const fs::path inside = folder_ / "inside";
  fs::create_symlink("../secret.bin", inside / "link.bin");
  fs::create_symlink("..", inside / "up");
  const int root = open(inside.c_str(), O_RDONLY | O_DIRECTORY);
  for (const auto open_beneath : {OpenBeneathByKernel, OpenBeneathByComponents}) {
    const int fine = open_beneath(root, "deep/more.bin");
    if (fine < 0 && errno == ENOSYS) continue;
    EXPECT_GE(fine, 0);
    close(fine);
    EXPECT_LT(open_beneath(root, "link.bin"), 0);
    EXPECT_LT(open_beneath(root, "up/secret.bin"), 0);
  }
  close(root);
}

TEST(Sha256, AgreesWithPublishedVectors) {
  // FIPS 180-4 examples.
  EXPECT_EQ(Sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace file_test
}  // namespace quantbench
