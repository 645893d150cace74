// Hostile arrays, archives of them, IDX and CIFAR files.
#include <zlib.h>

#include "hostile_data.h"

namespace quantbench {
namespace hostile_arrays_test {

using testing::Hostile;
using testing::HostileData;
using testing::Little;
using testing::NpyFile;
using testing::NpyOf;
using testing::Replaced;

// A zip of one stored or deflated member with any sizes claimed.
struct Zip {
  std::string name = "arr_0.npy";
  std::string data;
  std::uint64_t method = 0;
  std::uint64_t claimed = 0;
  std::uint64_t crc = 0;
  std::uint64_t offset = 0;
};
std::string ZipOf(const Zip& zip) {
  const std::string common = Little(20, 2) + Little(0, 2) + Little(zip.method, 2) + Little(0, 4) +
                             Little(zip.crc, 4) + Little(zip.data.size(), 4) +
                             Little(zip.claimed, 4) + Little(zip.name.size(), 2) + Little(0, 2);
  const std::string local = "PK\x03\x04" + common + zip.name + zip.data;
  const std::string entry = std::string("PK\x01\x02") + Little(20, 2) + common + Little(0, 2) +
                            Little(0, 2) + Little(0, 2) + Little(0, 4) + Little(zip.offset, 4) +
                            zip.name;
  return local + entry + "PK\x05\x06" + Little(0, 4) + Little(1, 2) + Little(1, 2) +
         Little(entry.size(), 4) + Little(local.size(), 4) + Little(0, 2);
}

std::string Gzipped(const std::string& text) {
  std::string out(compressBound(static_cast<uLong>(text.size())) + 64, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Hostile Array(const std::string& what, const std::string& bytes, const std::string& reason) {
  return {what, "npy", "x.npy", {{"x.npy", bytes}}, "", "x.npy", reason};
}

Hostile Archive(const std::string& what, const std::string& bytes, const std::string& reason) {
  return {what, "npz", "x.npz", {{"x.npz", bytes}}, "", "x.npz", reason};
}

Hostile Idx(const std::string& what, const std::string& bytes, const std::string& reason) {
  return {what, "idx", "x.idx", {{"x.idx", bytes}}, "", "x.idx", reason};
}

std::vector<Hostile> HostileArrays() {
  const std::string good = NpyOf("<f4", "(2, 2)", std::string(16, 'x'));
  const Zip stored = {"arr_0.npy", good, 0, good.size(), 0, 0};
  const auto with = [&](auto change) {
    Zip zip = stored;
    change(&zip);
    return ZipOf(zip);
  };
  return {
      Array("zero bytes", "", "not a .npy"),
      Array("another format", "PK\x03\x04 and more bytes", "not a .npy"),
      Array("its first bytes only", "\x93NUMPY", "not a .npy"),
      Array("Python objects", NpyOf("|O", "(1, 2)", "\x80\x04\x95"), "pickle"),
      Array("an object inside a longer type", NpyOf("|O8", "(1, 2)", "x"), "pickle"),
      Array("records",
            NpyFile("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n", "xxxx"),
            "named fields"),
      Array("strings", NpyOf("<U5", "(1, 2)", "x"), "not read"),
      Array("complex numbers", NpyOf("<c8", "(1, 2)", "x"), "not read"),
      Array("an unknown version", Replaced(good, 6, "\x09"), "version 9"),
      Array("a header longer than the file", Replaced(good, 8, "\xFF\xFF"), "truncated"),
      Array("a header of 4 GB", "\x93NUMPY" + std::string({3, 0}) + "\xFF\xFF\xFF\xFFxxxx",
            "truncated or too long"),
      Array("no shape", NpyFile("{'descr': '<f4', 'fortran_order': False, }\n", "x"), "'shape'"),
      Array("no type", NpyFile("{'fortran_order': False, 'shape': (1,), }\n", "x"), "'descr'"),
      Array("a shape that is no tuple", NpyOf("<f4", "3", "x"), "not a tuple"),
      Array("a negative size", NpyOf("<f4", "(-1, 2)", "x"), "not a number"),
      Array("a size that is a word", NpyOf("<f4", "(two, 2)", "x"), "not a number"),
      Array("more elements than 2^62", NpyOf("<f4", "(4611686018427387904, 4)", "x"), "x.npy"),
      Array("sizes whose product wraps to zero", NpyOf("<f4", "(4294967296, 4294967296)", "x"),
            "x.npy"),
      Array("fewer bytes than the shape", NpyOf("<f4", "(100, 2)", "xxxx"), "needs 800 bytes"),
      Array("no samples", NpyOf("<f4", "(0, 2)", ""), "holds no samples"),
      Array("a single number", NpyOf("<f4", "()", "xxxx"), "holds no samples"),
      Array("samples of another shape", NpyOf("<f4", "(1, 3)", std::string(12, 'x')), "takes"),
      Array("a corrupt gzip", "\x1f\x8b\x08 no", "corrupt or truncated"),
      Array("half a gzip", Gzipped(good).substr(0, 30), "corrupt or truncated"),
      Archive("zero bytes", "", "not a zip"),
      Archive("text", "hello", "not a zip"),
      Archive("half an archive", ZipOf(stored).substr(0, 60), "not a zip"),
      Archive("no such member", with([](Zip* z) { z->name = "other.npy"; }), "no array \"arr_0\""),
      Archive("a member that claims 4 GB", with([](Zip* z) {
                z->method = 8;
                z->claimed = 0xFFFFFFF0;
              }),
              "claims to inflate"),
      Archive("a member that claims 200 MB of little", with([](Zip* z) {
                z->method = 8;
                z->claimed = 200U << 20U;
              }),
              "claims to inflate"),
      Archive("a member of an unknown method", with([](Zip* z) { z->method = 97; }), "method 97"),
      Archive("a member with a wrong checksum", with([](Zip* z) { z->crc = 5; }), "checksum"),
      Archive("a member beyond the file", with([](Zip* z) { z->offset = 1U << 30U; }),
              "outside the file"),
      Archive("a deflated member that is noise", with([](Zip* z) { z->method = 8; }),
              "inflates to"),
      Archive("a directory beyond the file",
              Replaced(ZipOf(stored), ZipOf(stored).size() - 6, "\xFF\xFF\xFF\x7F"),
              "outside the file"),
      Idx("zero bytes", "", "not an IDX"),
      Idx("text", "hello", "not an IDX"),
      Idx("an unknown type", std::string("\0\0\x07\x01\0\0\0\x01x", 9), "not an IDX"),
      Idx("no dimensions", std::string("\0\0\x08\0", 4), "0 dimensions"),
      Idx("255 dimensions", std::string("\0\0\x08\xFF", 4), "255 dimensions"),
      Idx("fewer bytes than its sizes", std::string("\0\0\x08\x01\0\0\x01\0x", 9), "needs 256"),
      Idx("sizes beyond 2^62",
          std::string("\0\0\x08\x03\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 16), "x.idx"),
      {"a CIFAR file of odd length",
       "cifar10",
       "x.bin",
       {{"x.bin", "abc"}},
       "",
       "x.bin",
       "records"},
      {"an empty CIFAR file", "cifar10", "x.bin", {{"x.bin", ""}}, "", "x.bin", "records"},
      {"a CIFAR label of 10",
       "cifar10",
       "x.bin",
       {{"x.bin", "\x0A" + std::string(3072, 'x')}},
       "",
       "x.bin #0",
       "label 10"},
      {"a CIFAR-100 label of 200",
       "cifar100",
       "x.bin",
       {{"x.bin", "\x01\xC8" + std::string(3072, 'x')}},
       "",
       "x.bin #0",
       "label 200"},
  };
}

TEST_F(HostileData, ArraysAreNamedWithAReason) {
  Check(HostileArrays(), 40);
}

TEST_F(HostileData, FilesThatAreNotThereOrNotFiles) {
  Hostile missing = Array("missing", "", "");
  missing.files.clear();
  EXPECT_NE(ErrorOf(missing).find("x.npy"), std::string::npos);
  for (const char* kind : {"npy", "npz", "idx", "text", "tokens", "cifar10"}) {
    const Hostile folder = {"a folder", kind, "d", {}, "", "", ""};
    EXPECT_NE(ErrorOf(folder).find("/d"), std::string::npos) << ErrorOf(folder);
  }
}

}  // namespace hostile_arrays_test
}  // namespace quantbench
