// Synthetic samples: seeded values that look like what the inputs' names and types ask for.
#include <algorithm>
#include <array>
#include <cctype>

#include "quantbench/base/format.h"
#include "quantbench/base/random.h"
#include "quantbench/data.h"

namespace quantbench {
namespace {

constexpr std::int64_t kSequence = 32;  // tokens, where a dimension looks like a sequence
constexpr std::int64_t kOther = 16;

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

bool Mentions(std::string_view name, std::initializer_list<std::string_view> words) {
  const std::string lower = Lower(name);
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

enum class Fill : std::uint8_t { kNormal, kTokens, kOnes, kZeros };

Fill FillOf(const InputSpec& input) {
  if (IsFloatingPoint(input.type)) return Fill::kNormal;
  if (input.type == DataType::kBool || Mentions(input.name, {"mask"})) return Fill::kOnes;
  if (Mentions(input.name, {"type", "segment", "position"})) return Fill::kZeros;
  const bool wide = input.type == DataType::kInt64 || input.type == DataType::kInt32;
  if (wide && input.rows > 0) return Fill::kTokens;
  if (wide && input.dims.size() >= 2 && Mentions(input.name, {"id", "token"})) return Fill::kTokens;
  return Fill::kZeros;
}

// Sizes without the batch, free dimensions resolved and noted.
Shape ResolveShape(const InputSpec& input, const SyntheticSpec& spec,
                   std::vector<std::string>* notes) {
  Shape shape;
  for (std::size_t axis = input.batched ? 1 : 0; axis < input.dims.size(); ++axis) {
    std::int64_t size = input.dims[axis];
    if (size < 0) {
      const std::string& name = input.dim_names[axis];
      const std::string place = Format("{}:{}", input.name, axis);
      if (const auto found = spec.dims.find(place); found != spec.dims.end()) {
        size = found->second;
      } else if (const auto named = spec.dims.find(name);
                 !name.empty() && named != spec.dims.end()) {
        size = named->second;
      } else {
        const bool sequence = Mentions(name, {"seq", "len", "token", "time"}) ||
                              FillOf(input) == Fill::kTokens || FillOf(input) == Fill::kOnes;
        size = sequence ? kSequence : kOther;
        notes->push_back(Format("free dimension {} of input \"{}\" set to {}",
                                name.empty() ? Format("{}", axis) : Printable(name),
                                Printable(input.name), size));
      }
    }
    shape.push_back(size);
  }
  return shape;
}

class SyntheticDataset final : public Dataset {
 public:
  SyntheticDataset(SyntheticSpec spec, std::vector<InputSpec> inputs, std::vector<Shape> shapes)
      : spec_(std::move(spec)), inputs_(std::move(inputs)), shapes_(std::move(shapes)) {}

  [[nodiscard]] std::int64_t size() const override { return spec_.samples; }
  [[nodiscard]] bool has_labels() const override { return false; }

  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    Sample sample;
    sample.name = Format("synthetic #{}", index);
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      // Each input of each sample has a sequence of its own: samples are independent of the others.
      Random random(spec_.seed * 1'000'003 + static_cast<std::uint64_t>(index) * 1009 + i);
      QB_TRY(const std::int64_t count, ElementCount(shapes_[i]));
      std::vector<double> values(static_cast<std::size_t>(count));
      for (double& value : values) value = Draw(inputs_[i], &random);
      QB_TRY(Tensor tensor, FromDoubles(inputs_[i].type, shapes_[i], values));
      sample.inputs.push_back(std::move(tensor));
    }
    return sample;
  }

 private:
  [[nodiscard]] double Draw(const InputSpec& input, Random* random) const {
    const auto constant = spec_.constants.find(input.name);
    if (constant != spec_.constants.end()) return constant->second;
    switch (FillOf(input)) {
      case Fill::kNormal: return random->Normal();
      case Fill::kTokens: return static_cast<double>(random->Below(TokensOf(input)));
      case Fill::kOnes: return 1;
      case Fill::kZeros: return 0;
    }
    return 0;
  }

  // An id that its table lacks would end the pass.
  [[nodiscard]] std::uint64_t TokensOf(const InputSpec& input) const {
    const std::int64_t rows = input.rows > 0 ? input.rows : spec_.vocabulary;
    return static_cast<std::uint64_t>(std::min(rows, spec_.vocabulary));
  }

  SyntheticSpec spec_;
  std::vector<InputSpec> inputs_;
  std::vector<Shape> shapes_;
};

}  // namespace

Result<std::unique_ptr<Dataset>> MakeSynthetic(const SyntheticSpec& spec,
                                               const std::vector<InputSpec>& inputs,
                                               std::vector<std::string>* notes) {
  if (spec.samples < 1 || spec.vocabulary < 1) {
    return Error(ErrorCode::kInvalidArgument,
                 "synthetic data needs at least one sample and one token");
  }
  std::vector<Shape> shapes;
  for (const InputSpec& input : inputs) {
    shapes.push_back(ResolveShape(input, spec, notes));
    if (input.type == DataType::kString || !IsKnown(input.type)) {
      return Error(ErrorCode::kUnsupported, Format("input \"{}\" of {} has no synthetic values",
                                                   Printable(input.name), Name(input.type)));
    }
    QB_TRY(const std::uint64_t bytes, ByteCount(input.type, shapes.back()));
    if (bytes > (std::uint64_t{4} << 30U)) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("input \"{}\" of shape {} is too large", Printable(input.name),
                          ToString(shapes.back())));
    }
  }
  return std::unique_ptr<Dataset>(
      std::make_unique<SyntheticDataset>(spec, inputs, std::move(shapes)));
}

}  // namespace quantbench
