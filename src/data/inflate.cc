// Inflate: gzip files and deflated zip members, with a limit on what comes out.
#include "data/inflate.h"

#include <algorithm>
#include <limits>

#include <zlib.h>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr int kGzipWindow = 15 + 16;
constexpr int kRawWindow = -15;

// Inflates until the stream ends; grows the output up to `limit`.
Result<std::vector<std::byte>> Inflate(std::string_view bytes, int window, std::uint64_t limit) {
  z_stream stream{};
  if (inflateInit2(&stream, window) != Z_OK)
    return Error(ErrorCode::kInternal, "zlib refused to start");
  std::vector<std::byte> out;
  std::size_t used = 0;
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    const std::size_t chunk = std::min<std::uint64_t>(std::max<std::size_t>(out.size(), 1U << 16U),
                                                      limit + 1 - out.size());
    const std::size_t before = out.size();
    out.resize(before + chunk);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = static_cast<uInt>(std::min<std::size_t>(chunk, 1U << 30U));
    const uInt given_out = stream.avail_out;
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + used));
    stream.avail_in = static_cast<uInt>(std::min<std::size_t>(bytes.size() - used, 1U << 30U));
    const uInt given_in = stream.avail_in;
    status = inflate(&stream, Z_NO_FLUSH);
    used += given_in - stream.avail_in;
    out.resize(before + (given_out - stream.avail_out));
    const bool stuck = given_in == stream.avail_in && given_out == stream.avail_out;
    if (status == Z_STREAM_END && window == kGzipWindow && used < bytes.size()) {
      status = inflateReset(&stream);  // another gzip member follows
    }
    if ((status != Z_OK && status != Z_STREAM_END) || (status == Z_OK && stuck)) {
      inflateEnd(&stream);
      return Error(ErrorCode::kMalformed, "compressed data is corrupt or truncated");
    }
    if (out.size() > limit) {
      inflateEnd(&stream);
      return Error(ErrorCode::kMalformed,
                   Format("compressed data inflates beyond {}", FormatBytes(limit)));
    }
  }
  inflateEnd(&stream);
  return out;
}

}  // namespace

bool IsGzip(std::string_view bytes) {
  return bytes.starts_with("\x1f\x8b");
}

Result<std::vector<std::byte>> Gunzip(std::string_view bytes, std::uint64_t limit) {
  return Inflate(bytes, kGzipWindow, limit);
}

Result<std::vector<std::byte>> InflateRaw(std::string_view bytes, std::uint64_t size) {
  QB_TRY(std::vector<std::byte> out, Inflate(bytes, kRawWindow, size));
  if (out.size() != size) {
    return Error(ErrorCode::kMalformed,
                 Format("inflates to {} bytes instead of {}", out.size(), size));
  }
  return out;
}

std::uint32_t Crc32(std::span<const std::byte> bytes) {
  uLong crc = crc32_z(0, nullptr, 0);
  crc = crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  return static_cast<std::uint32_t>(crc);
}

Result<std::vector<std::byte>> ReadMaybeGzip(const std::string& path) {
  QB_TRY(const auto file, MappedFile::Open(path));
  if (IsGzip(file->text())) {
    auto inflated = Gunzip(file->text(), kMostInflated);
    if (!inflated.ok()) return inflated.error().Within(path);
    return inflated;
  }
  return std::vector<std::byte>(file->bytes().begin(), file->bytes().end());
}

}  // namespace quantbench
