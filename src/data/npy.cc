// NumPy files: .npy.   [NumPy NEP 1]
#include "data/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "data/inflate.h"

namespace quantbench {
namespace {

constexpr std::string_view kNpyMagic = "\x93NUMPY";

Error NpyError(std::string message) {
  return {ErrorCode::kMalformed, std::move(message)};
}

std::uint64_t NpyLength(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = (value << 8U) | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

// The dictionary of a .npy header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
struct NpyHeader {
  std::string descr;
  bool fortran = false;
  Shape shape;
};

// The text after "'key':" without leading spaces.
Result<std::string_view> NpyValue(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(Format("'{}'", key));
  const std::size_t colon = at == std::string_view::npos ? at : header.find(':', at);
  if (colon == std::string_view::npos) return NpyError(Format("npy header has no '{}'", key));
  std::string_view rest = header.substr(colon + 1);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return rest;
}

Result<Shape> ParseNpyShape(std::string_view text) {
  if (!text.starts_with('(')) return NpyError("npy header: the shape is not a tuple");
  text = text.substr(1, text.find(')') == std::string_view::npos ? 0 : text.find(')') - 1);
  Shape shape;
  while (!text.empty()) {
    text.remove_prefix(std::min(text.find_first_not_of(" ,"), text.size()));
    if (text.empty()) break;
    std::int64_t dim = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), dim);
    if (parsed.ec != std::errc() || dim < 0) return NpyError("npy header: a size is not a number");
    shape.push_back(dim);
    text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
    if (text.starts_with('L')) text.remove_prefix(1);  // Python 2 longs
  }
  return shape;
}

Result<NpyHeader> ParseNpyHeader(std::string_view text) {
  NpyHeader header;
  QB_TRY(const std::string_view descr, NpyValue(text, "descr"));
  if (!descr.starts_with('\'')) {
    return NpyError("npy holds records with named fields; only plain arrays are read");
  }
  header.descr = descr.substr(1, descr.find('\'', 1) - 1);
  QB_TRY(const std::string_view fortran, NpyValue(text, "fortran_order"));
  header.fortran = fortran.starts_with("True");
  QB_TRY(const std::string_view shape, NpyValue(text, "shape"));
  QB_TRY(header.shape, ParseNpyShape(shape));
  return header;
}

Result<DataType> NpyTypeOf(std::string_view descr) {
  const std::string_view kind = descr.size() == 3 ? descr.substr(1) : "";
  constexpr auto kNpyKinds = std::to_array<std::pair<std::string_view, DataType>>({
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
  for (const auto& [name, type] : kNpyKinds) {
    if (name == kind) return type;
  }
  if (descr.find('O') != std::string_view::npos) {
    return NpyError(
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

}  // namespace

Result<NpyView> ViewNpy(std::string_view text) {
  if (!text.starts_with(kNpyMagic) || text.size() < 10) return NpyError("not a .npy file");
  const auto major = static_cast<unsigned char>(text[6]);
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  if (major < 1 || major > 3 || text.size() < 8 + length_bytes) {
    return NpyError(Format("npy version {} is not known", major));
  }
  const std::uint64_t length = NpyLength(text.substr(8, length_bytes));
  const std::size_t begin = 8 + length_bytes;
  if (length > (1U << 16U) || begin + length > text.size()) {
    return NpyError(Format("npy header of {} bytes is truncated or too long", length));
  }
  QB_TRY(const NpyHeader header, ParseNpyHeader(text.substr(begin, length)));
  NpyView view;
  QB_TRY(view.type, NpyTypeOf(header.descr));
  view.shape = header.shape;
  view.fortran = header.fortran && header.shape.size() > 1;
  view.swapped = header.descr.front() == '>' && BitsPerElement(view.type) > 8;
  QB_TRY(const std::uint64_t wanted, ByteCount(view.type, view.shape));
  view.payload = text.substr(begin + length);
  if (view.payload.size() < wanted) {
    return NpyError(Format("npy array {} needs {} bytes, the file has {}", ToString(view.shape),
                           wanted, view.payload.size()));
  }
  view.payload = view.payload.substr(0, wanted);
  return view;
}

Tensor ReadView(const NpyView& view) {
  Tensor tensor{view.type, view.shape, std::vector<std::byte>(view.payload.size())};
  if (!view.payload.empty()) {
    std::memcpy(tensor.bytes.data(), view.payload.data(), view.payload.size());
  }
  const auto width = static_cast<std::size_t>(BitsPerElement(view.type) / 8);
  if (view.swapped) SwapBytes(width, &tensor.bytes);
  if (view.fortran) tensor.bytes = FromFortran(view.shape, width, tensor.bytes);
  return tensor;
}

Result<Tensor> ReadNpy(const std::filesystem::path& path) {
  QB_TRY(const std::vector<std::byte> bytes, ReadMaybeGzip(path.string()));
  const auto view = ViewNpy({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!view.ok()) return view.error().Within(path.string());
  return ReadView(view.value());
}

}  // namespace quantbench
