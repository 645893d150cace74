// From token ids to the inputs of a text model: ids, mask, types, positions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/data.h"

namespace quantbench {

class TextInputs {
 public:
  // Inputs are told apart by name: "mask" has ones, "type" or "segment" 0 and 1, "position" counts,
  // the one that is left has the ids; rules of the data set (constant, array "ids", "mask", "types"
  // or "positions") go first. A fixed length of the model pads every sample to it.
  static Result<TextInputs> Make(const DataSpec& spec, const std::vector<InputSpec>& inputs);

  [[nodiscard]] Result<std::vector<Tensor>> Fill(std::string_view text,
                                                 const std::string* pair) const;
  // Of ids that are there already.
  [[nodiscard]] Result<std::vector<Tensor>> FillIds(const Tokenizer::Encoding& encoding) const;
  [[nodiscard]] std::optional<double> Padding(std::size_t input) const;
  [[nodiscard]] const Tokenizer* tokenizer() const { return tokenizer_.get(); }
  [[nodiscard]] std::int64_t max_length() const { return max_length_; }
  [[nodiscard]] std::int64_t fixed_length() const { return fixed_length_; }  // 0: free

 private:
  enum class Role : std::uint8_t { kIds, kMask, kTypes, kPositions, kConstant };
  struct Slot {
    InputSpec input;
    Role role = Role::kIds;
    double constant = 0;
    std::int64_t length = -1;  // fixed by the model; -1: free
  };
  static Result<Role> RoleOf(const InputSpec& input, const DataSpec& spec);
  [[nodiscard]] double ValueAt(const Slot& slot, const Tokenizer::Encoding& encoding,
                               std::size_t at) const;

  std::shared_ptr<const Tokenizer> tokenizer_;  // null for kind "tokens" of arrays
  std::vector<Slot> slots_;
  std::int64_t max_length_ = 0;
  std::int64_t fixed_length_ = 0;
};

}  // namespace quantbench
