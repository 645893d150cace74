// Unicode: code points, their properties, normal forms. The only place that sees utf8proc.
#pragma once

#include <string>
#include <string_view>

#include "quantbench/base/status.h"

namespace quantbench {

// kMalformed names the byte at which the text is not UTF-8 (surrogates and overlong forms
// included).
Result<std::u32string> DecodeUtf8(std::string_view text);
std::string EncodeUtf8(std::u32string_view text);
void AppendUtf8(char32_t code, std::string* text);

// Properties of the Unicode character database [UAX #44].
[[nodiscard]] bool IsLetter(char32_t code);          // general category L
[[nodiscard]] bool IsNumber(char32_t code);          // general category N
[[nodiscard]] bool IsPunctuation(char32_t code);     // general category P, and ASCII $+<=>^`|~
[[nodiscard]] bool IsSpace(char32_t code);           // property White_Space
[[nodiscard]] bool IsNonspacingMark(char32_t code);  // general category Mn
[[nodiscard]] bool IsOther(char32_t code);           // general categories Cc, Cf, Co
[[nodiscard]] bool IsIdeograph(char32_t code);       // CJK blocks, as BERT's tokenizer has them

// The lower case of every code point by itself, without context.
std::u32string LowerCase(std::u32string_view text);

enum class NormalForm : std::uint8_t { kNfc, kNfd, kNfkc, kNfkd };
Result<std::u32string> Normalize(std::u32string_view text, NormalForm form);

}  // namespace quantbench
