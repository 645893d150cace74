// Any bytes as a model: read, checked, written back unchanged, then edited, written and read again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "quantbench/model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quantbench;  // NOLINT(google-build-using-namespace)
  const auto input = std::as_bytes(std::span(data, size));
  auto parsed = ParseModel(Bytes::Own({input.begin(), input.end()}));
  if (!parsed.ok()) return 0;
  Model& model = parsed.value();
  const bool sound = CheckModel(model).ok();
  const auto same = EncodeToBytes(model);
  QB_CHECK(same.ok() && std::ranges::equal(same.value(), input), "an unedited model changed");

  model.graph.name += "!";
  for (Node& node : model.graph.nodes) {
    node.name += "!";
    for (Attribute& attribute : node.attributes) attribute.name += "!";
  }
  for (ValueInfo& value : model.graph.value_infos) value.name += "!";
  auto edited = EncodeToBytes(model);
  QB_CHECK(edited.ok(), "an edited model cannot be written");
  const auto again = ParseModel(Bytes::Own(std::move(edited).value()));
  QB_CHECK(again.ok(), "what was written cannot be read");
  QB_CHECK(CheckModel(again.value()).ok() == sound, "an edit of names changed the structure");
  QB_CHECK(again.value().graph.nodes.size() == model.graph.nodes.size(), "nodes were lost");
  return 0;
}
