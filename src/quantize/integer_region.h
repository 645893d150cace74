// The integer region: which nodes of a graph compute on codes, given which layers must.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "quantize/planner.h"

namespace quantbench {

// What a clamp lets through.
struct ClampBounds {
  double low = 0;
  double high = 0;
};

// Nodes by their index in the outer graph. A member takes codes; whether its output leaves as
// codes:
//   Conv and everything between layers: always (the engine has no other kernel);
//   MatMul, Gemm: when only members read it, so that logits and residual sums stay float.
// A Relu or Clip that alone reads a member's output is absorbed: the range of what it lets through
// takes the place of the member's own. So is the Add that holds the bias of a Conv.
class IntegerRegion {
 public:
  // The largest region that holds every key of `anchors` (its value: the Add that holds its bias,
  // or -1) and,
  // of the other operators, those that lie between members: some activation comes from a member,
  // some member reads the output. Nodes in `excluded` are outside.
  [[nodiscard]] static IntegerRegion Grow(const PlanContext& context,
                                          const std::map<std::int64_t, std::int64_t>& anchors,
                                          const std::map<std::int64_t, std::string>& excluded);

  [[nodiscard]] bool IsMember(std::int64_t node) const { return members_.contains(node); }
  // The node that absorbed this one; -1: none did.
  [[nodiscard]] std::int64_t AbsorbedBy(std::int64_t node) const;
  [[nodiscard]] bool OutputsCodes(std::int64_t node) const { return coded_.contains(node); }
  // The tensors that a member computes, absorbed nodes skipped.
  [[nodiscard]] std::vector<std::string> OutputsOf(std::int64_t node) const;
  // Activations that a member takes; constants are not among them.
  [[nodiscard]] std::vector<std::string> InputsOf(std::int64_t node) const;
  // Of a tensor whose range stands in for a Relu or Clip; null: of no such tensor.
  [[nodiscard]] const ClampBounds* ClampOf(const std::string& tensor) const;
  // Of a member that only multiplies by a positive constant, which costs nothing: its output has
  // the codes of its input and `factor` times the scale. 0: no such member.
  [[nodiscard]] double FactorOf(std::int64_t node) const;
  // Every tensor that has codes.
  [[nodiscard]] std::set<std::string> Activations() const;
  [[nodiscard]] const std::set<std::int64_t>& members() const { return members_; }

 private:
  explicit IntegerRegion(const PlanContext& context) : context_(&context) {}
  [[nodiscard]] const Node& NodeAt(std::int64_t node) const;
  void Absorb(const std::map<std::int64_t, std::int64_t>& anchors,
              const std::map<std::int64_t, std::string>& excluded);
  void ChooseCoded();
  // Whether any of these was removed because it does not lie between members.
  [[nodiscard]] bool RemoveOutsiders(const std::map<std::int64_t, std::int64_t>& anchors,
                                     std::span<const std::int64_t> order);
  [[nodiscard]] bool LiesBetween(std::int64_t node) const;
  [[nodiscard]] bool AllReadersAreMembers(const std::string& tensor) const;

  const PlanContext* context_;
  std::set<std::int64_t> members_;
  std::set<std::int64_t> coded_;
  std::map<std::int64_t, std::int64_t> absorber_of_;  // absorbed node -> member
  std::map<std::int64_t, std::int64_t> last_of_;      // member -> the last node it absorbed
  std::set<std::string> coded_outputs_;
  std::map<std::string, ClampBounds> clamps_;
};

}  // namespace quantbench
