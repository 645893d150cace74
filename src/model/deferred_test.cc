// Deferred numbers: made when they are asked for, whole or not at all.
#include <atomic>

#include <gtest/gtest.h>

#include "quantbench/base/parallel.h"

#include "model/everything_model.h"
#include "model/process_limits.h"

namespace quantbench {
namespace deferred_test {

namespace fs = std::filesystem;

constexpr SaveOptions kSplit{
    .replace_existing = false, .external_threshold = 64, .external_above = 0};

template <typename T>
std::string ErrorOf(const Result<T>& result) {
  return result.ok() ? "" : result.error().message();
}

// Bytes 0, 1, 2 ... that two threads make.
Tensor Counting(DataType type, const Shape& dims) {
  Tensor tensor = Tensor::Make(type, dims).value();
  ParallelFor(static_cast<std::int64_t>(tensor.bytes.size()), 1000, 2,
              [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i) {
                  tensor.bytes[static_cast<std::size_t>(i)] = static_cast<std::byte>(i);
                }
              });
  return tensor;
}

Initializer Eager(const std::string& name, DataType type, const Shape& dims) {
  return Initializer::Of(name, Counting(type, dims));
}
Initializer Later(const std::string& name, DataType type, const Shape& dims) {
  return Initializer::Deferred(name, type, dims, [type, dims] { return Counting(type, dims); });
}
Initializer Failing(const std::string& name) {
  return Initializer::Deferred(name, DataType::kInt8, {1000}, []() -> Result<Tensor> {
    return Error(ErrorCode::kMalformed, "the weights hold NaN");
  });
}

// Every kind of size: packed nibbles, an odd number of them, none, a scalar, more than a batch.
template <typename Make>
Model ModelOf(const Make& make) {
  Model model = ParsedModel(AddModel());
  model.graph.initializers.push_back(make("nibbles", DataType::kInt4, {33, 3}));
  model.graph.initializers.push_back(make("none", DataType::kInt8, {0, 7}));
  model.graph.initializers.push_back(make("scalar", DataType::kFloat32, {}));
  model.graph.initializers.push_back(make("large", DataType::kUint8, {3, 3'000'001}));
  model.graph.initializers.push_back(make("small", DataType::kInt16, {50}));
  Attribute value = Attribute::Int("value", 0);
  value.type = AttributeType::kTensor;
  value.i = 0;
  value.tensors = {make("", DataType::kUint8, {2'000'000})};
  model.graph.nodes[0].attributes = {value};
  return model;
}

TEST(Deferred, IsWrittenAsIfItHadBeenThere) {
  const Model eager = ModelOf(Eager);
  const Model later = ModelOf(Later);
  EXPECT_EQ(EncodeText(later), EncodeText(eager));
  EXPECT_EQ(EncodeText(later), EncodeText(eager));  // and again
  const TestFolder folder;
  ASSERT_EQ(ErrorOf(SaveModel(later, folder.path() / "whole.onnx")), "");
  EXPECT_EQ(ReadWhole(folder.path() / "whole.onnx"), EncodeText(eager));
  fs::create_directory(folder.path() / "eager");
  ASSERT_EQ(ErrorOf(SaveModel(later, folder.path() / "m.onnx", kSplit)), "");
  ASSERT_EQ(ErrorOf(SaveModel(eager, folder.path() / "eager" / "m.onnx", kSplit)), "");
  for (const char* name : {"m.onnx", "m.onnx.data"}) {
    EXPECT_EQ(ReadWhole(folder.path() / name), ReadWhole(folder.path() / "eager" / name));
  }
}

TEST(Deferred, IsReadAndCheckedLikeAnyOther) {
  const Model eager = ModelOf(Eager);
  const Model later = ModelOf(Later);
  for (std::size_t i = 1; i < later.graph.initializers.size(); ++i) {
    const Initializer& a = eager.graph.initializers[i];
    const Initializer& b = later.graph.initializers[i];
    EXPECT_EQ(b.stored_bytes(), a.stored_bytes());
    EXPECT_EQ(ReadTensor(b).value().bytes, ReadTensor(a).value().bytes);
    EXPECT_EQ(wire::Text(PayloadOf(b).value().view), wire::Text(PayloadOf(a).value().view));
  }
  EXPECT_EQ(ErrorOf(CheckModel(later)), "");
}

TEST(Deferred, ReplacesWhatWasRead) {
  const std::string before = Weights({100}).SerializeAsString();
  Model model = ParseText(before).value();
  Initializer& weight = model.graph.initializers[1];
  const Bytes origin = weight.origin;
  weight = Later(weight.name, weight.type, weight.dims);
  weight.origin = origin;
  const Model again = ParseText(EncodeText(model)).value();
  EXPECT_EQ(ReadTensor(again.graph.initializers[1]).value().bytes,
            Counting(weight.type, weight.dims).bytes);
}

TEST(Deferred, SharedByTwoIsStoredOnce) {
  Model model = ParsedModel(AddModel());
  const Initializer first = Later("first", DataType::kInt8, {1000});
  Initializer second = first;
  second.name = "second";
  model.graph.initializers.insert(model.graph.initializers.end(),
                                  {first, second, Later("other", DataType::kInt8, {1000})});
  const TestFolder folder;
  ASSERT_EQ(ErrorOf(SaveModel(model, folder.path() / "m.onnx", kSplit)), "");
  EXPECT_EQ(fs::file_size(folder.path() / "m.onnx.data"), 1024U + 1000);
}

TEST(Deferred, FailsUnderItsName) {
  Model model = ParsedModel(AddModel());
  model.graph.initializers.push_back(Failing("fc.weight"));
  const std::string message = "initializer \"fc.weight\": the weights hold NaN";
  const Initializer& failing = model.graph.initializers.back();
  EXPECT_EQ(ErrorOf(PayloadOf(failing)), message);
  EXPECT_EQ(ErrorOf(ReadTensor(failing)), message);
  EXPECT_EQ(ErrorOf(EncodeToBytes(model)), message);
  EXPECT_EQ(ErrorOf(CheckModel(model)), message);
  EXPECT_EQ(CheckModel(model).error().code(), ErrorCode::kMalformed);
}

TEST(Deferred, HasToBeWhatWasPromised) {
  const auto error_of = [](DataType type, const Shape& dims) {
    return PayloadOf(Initializer::Deferred("w", type, dims,
                                           [] {
                                             return Counting(DataType::kInt8, {2, 3});
                                           }))
        .error();
  };
  EXPECT_EQ(error_of(DataType::kUint8, {2, 3}).message(),
            "initializer \"w\": uint8 of shape [2, 3] was promised, int8 of shape [2, 3] in 6 "
            "bytes made");
  EXPECT_EQ(error_of(DataType::kUint8, {2, 3}).code(), ErrorCode::kInternal);
  EXPECT_EQ(error_of(DataType::kInt8, {3, 2}).code(), ErrorCode::kInternal);
  const Initializer cut = Initializer::Deferred("w", DataType::kInt8, {4}, []() -> Result<Tensor> {
    return Tensor{DataType::kInt8, {4}, std::vector<std::byte>(3)};
  });
  EXPECT_EQ(PayloadOf(cut).error().code(), ErrorCode::kInternal);
  Model model = ParsedModel(AddModel());
  model.graph.initializers.push_back(Later("w", DataType::kInt8, {1000}));
  model.graph.initializers.back().dims = {-1};
  EXPECT_EQ(model.graph.initializers.back().stored_bytes(), 0U);
  EXPECT_EQ(EncodeToBytes(model).error().code(), ErrorCode::kMalformed);
}

TEST(Deferred, SaysWhenMemoryIsShort) {
  const Initializer tensor = Initializer::Deferred(
      "w", DataType::kInt8, {1}, []() -> Result<Tensor> { throw std::bad_alloc(); });
  EXPECT_EQ(ErrorOf(PayloadOf(tensor)), "initializer \"w\": not enough memory to make it");
}

// What two saves, whole and split, leave behind when they fail with `message`.
void ExpectNothingSaved(const Model& model, const std::string& message) {
  const TestFolder folder;
  const auto path = folder.path() / "m.onnx";
  for (const std::uint64_t external_above : {std::uint64_t{0}, SaveOptions().external_above}) {
    EXPECT_NE(ErrorOf(SaveModel(model, path, {.external_above = external_above})).find(message),
              std::string::npos);
    EXPECT_TRUE(FileNames(folder.path()).empty());
  }
  ASSERT_EQ(ErrorOf(SaveModel(ParsedModel(Weights({300})), path, {.external_above = 0})), "");
  const std::string before = ReadWhole(path);
  for (const std::uint64_t external_above : {std::uint64_t{0}, SaveOptions().external_above}) {
    const SaveOptions options{.replace_existing = true, .external_above = external_above};
    EXPECT_FALSE(SaveModel(model, path, options).ok());
    EXPECT_EQ(FileNames(folder.path()), (std::vector<std::string>{"m.onnx", "m.onnx.data"}));
    EXPECT_EQ(ReadWhole(path), before);
    EXPECT_EQ(fs::file_size(path.string() + ".data"), 1200U);
  }
}

TEST(Deferred, FailingInTheMiddleLeavesNothingBehindAndKeepsWhatWasThere) {
  Model model = ParsedModel(AddModel());
  model.graph.initializers.push_back(Later("before", DataType::kInt8, {20'000'000}));
  model.graph.initializers.push_back(Failing("w"));
  model.graph.initializers.push_back(Later("behind", DataType::kInt8, {1000}));
  ExpectNothingSaved(model, "initializer \"w\": the weights hold NaN");
}

TEST(Deferred, FullDiskLeavesNothingBehindAndKeepsWhatWasThere) {
  Model model = ParsedModel(AddModel());
  std::atomic<int> made{0};
  const auto make = [&made] {
    ++made;
    return Counting(DataType::kInt8, {10'000'000});
  };
  for (int i = 0; i < 9; ++i) {
    model.graph.initializers.push_back(
        Initializer::Deferred(Format("w{}", i), DataType::kInt8, {10'000'000}, make));
  }
  const FileSizeLimit limit(25'000'000);
  ExpectNothingSaved(model, "cannot write");
  EXPECT_LE(made, 4 * 4);  // four saves, and none goes on making what has no place
}

TEST(Deferred, IsNotMadeForADiskThatCannotHoldIt) {
  Model model = ParsedModel(AddModel());
  constexpr std::int64_t kExbibyte = std::int64_t{1} << 60U;
  bool made = false;
  model.graph.initializers.push_back(
      Initializer::Deferred("w", DataType::kInt8, {kExbibyte}, [&made]() -> Result<Tensor> {
        made = true;
        return Error(ErrorCode::kInternal, "made");
      }));
  ExpectNothingSaved(model, "no space left on the device");
  EXPECT_FALSE(made);
}

// Codes and scales whose computation counts its runs.
std::vector<Initializer> CodesAndScales(int* runs) {
  return DeferTogether({{"codes", DataType::kInt8, {1000}}, {"scales", DataType::kFloat32, {4}}},
                       [runs](std::span<Tensor> made) {
                         ++*runs;
                         made[0] = Counting(DataType::kInt8, {1000});
                         made[1] = Counting(DataType::kFloat32, {4});
                         return Ok();
                       });
}

TEST(DeferTogether, RunsOnceForAllThatAreAskedForInOrder) {
  int runs = 0;
  Model model = ParsedModel(AddModel());
  for (Initializer& tensor : CodesAndScales(&runs)) {
    model.graph.initializers.push_back(std::move(tensor));
  }
  Model eager = ParsedModel(AddModel());
  eager.graph.initializers.push_back(Eager("codes", DataType::kInt8, {1000}));
  eager.graph.initializers.push_back(Eager("scales", DataType::kFloat32, {4}));
  EXPECT_EQ(runs, 0);
  EXPECT_EQ(EncodeText(model), EncodeText(eager));
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(CheckModel(model).ok());
  EXPECT_EQ(runs, 2);
  const TestFolder folder;
  ASSERT_EQ(ErrorOf(SaveModel(model, folder.path() / "m.onnx", kSplit)), "");
  EXPECT_EQ(runs, 3);  // though one went into the other file
}

TEST(DeferTogether, RunsAgainWhenAskedOutOfOrder) {
  int runs = 0;
  const std::vector<Initializer> made = CodesAndScales(&runs);
  for (int i = 1; i <= 2; ++i) {  // nothing is kept of the codes that nobody asked for
    EXPECT_EQ(ReadTensor(made[1]).value().bytes.size(), 16U);
    EXPECT_EQ(runs, i);
  }
  EXPECT_EQ(ReadTensor(made[0]).value().bytes.size(), 1000U);
  EXPECT_EQ(ReadTensor(made[0]).value().bytes.size(), 1000U);
  EXPECT_EQ(runs, 4);
  EXPECT_EQ(ReadTensor(made[1]).value().bytes.size(), 16U);
  EXPECT_EQ(runs, 4);
}

TEST(DeferTogether, ServesManyThreads) {
  int runs = 0;
  const std::vector<Initializer> made = CodesAndScales(&runs);
  std::atomic<int> right{0};
  ParallelFor(64, 1, 4, [&](std::int64_t i, std::int64_t) {
    const Initializer& tensor = made[static_cast<std::size_t>(i % 2)];
    const auto read = ReadTensor(tensor);
    if (read.ok() && read.value().bytes == Counting(tensor.type, tensor.dims).bytes) ++right;
  });
  EXPECT_EQ(right, 64);
}

TEST(DeferTogether, FailsAsAWhole) {
  const std::vector<Promise> promises = {{"codes", DataType::kInt8, {1000}},
                                         {"scales", DataType::kFloat32, {4}}};
  const auto failing = DeferTogether(promises, [](std::span<Tensor> made) -> Status {
    made[0] = Counting(DataType::kInt8, {1000});
    return Error(ErrorCode::kMalformed, "NaN");
  });
  EXPECT_EQ(ErrorOf(ReadTensor(failing[0])), "initializer \"codes\": NaN");
  EXPECT_EQ(ErrorOf(ReadTensor(failing[1])), "initializer \"scales\": NaN");
  const auto forgetful = DeferTogether(promises, [](std::span<Tensor> made) {
    made[0] = Counting(DataType::kInt8, {1000});
    return Ok();
  });
  EXPECT_TRUE(ReadTensor(forgetful[0]).ok());
  EXPECT_EQ(ErrorOf(ReadTensor(forgetful[1])),
            "initializer \"scales\": float32 of shape [4] was promised, float32 of shape [] in 0 "
            "bytes made");
}

}  // namespace deferred_test
}  // namespace quantbench
