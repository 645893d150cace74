// Finding equal tensors: a few numbers first, then a hash of all, then all.
#include "graph/same_numbers.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "quantbench/base/format.h"
#include "quantbench/base/random.h"
#include "quantbench/graph.h"

namespace quantbench {
namespace {

using ByteView = std::span<const std::byte>;
using Places = std::vector<std::size_t>;  // of initializers in the graph

// A running hash. Collisions cost time, never correctness.
class Hash {
 public:
  void Add(std::uint64_t word) {
    state_ = (state_ ^ word) * 0x9E3779B97F4A7C15U;
    state_ ^= state_ >> 32U;
  }
  [[nodiscard]] std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_ = 0x243F6A8885A308D3U;
};

std::uint64_t HashOfAll(ByteView bytes) {
  Hash hash;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, sizeof(word));
    hash.Add(word);
  }
  for (; i < bytes.size(); ++i) hash.Add(static_cast<std::uint64_t>(bytes[i]));
  return hash.value();
}

// Of some bytes all over the tensor. Each lies on a page of its own, which may have to be fetched.
std::uint64_t HashOfSome(ByteView bytes) {
  constexpr int kSamples = 16;
  Hash hash;
  Random random(bytes.size());
  for (int i = 0; i < kSamples && !bytes.empty(); ++i) {
    hash.Add(static_cast<std::uint64_t>(bytes[random.Below(bytes.size())]));
  }
  return hash.value();
}

bool IsFloat(DataType type) {
  return type == DataType::kFloat32 || type == DataType::kFloat16 || type == DataType::kBfloat16 ||
         type == DataType::kFloat64;
}

template <typename Key>
using Groups = std::map<Key, Places>;

// The groups of two and more.
template <typename Key>
std::vector<Places> Suspects(Groups<Key> groups) {
  std::vector<Places> suspects;
  for (auto& [key, places] : groups) {
    if (places.size() > 1) suspects.push_back(std::move(places));
  }
  return suspects;
}

class Merger {
 public:
  explicit Merger(Model* model) : graph_(model->graph) {}

  Status Run(std::vector<std::string>* notes) {
    Groups<std::tuple<DataType, Shape>> alike;
    for (std::size_t i = 0; i < graph_.initializers.size(); ++i) {
      const Initializer& tensor = graph_.initializers[i];
      if (IsFloat(tensor.type)) alike[{tensor.type, tensor.dims}].push_back(i);
    }
    for (const Places& group : Suspects(std::move(alike))) QB_OK(Compare(group));
    if (first_.empty()) return Ok();
    Apply();
    notes->push_back(Format("{} initializers that repeat another ({}) merged into it",
                            first_.size(), FormatBytes(bytes_)));
    return Ok();
  }

 private:
  Status Compare(const Places& group) {
    Groups<std::uint64_t> by_some;
    for (const std::size_t i : group) {
      QB_TRY(const Bytes payload, PayloadOf(graph_.initializers[i]));
      by_some[HashOfSome(payload.view)].push_back(i);
      payload.Release(payload.view);
    }
    for (const Places& suspects : Suspects(std::move(by_some))) QB_OK(CompareAll(suspects));
    return Ok();
  }

  Status CompareAll(const Places& suspects) {
    Groups<std::uint64_t> by_all;
    for (const std::size_t i : suspects) {
      QB_TRY(const Bytes payload, PayloadOf(graph_.initializers[i]));
      by_all[HashOfAll(payload.view)].push_back(i);
      payload.Release(payload.view);
    }
    for (const Places& equal : Suspects(std::move(by_all))) {
      QB_TRY(const Bytes first, PayloadOf(graph_.initializers[equal[0]]));
      for (std::size_t k = 1; k < equal.size(); ++k) {
        QB_TRY(const Bytes other, PayloadOf(graph_.initializers[equal[k]]));
        if (std::equal(first.view.begin(), first.view.end(), other.view.begin(),
                       other.view.end())) {
          first_.emplace(equal[k], equal[0]);
          bytes_ += other.size();
        }
        other.Release(other.view);
      }
      first.Release(first.view);
    }
    return Ok();
  }

  void Apply() {
    std::map<std::string, std::string, std::less<>> renames;
    std::unordered_set<std::string> repeated;
    for (const auto& [other, first] : first_) {
      renames.emplace(graph_.initializers[other].name, graph_.initializers[first].name);
      repeated.insert(graph_.initializers[other].name);
    }
    RenameReads(renames, &graph_);
    RemoveUnread(repeated, &graph_);  // one that is an output stays
  }

  Graph& graph_;
  std::unordered_map<std::size_t, std::size_t> first_;  // a repeated one -> the first like it
  std::uint64_t bytes_ = 0;
};

}  // namespace

Status MergeDuplicates(Model* model, std::vector<std::string>* notes) {
  return Merger(model).Run(notes);
}

}  // namespace quantbench
