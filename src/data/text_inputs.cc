// From token ids to the inputs of a text model.
#include "data/text_inputs.h"

#include <algorithm>
#include <array>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr std::int64_t kUsualLength = 512;

bool NameHas(std::string_view name, std::string_view part) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  return std::search(name.begin(), name.end(), part.begin(), part.end(), same) != name.end();
}

}  // namespace

Result<TextInputs::Role> TextInputs::RoleOf(const InputSpec& input, const DataSpec& spec) {
  const auto rule = spec.inputs.find(input.name);
  if (rule != spec.inputs.end()) {
    if (rule->second.constant) return Role::kConstant;
    if (!rule->second.nonzero_of.empty()) return Role::kMask;
    constexpr auto kRoles = std::to_array<std::pair<std::string_view, Role>>({
        {"ids", Role::kIds},
        {"mask", Role::kMask},
        {"types", Role::kTypes},
        {"positions", Role::kPositions},
    });
    for (const auto& [name, role] : kRoles) {
      if (rule->second.array == name) return role;
    }
    return Error(ErrorCode::kInvalidArgument,
                 Format("input \"{}\" of text is \"ids\", \"mask\", \"types\", \"positions\" or a "
                        "number, not \"{}\"",
                        Printable(input.name), Printable(rule->second.array)));
  }
  if (NameHas(input.name, "mask")) return Role::kMask;
  if (NameHas(input.name, "type") || NameHas(input.name, "segment")) return Role::kTypes;
  return NameHas(input.name, "position") ? Role::kPositions : Role::kIds;
}

Result<TextInputs> TextInputs::Make(const DataSpec& spec, const std::vector<InputSpec>& inputs) {
  TextInputs made;
  if (!spec.text.tokenizer.empty() || spec.kind == "text") {
    QB_TRY(std::unique_ptr<Tokenizer> tokenizer, LoadTokenizer(spec.text));
    made.tokenizer_ = std::move(tokenizer);
  }
  std::int64_t ids = 0;
  for (const InputSpec& input : inputs) {
    Slot slot;
    slot.input = input;
    QB_TRY(slot.role, RoleOf(input, spec));
    ids += slot.role == Role::kIds ? 1 : 0;
    if (slot.role == Role::kConstant) {
      slot.constant = *spec.inputs.at(input.name).constant;
    } else if (input.dims.size() != 2) {
      return Error(ErrorCode::kInvalidArgument,
                   Format("input \"{}\" has {} dimensions; token ids have two, batch and length",
                          Printable(input.name), input.dims.size()));
    } else {
      slot.length = input.dims[1];
      made.fixed_length_ = std::max(made.fixed_length_, slot.length);
    }
    made.slots_.push_back(std::move(slot));
  }
  if (ids != 1) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("{} inputs would take token ids; say which in `inputs`: "
                        "{{ input_ids = \"ids\" }}",
                        ids));
  }
  made.max_length_ = spec.text.max_length > 0 ? spec.text.max_length : kUsualLength;
  if (made.fixed_length_ > 0) {
    made.max_length_ = std::min(made.max_length_, made.fixed_length_);
  }
  return made;
}

double TextInputs::ValueAt(const Slot& slot, const Tokenizer::Encoding& encoding,
                           std::size_t at) const {
  const bool there = at < encoding.ids.size();
  switch (slot.role) {
    case Role::kIds:
      if (there) return encoding.ids[at];
      return tokenizer_ == nullptr ? 0 : tokenizer_->pad();
    case Role::kMask: return there ? 1 : 0;
    case Role::kTypes: return there ? encoding.types[at] : 0;
    case Role::kPositions: return static_cast<double>(at);
    case Role::kConstant: return slot.constant;
  }
  return 0;
}

Result<std::vector<Tensor>> TextInputs::Fill(std::string_view text, const std::string* pair) const {
  QB_TRY(const Tokenizer::Encoding encoding, tokenizer_->Encode(text, pair, max_length_));
  if (encoding.ids.empty()) return Error(ErrorCode::kMalformed, "the text has no tokens");
  return FillIds(encoding);
}

Result<std::vector<Tensor>> TextInputs::FillIds(const Tokenizer::Encoding& encoding) const {
  std::vector<Tensor> tensors;
  for (const Slot& slot : slots_) {
    Shape shape;
    if (slot.role == Role::kConstant) {
      shape.assign(slot.input.dims.begin() + (slot.input.batched ? 1 : 0), slot.input.dims.end());
      for (std::int64_t& dim : shape) dim = std::max<std::int64_t>(dim, 1);
    } else {
      const auto length = static_cast<std::int64_t>(encoding.ids.size());
      if (slot.length >= 0 && length > slot.length) {
        return Error(ErrorCode::kMalformed, Format("{} tokens, input \"{}\" takes {}", length,
                                                   Printable(slot.input.name), slot.length));
      }
      shape = {slot.length >= 0 ? slot.length : length};
    }
    QB_TRY(const std::int64_t count, ElementCount(shape));
    std::vector<double> values(static_cast<std::size_t>(count));
    for (std::size_t at = 0; at < values.size(); ++at) values[at] = ValueAt(slot, encoding, at);
    QB_TRY(Tensor tensor, FromDoubles(slot.input.type, std::move(shape), values));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

std::optional<double> TextInputs::Padding(std::size_t input) const {
  const Slot& slot = slots_[input];
  if (slot.role == Role::kIds && tokenizer_ != nullptr) return tokenizer_->pad();
  if (slot.role == Role::kConstant) return std::nullopt;
  return slot.role == Role::kPositions ? std::nullopt : std::optional<double>(0);
}

}  // namespace quantbench
