// WAV files: header and samples.   [Microsoft, Multimedia Programming Interface 1.0, RIFF WAVE]
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "quantbench/base/file.h"
#include "quantbench/base/status.h"

namespace quantbench {

class WavFile {
 public:
  // PCM of 8, 16, 24 or 32 bits or 32-bit float, 1 to 64 channels, plain or extensible header.
  static Result<WavFile> Open(const std::filesystem::path& path);

  [[nodiscard]] std::int64_t rate() const { return rate_; }        // Hz
  [[nodiscard]] std::int64_t samples() const { return samples_; }  // of one channel
  // Samples begin to end, the mean of the channels, integers scaled to [-1, 1); zeros beyond the
  // file on either side.
  [[nodiscard]] std::vector<float> Read(std::int64_t begin, std::int64_t end) const;

 private:
  Status ParseFormat(std::string_view chunk);
  [[nodiscard]] float At(const unsigned char* bytes) const;

  std::shared_ptr<const MappedFile> file_;
  std::string_view data_;
  bool is_float_ = false;
  std::int64_t channels_ = 0;
  std::int64_t bits_ = 0;
  std::int64_t rate_ = 0;
  std::int64_t samples_ = 0;
};

}  // namespace quantbench
