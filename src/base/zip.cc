// Zip archives: their directory, and where members lie.
#include "quantbench/base/zip.h"

#include <algorithm>
#include <string>

namespace quantbench {
namespace {

constexpr std::string_view kEndMagic("PK\x05\x06", 4);
constexpr std::string_view kEnd64Magic("PK\x06\x06", 4);
constexpr std::string_view kLocator64Magic("PK\x06\x07", 4);
constexpr std::string_view kEntryMagic("PK\x01\x02", 4);
constexpr std::string_view kLocalMagic("PK\x03\x04", 4);
constexpr std::size_t kLocatorBytes = 20;
constexpr std::size_t kEnd64Bytes = 56;

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

// The entry at the beginning of what is left of the directory, which it is taken from.
Result<ZipMember> TakeEntry(std::string_view* directory) {
  if (directory->size() < 46 || !directory->starts_with(kEntryMagic)) {
    return ZipError("zip directory is truncated");
  }
  const auto field = [&](std::size_t at, std::size_t n) {
    return ZipNumber(directory->substr(at, n));
  };
  ZipMember member;
  member.method = field(10, 2);
  member.crc = static_cast<std::uint32_t>(field(16, 4));
  member.compressed = field(20, 4);
  member.size = field(24, 4);
  member.offset = field(42, 4);
  const std::uint64_t name = field(28, 2);
  const std::uint64_t extra = field(30, 2);
  const std::uint64_t bytes = 46 + name + extra + field(32, 2);
  if (bytes > directory->size()) return ZipError("zip directory is truncated");
  member.name = directory->substr(46, name);
  ReadZip64(directory->substr(46 + name, extra), &member);
  directory->remove_prefix(bytes);
  return member;
}

struct ZipEnd {
  std::uint64_t entries = 0;
  std::uint64_t offset = 0;  // of the directory
  std::size_t end = 0;       // where it must end
};

// What stands at the end of the archive, and before that where it is zip64.
Result<ZipEnd> FindEnd(std::string_view zip) {
  const std::size_t at = zip.rfind(kEndMagic);
  if (at == std::string_view::npos || zip.size() - at < 22) {
    return ZipError("not a zip archive, or truncated");
  }
  ZipEnd end = {ZipNumber(zip.substr(at + 10, 2)), ZipNumber(zip.substr(at + 16, 4)), at};
  const bool is_zip64 = at >= kLocatorBytes &&
                        zip.substr(at - kLocatorBytes).starts_with(kLocator64Magic) &&
                        (end.entries == 0xFFFFU || end.offset == 0xFFFFFFFFU);
  if (is_zip64) {
    const std::uint64_t place = ZipNumber(zip.substr(at - kLocatorBytes + 8, 8));
    if (place > at || at - place < kEnd64Bytes || !zip.substr(place).starts_with(kEnd64Magic)) {
      return ZipError("zip64 directory lies outside the file");
    }
    end = {ZipNumber(zip.substr(place + 32, 8)), ZipNumber(zip.substr(place + 48, 8)),
           static_cast<std::size_t>(place)};
  }
  if (end.offset > end.end) return ZipError("zip directory lies outside the file");
  return end;
}

}  // namespace

Result<std::vector<ZipMember>> ReadZipDirectory(std::string_view zip) {
  QB_TRY(const ZipEnd end, FindEnd(zip));
  std::string_view directory = zip.substr(end.offset, end.end - end.offset);
  std::vector<ZipMember> members;
  for (std::uint64_t i = 0; i < end.entries; ++i) {
    QB_TRY(const ZipMember member, TakeEntry(&directory));
    members.push_back(member);
  }
  return members;
}

Result<std::string_view> ZipMemberBytes(std::string_view zip, const ZipMember& member) {
  if (member.offset > zip.size() || zip.size() - member.offset < 30 ||
      !zip.substr(member.offset).starts_with(kLocalMagic)) {
    return ZipError("zip member lies outside the file");
  }
  const std::string_view local = zip.substr(member.offset);
  const std::uint64_t skip = 30 + ZipNumber(local.substr(26, 2)) + ZipNumber(local.substr(28, 2));
  if (skip > local.size() || member.compressed > local.size() - skip) {
    return ZipError("zip member is truncated");
  }
  return local.substr(skip, member.compressed);
}

}  // namespace quantbench
