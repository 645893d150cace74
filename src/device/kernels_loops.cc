// The loops, in the processor's own instructions: what a compiler makes of them does not matter,
// and it cannot leave them out.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "device/loops.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace quantbench {
namespace {

bool Always() {
  return true;
}

// Any processor: what the compiler makes of plain loops.
constexpr std::int64_t kPlainLanes = 16;
template <typename A, typename B, typename Sum>
void PlainProducts(const void* a, const void* b, std::int64_t rounds, void* sums) {
  std::array<A, kPlainLanes> left;
  std::array<B, kPlainLanes> right;
  std::array<Sum, kPlainLanes> total{};
  std::memcpy(left.data(), a, sizeof(left));
  std::memcpy(right.data(), b, sizeof(right));
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < left.size(); ++i) {
      total[i] += static_cast<Sum>(left[i]) * static_cast<Sum>(right[i]);
    }
    asm volatile("" : : "r"(left.data()), "r"(right.data()), "r"(total.data()) : "memory");
  }
  std::memcpy(sums, total.data(), sizeof(total));
}

void PlainRead(const void* from, std::int64_t rounds, std::int64_t sweeps, void* sums) {
  constexpr std::size_t kWords = 16;
  std::array<std::uint64_t, kWords> total{};
  for (std::int64_t sweep = 0; sweep < sweeps; ++sweep) {
    const auto* block = static_cast<const std::byte*>(from);
    for (std::int64_t round = 0; round < rounds; ++round, block += sizeof(total)) {
      std::array<std::uint64_t, kWords> words;
      std::memcpy(words.data(), block, sizeof(words));
      for (std::size_t i = 0; i < kWords; ++i) total[i] ^= words[i];
    }
    asm volatile("" : : "r"(total.data()) : "memory");
  }
  std::memcpy(sums, total.data(), sizeof(total));
}

#define QB_EACH_8(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7)
#define QB_EACH_12(M) QB_EACH_8(M) M(8) M(9) M(10) M(11)
#define QB_EACH_16(M) QB_EACH_12(M) M(12) M(13) M(14) M(15)

#if defined(__x86_64__)

// Registers 0 to 11 are sums, 12 and 13 the operands, 14 and 15 for the loop.
#define QB_ZERO(i) "vpxor %%ymm" #i ", %%ymm" #i ", %%ymm" #i "\n\t"
#define QB_STORE_YMM(i) "vmovdqu %%ymm" #i ", 32*" #i "(%[sums])\n\t"
#define QB_STORE_ZMM(i) "vmovups %%zmm" #i ", 64*" #i "(%[sums])\n\t"
#define QB_CLOBBERED                                                                       \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
      "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory"
#define QB_PRODUCTS(name, width, each, step, store, prepare)                                     \
  void name(const void* a, const void* b, std::int64_t rounds, void* sums) {                     \
    asm volatile("vmovups (%[a]), %%" width "12\n\t"                                           \
                 "vmovups (%[b]), %%" width "13\n\t" prepare each(QB_ZERO)                     \
                 ".p2align 5\n"                                                                \
                 "1:\n\t" each(step)                                                           \
                 "subq $1, %[rounds]\n\t"                                                      \
                 "jnz 1b\n\t" each(store)                                                      \
                 "vzeroupper"                                                                  \
                 : [rounds] "+r"(rounds)                                                       \
                 : [a] "r"(a), [b] "r"(b), [sums] "r"(sums)                                    \
                 : QB_CLOBBERED); \
  }

#define QB_FMA_YMM(i) "vfmadd231ps %%ymm12, %%ymm13, %%ymm" #i "\n\t"
#define QB_FMA_ZMM(i) "vfmadd231ps %%zmm12, %%zmm13, %%zmm" #i "\n\t"
#define QB_VNNI_YMM(i) "%{vex%} vpdpbusd %%ymm13, %%ymm12, %%ymm" #i "\n\t"
#define QB_VNNI_ZMM(i) "vpdpbusd %%zmm13, %%zmm12, %%zmm" #i "\n\t"
// Pairs of products in 16 bits, pairs of those in 32 bits, added.
#define QB_THREE_YMM(i)                      \
  "vpmaddubsw %%ymm13, %%ymm12, %%ymm15\n\t" \
  "vpmaddwd %%ymm14, %%ymm15, %%ymm15\n\t"   \
  "vpaddd %%ymm15, %%ymm" #i ", %%ymm" #i "\n\t"
