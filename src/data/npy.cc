// NumPy files: .npy, and .npz (a zip of them).   [NumPy NEP 1; PKWARE APPNOTE 6.3.4]
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/data.h"

#include "data/inflate.h"

namespace quantbench {
namespace {

constexpr std::string_view kNpyMagic = "\x93NUMPY";

Error Malformed(std::string message) {
  return {ErrorCode::kMalformed, std::move(message)};
}

std::uint64_t LittleEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = (value << 8U) | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

// The dictionary of a .npy header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
struct Header {
  std::string descr;
  bool fortran = false;
  Shape shape;
};

// The text after "'key':" without leading spaces.
Result<std::string_view> Value(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(Format("'{}'", key));
  const std::size_t colon = at == std::string_view::npos ? at : header.find(':', at);
  if (colon == std::string_view::npos) return Malformed(Format("npy header has no '{}'", key));
  std::string_view rest = header.substr(colon + 1);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return rest;
}

Result<Shape> ParseShape(std::string_view text) {
  if (!text.starts_with('(')) return Malformed("npy header: the shape is not a tuple");
  text = text.substr(1, text.find(')') == std::string_view::npos ? 0 : text.find(')') - 1);
  Shape shape;
  while (!text.empty()) {
    text.remove_prefix(std::min(text.find_first_not_of(" ,"), text.size()));
    if (text.empty()) break;
    std::int64_t dim = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), dim);
    if (parsed.ec != std::errc() || dim < 0) return Malformed("npy header: a size is not a number");
    shape.push_back(dim);
    text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
    if (text.starts_with('L')) text.remove_prefix(1);  // Python 2 longs
  }
  return shape;
}

Result<Header> ParseHeader(std::string_view text) {
  Header header;
  QB_TRY(const std::string_view descr, Value(text, "descr"));
  if (!descr.starts_with('\'')) {
    return Malformed("npy holds records with named fields; only plain arrays are read");
  }
  header.descr = descr.substr(1, descr.find('\'', 1) - 1);
  QB_TRY(const std::string_view fortran, Value(text, "fortran_order"));
  header.fortran = fortran.starts_with("True");
  QB_TRY(const std::string_view shape, Value(text, "shape"));
  QB_TRY(header.shape, ParseShape(shape));
  return header;
}

Result<DataType> TypeOf(std::string_view descr) {
  const std::string_view kind = descr.size() == 3 ? descr.substr(1) : "";
  constexpr auto kKinds = std::to_array<std::pair<std::string_view, DataType>>({
      {"f4", DataType::kFloat32},
      {"f8", DataType::kFloat64},
      {"f2", DataType::kFloat16},
      {"i1", DataType::kInt8},
      {"i2", DataType::kInt16},
      {"i4", DataType::kInt32},
      {"i8", DataType::kInt64},
      {"u1", DataType::kUint8},
      {"u2", DataType::kUint16},
      {"u4", DataType::kUint32},
      {"u8", DataType::kUint64},
      {"b1", DataType::kBool},
  });
  for (const auto& [name, type] : kKinds) {
    if (name == kind) return type;
  }
  if (descr.find('O') != std::string_view::npos) {
    return Malformed(
        "npy holds Python objects (pickle), which are never loaded; save a plain array");
  }
  return Error(ErrorCode::kUnsupported,
               Format("npy element type '{}' is not read", Printable(descr)));
}

void SwapBytes(std::size_t width, std::vector<std::byte>* bytes) {
  for (std::size_t i = 0; i + width <= bytes->size(); i += width) {
    std::reverse(bytes->begin() + static_cast<std::ptrdiff_t>(i),
                 bytes->begin() + static_cast<std::ptrdiff_t>(i + width));
  }
}

// Column-major to row-major.
std::vector<std::byte> FromFortran(const Shape& shape, std::size_t width,
                                   const std::vector<std::byte>& from) {
  std::vector<std::byte> to(from.size());
  std::vector<std::int64_t> index(shape.size());
  for (std::size_t row_major = 0; row_major * width < from.size(); ++row_major) {
    std::size_t source = 0;
    std::size_t stride = 1;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      source += static_cast<std::size_t>(index[axis]) * stride;
      stride *= static_cast<std::size_t>(shape[axis]);
    }
    std::memcpy(to.data() + row_major * width, from.data() + source * width, width);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
  return to;
}

