// Inputs of a model, as people write them.
#include <algorithm>
#include <charconv>

#include "quantbench/base/format.h"
#include "quantbench/data.h"

namespace quantbench {
namespace {

constexpr std::size_t kMostInputRank = 64;

bool HasFreeFirst(const InputSpec& input) {
  return !input.dims.empty() && input.dims.front() < 0;
}

bool IsWord(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
    return c == ' ' || c == '=' || c == '[' || c == ']' || static_cast<unsigned char>(c) < 0x20;
  });
}

// A size, or the name of a free dimension. False for neither.
bool AddDim(std::string_view text, InputSpec* input) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  std::int64_t size = -1;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), size);
  const bool fixed = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  if (fixed ? size < 0 : !IsWord(text)) return false;
  input->dims.push_back(fixed ? size : -1);
  input->dim_names.emplace_back(fixed ? "" : text);
  return true;
}

}  // namespace

Result<InputSpec> ParseInputSpec(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("input \"{}\": {}, expected NAME=float32[batch,3,224,224]",
                        Printable(text, 200), why));
  };
  const std::size_t open = text.rfind('[');
  if (open == std::string_view::npos || !text.ends_with(']')) return wrong("no shape in [ ]");
  const std::size_t equals = text.rfind('=', open);
  if (equals == std::string_view::npos || equals == 0) return wrong("no name");
  InputSpec input;
  input.name = text.substr(0, equals);
  const auto type = ParseDataType(text.substr(equals + 1, open - equals - 1));
  if (!type.ok()) return wrong(type.error().message());
  input.type = type.value();
  std::string_view dims = text.substr(open + 1, text.size() - open - 2);
  while (!dims.empty()) {
    const std::size_t comma = std::min(dims.find(','), dims.size());
    const bool added = input.dims.size() < kMostInputRank && AddDim(dims.substr(0, comma), &input);
    if (!added || comma + 1 == dims.size()) return wrong("a dimension is no size or word");
    dims.remove_prefix(std::min(comma + 1, dims.size()));
  }
  input.batched = !input.dims.empty();
  return input;
}

std::string ToString(const InputSpec& input) {
  std::string dims;
  for (std::size_t i = 0; i < input.dims.size(); ++i) {
    dims += i == 0 ? "" : ",";
    dims += input.dims[i] >= 0 ? Format("{}", input.dims[i]) : input.dim_names[i];
  }
  return Format("{}={}[{}]", input.name, Name(input.type), dims);
}

void MarkBatched(std::vector<InputSpec>* inputs) {
  const bool any_free = std::any_of(inputs->begin(), inputs->end(), HasFreeFirst);
  const auto ranked = std::find_if(inputs->begin(), inputs->end(),
                                   [](const InputSpec& input) { return !input.dims.empty(); });
  for (InputSpec& input : *inputs) {
    if (input.dims.empty()) {
      input.batched = false;
    } else if (any_free) {
      input.batched = HasFreeFirst(input);
    } else {
      input.batched = input.dims.front() == ranked->dims.front();
    }
  }
}

}  // namespace quantbench