#define QB_THREE_ZMM(i)                      \
  "vpmaddubsw %%zmm13, %%zmm12, %%zmm15\n\t" \
  "vpmaddwd %%zmm14, %%zmm15, %%zmm15\n\t"   \
  "vpaddd %%zmm15, %%zmm" #i ", %%zmm" #i "\n\t"
#define QB_ONES_YMM                        \
  "vpcmpeqw %%ymm14, %%ymm14, %%ymm14\n\t" \
  "vpsrlw $15, %%ymm14, %%ymm14\n\t"
#define QB_ONES_ZMM                                \
  "vpternlogd $255, %%zmm14, %%zmm14, %%zmm14\n\t" \
  "vpsrlw $15, %%zmm14, %%zmm14\n\t"

QB_PRODUCTS(FmaYmm, "ymm", QB_EACH_12, QB_FMA_YMM, QB_STORE_YMM, "")
QB_PRODUCTS(FmaZmm, "zmm", QB_EACH_12, QB_FMA_ZMM, QB_STORE_ZMM, "")
QB_PRODUCTS(VnniYmm, "ymm", QB_EACH_12, QB_VNNI_YMM, QB_STORE_YMM, "")
QB_PRODUCTS(VnniZmm, "zmm", QB_EACH_12, QB_VNNI_ZMM, QB_STORE_ZMM, "")
QB_PRODUCTS(ThreeYmm, "ymm", QB_EACH_8, QB_THREE_YMM, QB_STORE_YMM, QB_ONES_YMM)
QB_PRODUCTS(ThreeZmm, "zmm", QB_EACH_8, QB_THREE_ZMM, QB_STORE_ZMM, QB_ONES_ZMM)

#define QB_READ_YMM(i) "vpxor 32*" #i "(%[block]), %%ymm" #i ", %%ymm" #i "\n\t"
#define QB_READ_ZMM(i) "vpxorq 64*" #i "(%[block]), %%zmm" #i ", %%zmm" #i "\n\t"
#define QB_READS(name, read, store, block_bytes)                                        \
  void name(const void* from, std::int64_t rounds, std::int64_t sweeps, void* sums) {   \
    const void* block = from;                                                           \
    std::int64_t left = rounds;                                                         \
    asm volatile(QB_EACH_8(QB_ZERO)                                                   \
                 "2:\n\t"                                                             \
                 "movq %[from], %[block]\n\t"                                         \
                 "movq %[rounds], %[left]\n\t"                                        \
                 ".p2align 5\n"                                                       \
                 "1:\n\t" QB_EACH_8(read)                                             \
                 "addq $" block_bytes ", %[block]\n\t"                                \
                 "subq $1, %[left]\n\t"                                               \
                 "jnz 1b\n\t"                                                         \
                 "subq $1, %[sweeps]\n\t"                                             \
                 "jnz 2b\n\t" QB_EACH_8(store)                                        \
                 "vzeroupper"                                                         \
                 : [block] "+&r"(block), [left] "+&r"(left), [sweeps] "+&r"(sweeps)   \
                 : [from] "r"(from), [rounds] "r"(rounds), [sums] "r"(sums)           \
                 : QB_CLOBBERED); \
  }
QB_READS(ReadYmm, QB_READ_YMM, QB_STORE_YMM, "256")
QB_READS(ReadZmm, QB_READ_ZMM, QB_STORE_ZMM, "512")

