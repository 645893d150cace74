// TorchScript archives, sound and hostile, made in memory.
#include <fstream>

#include <gtest/gtest.h>

#include "quantbench/model/torchscript.h"

namespace quantbench {
namespace torch_archive_test {

namespace fs = std::filesystem;

std::string Little(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) {
    text += static_cast<char>(value & 0xFFU);
    value >>= 8U;
  }
  return text;
}

using Members = std::vector<std::pair<std::string, std::string>>;

// A zip of stored members, without checksums, as far as we read it.
std::string ZipOfMembers(const Members& members) {
  std::string zip;
  std::string directory;
  for (const auto& [name, data] : members) {
    const std::string common = Little(20, 2) + Little(0, 2) + Little(0, 2) + Little(0, 4) +
                               Little(0, 4) + Little(data.size(), 4) + Little(data.size(), 4) +
                               Little(name.size(), 2) + Little(0, 2);
    directory += "PK\x01\x02" + Little(20, 2) + common + Little(0, 2) + Little(0, 2) +
                 Little(0, 2) + Little(0, 4) + Little(zip.size(), 4) + name;
    zip += "PK\x03\x04" + common + name + data;
  }
  const std::string end = std::string("PK\x05\x06") + Little(0, 4) + Little(members.size(), 2) +
                          Little(members.size(), 2) + Little(directory.size(), 4) +
                          Little(zip.size(), 4) + Little(0, 2);
  return zip + directory + end;
}

constexpr char kDescribed[] =
    R"({"inputs": [{"name": "x", "type": "float32", "dims": ["batch", 3]}],)"
    R"( "outputs": [{"name": "logits"}]})";

Members Sound() {
  return {{"net/data.pkl", "pickle"},           {"net/code/__torch__.py", "def forward"},
          {"net/data/0", std::string(64, 'a')}, {"net/constants/0", std::string(6, 'b')},
          {"net/constants.pkl", "pickle"},      {"net/extra/quantbench.json", kDescribed}};
}

class TorchArchive : public ::testing::Test {
 protected:
  [[nodiscard]] Result<TorchScript> Load(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
    return LoadTorchScript(path_);
  }
  void TearDown() override { fs::remove(path_); }
  // One line that names the file and says this.
  void ExpectRefused(const std::string& bytes, const std::string& why) const {
    const auto model = Load(bytes);
    ASSERT_FALSE(model.ok()) << why;
    EXPECT_EQ(model.error().code(), ErrorCode::kMalformed);
    const std::string& message = model.error().message();
    EXPECT_NE(message.find(why), std::string::npos) << message;
    EXPECT_TRUE(message.starts_with(path_.string())) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }

  fs::path path_ = fs::path(::testing::TempDir()) / "torchscript_test.pt";
};

TEST_F(TorchArchive, SizesAndPorts) {
  const auto model = Load(ZipOfMembers(Sound()));
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_TRUE(IsTorchScript(path_));
  EXPECT_EQ(model.value().tensor_bytes, 70U);
  EXPECT_EQ(model.value().tensors, 2);
  EXPECT_EQ(model.value().code_bytes, 11U);
  ASSERT_EQ(model.value().inputs.size(), 1U);
  EXPECT_EQ(model.value().inputs[0].type, DataType::kFloat32);
  EXPECT_EQ(ToString(model.value().inputs[0].dims), "[batch, 3]");
  EXPECT_EQ(model.value().outputs, std::vector<std::string>{"logits"});
}

TEST_F(TorchArchive, WithoutADescription) {
  Members members = Sound();
  members.pop_back();
  const auto model = Load(ZipOfMembers(members));
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_TRUE(model.value().inputs.empty());
}

TEST_F(TorchArchive, OtherFilesAreRefusedInOneLine) {
  ExpectRefused("", "no zip archive");
  ExpectRefused("PK\x03\x04", "not a zip archive, or truncated");
  ExpectRefused(ZipOfMembers({{"word/document.xml", "text"}}), "without data.pkl");
  ExpectRefused(ZipOfMembers({{"net/data.pkl", "state"}, {"net/data/0", "w"}}), "without code");
  const std::string sound = ZipOfMembers(Sound());
  ExpectRefused(sound.substr(0, sound.size() - 10), "truncated");
}

TEST_F(TorchArchive, DescriptionsAreChecked) {
  const auto described = [](const std::string& text) {
    Members members = Sound();
    members.back().second = text;
    return ZipOfMembers(members);
  };
  ExpectRefused(described("{"), "quantbench.json");
  ExpectRefused(described(R"({"inputs": [{"type": "float32", "dims": []}]})"), "no name");
  ExpectRefused(described(R"({"inputs": [{"name": "x", "type": "float99", "dims": []}]})"),
                "float99");
  ExpectRefused(described(R"({"inputs": [{"name": "x", "type": "int64"}]})"), "dims");
  ExpectRefused(described(R"({"inputs": [{"name": "x", "type": "int64", "dims": [-3]}]})"),
                "neither a size nor a word");
}

TEST_F(TorchArchive, EveryTruncationIsAnAnswer) {
  const std::string sound = ZipOfMembers(Sound());
  for (std::size_t size = 0; size < sound.size(); ++size) {
    EXPECT_FALSE(Load(sound.substr(0, size)).ok()) << size;
  }
}

}  // namespace torch_archive_test
}  // namespace quantbench
