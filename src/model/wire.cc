// Reading the fields of one encoded message.
#include "model/wire.h"

#include <bit>
#include <cstring>
#include <limits>

#include <protozero/exception.hpp>
#include <protozero/varint.hpp>

#include "quantbench/base/format.h"

namespace quantbench::wire {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are read as they lie");

constexpr std::size_t kShortVarint = 5;  // the longest tag or length that protobuf accepts
constexpr std::uint32_t kLastField = (1U << 29U) - 1;

std::uint64_t TakeShortVarint(std::string_view* bytes, std::string_view what) {
  const std::size_t before = bytes->size();
  const std::uint64_t value = TakeVarint(bytes);
  if (before - bytes->size() > kShortVarint || value > std::numeric_limits<std::uint32_t>::max()) {
    throw WireError{Format("a {} is too long", what)};
  }
  return value;
}

}  // namespace

std::uint64_t TakeVarint(std::string_view* bytes) {
  const char* at = bytes->data();
  const char* end = at + bytes->size();
  try {
    const std::uint64_t value = protozero::decode_varint(&at, end);
    bytes->remove_prefix(static_cast<std::size_t>(at - bytes->data()));
    return value;
  } catch (const protozero::varint_too_long_exception&) {
    throw WireError{"a number has more than ten bytes"};
  } catch (const protozero::exception&) {
    throw WireError{"a message ends within a number"};
  }
}

bool Reader::Next() {
  if (rest_.empty()) return false;
  const char* begin = rest_.data();
  const auto tag = static_cast<std::uint32_t>(TakeShortVarint(&rest_, "tag"));
  field_ = tag >> 3U;
  if (field_ == 0 || field_ > kLastField) throw WireError{"a field has number 0"};
  switch (tag & 7U) {
    case 0:
      type_ = Type::kVarint;
      number_ = TakeVarint(&rest_);
      break;
    case 1:
      type_ = Type::kFixed64;
      bytes_ = TakeBytes(sizeof(double));
      break;
    case 2:
      type_ = Type::kBytes;
      bytes_ = TakeBytes(TakeShortVarint(&rest_, "length"));
      break;
    case 5:
      type_ = Type::kFixed32;
      bytes_ = TakeBytes(sizeof(float));
      break;
    default: throw WireError{Format("field {} has wire type {}", field_, tag & 7U)};
  }
  encoded_ = {begin, static_cast<std::size_t>(rest_.data() - begin)};
  return true;
}

std::string_view Reader::TakeBytes(std::uint64_t count) {
  if (count > rest_.size() || count > kLargestMessage) {
    throw WireError{
        Format("field {} has {} bytes, but only {} are left", field_, count, rest_.size())};
  }
  const std::string_view taken = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return taken;
}

void Reader::Expect(Type type) const {
  if (type_ == type) return;
  throw WireError{Format("field {} has wire type {}, not {}", field_, static_cast<int>(type_),
                         static_cast<int>(type))};
}

std::uint64_t Reader::Unsigned() const {
  Expect(Type::kVarint);
  return number_;
}

float Reader::Float() const {
  Expect(Type::kFixed32);
  return FloatAt(bytes_.data());
}

double Reader::Double() const {
  Expect(Type::kFixed64);
  return DoubleAt(bytes_.data());
}

std::string_view Reader::Bytes() const {
  Expect(Type::kBytes);
  return bytes_;
}

std::string_view Reader::Packed(std::size_t width) const {
  if (bytes_.size() % width != 0) {
    throw WireError{
        Format("field {} packs numbers of {} bytes into {}", field_, width, bytes_.size())};
  }
  return bytes_;
}

float Reader::FloatAt(const char* at) {
  float value = 0;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

double Reader::DoubleAt(const char* at) {
  double value = 0;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

}  // namespace quantbench::wire
