// Hostile images, and hostile labels of them.
#include <zlib.h>

#include "hostile_data.h"

namespace quantbench {
namespace hostile_images_test {

using testing::Hostile;
using testing::HostileData;
using testing::Little;
using testing::Picture;
using testing::Replaced;

std::string Big(std::uint64_t value) {
  std::string bytes = Little(value, 4);
  return {bytes.rbegin(), bytes.rend()};
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

Hostile Image(const std::string& what, const std::string& bytes, const std::string& reason) {
  return {what, "image-folder", "d", {{"d/x.jpg", bytes}}, "", "x.jpg", reason};
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

TEST_F(HostileData, ImagesAreNamedWithAReason) {
  Check(HostileImages(), 30);
}

}  // namespace hostile_images_test
}  // namespace quantbench