bool HasAvx2() {
  return __builtin_cpu_supports("avx2") > 0 && __builtin_cpu_supports("fma") > 0;
}
bool HasAvx512() {
  return HasAvx2() && __builtin_cpu_supports("avx512f") > 0 &&
         __builtin_cpu_supports("avx512bw") > 0;
}
bool HasAvx512Vnni() {
  return HasAvx512() && __builtin_cpu_supports("avx512vnni") > 0;
}
// CPUID leaf 7, subleaf 1, EAX bit 4 [Intel SDM, volume 2, CPUID].
bool HasAvxVnni() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return HasAvx2() && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax >> 4U & 1U) != 0;
}

// Tiles are 16 rows of 64 bytes: 0 to 3 are sums, 4 and 5 `a`, 6 and 7 `b`.
constexpr std::size_t kTileRows = 16;
constexpr std::size_t kTileRowBytes = 64;
constexpr std::size_t kTileBytes = kTileRows * kTileRowBytes;

// What ldtilecfg reads [Intel SDM, volume 1, 18.3].
struct alignas(64) TileShapes {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::array<std::uint8_t, 14> reserved{};
  std::array<std::uint16_t, 16> row_bytes{};
  std::array<std::uint8_t, 16> rows{};
};
static_assert(sizeof(TileShapes) == 64);

void AmxTiles(const void* a, const void* b, std::int64_t rounds, void* sums) {
  TileShapes shapes;
  for (std::size_t tile = 0; tile < 8; ++tile) {
    shapes.row_bytes[tile] = kTileRowBytes;
    shapes.rows[tile] = kTileRows;
  }
  // Four of the 64 products of a sum are made at once: columns of `b` lie in groups of four.
  std::array<std::byte, kTileBytes> grouped;
  for (std::size_t i = 0; i < kTileBytes; ++i) {
    const std::size_t row = i / kTileRowBytes;
    const std::size_t column = i % kTileRowBytes;
    grouped[column / 4 * kTileRowBytes + 4 * row + column % 4] =
        static_cast<const std::byte*>(b)[i];
  }
  asm volatile(
      "ldtilecfg (%[shapes])\n\t"
      "tilezero %%tmm0\n\t"
      "tilezero %%tmm1\n\t"
      "tilezero %%tmm2\n\t"
      "tilezero %%tmm3\n\t"
      "tileloadd (%[a],%[stride],1), %%tmm4\n\t"
      "tileloadd (%[a],%[stride],1), %%tmm5\n\t"
      "tileloadd (%[b],%[stride],1), %%tmm6\n\t"
      "tileloadd (%[b],%[stride],1), %%tmm7\n\t"
      ".p2align 5\n"
      "1:\n\t"
      "tdpbusd %%tmm6, %%tmm4, %%tmm0\n\t"
      "tdpbusd %%tmm7, %%tmm4, %%tmm1\n\t"
      "tdpbusd %%tmm6, %%tmm5, %%tmm2\n\t"
      "tdpbusd %%tmm7, %%tmm5, %%tmm3\n\t"
      "subq $1, %[rounds]\n\t"
      "jnz 1b\n\t"
      "tilestored %%tmm0, (%[sums],%[stride],1)\n\t"
      "tilestored %%tmm1, 1024(%[sums],%[stride],1)\n\t"
      "tilestored %%tmm2, 2048(%[sums],%[stride],1)\n\t"
      "tilestored %%tmm3, 3072(%[sums],%[stride],1)\n\t"
      "tilerelease"
      : [rounds] "+r"(rounds)
      : [shapes] "r"(&shapes), [a] "r"(a), [b] "r"(grouped.data()), [sums] "r"(sums),
        [stride] "r"(kTileRowBytes)
      : "cc", "memory");
}

// CPUID leaf 7, EDX bits 24 (tiles) and 25 (int8) [Intel SDM, volume 2, CPUID]; and Linux lets only
// those use tiles that ask for them [Linux, Documentation/arch/x86/xstate.rst].
bool HasAmxInt8() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  constexpr unsigned kTilesAndInt8 = 3U << 24U;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  if ((edx & kTilesAndInt8) != kTilesAndInt8) return false;
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

