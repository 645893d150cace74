// NumPy and IDX files: what is read, and what is refused.
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include "quantbench/data.h"

#include "data/idx.h"
#include "data/inflate.h"

namespace quantbench {
namespace npy_test {

namespace fs = std::filesystem;

std::string Npy(const std::string& dictionary, const std::string& payload) {
  std::string header = dictionary + std::string(64 - (dictionary.size() + 11) % 64, ' ') + "\n";
  std::string text = "\x93NUMPY\x01";
  text += '\0';
  text += static_cast<char>(header.size() & 0xFFU);
  text += static_cast<char>(header.size() >> 8U);
  return text + header + payload;
}

std::string LittleEndian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(i < 8 ? value >> (8 * i) : 0);
  return text;
}

// A zip of one stored member.
std::string Zip(const std::string& name, const std::string& content, std::uint64_t claimed_size) {
  const auto crc =
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
  const std::string sizes = LittleEndian(crc, 4) + LittleEndian(content.size(), 4) +
                            LittleEndian(claimed_size, 4) + LittleEndian(name.size(), 2) +
                            LittleEndian(0, 2);
  const std::string local = std::string("PK\x03\x04", 4) + LittleEndian(20, 2) +
                            LittleEndian(0, 8) + sizes + name + content;
  const std::string entry = std::string("PK\x01\x02", 4) + LittleEndian(20, 2) +
                            LittleEndian(20, 2) + LittleEndian(0, 8) + sizes + LittleEndian(0, 14) +
                            name;
  return local + entry + std::string("PK\x05\x06", 4) + LittleEndian(0, 4) + LittleEndian(1, 2) +
         LittleEndian(1, 2) + LittleEndian(entry.size(), 4) + LittleEndian(local.size(), 4) +
         LittleEndian(0, 2);
}

class NpyTest : public ::testing::Test {
 protected:
  NpyTest() : path_(fs::temp_directory_path() / ("qb_npy_test." + std::to_string(getpid()))) {}
  ~NpyTest() override { fs::remove(path_); }
  fs::path Put(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
    return path_;
  }
  fs::path path_;
};

const std::string kInt16 = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }";
const std::string kSixInts =
    LittleEndian(0x0006000500040003, 8).insert(0, LittleEndian(0x00020001, 4));

TEST_F(NpyTest, ReadsRowMajorArrays) {
  const auto tensor = ReadNpy(Put(Npy(kInt16, kSixInts)));
  ASSERT_TRUE(tensor.ok()) << tensor.error().message();
  EXPECT_EQ(tensor.value().shape, (Shape{2, 3}));
  EXPECT_EQ(ToDoubles(tensor.value()).value(), (std::vector<double>{1, 2, 3, 4, 5, 6}));
}

TEST_F(NpyTest, ReadsFortranOrderAndBigEndian) {
  const auto fortran =
      ReadNpy(Put(Npy("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }", kSixInts)));
  ASSERT_TRUE(fortran.ok());
  EXPECT_EQ(ToDoubles(fortran.value()).value(), (std::vector<double>{1, 3, 5, 2, 4, 6}));
  const auto big = ReadNpy(Put(Npy("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }",
                                   std::string("\x01\x02\x00\x05", 4))));
  ASSERT_TRUE(big.ok());
  EXPECT_EQ(ToDoubles(big.value()).value(), (std::vector<double>{258, 5}));
}

TEST_F(NpyTest, RefusesPickledObjectsByName) {
  const auto tensor = ReadNpy(
      Put(Npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "cos\nsystem\n")));
  ASSERT_FALSE(tensor.ok());
  EXPECT_NE(tensor.error().message().find("pickle"), std::string::npos);
}

TEST_F(NpyTest, RefusesEveryTruncation) {
  const std::string good = Npy(kInt16, kSixInts);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(ReadNpy(Put(good.substr(0, size))).ok()) << size;
  }
}

TEST_F(NpyTest, RefusesHostileHeaders) {
  for (const char* dictionary :
       {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, "
        "4611686018427387904), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'shape': (1,), }",
        "{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "{}"}) {
    EXPECT_FALSE(ReadNpy(Put(Npy(dictionary, std::string(64, 'x')))).ok()) << dictionary;
  }
}

TEST_F(NpyTest, ReadsMembersOfAnNpzAndRefusesBombs) {
  const std::string array = Npy(kInt16, kSixInts);
  const fs::path path = Put(Zip("ids.npy", array, array.size()));
  EXPECT_EQ(ReadNpz(path, "ids").value().shape, (Shape{2, 3}));
  const auto missing = ReadNpz(path, "labels");
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message().find("ids.npy"), std::string::npos);
  const auto bomb = ReadNpz(Put(Zip("ids.npy", array, 0xFFFFFFF0U)), "ids");
  ASSERT_FALSE(bomb.ok());
  EXPECT_NE(bomb.error().message().find("inflate"), std::string::npos);
  const std::string good = Zip("ids.npy", array, array.size());
  for (std::size_t size = 0; size < good.size(); size += 3) {
    EXPECT_FALSE(ReadNpz(Put(good.substr(0, size)), "ids").ok()) << size;
  }
  std::string damaged = good;
  damaged[60] = static_cast<char>(damaged[60] ^ 1);
  EXPECT_FALSE(ReadNpz(Put(damaged), "ids").ok());
}

TEST_F(NpyTest, ReadsIdxAndRefusesWhatDoesNotFit) {
  const std::string good("\0\0\x08\x02\0\0\0\x02\0\0\0\x02\x01\x02\x03\x04", 16);
  const auto tensor = ReadIdx(Put(good));
  ASSERT_TRUE(tensor.ok()) << tensor.error().message();
  EXPECT_EQ(tensor.value().shape, (Shape{2, 2}));
  EXPECT_EQ(ToDoubles(tensor.value()).value(), (std::vector<double>{1, 2, 3, 4}));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(ReadIdx(Put(good.substr(0, size))).ok());
  EXPECT_FALSE(ReadIdx(Put(good + "x")).ok());
  const std::string wide("\0\0\x0B\x01\0\0\0\x02\x01\x02\xff\xff", 12);
  EXPECT_EQ(ToDoubles(ReadIdx(Put(wide)).value()).value(), (std::vector<double>{258, -1}));
}

TEST(Gunzip, StopsAtTheLimit) {
  std::string zeros(1'000'000, '\0');
  z_stream stream{};
  ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(10'000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(zeros.data());
  stream.avail_in = static_cast<uInt>(zeros.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  EXPECT_EQ(Gunzip(packed, 2'000'000).value().size(), zeros.size());
  EXPECT_FALSE(Gunzip(packed, 999'999).ok());
  EXPECT_FALSE(Gunzip(packed.substr(0, packed.size() / 2), 2'000'000).ok());
}

}  // namespace npy_test
}  // namespace quantbench
