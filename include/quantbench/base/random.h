// Random: a small seeded generator whose sequence is the same on every machine and library.
#pragma once

#include <cmath>
#include <cstdint>

namespace quantbench {

// SplitMix64 [Steele, Lea, Flood 2014]: passes BigCrush, one addition and two multiplications a
// draw.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }
  // Uniform in [0, 1).
  double Uniform() { return static_cast<double>(Next() >> 11U) * 0x1p-53; }
  // Uniform in [0, bound), bound > 0; the bias of the modulo is below bound / 2^64.
  std::uint64_t Below(std::uint64_t bound) { return Next() % bound; }
  // Standard normal, Box-Muller, one of the pair.
  double Normal() {
    const double u = 1.0 - Uniform();
    const double v = Uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
  }

 private:
  std::uint64_t state_;
};

}  // namespace quantbench
