// Hostile data sets: each gives a named sample, file or element and a reason; none crashes, hangs
// or allocates without bound.
#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include "quantbench/base/file.h"
#include "quantbench/data.h"

namespace quantbench {
namespace hostile_test {

namespace fs = std::filesystem;

const std::string kPictures = std::string(QB_SOURCE_DIR) + "/tests/data/preprocess/";
const std::string kVocabulary = std::string(QB_SOURCE_DIR) + "/tests/data/tokenizers/vocab.txt";

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

std::string Little(std::uint64_t value, int width) {
  std::string bytes;
  for (int i = 0; i < width; ++i)
    bytes += static_cast<char>((value >> (8U * static_cast<unsigned>(i))) & 0xFFU);
  return bytes;
}

std::string Big(std::uint64_t value) {
  std::string bytes = Little(value, 4);
  return {bytes.rbegin(), bytes.rend()};
}

std::string Picture(const std::string& name) {
  return ReadFile(kPictures + name).value();
}

std::string Replaced(std::string text, std::size_t at, const std::string& bytes) {
  return text.replace(at, bytes.size(), bytes);
}

// The frame header of a JPEG: height and width stand three bytes after its length.
std::string JpegOfSize(std::uint64_t height, std::uint64_t width) {
  std::string jpeg = Picture("small.jpg");
  const std::size_t frame = jpeg.find("\xFF\xC0");
  const std::string size = {static_cast<char>(height >> 8U), static_cast<char>(height & 0xFFU),
                            static_cast<char>(width >> 8U), static_cast<char>(width & 0xFFU)};
  return Replaced(jpeg, frame + 5, size);
}

std::string Chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  const uLong crc =
      crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return Big(data.size()) + body + Big(crc);
}

std::string PngHeader(std::uint64_t width, std::uint64_t height, char depth, char colour) {
  return "\x89PNG\r\n\x1a\n" +
         Chunk("IHDR", Big(width) + Big(height) + std::string({depth, colour, 0, 0, 0}));
}

std::string NpyFile(const std::string& header, const std::string& payload) {
  return "\x93NUMPY" + std::string({1, 0}) + Little(header.size(), 2) + header + payload;
}

std::string NpyOf(const std::string& descr, const std::string& shape, const std::string& payload) {
  return NpyFile("{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n",
                 payload);
}

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

std::string WavOf(std::uint64_t format, std::uint64_t channels, std::uint64_t rate,
                  std::uint64_t bits, const std::string& data) {
  return "RIFF" + Little(36 + data.size(), 4) + "WAVEfmt " + Little(16, 4) + Little(format, 2) +
         Little(channels, 2) + Little(rate, 4) + Little(rate * 2, 4) + Little(2, 2) +
         Little(bits, 2) + "data" + Little(data.size(), 4) + data;
}

Hostile Image(const std::string& what, const std::string& bytes, const std::string& reason) {
  return {what, "image-folder", "d", {{"d/x.jpg", bytes}}, "", "x.jpg", reason};
}

Hostile Csv(const std::string& what, const std::string& csv, const std::string& names,
            const std::string& reason) {
  return {what,    "image-folder", "d",   {{"d/a.png", Picture("wide.png")}, {"l.csv", csv}},
          "l.csv", names,          reason};
}

Hostile JsonLabels(const std::string& what, const std::string& json, const std::string& names,
                   const std::string& reason) {
  return {what,     "image-folder", "d",   {{"d/a.png", Picture("wide.png")}, {"l.json", json}},
          "l.json", names,          reason};
}

Hostile Array(const std::string& what, const std::string& bytes, const std::string& reason) {
  return {what, "npy", "x.npy", {{"x.npy", bytes}}, "", "x.npy", reason};
}

Hostile Archive(const std::string& what, const std::string& bytes, const std::string& reason) {
  return {what, "npz", "x.npz", {{"x.npz", bytes}}, "", "x.npz", reason};
}

Hostile Labelled(const std::string& what, const std::string& labels, const std::string& reason) {
  return {what,    "npy",   "x.npy", {{"x.npy", NpyOf("|u1", "(2, 2)", "abcd")}, {"y.npy", labels}},
          "y.npy", "y.npy", reason};
}

Hostile Idx(const std::string& what, const std::string& bytes, const std::string& reason) {
  return {what, "idx", "x.idx", {{"x.idx", bytes}}, "", "x.idx", reason};
}

Hostile Lines(const std::string& what, const std::string& file, const std::string& bytes,
              const std::string& names, const std::string& reason) {
  return {what, "text", file, {{file, bytes}}, "", names, reason};
}

Hostile Sound(const std::string& what, const std::string& bytes, const std::string& reason) {
  return {what, "audio", "d", {{"d/x.wav", bytes}}, "", "x.wav", reason};
}

Hostile Coco(const std::string& what, const std::string& images, const std::string& categories,
             const std::string& annotations, const std::string& names, const std::string& reason) {
  const std::string json = R"({"images": )" + images + R"(, "categories": )" + categories +
                           R"(, "annotations": )" + annotations + "}";
  return {what,     "coco", "d",   {{"d/a.png", Picture("wide.png")}, {"a.json", json}},
          "a.json", names,  reason};
}

std::vector<Hostile> HostileImages() {
  const std::string jpeg = Picture("small.jpg");
  const std::string png = Picture("wide.png");
  std::string noise(2000, '\0');
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(i * 131 % 251);
  std::vector<Hostile> cases = {
      Image("zero bytes", "", "the file is empty"),
      Image("text that says it is a JPEG", "hello", "neither a JPEG nor a PNG"),
      Image("a GIF, animated or not", "GIF89a\x01", "neither a JPEG nor a PNG"),
      Image("a BMP", "BM\x10", "neither a JPEG nor a PNG"),
      Image("a WebP", "RIFF\x10WEBP", "neither a JPEG nor a PNG"),
      Image("an SVG", "<svg/>", "neither a JPEG nor a PNG"),
      Image("a script", "#!/bin/sh\n", "neither a JPEG nor a PNG"),
      Image("a JPEG of its first bytes only", jpeg.substr(0, 3), "corrupt JPEG"),
      Image("a JPEG cut in its header", jpeg.substr(0, 40), "corrupt JPEG"),
      Image("a JPEG cut in its tables", jpeg.substr(0, 300), "corrupt JPEG"),
      Image("a JPEG without its end", jpeg.substr(0, jpeg.size() - 20), "corrupt JPEG"),
      Image("a JPEG cut in the middle", jpeg.substr(0, jpeg.size() * 3 / 4), "corrupt JPEG"),
      Image("a JPEG of 65535 x 65535", JpegOfSize(65535, 65535), "image dimension"),
      Image("a JPEG of 65500 x 65500", JpegOfSize(65500, 65500), "outside the limit"),
      Image("a JPEG of 1 x 65535 with few bytes", JpegOfSize(1, 65535), "corrupt JPEG"),
      Image("a JPEG of no height", JpegOfSize(0, 10), "x.jpg"),
      Image("a JPEG of no width", JpegOfSize(10, 0), "x.jpg"),
      Image("noise behind a JPEG's first bytes", jpeg.substr(0, 20) + noise, "corrupt JPEG"),
      Image("a JPEG with noise in its picture",
            Replaced(jpeg, jpeg.size() - 200, noise.substr(0, 150)), "corrupt JPEG"),
      Image("a PNG of its first bytes only", png.substr(0, 8), "corrupt PNG"),
      Image("a PNG cut in the middle", png.substr(0, png.size() / 2), "corrupt PNG"),
      Image("a PNG with a wrong checksum", Replaced(png, 40, "\x01\x02\x03"), "corrupt PNG"),
      Image("a PNG of 65535 x 65535", PngHeader(65535, 65535, 8, 2) + Chunk("IDAT", "x"),
            "outside the limit"),
      Image("a PNG of 2^31 - 1 columns", PngHeader(0x7FFFFFFF, 1, 8, 2) + Chunk("IDAT", "x"),
            "x.jpg"),
      Image("a PNG of no size", PngHeader(0, 0, 8, 2), "corrupt PNG"),
      Image("a PNG of an unknown colour type", PngHeader(4, 4, 8, 5), "corrupt PNG"),
      Image("a PNG of 3 bits", PngHeader(4, 4, 3, 0), "corrupt PNG"),
      Image("a PNG without its picture", PngHeader(4, 4, 8, 2) + Chunk("IEND", ""), "corrupt PNG"),
      Image("a palette PNG without a palette", PngHeader(4, 4, 8, 3) + Chunk("IDAT", "x"),
            "corrupt PNG"),
  };
  cases.push_back({"a folder without images",
                   "image-folder",
                   "d",
                   {{"d/notes.md", "x"}},
                   "",
                   "d",
                   "no JPEG or PNG images"});
  return cases;
}

std::vector<Hostile> HostileLabels() {
  return {
      Csv("an empty CSV", "", "d", "no JPEG or PNG"),
      Csv("a CSV of a heading only", "file,label\n", "d", "no JPEG or PNG"),
      Csv("a CSV without labels", "file,label\na.png\n", "l.csv:2", "is not file,label"),
      Csv("a label that is a word", "file,label\na.png,cat\n", "l.csv:2", "not a class number"),
      Csv("a negative label", "a.png,0\na.png,-1\n", "l.csv:2", "not a class number"),
      Csv("a label with a fraction", "file,label\na.png,1.5\n", "l.csv:2", "not a class number"),
      Csv("a label beyond 64 bits", "file,label\na.png,99999999999999999999\n", "l.csv:2",
          "not a class number"),
      Csv("no label after the comma", "file,label\r\na.png,\r\n", "l.csv:2", "not a class number"),
      Csv("a file that is not there", "file,label\nb.png,1\n", "b.png", "does not exist"),
      Csv("a file listed twice", "a.png,0\na.png,1\n", "l.csv:2", "listed twice"),
      Csv("BOM and CRLF before a mistake",
          "\xEF\xBB\xBF"
          "file,label\r\na.png,0\r\na.png,0\r\n",
          "l.csv:3", "listed twice"),
      Csv("a path out of the folder", "file,label\n../a.png,0\n", "l.csv:2", "outside the folder"),
      Csv("a path back out", "file,label\nx/../../a.png,0\n", "l.csv:2", "outside the folder"),
      Csv("an absolute path", "file,label\n/etc/hostname,0\n", "l.csv:2", "outside the folder"),
      Csv("a NUL in a name", std::string("file,label\na\0.png,0\n", 20), "l.csv:2",
          "outside the folder"),
      Csv("an escape sequence in a name", "file,label\n\x1b[2J.png,0\n", "\\x1b[2J",
          "does not exist"),
      JsonLabels("no JSON", "{", "l.json", ""),
      JsonLabels("an empty object", "{}", "d", "no JPEG or PNG"),
      JsonLabels("a label that is a word", R"({"a.png": "cat"})", "a.png", "not a class number"),
      JsonLabels("a negative label", R"({"a.png": -3})", "a.png", "not a class number"),
      JsonLabels("an element without a file", R"([{"label": 1}])", "element 0", "has no"),
      JsonLabels("an element without a label", R"([{"file": "a.png"}])", "element 0",
                 "not a class number"),
      JsonLabels("a file twice",
                 R"([{"file": "a.png", "label": 1}, {"file": "a.png", "label": 1}])", "element 1",
                 "listed twice"),
      JsonLabels("a path out", R"({"../a.png": 1})", "l.json", "outside the folder"),
      JsonLabels("nesting without end", std::string(100'000, '['), "l.json", ""),
      Labelled("fewer labels than samples", NpyOf("|u1", "(1,)", "a"), "1 labels"),
      Labelled("more labels than samples", NpyOf("|u1", "(3,)", "abc"), "3 labels"),
      Labelled("labels that are floats", NpyOf("<f4", "(2,)", "aaaabbbb"), "float32"),
      Labelled("a negative label", NpyOf("|i1", "(2,)", "\x01\xFF"), "negative"),
      Labelled("labels that are Python objects", NpyOf("|O", "(2,)", "cos\nsystem\n"), "pickle"),
  };
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

std::vector<Hostile> HostileTexts() {
  return {
      Lines("zero bytes", "a.tsv", "", "a.tsv", "no lines"),
      Lines("a heading only", "a.tsv", "sentence\tlabel\n", "a.tsv", "no lines"),
      Lines("a heading without text", "a.tsv", "x\ty\n1\t2\n", "a.tsv", "\"sentence\""),
      Lines("a line without its label", "a.tsv", "sentence\tlabel\nx\n", "a.tsv:2", "\"label\""),
      Lines("a label that is a word", "a.tsv", "sentence\tlabel\nx\tgood\n", "a.tsv:2",
            "not a class number"),
      Lines("a negative label", "a.tsv", "sentence\tlabel\nx\t-1\n", "a.tsv:2",
            "not a class number"),
      Lines("invalid UTF-8", "a.tsv", "sentence\tlabel\n\xFF\xFE\t1\n", "a.tsv:2", "not UTF-8"),
      Lines("an overlong form", "a.tsv", "sentence\tlabel\n\xC0\x80\t1\n", "a.tsv:2", "not UTF-8"),
      Lines("a surrogate", "a.tsv", "sentence\tlabel\n\xED\xA0\x80\t1\n", "a.tsv:2", "not UTF-8"),
      Lines("a line of 2 MB", "a.tsv", "sentence\tlabel\n" + std::string(2U << 20U, 'x') + "\t1\n",
            "a.tsv:2", "longer than"),
      Lines("a line that is no JSON", "a.jsonl", "{\"text\": \"a\", \"label\": 1}\n{\"text\"\n",
            "a.jsonl:2", ""),
      Lines("a line that is another JSON", "a.jsonl", "{\"text\": \"a\", \"label\": 1}\n[1, 2]\n",
            "a.jsonl:2", "\"text\""),
      Lines("a text that is a number", "a.jsonl",
            "{\"text\": \"a\", \"label\": 1}\n{\"text\": 5, \"label\": 1}\n", "a.jsonl:2",
            "\"text\""),
      Lines("a label that is missing", "a.jsonl",
            "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\"}\n", "a.jsonl:2", "\"label\""),
      Lines("a JSON bomb", "a.jsonl", std::string(90'000, '['), "a.jsonl", ""),
      {"token ids that are floats",
       "tokens",
       "a.npy",
       {{"a.npy", NpyOf("<f4", "(4,)", std::string(16, 'x'))}},
       "",
       "a.npy",
       "float32"},
      {"a negative token id",
       "tokens",
       "a.npy",
       {{"a.npy", NpyOf("|i1", "(1, 3)", "\x01\xFE\x02")}},
       "",
       "a.npy",
       "-2 of element 1"},
      {"token rows of one id",
       "tokens",
       "a.npy",
       {{"a.npy", NpyOf("|u1", "(3, 1)", "abc")}},
       "",
       "a.npy",
       "two ids"},
      {"half a token", "tokens", "a.bin", {{"a.bin", "abc"}}, "", "a.bin", "16-bit"},
      {"fewer tokens than a window",
       "tokens",
       "a.bin",
       {{"a.bin", "abcd"}},
       "",
       "a.bin",
       "fewer than"},
  };
}

std::vector<Hostile> HostileSoundsAndBoxes() {
  const std::string good = WavOf(1, 1, 16000, 16, std::string(64, 'x'));
  const std::string image = R"([{"id": 1, "file_name": "a.png", "width": 61, "height": 40}])";
  const std::string category = R"([{"id": 1}])";
  return {
      Sound("zero bytes", "", "the file is empty"),
      Sound("an MP3", "ID3\x04 and more", "not a WAV"),
      Sound("its first bytes only", good.substr(0, 20), "truncated"),
      Sound("cut in its samples", good.substr(0, 60), "truncated"),
      Sound("no samples", WavOf(1, 1, 16000, 16, ""), "no samples"),
      Sound("no format", "RIFF" + Little(12, 4) + "WAVEdata" + Little(4, 4) + "xxxx",
            "no fmt chunk"),
      Sound("no channels", WavOf(1, 0, 16000, 16, "xx"), "0 channels"),
      Sound("65535 channels", WavOf(1, 65535, 16000, 16, "xx"), "65535 channels"),
      Sound("no rate", WavOf(1, 1, 0, 16, "xx"), "0 Hz"),
      Sound("another rate", WavOf(1, 1, 44100, 16, "xxxx"), "44100 Hz"),
      Sound("compressed", WavOf(85, 1, 16000, 16, "xx"), "format 85"),
      Sound("samples of 0 bits", WavOf(1, 1, 16000, 0, "xx"), "0 bits"),
      Sound("a chunk beyond the file", Replaced(good, 40, "\xFF\xFF\xFF\xFF"), "truncated"),
      Coco("no images", "[]", category, "[]", "a.json", "has no images"),
      Coco("no categories", image, "[]", "[]", "a.json", "has no categories"),
      Coco("a category twice", image, R"([{"id": 1}, {"id": 1}])", "[]", "categories[1]",
           "repeats"),
      Coco("an image without an id", R"([{"file_name": "a.png", "width": 6, "height": 4}])",
           category, "[]", "images[0]", "id of its own"),
      Coco("an image out of the folder",
           R"([{"id": 1, "file_name": "../a.png", "width": 6, "height": 4}])", category, "[]",
           "images[0]", "outside the folder"),
      Coco("an image without a size", R"([{"id": 1, "file_name": "a.png"}])", category, "[]",
           "images[0]", "width and height"),
      Coco("a box of no image", image, category,
           R"([{"image_id": 9, "category_id": 1, "bbox": [0, 0, 1, 1]}])", "annotations[0]",
           "image 9"),
      Coco("a box of no category", image, category,
           R"([{"image_id": 1, "category_id": 7, "bbox": [0, 0, 1, 1]}])", "annotations[0]",
           "category 7"),
      Coco("a box of three numbers", image, category,
           R"([{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1]}])", "annotations[0]",
           "four numbers"),
      Coco("a box of words", image, category,
           R"([{"image_id": 1, "category_id": 1, "bbox": ["a", 0, 1, 1]}])", "annotations[0]",
           "not numbers"),
      Coco("a box outside its image", image, category,
           R"([{"image_id": 1, "category_id": 1, "bbox": [50, 0, 40, 1]}])", "annotations[0]",
           "outside its image"),
      Coco("a box of negative width", image, category,
           R"([{"image_id": 1, "category_id": 1, "bbox": [5, 5, -4, 1]}])", "annotations[0]",
           "outside its image"),
  };
}

class HostileData : public ::testing::Test {
 protected:
  HostileData()
      : folder_(fs::temp_directory_path() / ("qb_hostile_test." + std::to_string(getpid()))) {}
  ~HostileData() override { fs::remove_all(folder_); }

  // The error of opening the data set, or of reading its samples.
  std::string ErrorOf(const Hostile& one) {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "d");
    for (const auto& [name, bytes] : one.files) {
      std::ofstream(folder_ / name, std::ios::binary) << bytes;
    }
    DataSpec spec;
    spec.id = "data";
    spec.kind = one.kind;
    spec.path = folder_ / one.path;
    if (!one.labels.empty()) spec.labels = folder_ / one.labels;
    if (one.kind == "text") spec.text.tokenizer = kVocabulary;
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

  int Check(const std::vector<Hostile>& cases) {
    for (const Hostile& one : cases) {
      const std::string error = ErrorOf(one);
      const std::string told = one.kind + ", " + one.what + ": " + error;
      EXPECT_NE(error.find(one.names), std::string::npos) << told << "\nshould name " << one.names;
      EXPECT_NE(error.find(one.reason), std::string::npos) << told << "\nshould say " << one.reason;
      EXPECT_EQ(error.find('\n'), std::string::npos) << told;
      EXPECT_NE(error, "nothing was refused") << told;
    }
    return static_cast<int>(cases.size());
  }

  fs::path folder_;
};

TEST_F(HostileData, IsNamedWithAReason) {
  int checked = 0;
  for (const auto& cases : {HostileImages(), HostileLabels(), HostileArrays(), HostileTexts(),
                            HostileSoundsAndBoxes()}) {
    checked += Check(cases);
  }
  EXPECT_GE(checked, 100);
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

}  // namespace hostile_test
}  // namespace quantbench