Result<Tensor> ParseNpy(std::string_view text) {
  if (!text.starts_with(kNpyMagic) || text.size() < 10) return Malformed("not a .npy file");
  const auto major = static_cast<unsigned char>(text[6]);
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  if (major < 1 || major > 3 || text.size() < 8 + length_bytes) {
    return Malformed(Format("npy version {} is not known", major));
  }
  const std::uint64_t length = LittleEndian(text.substr(8, length_bytes));
  const std::size_t begin = 8 + length_bytes;
  if (length > (1U << 16U) || begin + length > text.size()) {
    return Malformed(Format("npy header of {} bytes is truncated or too long", length));
  }
  QB_TRY(const Header header, ParseHeader(text.substr(begin, length)));
  QB_TRY(const DataType type, TypeOf(header.descr));
  QB_TRY(const std::uint64_t wanted, ByteCount(type, header.shape));
  const std::string_view payload = text.substr(begin + length);
  if (payload.size() < wanted) {
    return Malformed(Format("npy array {} needs {} bytes, the file has {}", ToString(header.shape),
                            wanted, payload.size()));
  }
  Tensor tensor{type, header.shape, std::vector<std::byte>(wanted)};
  if (wanted > 0) std::memcpy(tensor.bytes.data(), payload.data(), wanted);
  const auto width = static_cast<std::size_t>(BitsPerElement(type) / 8);
  if (header.descr.front() == '>') SwapBytes(width, &tensor.bytes);
  if (header.fortran && header.shape.size() > 1) {
    tensor.bytes = FromFortran(header.shape, width, tensor.bytes);
  }
  return tensor;
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
    const std::uint64_t id = LittleEndian(extra.substr(0, 2));
    const std::uint64_t length = LittleEndian(extra.substr(2, 2));
    std::string_view field = extra.substr(4, length);
    if (id == 1) {
      for (std::uint64_t* value : {&member->size, &member->compressed, &member->offset}) {
        if (*value != 0xFFFFFFFFU || field.size() < 8) continue;
        *value = LittleEndian(field.substr(0, 8));
        field.remove_prefix(8);
      }
    }
    extra.remove_prefix(std::min<std::size_t>(extra.size(), 4 + length));
  }
}

Result<ZipMember> ReadEntry(std::string_view directory) {
  if (directory.size() < 46 || !directory.starts_with(kEntryMagic)) {
    return Malformed("zip directory is truncated");
  }
  const auto field = [&](std::size_t at, std::size_t n) {
    return LittleEndian(directory.substr(at, n));
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
  if (member.entry_bytes > directory.size()) return Malformed("zip directory is truncated");
  member.name = directory.substr(46, name);
  ReadZip64(directory.substr(46 + name, extra), &member);
  return member;
}

// Finds a member by name ("x" finds "x.npy").
Result<ZipMember> FindMember(std::string_view zip, std::string_view wanted) {
  const std::size_t end = zip.rfind(kEndMagic);
  if (end == std::string_view::npos || zip.size() - end < 22) {
    return Malformed("not a zip archive, or truncated");
  }
  const std::uint64_t entries = LittleEndian(zip.substr(end + 10, 2));
  const std::uint64_t offset = LittleEndian(zip.substr(end + 16, 4));
  if (offset > end) return Malformed("zip directory lies outside the file");
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
    return Malformed("zip member lies outside the file");
  }
  const std::string_view local = zip.substr(member.offset);
  const std::uint64_t skip =
      30 + LittleEndian(local.substr(26, 2)) + LittleEndian(local.substr(28, 2));
  if (skip > local.size() || member.compressed > local.size() - skip) {
    return Malformed("zip member is truncated");
  }
  if (member.size > kMostInflated || member.size > (member.compressed + 1) * kMostRatio) {
    return Malformed(Format("zip member claims to inflate to {}", FormatBytes(member.size)));
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
  if (Crc32(bytes) != member.crc) return Malformed("zip member has a wrong checksum");
  return bytes;
}

std::string_view Text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Result<Tensor> ReadNpy(const std::filesystem::path& path) {
  QB_TRY(const std::vector<std::byte> bytes, ReadMaybeGzip(path.string()));
  auto tensor = ParseNpy(Text(bytes));
  if (!tensor.ok()) return tensor.error().Within(path.string());
  return tensor;
}

Result<Tensor> ReadNpz(const std::filesystem::path& path, std::string_view member) {
  QB_TRY(const auto file, MappedFile::Open(path));
  auto found = FindMember(file->text(), member);
  if (!found.ok()) return found.error().Within(path.string());
  auto bytes = ReadMember(file->text(), found.value());
  auto tensor = bytes.ok() ? ParseNpy(Text(bytes.value())) : Result<Tensor>(bytes.error());
  if (!tensor.ok())
    return tensor.error().Within(Format("{}: {}", path.string(), Printable(member)));
  return tensor;
}

}  // namespace quantbench
