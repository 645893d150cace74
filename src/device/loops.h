// Loops that do one kind of arithmetic or reading and nothing else, as fast as the processor can.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "quantbench/device.h"

namespace quantbench {

// Multiplies the same two vectors again and again into several independent sums, so that no
// multiplication waits for the one before it.
struct ArithmeticLoop {
  PeakKind kind = PeakKind::kFloat32;
  std::string_view path;           // the instructions
  bool (*is_there)() = nullptr;    // whether the processor has them
  std::int64_t operand_bytes = 0;  // of `a` and of `b`; float32, or uint8 (below 128) and int8
  std::int64_t rows = 1;           // above 1: operands are so many rows, each multiplied by each
  std::int64_t sums = 0;           // float32 or int32, that all products are added to
  std::int64_t chains = 0;         // independent sums of vectors
  // Every chain adds all products of `a` and `b`, once a round.
  void (*run)(const void* a, const void* b, std::int64_t rounds, void* sums) = nullptr;

  [[nodiscard]] double macs_a_round() const;
};
// Those that the program was built with, whether or not the processor has them.
[[nodiscard]] std::span<const ArithmeticLoop> ArithmeticLoops();

// Reads `rounds` blocks in a row, `sweeps` times, and folds all of it by exclusive or.
struct ReadLoop {
  std::string_view path;
  bool (*is_there)() = nullptr;
  std::int64_t block_bytes = 0;  // of a round
  std::int64_t sums_bytes = 0;
  void (*run)(const void* from, std::int64_t rounds, std::int64_t sweeps, void* sums) = nullptr;
};
[[nodiscard]] std::span<const ReadLoop> ReadLoops();  // the widest first

inline constexpr std::int64_t kMostOperandBytes = 1024;
inline constexpr std::int64_t kMostSumsBytes = 4096;

}  // namespace quantbench
