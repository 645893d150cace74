// A sum without rounding: every float32 is an integer multiple of 2^-149.
#include <cmath>

#include "quantbench/base/format.h"
#include "quantbench/calibrate.h"

namespace quantbench {
namespace {

constexpr int kLastBit = -149;
constexpr int kMantissaBits = 24;
constexpr int kDigitBits = 32;

}  // namespace

void ExactSum::Add(float value) {
  if (value == 0) return;
  int exponent = 0;
  const float fraction = std::frexp(value, &exponent);  // in [0.5, 1)
  const auto mantissa = static_cast<std::int64_t>(std::ldexp(fraction, kMantissaBits));
  int place = exponent - kMantissaBits - kLastBit;  // of the mantissa's last bit
  // A subnormal's mantissa has zeros at its end.
  std::int64_t magnitude = std::abs(mantissa);
  if (place < 0) {
    magnitude >>= -place;
    place = 0;
  }
  const auto digit = static_cast<std::size_t>(place / kDigitBits);
  const std::uint64_t shifted = static_cast<std::uint64_t>(magnitude) << (place % kDigitBits);
  const auto low = static_cast<std::int64_t>(shifted & 0xFFFFFFFFU);
  const auto high = static_cast<std::int64_t>(shifted >> kDigitBits);
  digits_[digit] += value < 0 ? -low : low;
  digits_[digit + 1] += value < 0 ? -high : high;
}

void ExactSum::Merge(const ExactSum& other) {
  for (std::size_t i = 0; i < digits_.size(); ++i) digits_[i] += other.digits_[i];
}

double ExactSum::Value() const {
  double sum = 0;
  for (std::size_t i = digits_.size(); i-- > 0;) {
    sum += std::ldexp(static_cast<double>(digits_[i]), static_cast<int>(i) * kDigitBits + kLastBit);
  }
  return sum;
}

Json ExactSum::ToJson() const {
  Json json = Json::Array{};
  for (const std::int64_t digit : digits_) json.Append(digit);
  return json;
}

Result<ExactSum> ExactSum::FromJson(const Json& json) {
  ExactSum sum;
  if (json.AsArray().size() != sum.digits_.size()) {
    return Error(ErrorCode::kMalformed, Format("an exact sum has {} digits", sum.digits_.size()));
  }
  constexpr std::int64_t kLargest = std::int64_t{1} << 62;
  for (std::size_t i = 0; i < sum.digits_.size(); ++i) {
    const Json& digit = json.AsArray()[i];
    if (!digit.is_integer() || digit.AsInt() > kLargest || digit.AsInt() < -kLargest) {
      return Error(ErrorCode::kMalformed, "a digit of an exact sum is no small integer");
    }
    sum.digits_[i] = digit.AsInt();
  }
  return sum;
}

}  // namespace quantbench
