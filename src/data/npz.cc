// NumPy archives: .npz, a zip of .npy files.   [PKWARE APPNOTE 6.3.4]
#include <cstring>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/data.h"

#include "data/inflate.h"
#include "data/npy.h"

namespace quantbench {
namespace {

Error ZipError(std::string message) {
  return {ErrorCode::kMalformed, std::move(message)};
}

std::uint64_t ZipNumber(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = (value << 8U) | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

// One file in a zip archive, as its central directory describes it.
struct ZipMember {
  std::string_view name;
  std::uint64_t method = 0;
  std::uint64_t compressed = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  std::uint32_t crc = 0;
  std::size_t entry_bytes = 0;
};

constexpr std::string_view kEndMagic("PK\x05\x06", 4);
constexpr std::string_view kEntryMagic("PK\x01\x02", 4);
constexpr std::string_view kLocalMagic("PK\x03\x04", 4);

// The sizes of a member larger than 4 GB stand in its zip64 extra field.
void ReadZip64(std::string_view extra, ZipMember* member) {
  while (extra.size() >= 4) {
    const std::uint64_t id = ZipNumber(extra.substr(0, 2));
    const std::uint64_t length = ZipNumber(extra.substr(2, 2));
    std::string_view field = extra.substr(4, length);
    if (id == 1) {
      for (std::uint64_t* value : {&member->size, &member->compressed, &member->offset}) {
        if (*value != 0xFFFFFFFFU || field.size() < 8) continue;
        *value = ZipNumber(field.substr(0, 8));
        field.remove_prefix(8);
      }
    }
    extra.remove_prefix(std::min<std::size_t>(extra.size(), 4 + length));
  }
}

Result<ZipMember> ReadEntry(std::string_view directory) {
  if (directory.size() < 46 || !directory.starts_with(kEntryMagic)) {
    return ZipError("zip directory is truncated");
  }
  const auto field = [&](std::size_t at, std::size_t n) {
    return ZipNumber(directory.substr(at, n));
  };
  ZipMember member;
  member.method = field(10, 2);
  member.crc = static_cast<std::uint32_t>(field(16, 4));
  member.compressed = field(20, 4);
  member.size = field(24, 4);
  member.offset = field(42, 4);
  const std::uint64_t name = field(28, 2);
  const std::uint64_t extra = field(30, 2);
  member.entry_bytes = 46 + name + extra + field(32, 2);
  if (member.entry_bytes > directory.size()) return ZipError("zip directory is truncated");
  member.name = directory.substr(46, name);
  ReadZip64(directory.substr(46 + name, extra), &member);
  return member;
}

// Finds a member by name ("x" finds "x.npy").
Result<ZipMember> FindMember(std::string_view zip, std::string_view wanted) {
  const std::size_t end = zip.rfind(kEndMagic);
  if (end == std::string_view::npos || zip.size() - end < 22) {
    return ZipError("not a zip archive, or truncated");
  }
  const std::uint64_t entries = ZipNumber(zip.substr(end + 10, 2));
  const std::uint64_t offset = ZipNumber(zip.substr(end + 16, 4));
  if (offset > end) return ZipError("zip directory lies outside the file");
  std::string_view directory = zip.substr(offset, end - offset);
  std::string names;
  for (std::uint64_t i = 0; i < entries; ++i) {
    QB_TRY(const ZipMember member, ReadEntry(directory));
    if (member.name == wanted || member.name == Format("{}.npy", wanted)) return member;
    names += Format("{}{}", names.empty() ? "" : ", ", Printable(member.name, 40));
    directory.remove_prefix(member.entry_bytes);
  }
  return Error(ErrorCode::kNotFound,
               Format("no array \"{}\" among {}", Printable(wanted), names.substr(0, 200)));
}

Result<std::vector<std::byte>> ReadMember(std::string_view zip, const ZipMember& member) {
  constexpr std::uint64_t kMostRatio = 1100;  // deflate cannot reach more
  if (member.offset > zip.size() || zip.size() - member.offset < 30 ||
      !zip.substr(member.offset).starts_with(kLocalMagic)) {
    return ZipError("zip member lies outside the file");
  }
  const std::string_view local = zip.substr(member.offset);
  const std::uint64_t skip = 30 + ZipNumber(local.substr(26, 2)) + ZipNumber(local.substr(28, 2));
  if (skip > local.size() || member.compressed > local.size() - skip) {
    return ZipError("zip member is truncated");
  }
  if (member.size > kMostInflated || member.size > (member.compressed + 1) * kMostRatio) {
    return ZipError(Format("zip member claims to inflate to {}", FormatBytes(member.size)));
  }
  const std::string_view data = local.substr(skip, member.compressed);
  std::vector<std::byte> bytes;
  if (member.method == 8) {
    QB_TRY(bytes, InflateRaw(data, member.size));
  } else if (member.method == 0 && member.size == member.compressed) {
    bytes.resize(data.size());
    if (!data.empty()) std::memcpy(bytes.data(), data.data(), data.size());
  } else {
    return Error(ErrorCode::kUnsupported, Format("zip method {} is not read", member.method));
  }
  if (Crc32(bytes) != member.crc) return ZipError("zip member has a wrong checksum");
  return bytes;
}

Result<Tensor> ReadMemberArray(std::string_view zip, std::string_view name) {
  QB_TRY(const ZipMember member, FindMember(zip, name));
  auto bytes = ReadMember(zip, member);
  if (!bytes.ok()) return bytes.error().Within(Printable(name));
  const std::string_view text(reinterpret_cast<const char*>(bytes.value().data()),
                              bytes.value().size());
  const auto view = ViewNpy(text);
  if (!view.ok()) return view.error().Within(Printable(name));
  return ReadView(view.value());
}

}  // namespace

Result<Tensor> ReadNpz(const std::filesystem::path& path, std::string_view member) {
  QB_TRY(const auto file, MappedFile::Open(path));
  auto tensor = ReadMemberArray(file->text(), member);
  if (!tensor.ok()) return tensor.error().Within(path.string());
  return tensor;
}

}  // namespace quantbench
