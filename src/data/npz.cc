// NumPy archives: .npz, a zip of .npy files.
#include <cstring>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/base/zip.h"
#include "quantbench/data.h"

#include "data/inflate.h"
#include "data/npy.h"

namespace quantbench {
namespace {

Error ZipError(std::string message) {
  return {ErrorCode::kMalformed, std::move(message)};
}

// Finds a member by name ("x" finds "x.npy").
Result<ZipMember> FindMember(std::string_view zip, std::string_view wanted) {
  QB_TRY(const std::vector<ZipMember> members, ReadZipDirectory(zip));
  std::string names;
  for (const ZipMember& member : members) {
    if (member.name == wanted || member.name == Format("{}.npy", wanted)) return member;
    names += Format("{}{}", names.empty() ? "" : ", ", Printable(member.name, 40));
  }
  return Error(ErrorCode::kNotFound,
               Format("no array \"{}\" among {}", Printable(wanted), names.substr(0, 200)));
}

Result<std::vector<std::byte>> ReadMember(std::string_view zip, const ZipMember& member) {
  constexpr std::uint64_t kMostRatio = 1100;  // deflate cannot reach more
  QB_TRY(const std::string_view data, ZipMemberBytes(zip, member));
  if (member.size > kMostInflated || member.size > (member.compressed + 1) * kMostRatio) {
    return ZipError(Format("zip member claims to inflate to {}", FormatBytes(member.size)));
  }
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
