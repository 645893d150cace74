// External data: numbers beside the model are found, and nothing outside its folder is ever opened.
#include <functional>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "model/everything_model.h"

namespace quantbench {
namespace external_data_test {

namespace fs = std::filesystem;

constexpr std::string_view kNumbers = "0123456789abcdef";  // four floats

using Entries = std::vector<std::pair<std::string, std::string>>;

void SetExternal(onnx::TensorProto* tensor, const Entries& entries) {
  tensor->Clear();
  tensor->set_name("outside");
  tensor->set_data_type(onnx::TensorProto::FLOAT);
  tensor->add_dims(4);
  tensor->set_data_location(onnx::TensorProto::EXTERNAL);
  for (const auto& [key, value] : entries) {
    auto* entry = tensor->add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  }
}

// Where a tensor can sit in a model.
struct Carrier {
  const char* name;
  std::function<onnx::TensorProto*(onnx::ModelProto*)> find;
};

std::vector<Carrier> Carriers() {
  using M = onnx::ModelProto;
  const auto attribute = [](M* model, int node, int index) {
    return model->mutable_graph()->mutable_node(node)->mutable_attribute(index);
  };
  return {
      {"Initializer", [](M* model) { return model->mutable_graph()->mutable_initializer(0); }},
      {"Attribute", [=](M* model) { return attribute(model, 2, 3)->mutable_t(); }},
      {"AttributeList", [=](M* model) { return attribute(model, 2, 7)->mutable_tensors(1); }},
      {"SparseAttribute",
       [=](M* model) { return attribute(model, 2, 8)->mutable_sparse_tensor()->mutable_values(); }},
      {"Subgraph",
       [=](M* model) { return attribute(model, 1, 0)->mutable_g()->mutable_initializer(0); }},
      {"SparseValues",
       [](M* model) {
         return model->mutable_graph()->mutable_sparse_initializer(0)->mutable_values();
       }},
      {"SparseIndices",
       [](M* model) {
         return model->mutable_graph()->mutable_sparse_initializer(0)->mutable_indices();
       }},
      {"Function",
       [](M* model) {
         return model->mutable_functions(0)->mutable_node(0)->mutable_attribute(0)->mutable_t();
       }},
      {"Training",
       [](M* model) {
         return model->mutable_training_info(0)->mutable_initialization()->mutable_initializer(0);
       }},
  };
}

class EveryCarrier : public ::testing::TestWithParam<Carrier> {
 protected:
  EveryCarrier() {
    fs::create_directories(root.path() / "model" / "sub");
    for (const char* file : {"outside.bin", "model/inside.bin", "model/sub/deeper.bin"}) {
      root.Write(file, std::string(kNumbers));
    }
  }
  // Loads a model whose tensor is where the entries say; the error, or "".
  std::string Load(const Entries& entries) {
    onnx::ModelProto model = EverythingModel();
    SetExternal(GetParam().find(&model), entries);
    const auto loaded = LoadModel(root.Write("model/m.onnx", model.SerializeAsString()));
    return loaded.ok() ? "" : loaded.error().message();
  }
  std::string LoadFrom(const std::string& location) { return Load({{"location", location}}); }

