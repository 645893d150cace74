// Opening files: what is no model is named, and a large one is not read.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/encode.h"
#include "model/everything_model.h"

namespace quantbench {
namespace load_test {

namespace fs = std::filesystem;

std::string ErrorOf(const std::string& text) {
  const auto model = ParseText(text);
  return model.ok() ? "" : model.error().message();
}

TEST(Load, ReadsAFileAndRemembersIt) {
  const TestFolder folder;
  const auto path = folder.Write("m.onnx", EverythingModel().SerializeAsString());
  const auto model = LoadModel(path);
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_EQ(model.value().path, path);
  EXPECT_EQ(model.value().folder, folder.path());
  EXPECT_EQ(model.value().file_bytes, fs::file_size(path));
  EXPECT_EQ(model.value().total_bytes(), fs::file_size(path));
}

TEST(Load, SaysWhichFileIsMissing) {
  const auto model = LoadModel("/nonexistent/m.onnx");
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(model.error().message().find("/nonexistent/m.onnx"), std::string::npos);
  EXPECT_FALSE(LoadModel("/dev/zero").ok());
  EXPECT_FALSE(LoadModel("/").ok());
}

TEST(Load, NamesWhatIsNoModel) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "not a model: the file is empty"},
      {std::string("PK\x03\x04\x14\x00", 6) + "archive/data.pkl",
       "not a model: looks like TorchScript or a PyTorch checkpoint (zip); this needs ONNX: export "
       "it "
       "first"},
      {"\x1f\x8b\x08rest", "not a model: looks like a gzip file; unpack it first"},
      {"\x80\x02}q\x01",
       "not a model: looks like a PyTorch checkpoint (pickle); export it to ONNX first"},
      {std::string("\x1c\x00\x00\x00TFL3....", 12),
       "not a model: looks like a TensorFlow Lite model; convert it to ONNX first"},
      {"\n  <!DOCTYPE HTML><html>", "not a model: looks like a web page; the download went wrong"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0",
       "not a model: looks like a Git LFS pointer; fetch the file with git lfs pull"},
      {"{\"model\": 1}", "not a model: looks like a text file"},
      {"GGUF\x03", "not a model: looks like a GGUF model; use an ONNX export of it"},
      {"\x93NUMPY\x01", "not a model: looks like a NumPy array"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(ErrorOf(text), message);
}

TEST(Load, TakesAModelThatBeginsLikeSomethingElse) {
  onnx::ModelProto model = AddModel();
  model.set_producer_name("TFL3 converter");
  const std::string text = model.SerializeAsString();
  ASSERT_EQ(text.substr(4, 4), "TFL3");
  EXPECT_EQ(ErrorOf(text), "");
}

TEST(Load, RefusesModelsWithoutGraphOrOperatorSet) {
  onnx::ModelProto model = AddModel();
  model.clear_graph();
  EXPECT_EQ(ErrorOf(model.SerializeAsString()), "damaged or not a model: it has no graph");
  model = AddModel();
  model.clear_opset_import();
  EXPECT_EQ(ErrorOf(model.SerializeAsString()), "damaged or not a model: it has no operator set");
}

constexpr int kTensors = 16;
constexpr std::uint64_t kPayload = 25'000'000;

std::string FieldHead(std::uint32_t field, std::uint64_t size) {
  std::string head;
  for (std::uint64_t value : {std::uint64_t{field} << 3U | 2U, size}) {
    for (; value >= 0x80; value >>= 7U) head += static_cast<char>((value & 0x7fU) | 0x80U);
    head += static_cast<char>(value);
  }
  return head;
}

// A model whose initializers are holes: 400 MB that take no room on the disk.
void WriteSparseModel(const fs::path& path) {
  onnx::TensorProto tensor;
  tensor.add_dims(kPayload / sizeof(float));
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  std::vector<std::string> heads;
  std::uint64_t graph_size = 0;
  for (int i = 0; i < kTensors; ++i) {
    tensor.set_name(Format("w{}", i));
    const std::string inner = tensor.SerializeAsString() + FieldHead(9, kPayload);
    heads.push_back(FieldHead(5, inner.size() + kPayload) + inner);
    graph_size += heads.back().size() + kPayload;
  }
  onnx::ModelProto model = AddModel();
  const std::string graph = model.graph().SerializeAsString();
  model.clear_graph();
  std::ofstream file(path, std::ios::binary);
  file << model.SerializeAsString() << FieldHead(7, graph_size + graph.size());
  for (const std::string& head : heads) {
    file << head;
    file.seekp(kPayload, std::ios::cur);
  }
  file << graph;
}

std::uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// How much of the file the kernel holds in memory.
std::uint64_t CachedBytes(const fs::path& path) {
  const auto file = MappedFile::Open(path);
  if (!file.ok()) return 0;
  const auto bytes = file.value()->bytes();
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((bytes.size() + page - 1) / page);
  EXPECT_EQ(mincore(const_cast<std::byte*>(bytes.data()), bytes.size(), resident.data()), 0);
  std::uint64_t pages = 0;
  for (const unsigned char flags : resident) pages += flags & 1U;
  return pages * page;
}

TEST(Load, TouchesNoPayload) {
  const TestFolder folder;
  const fs::path path = folder.path() / "large.onnx";
  WriteSparseModel(path);
  ASSERT_GT(fs::file_size(path), 400'000'000U);
  const std::uint64_t before = ResidentBytes();
  const auto model = LoadModel(path);
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_LT(ResidentBytes() - before, 20'000'000U);
  EXPECT_LT(CachedBytes(path), 100'000'000U);  // what the kernel reads ahead, not everything
  ASSERT_EQ(model.value().graph.initializers.size(), 1U + kTensors);
  EXPECT_TRUE(CheckModel(model.value()).ok()) << CheckModel(model.value()).error().message();
  const auto encoded = EncodeModel(model.value());
  ASSERT_TRUE(encoded.ok());
  EXPECT_EQ(encoded.value().size, fs::file_size(path));
  EXPECT_LT(ResidentBytes() - before, 20'000'000U);
}

TEST(Load, RefusesFilesThatProtobufCannotHold) {
  const TestFolder folder;
  const fs::path path = folder.Write("huge.onnx", AddModel().SerializeAsString());
  fs::resize_file(path, 3'000'000'000);
  const auto model = LoadModel(path);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(model.error().message().find("more than the 2 GB"), std::string::npos);
}

}  // namespace load_test
}  // namespace quantbench
