// Wire: one encoded message, field by field, as strictly as protobuf's own parser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace quantbench::wire {

// Bytes that are no message of ours. Thrown inside this room only; loading and encoding catch it.
struct WireError {
  std::string what;
};

// Bytes that a message may have [protobuf: sizes are 32-bit and signed].
inline constexpr std::uint64_t kLargestMessage = 0x7FFF'FFFF;

enum class Type : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

inline std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Takes a varint off the front of `bytes`. Throws WireError when there is none.
std::uint64_t TakeVarint(std::string_view* bytes);

// The fields of a message one after the other. Lengths and tags are those that protobuf accepts
// (at most five bytes, below 2 GB); groups are refused. A field's content is a view of the message
// and is not touched. Everything throws WireError.
class Reader {
 public:
  explicit Reader(std::string_view message) : rest_(message) {}

  // Steps to the next field; false at the end of the message.
  bool Next();

  [[nodiscard]] std::uint32_t field() const { return field_; }
  [[nodiscard]] Type type() const { return type_; }
  // Tag and content as they were written.
  [[nodiscard]] std::string_view encoded() const { return encoded_; }

  // The content, which must have the matching wire type.
  [[nodiscard]] std::uint64_t Unsigned() const;
  [[nodiscard]] std::int64_t Int() const { return static_cast<std::int64_t>(Unsigned()); }
  [[nodiscard]] std::int32_t Int32() const { return static_cast<std::int32_t>(Unsigned()); }
  [[nodiscard]] float Float() const;
  [[nodiscard]] double Double() const;
  [[nodiscard]] std::string_view Bytes() const;

  // The numbers of a repeated field, which may come packed or one by one.
  template <typename Visit>
  void ForEachVarint(Visit visit) const {
    if (type_ != Type::kBytes) return visit(Unsigned());
    for (std::string_view packed = bytes_; !packed.empty();) visit(TakeVarint(&packed));
  }
  template <typename Visit>
  void ForEachFloat(Visit visit) const {
    if (type_ != Type::kBytes) return visit(Float());
    const std::string_view packed = Packed(sizeof(float));
    for (std::size_t i = 0; i < packed.size(); i += sizeof(float))
      visit(FloatAt(packed.data() + i));
  }
  template <typename Visit>
  void ForEachDouble(Visit visit) const {
    if (type_ != Type::kBytes) return visit(Double());
    const std::string_view packed = Packed(sizeof(double));
    for (std::size_t i = 0; i < packed.size(); i += sizeof(double))
      visit(DoubleAt(packed.data() + i));
  }

 private:
  static float FloatAt(const char* at);
  static double DoubleAt(const char* at);
  void Expect(Type type) const;
  [[nodiscard]] std::string_view Packed(std::size_t width) const;
  std::string_view TakeBytes(std::uint64_t count);

  std::string_view rest_;
  std::uint32_t field_ = 0;
  Type type_ = Type::kVarint;
  std::uint64_t number_ = 0;  // of a varint
  std::string_view bytes_;    // of anything else
  std::string_view encoded_;
};

}  // namespace quantbench::wire