  TestFolder root;
};

TEST_P(EveryCarrier, TakesFilesBeneathTheModelsFolder) {
  EXPECT_EQ(LoadFrom("inside.bin"), "");
  EXPECT_EQ(LoadFrom("sub/deeper.bin"), "");
  EXPECT_EQ(Load({{"location", "inside.bin"},
                  {"offset", "0"},
                  {"length", "16"},
                  {"checksum", "0"},
                  {"basepath", ""}}),
            "");
}

TEST_P(EveryCarrier, RefusesPathsThatLeadOut) {
  for (const std::string& location : std::vector<std::string>{
           "../outside.bin", "sub/../../outside.bin", "./../outside.bin", "sub/../inside.bin", "..",
           "", ".", "sub", (root.path() / "outside.bin").string(), "/dev/zero", "/etc/passwd",
           "//etc/passwd", std::string("inside.bin\0x", 12), "..\\outside.bin", "C:\\outside.bin",
           "missing.bin"}) {
    EXPECT_NE(LoadFrom(location), "") << location;
  }
}

TEST_P(EveryCarrier, RefusesLinks) {
  fs::create_symlink("../outside.bin", root.path() / "model/link.bin");
  fs::create_symlink("inside.bin", root.path() / "model/harmless.bin");
  fs::create_directory_symlink("..", root.path() / "model/up");
  fs::create_hard_link(root.path() / "outside.bin", root.path() / "model/hard.bin");
  for (const char* location : {"link.bin", "harmless.bin", "up/outside.bin", "hard.bin"}) {
    EXPECT_NE(LoadFrom(location), "") << location;
  }
}

TEST_P(EveryCarrier, RefusesWhatIsNoFileWithoutWaitingForIt) {
  ASSERT_EQ(mkfifo((root.path() / "model/pipe").c_str(), 0600), 0);
  EXPECT_NE(LoadFrom("pipe"), "");
  EXPECT_NE(LoadFrom("sub"), "");
}

TEST_P(EveryCarrier, RefusesPlacesBeyondTheFile) {
  const auto load = [&](const std::string& offset, const std::string& length) {
    return Load({{"location", "inside.bin"}, {"offset", offset}, {"length", length}});
  };
  EXPECT_NE(load("1", "16"), "");
  EXPECT_NE(load("0", "17"), "");
  EXPECT_NE(load("17", "0"), "");
  EXPECT_NE(load("18446744073709551615", "16"), "");
  EXPECT_NE(load("16", "18446744073709551615"), "");
  EXPECT_NE(load("18446744073709551616", "16"), "");
  EXPECT_NE(load("-1", "16"), "");
  EXPECT_NE(load("0", "-16"), "");
  EXPECT_NE(load("zero", "16"), "");
  EXPECT_NE(load("0", "0x10"), "");
  EXPECT_NE(load("0", "16 "), "");
  EXPECT_NE(load("", "16"), "");
}

TEST_P(EveryCarrier, RefusesUnknownKeysAndAddressesInMemory) {
  EXPECT_NE(Load({{"location", "inside.bin"}, {"ofset", "4"}}), "");
  EXPECT_NE(Load({}), "");
  EXPECT_NE(Load({{"location", "*/_ORT_MEM_ADDR_/*"}, {"offset", "4096"}, {"length", "16"}}), "");
}

TEST_P(EveryCarrier, TakesTheRestOfTheFileOnlyWhenItIsTheTensor) {
  EXPECT_NE(Load({{"location", "inside.bin"}, {"offset", "4"}}), "");
  root.Write("model/longer.bin", "----" + std::string(kNumbers));
  EXPECT_EQ(Load({{"location", "longer.bin"}, {"offset", "4"}}), "");
}

TEST_P(EveryCarrier, RefusesANegativeSize) {
  onnx::ModelProto model = EverythingModel();
  onnx::TensorProto* tensor = GetParam().find(&model);
  SetExternal(tensor, {{"location", "inside.bin"}});
  tensor->set_dims(0, -4);
  EXPECT_FALSE(LoadModel(root.Write("model/m.onnx", model.SerializeAsString())).ok());
}

TEST_P(EveryCarrier, IsRefusedForAModelInMemory) {
  onnx::ModelProto model = EverythingModel();
  SetExternal(GetParam().find(&model), {{"location", "inside.bin"}});
  EXPECT_FALSE(ParseText(model.SerializeAsString()).ok());
  EXPECT_TRUE(ParseModel(BytesCopy(model.SerializeAsString()), root.path() / "model").ok());
}

INSTANTIATE_TEST_SUITE_P(ExternalData, EveryCarrier, ::testing::ValuesIn(Carriers()),
                         [](const auto& test) { return std::string(test.param.name); });

onnx::ModelProto ModelAt(const Entries& entries) {
  onnx::ModelProto model = AddModel();
  SetExternal(model.mutable_graph()->add_initializer(), entries);
  return model;
}

TEST(ExternalData, IsReadWhereItLies) {
  const TestFolder folder;
  folder.Write("w.bin", "----" + std::string(kNumbers));
  const auto path = folder.Write(
      "m.onnx",
      ModelAt({{"location", "w.bin"}, {"offset", "4"}, {"length", "16"}}).SerializeAsString());
  const auto model = LoadModel(path);
  ASSERT_TRUE(model.ok()) << model.error().message();
  const Initializer& tensor = model.value().graph.initializers[1];
  EXPECT_EQ(tensor.storage, Storage::kExternal);
  EXPECT_EQ(tensor.external, (ExternalLocation{"w.bin", 4, 16}));
  EXPECT_EQ(wire::Text(PayloadOf(tensor).value().view), kNumbers);
  EXPECT_EQ(model.value().external_files.size(), 1U);
  EXPECT_EQ(model.value().total_bytes(), fs::file_size(path) + 20);
  EXPECT_EQ(EncodeText(model.value()), ReadWhole(path));
}

TEST(ExternalData, NamesTheFileTheTensorAndTheRule) {
  const TestFolder folder;
  const auto path = folder.Write("m.onnx", ModelAt({{"location", "../w.bin"}}).SerializeAsString());
  EXPECT_EQ(LoadModel(path).error().message(),
            path.string() +
                ": initializer \"outside\": external data: \"../w.bin\" leads out of "
                "the model's folder (..)");
}

TEST(ExternalData, IsFoundFromTheWorkingFolder) {
  const TestFolder folder;
  folder.Write("w.bin", std::string(kNumbers));
  folder.Write("m.onnx", ModelAt({{"location", "w.bin"}}).SerializeAsString());
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  const auto model = LoadModel("m.onnx");
  fs::current_path(before);
  EXPECT_TRUE(model.ok()) << model.error().message();
}

TEST(ExternalData, IsMeasuredAgainstTheShapeByCheckModel) {
  const TestFolder folder;
  folder.Write("w.bin", std::string(kNumbers));
  const auto path = folder.Write(
      "m.onnx", ModelAt({{"location", "w.bin"}, {"length", "12"}}).SerializeAsString());
  const auto model = LoadModel(path);
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(CheckModel(model.value()).error().message(),
            "initializer \"outside\": float32 of shape [4] needs 16 bytes, not 12");
}

TEST(ExternalData, OfTenThousandTensorsInOneRegionIsMappedOnce) {
  const TestFolder folder;
  folder.Write("w.bin", std::string(kNumbers));
  onnx::ModelProto model = AddModel();
  for (int i = 0; i < 10'000; ++i) {
    onnx::TensorProto* tensor = model.mutable_graph()->add_initializer();
    SetExternal(tensor, {{"location", "w.bin"}});
    tensor->set_name(Format("t{}", i));
  }
  auto loaded = LoadModel(folder.Write("m.onnx", model.SerializeAsString()));
  ASSERT_TRUE(loaded.ok()) << loaded.error().message();
  EXPECT_EQ(loaded.value().external_files.size(), 1U);
}

TEST(ExternalData, LiesBeyondFourGigabytes) {
  const TestFolder folder;
  const fs::path data = folder.Write("w.bin", "");
  constexpr std::uint64_t kOffset = 5'000'000'000;
  fs::resize_file(data, kOffset);  // a hole: it takes no room on the disk
  std::ofstream(data, std::ios::binary | std::ios::app) << kNumbers;
  const auto path = folder.Write(
      "m.onnx",
      ModelAt({{"location", "w.bin"}, {"offset", Format("{}", kOffset)}, {"length", "16"}})
          .SerializeAsString());
  const auto model = LoadModel(path);
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_EQ(wire::Text(PayloadOf(model.value().graph.initializers[1]).value().view), kNumbers);
}

}  // namespace external_data_test
}  // namespace quantbench
