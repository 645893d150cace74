// Audio features.
#include "data/audio_features.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <numbers>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

using Spectrum = std::vector<std::complex<double>>;

// In place; the size is a power of two [Cooley, Tukey 1965].
void Fft(Spectrum* values) {
  const std::size_t n = values->size();
  for (std::size_t i = 1, j = 0; i < n; ++i) {
    std::size_t bit = n >> 1U;
    for (; (j & bit) != 0; bit >>= 1U) j ^= bit;
    j ^= bit;
    if (i < j) std::swap((*values)[i], (*values)[j]);
  }
  for (std::size_t length = 2; length <= n; length *= 2) {
    const std::complex<double> turn =
        std::polar(1.0, -2 * std::numbers::pi / static_cast<double>(length));
    for (std::size_t begin = 0; begin < n; begin += length) {
      std::complex<double> factor = 1;
      for (std::size_t i = begin; i < begin + length / 2; ++i) {
        const std::complex<double> odd = (*values)[i + length / 2] * factor;
        (*values)[i + length / 2] = (*values)[i] - odd;
        (*values)[i] += odd;
        factor *= turn;
      }
    }
  }
}

double Mel(double hz) {
  return 2595 * std::log10(1 + hz / 700);
}

double Hertz(double mel) {
  return 700 * (std::pow(10, mel / 2595) - 1);
}

// The weight of every spectrum bin in every triangle: [mels][window / 2 + 1].
std::vector<std::vector<double>> MelFilters(const AudioOptions& options) {
  const double high = options.high_hz > 0 ? options.high_hz : static_cast<double>(options.rate) / 2;
  const double low_mel = Mel(options.low_hz);
  const double step = (Mel(high) - low_mel) / static_cast<double>(options.mels + 1);
  const auto bins = static_cast<std::size_t>(options.window / 2 + 1);
  std::vector<std::vector<double>> filters(static_cast<std::size_t>(options.mels));
  for (std::size_t m = 0; m < filters.size(); ++m) {
    const double left = Hertz(low_mel + step * static_cast<double>(m));
    const double peak = Hertz(low_mel + step * static_cast<double>(m + 1));
    const double right = Hertz(low_mel + step * static_cast<double>(m + 2));
    filters[m].resize(bins);
    for (std::size_t bin = 0; bin < bins; ++bin) {
      const double hz = static_cast<double>(bin) * static_cast<double>(options.rate) /
                        static_cast<double>(options.window);
      const double rising = (hz - left) / (peak - left);
      const double falling = (right - hz) / (right - peak);
      filters[m][bin] = std::max(0.0, std::min(rising, falling));
    }
  }
  return filters;
}

double Logarithm(double energy, const AudioOptions& options) {
  const double kept = std::max(energy, options.floor);
  if (options.logarithm == "log10") return std::log10(kept);
  return options.logarithm == "decibel" ? 10 * std::log10(kept) : std::log(kept);
}

std::vector<float> Cepstrum(const std::vector<double>& bands, std::int64_t coefficients) {
  const auto n = static_cast<double>(bands.size());
  std::vector<float> cepstrum;
  for (std::int64_t k = 0; k < coefficients; ++k) {
    double sum = 0;
    for (std::size_t m = 0; m < bands.size(); ++m) {
      sum += bands[m] * std::cos(std::numbers::pi * static_cast<double>(k) *
                                 (2 * static_cast<double>(m) + 1) / (2 * n));
    }
    cepstrum.push_back(static_cast<float>(sum * std::sqrt((k == 0 ? 1 : 2) / n)));
  }
  return cepstrum;
}

}  // namespace

Status CheckFeatures(const AudioOptions& options) {
  const auto refuse = [](std::string message) {
    return Error(ErrorCode::kInvalidArgument, std::move(message));
  };
  if (options.features != "raw" && options.features != "log-mel" && options.features != "mfcc") {
    return refuse(
        Format("unknown features \"{}\"; known: raw, log-mel, mfcc", Printable(options.features)));
  }
  if (options.rate < 1 || options.rate > 1'000'000) {
    return refuse(Format("a rate of {} Hz is not sound", options.rate));
  }
  const bool power = options.window >= 2 && options.window <= 65536 &&
                     std::has_single_bit(static_cast<std::uint64_t>(options.window));
  if (!power) return refuse(Format("window {} is not a power of two up to 65536", options.window));
  const double high = options.high_hz > 0 ? options.high_hz : static_cast<double>(options.rate) / 2;
  const bool cepstrum = options.features != "mfcc" ||
                        (options.coefficients >= 1 && options.coefficients <= options.mels);
  if (options.hop < 1 || options.mels < 1 || options.mels > 1024 || !cepstrum ||
      !(options.low_hz >= 0) || options.low_hz >= high) {
    return refuse("hop, mels, coefficients or the filters' edges are not sound");
  }
  if (options.step < 0 || options.context < 0 || options.samples < 0) {
    return refuse("step, context and samples are not negative");
  }
  return Ok();
}

std::vector<std::vector<float>> FeaturesOf(std::span<const float> samples,
                                           const AudioOptions& options) {
  const auto window = static_cast<std::size_t>(options.window);
  const std::vector<std::vector<double>> filters = MelFilters(options);
  std::vector<double> hann(window);
  for (std::size_t i = 0; i < window; ++i) {
    hann[i] = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) /
                                   static_cast<double>(window));
  }
  std::vector<std::vector<float>> frames;
  for (std::size_t begin = 0; begin + window <= samples.size();
       begin += static_cast<std::size_t>(options.hop)) {
    Spectrum spectrum(window);
    for (std::size_t i = 0; i < window; ++i) spectrum[i] = samples[begin + i] * hann[i];
    Fft(&spectrum);
    std::vector<double> bands;
    for (const std::vector<double>& filter : filters) {
      double energy = 0;
      for (std::size_t bin = 0; bin < filter.size(); ++bin) {
        energy += filter[bin] * std::norm(spectrum[bin]);
      }
      bands.push_back(Logarithm(energy, options));
    }
    if (options.features == "mfcc") {
      frames.push_back(Cepstrum(bands, options.coefficients));
    } else {
      frames.emplace_back(bands.begin(), bands.end());
    }
  }
  return frames;
}

}  // namespace quantbench
