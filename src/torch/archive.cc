// A TorchScript archive in memory; libtorch's engines of quantized arithmetic.
#include "torch/archive.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <stdexcept>
#include <streambuf>
#include <unordered_map>

#include <ATen/Context.h>
#include <torch/csrc/jit/serialization/import.h>

#include "torch/guard.h"

namespace quantbench {
namespace {

constexpr const char* kExtraFile = "quantbench.json";

// A stream over memory that is not copied.
class MemoryBuffer final : public std::streambuf {
 public:
  MemoryBuffer(const void* bytes, std::uint64_t size) {
    auto* begin = const_cast<char*>(static_cast<const char*>(bytes));  // only read
    setg(begin, begin, begin + size);
  }

 protected:
  pos_type seekoff(off_type offset, std::ios_base::seekdir way, std::ios_base::openmode) override {
    const off_type from = way == std::ios_base::beg   ? 0
                          : way == std::ios_base::cur ? gptr() - eback()
                                                      : egptr() - eback();
    const off_type to = from + offset;
    if (to < 0 || to > egptr() - eback()) return {off_type(-1)};
    setg(eback(), eback() + to, egptr());
    return {to};
  }
  pos_type seekpos(pos_type position, std::ios_base::openmode mode) override {
    return seekoff(off_type(position), std::ios_base::beg, mode);
  }
};

struct NamedEngine {
  at::QEngine engine;
  const char* name;
};
// In the order in which we prefer them. x86 is fbgemm, with oneDNN where that is faster.
constexpr std::array<NamedEngine, 4> kEngines = {{{at::QEngine::X86, "x86"},
                                                  {at::QEngine::FBGEMM, "fbgemm"},
                                                  {at::QEngine::ONEDNN, "onednn"},
                                                  {at::QEngine::QNNPACK, "qnnpack"}}};

bool Supports(at::QEngine engine) {
  const auto& supported = at::globalContext().supportedQEngines();
  return std::find(supported.begin(), supported.end(), engine) != supported.end();
}

}  // namespace

torch::jit::Module LoadArchive(const void* bytes, std::uint64_t size, std::string* extra) {
  MemoryBuffer buffer(bytes, size);
  std::istream stream(&buffer);
  std::unordered_map<std::string, std::string> files = {{kExtraFile, ""}};
  torch::jit::Module module = torch::jit::load(stream, torch::kCPU, files);
  module.eval();
  if (extra != nullptr) *extra = files[kExtraFile];
  return module;
}

std::vector<std::string> QuantizedEngines() {
  std::vector<std::string> names;
  for (const NamedEngine& known : kEngines) {
    if (Supports(known.engine)) names.emplace_back(known.name);
  }
  return names;
}

std::string UseQuantizedEngine(const std::string& name) {
  std::string all;
  for (const NamedEngine& known : kEngines) {
    if (!Supports(known.engine)) continue;
    if (name.empty() || name == known.name) {
      at::globalContext().setQEngine(known.engine);
      return known.name;
    }
    all += (all.empty() ? "" : ", ") + std::string(known.name);
  }
  if (all.empty()) return "none";
  throw std::runtime_error("this libtorch has no quantized engine \"" + name + "\" (it has " + all +
                           ")");
}

}  // namespace quantbench
