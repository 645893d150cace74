// WAV files.
#include "data/wav.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr std::int64_t kPcm = 1;
constexpr std::int64_t kIeeeFloat = 3;
constexpr std::int64_t kExtensible = 0xFFFE;

Error WavError(std::string message) {
  return {ErrorCode::kMalformed, std::move(message)};
}

std::int64_t WavNumber(std::string_view bytes) {
  std::int64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value * 256 + static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

}  // namespace

Status WavFile::ParseFormat(std::string_view chunk) {
  if (chunk.size() < 16) return WavError("the fmt chunk is truncated");
  std::int64_t format = WavNumber(chunk.substr(0, 2));
  channels_ = WavNumber(chunk.substr(2, 2));
  rate_ = WavNumber(chunk.substr(4, 4));
  bits_ = WavNumber(chunk.substr(14, 2));
  if (format == kExtensible && chunk.size() >= 26) format = WavNumber(chunk.substr(24, 2));
  is_float_ = format == kIeeeFloat;
  const bool pcm = format == kPcm && (bits_ == 8 || bits_ == 16 || bits_ == 24 || bits_ == 32);
  if (!pcm && !(is_float_ && bits_ == 32)) {
    return Error(ErrorCode::kUnsupported,
                 Format("WAV format {} with {} bits is not read", format, bits_));
  }
  if (channels_ < 1 || channels_ > 64 || rate_ < 1) {
    return WavError(Format("{} channels at {} Hz are not sound", channels_, rate_));
  }
  return Ok();
}

Result<WavFile> WavFile::Open(const std::filesystem::path& path) {
  WavFile wav;
  QB_TRY(wav.file_, MappedFile::Open(path));
  std::string_view rest = wav.file_->text();
  const auto refuse = [&](const Error& error) { return error.Within(path.string()); };
  if (rest.size() < 12 || !rest.starts_with("RIFF") || rest.substr(8, 4) != "WAVE") {
    return refuse(WavError(rest.empty() ? "the file is empty" : "not a WAV file"));
  }
  rest.remove_prefix(12);
  bool data = false;
  while (rest.size() >= 8 && !data) {
    const std::string_view id = rest.substr(0, 4);
    const auto size = static_cast<std::size_t>(WavNumber(rest.substr(4, 4)));
    rest.remove_prefix(8);
    if (size > rest.size()) {
      return refuse(WavError(Format("chunk \"{}\" of {} bytes is truncated: {} are there",
                                    Printable(id), size, rest.size())));
    }
    if (id == "fmt ") {
      if (auto parsed = wav.ParseFormat(rest.substr(0, size)); !parsed.ok()) {
        return refuse(parsed.error());
      }
    }
    data = id == "data";
    if (data) wav.data_ = rest.substr(0, size);
    rest.remove_prefix(std::min(rest.size(), size + size % 2));
  }
  if (!data || wav.bits_ == 0) return refuse(WavError("has no fmt chunk before a data chunk"));
  wav.samples_ = static_cast<std::int64_t>(wav.data_.size()) / (wav.channels_ * wav.bits_ / 8);
  if (wav.samples_ < 1) return refuse(WavError("has no samples"));
  return wav;
}

float WavFile::At(const unsigned char* bytes) const {
  if (bits_ == 8) return (static_cast<float>(bytes[0]) - 128.0F) / 128.0F;  // unsigned
  std::uint32_t value = 0;
  const auto width = static_cast<std::size_t>(bits_ / 8);
  for (std::size_t i = 0; i < width; ++i) value |= std::uint32_t{bytes[i]} << (8 * (4 - width + i));
  if (is_float_) {
    const auto number = std::bit_cast<float>(value);
    return std::isfinite(number) ? number : 0;
  }
  return static_cast<float>(static_cast<std::int32_t>(value)) * 0x1p-31F;
}

std::vector<float> WavFile::Read(std::int64_t begin, std::int64_t end) const {
  std::vector<float> samples(static_cast<std::size_t>(end - begin));
  const std::int64_t width = bits_ / 8;
  const auto* bytes = reinterpret_cast<const unsigned char*>(data_.data());
  for (std::int64_t at = std::max<std::int64_t>(begin, 0); at < std::min(end, samples_); ++at) {
    float sum = 0;
    for (std::int64_t c = 0; c < channels_; ++c) sum += At(bytes + (at * channels_ + c) * width);
    samples[static_cast<std::size_t>(at - begin)] = sum / static_cast<float>(channels_);
  }
  return samples;
}

}  // namespace quantbench
