// Hostile data sets, of whatever kind: what the tests of each kind share. Each gives a named
// sample, file or element and a reason; none crashes, hangs or allocates without bound.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "quantbench/base/file.h"
#include "quantbench/data.h"

namespace quantbench::testing {

// One data set: its files (the first is its path, or lies in it), and what the error must say.
struct Hostile {
  std::string what;
  std::string kind;
  std::string path;
  std::vector<std::pair<std::string, std::string>> files;
  std::string labels;
  std::string names;  // of the sample, file or element
  std::string reason;
};

inline std::string Little(std::uint64_t value, int width) {
  std::string bytes;
  for (int i = 0; i < width; ++i)
    bytes += static_cast<char>((value >> (8U * static_cast<unsigned>(i))) & 0xFFU);
  return bytes;
}

inline std::string Picture(const std::string& name) {
  return ReadFile(std::string(QB_SOURCE_DIR) + "/tests/data/preprocess/" + name).value();
}

inline std::string Replaced(std::string text, std::size_t at, const std::string& bytes) {
  return text.replace(at, bytes.size(), bytes);
}

inline std::string NpyFile(const std::string& header, const std::string& payload) {
  return "\x93NUMPY" + std::string({1, 0}) + Little(header.size(), 2) + header + payload;
}

inline std::string NpyOf(const std::string& descr, const std::string& shape,
                         const std::string& payload) {
  return NpyFile("{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n",
                 payload);
}

class HostileData : public ::testing::Test {
 protected:
  HostileData()
      : folder_(std::filesystem::temp_directory_path() /
                ("qb_hostile_data." + std::to_string(getpid()))) {}
  ~HostileData() override { std::filesystem::remove_all(folder_); }

  // The error of opening the data set, or of reading its samples.
  std::string ErrorOf(const Hostile& one) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "d");
    for (const auto& [name, bytes] : one.files) {
      std::ofstream(folder_ / name, std::ios::binary) << bytes;
    }
    DataSpec spec;
    spec.id = "data";
    spec.kind = one.kind;
    spec.path = folder_ / one.path;
    if (!one.labels.empty()) spec.labels = folder_ / one.labels;
    if (one.kind == "text")
      spec.text.tokenizer = std::string(QB_SOURCE_DIR) + "/tests/data/tokenizers/vocab.txt";
    const auto dataset = OpenDataset(spec, InputsOf(one.kind));
    if (!dataset.ok()) return dataset.error().message();
    for (std::int64_t i = 0; i < dataset.value()->size(); ++i) {
      const auto sample = dataset.value()->Get(i);
      if (!sample.ok()) return sample.error().message();
    }
    return "nothing was refused";
  }

  static std::vector<InputSpec> InputsOf(const std::string& kind) {
    const std::vector<std::string> free(4);
    if (kind == "image-folder" || kind == "coco" || kind.starts_with("cifar")) {
      return {{"x", DataType::kFloat32, {-1, 3, -1, -1}, free, true}};
    }
    if (kind == "text" || kind == "tokens") {
      return {{"input_ids", DataType::kInt64, {-1, -1}, {"", ""}, true}};
    }
    if (kind == "audio") return {{"x", DataType::kFloat32, {-1, -1}, {"", ""}, true}};
    return {{"x", DataType::kFloat32, {-1, 2}, {"", ""}, true}};
  }

  // At least so many of them, each with its error.
  void Check(const std::vector<Hostile>& cases, std::size_t least) {
    for (const Hostile& one : cases) {
      const std::string error = ErrorOf(one);
      const std::string told = one.kind + ", " + one.what + ": " + error;
      EXPECT_NE(error.find(one.names), std::string::npos) << told << "\nshould name " << one.names;
      EXPECT_NE(error.find(one.reason), std::string::npos) << told << "\nshould say " << one.reason;
      EXPECT_EQ(error.find('\n'), std::string::npos) << told;
      EXPECT_NE(error, "nothing was refused") << told;
    }
    EXPECT_GE(cases.size(), least);
  }

  std::filesystem::path folder_;
};

}  // namespace quantbench::testing
