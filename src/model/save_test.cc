// Saved models are complete or absent, and never on top of their source.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "model/everything_model.h"
#include "model/process_limits.h"

namespace quantbench {
namespace save_test {

namespace fs = std::filesystem;

std::string ErrorOf(const Status& status) {
  return status.ok() ? "" : status.error().message();
}

TEST(Save, WritesWhatWasReadByteForByte) {
  const TestFolder folder;
  const std::string text = EverythingModel().SerializeAsString();
  const auto model = LoadModel(folder.Write("in.onnx", text));
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(ErrorOf(SaveModel(model.value(), folder.path() / "out.onnx")), "");
  EXPECT_EQ(ReadWhole(folder.path() / "out.onnx"), text);
  EXPECT_EQ(FileNames(folder.path()), (std::vector<std::string>{"in.onnx", "out.onnx"}));
}

TEST(Save, ReplacesOnlyWhenAsked) {
  const TestFolder folder;
  const auto path = folder.Write("out.onnx", "precious");
  const Model model = ParsedModel(AddModel());
  const auto refused = SaveModel(model, path);
  EXPECT_EQ(ErrorOf(refused), path.string() + ": exists already");
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(ReadWhole(path), "precious");
  EXPECT_EQ(ErrorOf(SaveModel(model, path, {.replace_existing = true})), "");
  EXPECT_EQ(ReadWhole(path), AddModel().SerializeAsString());
}

TEST(Save, NeverWritesOverItsSource) {
  const TestFolder folder;
  const auto path = folder.Write("in.onnx", AddModel().SerializeAsString());
  fs::create_symlink("in.onnx", folder.path() / "alias.onnx");
  const auto model = LoadModel(path);
  ASSERT_TRUE(model.ok());
  for (const fs::path& target : {path, folder.path() / "alias.onnx"}) {
    const auto refused = SaveModel(model.value(), target, {.replace_existing = true});
    EXPECT_EQ(ErrorOf(refused), target.string() + ": is a file that the model was read from");
  }
  EXPECT_EQ(ReadWhole(path), AddModel().SerializeAsString());
}

TEST(Save, RefusesTargetsThatAreNoFiles) {
  const TestFolder folder;
  fs::create_directory(folder.path() / "folder.onnx");
  ASSERT_EQ(mkfifo((folder.path() / "pipe.onnx").c_str(), 0600), 0);
  for (const char* name : {"folder.onnx", "pipe.onnx"}) {
    const auto path = folder.path() / name;
    EXPECT_EQ(ErrorOf(SaveModel(ParsedModel(AddModel()), path, {.replace_existing = true})),
              path.string() + ": exists and is not a regular file");
  }
  const auto nowhere = SaveModel(ParsedModel(AddModel()), folder.path() / "missing" / "m.onnx");
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().code(), ErrorCode::kIo);
}

TEST(Save, LeavesWhatWasThereWhenWritingFails) {
  const TestFolder folder;
  const auto path = folder.path() / "m.onnx";
  ASSERT_TRUE(SaveModel(ParsedModel(Weights({1000})), path, {.external_above = 0}).ok());
  const std::string before = ReadWhole(path);
  const FileSizeLimit limit(100'000);
  const auto split = SaveModel(ParsedModel(Weights({200'000})), path,
                               {.replace_existing = true, .external_above = 0});
  ASSERT_FALSE(split.ok());
  EXPECT_EQ(split.error().code(), ErrorCode::kIo);
  EXPECT_FALSE(SaveModel(ParsedModel(Weights({200'000})), path, {.replace_existing = true}).ok());
  EXPECT_EQ(FileNames(folder.path()), (std::vector<std::string>{"m.onnx", "m.onnx.data"}));
  EXPECT_EQ(ReadWhole(path), before);
  EXPECT_EQ(fs::file_size(folder.path() / "m.onnx.data"), 4000U);
}

// Every weight has a head in the file, which is read among the numbers.
TEST(Save, CopiesALargeModelInLittleMemory) {
  constexpr std::int64_t kWeights = 60;
  constexpr std::int64_t kEach = 5'000'000;
  const TestFolder folder;
  const auto source = folder.path() / "a.onnx";
  {
    Model model = ParsedModel(AddModel());
    const auto hole = folder.Write("hole.bin", "");
    fs::resize_file(hole, kEach);
    const auto file = MappedFile::Open(hole).value();
    Initializer weight;
    weight.type = DataType::kUint8;
    weight.dims = {kEach};
    weight.data = Bytes::Of(file, file->bytes());
    for (std::int64_t i = 0; i < kWeights; ++i) {
      weight.name = Format("w{}", i);
      model.graph.initializers.push_back(weight);
    }
    ASSERT_EQ(ErrorOf(SaveModel(model, source)), "");
  }
  std::ofstream("/proc/self/clear_refs") << "5";  // forget the peak so far
  const std::uint64_t before = PeakBytes();
  auto model = LoadModel(source);
  ASSERT_TRUE(model.ok());
  model.value().graph.name = "edited";
  ASSERT_EQ(ErrorOf(SaveModel(model.value(), folder.path() / "b.onnx")), "");
  EXPECT_LT(PeakBytes() - before, 20'000'000U);
  EXPECT_EQ(fs::file_size(folder.path() / "b.onnx"), fs::file_size(source) + 2);
}

}  // namespace save_test
}  // namespace quantbench
