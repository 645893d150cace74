// Unicode: code points, their properties, normal forms.
#include "data/unicode.h"

#include <array>
#include <cstdlib>

#include <utf8proc.h>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

utf8proc_category_t CategoryOf(char32_t code) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code));
}

bool InAscii(char32_t code, std::string_view set) {
  return code < 128 && set.find(static_cast<char>(code)) != std::string_view::npos;
}

}  // namespace

Result<std::u32string> DecodeUtf8(std::string_view text) {
  std::u32string decoded;
  decoded.reserve(text.size());
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (std::size_t at = 0; at < text.size();) {
    utf8proc_int32_t code = 0;
    const auto used =
        utf8proc_iterate(bytes + at, static_cast<utf8proc_ssize_t>(text.size() - at), &code);
    if (used < 1) {
      return Error(ErrorCode::kMalformed, Format("byte {} of the text is not UTF-8", at));
    }
    decoded.push_back(static_cast<char32_t>(code));
    at += static_cast<std::size_t>(used);
  }
  return decoded;
}

void AppendUtf8(char32_t code, std::string* text) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const auto used = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), bytes.data());
  text->append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(used));
}

std::string EncodeUtf8(std::u32string_view text) {
  std::string encoded;
  encoded.reserve(text.size());
  for (const char32_t code : text) AppendUtf8(code, &encoded);
  return encoded;
}

bool IsLetter(char32_t code) {
  const auto category = CategoryOf(code);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool IsNumber(char32_t code) {
  const auto category = CategoryOf(code);
  return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

bool IsPunctuation(char32_t code) {
  const auto category = CategoryOf(code);
  return (category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO) ||
         InAscii(code, "$+<=>^`|~");
}

bool IsSpace(char32_t code) {
  const auto category = CategoryOf(code);
  return (code >= 0x09 && code <= 0x0D) || code == 0x85 ||
         (category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP);
}

bool IsNonspacingMark(char32_t code) {
  return CategoryOf(code) == UTF8PROC_CATEGORY_MN;
}

bool IsOther(char32_t code) {
  const auto category = CategoryOf(code);
  return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
         category == UTF8PROC_CATEGORY_CO;
}

bool IsIdeograph(char32_t code) {
  struct Block {
    char32_t first;
    char32_t last;
  };
  constexpr auto kBlocks = std::to_array<Block>({{0x4E00, 0x9FFF},
                                                 {0x3400, 0x4DBF},
                                                 {0x20000, 0x2A6DF},
                                                 {0x2A700, 0x2B73F},
                                                 {0x2B740, 0x2B81F},
                                                 {0x2B920, 0x2CEAF},
                                                 {0xF900, 0xFAFF},
                                                 {0x2F800, 0x2FA1F}});
  for (const Block& block : kBlocks) {
    if (code >= block.first && code <= block.last) return true;
  }
  return false;
}

std::u32string LowerCase(std::u32string_view text) {
  constexpr char32_t kCapitalIWithDot = 0x130;  // the one whose lower case is two code points
  std::u32string lower;
  lower.reserve(text.size());
  for (const char32_t code : text) {
    if (code == kCapitalIWithDot) {
      lower += U"i\u0307";
    } else {
      lower.push_back(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code))));
    }
  }
  return lower;
}

Result<std::u32string> Normalize(std::u32string_view text, NormalForm form) {
  const bool composed = form == NormalForm::kNfc || form == NormalForm::kNfkc;
  const bool compatible = form == NormalForm::kNfkc || form == NormalForm::kNfkd;
  const auto options = static_cast<utf8proc_option_t>(
      UTF8PROC_STABLE | (composed ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
      (compatible ? UTF8PROC_COMPAT : 0));
  const std::string bytes = EncodeUtf8(text);
  utf8proc_uint8_t* out = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()),
                                 static_cast<utf8proc_ssize_t>(bytes.size()), &out, options);
  if (size < 0) {
    return Error(ErrorCode::kMalformed,
                 Format("the text has no normal form: {}", utf8proc_errmsg(size)));
  }
  auto decoded = DecodeUtf8({reinterpret_cast<const char*>(out), static_cast<std::size_t>(size)});
  std::free(out);  // NOLINT(cppcoreguidelines-no-malloc): utf8proc allocates with malloc
  return decoded;
}

}  // namespace quantbench