constexpr auto kArithmeticLoops = std::to_array<ArithmeticLoop>({
    {PeakKind::kFloat32, "AVX2 FMA", HasAvx2, 32, 1, 96, 12, FmaYmm},
    {PeakKind::kFloat32, "AVX-512 FMA", HasAvx512, 64, 1, 192, 12, FmaZmm},
    {PeakKind::kInt8, "AVX2 vpmaddubsw + vpmaddwd + vpaddd", HasAvx2, 32, 1, 64, 8, ThreeYmm},
    {PeakKind::kInt8, "AVX-512 vpmaddubsw + vpmaddwd + vpaddd", HasAvx512, 64, 1, 128, 8, ThreeZmm},
    {PeakKind::kInt8, "AVX-VNNI vpdpbusd", HasAvxVnni, 32, 1, 96, 12, VnniYmm},
    {PeakKind::kInt8, "AVX-512 VNNI vpdpbusd", HasAvx512Vnni, 64, 1, 192, 12, VnniZmm},
    {PeakKind::kInt8, "AMX tdpbusd", HasAmxInt8, kTileBytes, kTileRows, kTileBytes, 4, AmxTiles},
    {PeakKind::kFloat32, "compiled loop", Always, 64, 1, kPlainLanes, 1,
     PlainProducts<float, float, float>},
    {PeakKind::kInt8, "compiled loop", Always, kPlainLanes, 1, kPlainLanes, 1,
     PlainProducts<std::uint8_t, std::int8_t, std::int32_t>},
});
constexpr auto kReadLoops = std::to_array<ReadLoop>({
    {"AVX-512", HasAvx512, 512, 512, ReadZmm},
    {"AVX2", HasAvx2, 256, 256, ReadYmm},
    {"compiled loop", Always, 128, 128, PlainRead},
});

#elif defined(__aarch64__)

// Registers 0 to 15 are sums, 16 and 17 the operands, 18 for the loop.
#define QB_ZERO(i) "movi v" #i ".4s, #0\n\t"
#define QB_STORE(i) "str q" #i ", [%[sums], #16*" #i "]\n\t"
#define QB_CLOBBERED                                                                             \
  "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", \
      "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "cc", "memory"
#define QB_PRODUCTS(name, step)                                              \
  void name(const void* a, const void* b, std::int64_t rounds, void* sums) { \
    asm volatile(                                                    \
                 "ldr q16, [%[a]]\n\t"                                         \
                 "ldr q17, [%[b]]\n\t" QB_EACH_16(QB_ZERO)                     \
                 "1:\n\t" QB_EACH_16(step)                                     \
                 "subs %[rounds], %[rounds], #1\n\t"                           \
                 "b.ne 1b\n\t" QB_EACH_16(QB_STORE)                            \
                 : [rounds] "+r"(rounds)                                       \
                 : [a] "r"(a), [b] "r"(b), [sums] "r"(sums)                    \
                 : QB_CLOBBERED);       \
  }

#define QB_FMLA(i) "fmla v" #i ".4s, v16.4s, v17.4s\n\t"
// sdot and smmla of v<i>.4s, v16.16b, v17.16b, encoded [Arm ARM, C7.2]: assemblers want to be told
// of the extensions in ways of their own.
#define QB_SDOT(i) ".inst 0x4e919600 + " #i "\n\t"
#define QB_SMMLA(i) ".inst 0x4e91a600 + " #i "\n\t"
#define QB_THREE(i)                     \
  "smull v18.8h, v16.8b, v17.8b\n\t"    \
  "smlal2 v18.8h, v16.16b, v17.16b\n\t" \
  "sadalp v" #i ".4s, v18.8h\n\t"
QB_PRODUCTS(FmaNeon, QB_FMLA)
QB_PRODUCTS(ThreeNeon, QB_THREE)
QB_PRODUCTS(DotNeon, QB_SDOT)
QB_PRODUCTS(MatrixNeon, QB_SMMLA)

void ReadNeon(const void* from, std::int64_t rounds, std::int64_t sweeps, void* sums) {
  const void* block = from;
  std::int64_t left = rounds;
  asm volatile(QB_EACH_8(QB_ZERO)
               "2:\n\t"
               "mov %[block], %[from]\n\t"
               "mov %[left], %[rounds]\n\t"
               "1:\n\t"
               "ldp q16, q17, [%[block]]\n\t"
               "ldp q18, q19, [%[block], #32]\n\t"
               "ldp q20, q21, [%[block], #64]\n\t"
               "ldp q22, q23, [%[block], #96]\n\t"
               "eor v0.16b, v0.16b, v16.16b\n\t"
               "eor v1.16b, v1.16b, v17.16b\n\t"
               "eor v2.16b, v2.16b, v18.16b\n\t"
               "eor v3.16b, v3.16b, v19.16b\n\t"
               "eor v4.16b, v4.16b, v20.16b\n\t"
               "eor v5.16b, v5.16b, v21.16b\n\t"
               "eor v6.16b, v6.16b, v22.16b\n\t"
               "eor v7.16b, v7.16b, v23.16b\n\t"
               "add %[block], %[block], #128\n\t"
               "subs %[left], %[left], #1\n\t"
               "b.ne 1b\n\t"
               "subs %[sweeps], %[sweeps], #1\n\t"
               "b.ne 2b\n\t" QB_EACH_8(QB_STORE)
               : [block] "+&r"(block), [left] "+&r"(left), [sweeps] "+&r"(sweeps)
               : [from] "r"(from), [rounds] "r"(rounds), [sums] "r"(sums)
               : QB_CLOBBERED);
}

// Bits of the kernel's <asm/hwcap.h>; older headers lack the names.
constexpr unsigned long kHwcapDotProduct = 1UL << 20U;
constexpr unsigned long kHwcap2Int8Matrix = 1UL << 13U;
bool HasDotProduct() {
  return (getauxval(AT_HWCAP) & kHwcapDotProduct) != 0;
}
bool HasInt8Matrix() {
  return (getauxval(AT_HWCAP2) & kHwcap2Int8Matrix) != 0;
}

constexpr auto kArithmeticLoops = std::to_array<ArithmeticLoop>({
    {PeakKind::kFloat32, "NEON fmla", Always, 16, 1, 64, 16, FmaNeon},
    {PeakKind::kInt8, "NEON smull + smlal2 + sadalp", Always, 16, 1, 64, 16, ThreeNeon},
    {PeakKind::kInt8, "NEON sdot", HasDotProduct, 16, 1, 64, 16, DotNeon},
    {PeakKind::kInt8, "NEON smmla", HasInt8Matrix, 16, 2, 64, 16, MatrixNeon},
    {PeakKind::kFloat32, "compiled loop", Always, 64, 1, kPlainLanes, 1,
     PlainProducts<float, float, float>},
    {PeakKind::kInt8, "compiled loop", Always, kPlainLanes, 1, kPlainLanes, 1,
     PlainProducts<std::uint8_t, std::int8_t, std::int32_t>},
});
constexpr auto kReadLoops = std::to_array<ReadLoop>({
    {"NEON", Always, 128, 128, ReadNeon},
    {"compiled loop", Always, 128, 128, PlainRead},
});

#else

constexpr auto kArithmeticLoops = std::to_array<ArithmeticLoop>({
    {PeakKind::kFloat32, "compiled loop", Always, 64, 1, kPlainLanes, 1,
     PlainProducts<float, float, float>},
    {PeakKind::kInt8, "compiled loop", Always, kPlainLanes, 1, kPlainLanes, 1,
     PlainProducts<std::uint8_t, std::int8_t, std::int32_t>},
});
constexpr auto kReadLoops = std::to_array<ReadLoop>({
    {"compiled loop", Always, 128, 128, PlainRead},
});

#endif

}  // namespace

double ArithmeticLoop::macs_a_round() const {
  const std::int64_t element_bytes = kind == PeakKind::kFloat32 ? 4 : 1;
  const std::int64_t elements = operand_bytes / element_bytes;
  return static_cast<double>(chains * elements * rows);
}

std::span<const ArithmeticLoop> ArithmeticLoops() {
  return kArithmeticLoops;
}

std::span<const ReadLoop> ReadLoops() {
  return kReadLoops;
}

}  // namespace quantbench
