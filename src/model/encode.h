// Encoding: structures back into messages, passing through what did not change.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "quantbench/model.h"

#include "model/decode.h"
#include "model/piece.h"
#include "model/rope.h"
#include "model/same.h"
#include "model/wire.h"

namespace quantbench {

// An element is unchanged when reading its origin again gives the same fields; then its origin is
// written as it is. Otherwise its fields are written in the order of their numbers, followed by the
// fields of its origin that this room does not know. Throws wire::WireError for an origin that is
// no message.
class Encoder {
 public:
  explicit Encoder(const Model& model);

  wire::Rope Encode(const Model& model);
  wire::Rope Encode(const Graph& graph);
  wire::Rope Encode(const Node& node);
  wire::Rope Encode(const Attribute& attribute);
  wire::Rope Encode(const Initializer& tensor);
  wire::Rope Encode(const ValueInfo& value);

 private:
  template <typename T>
  bool Unchanged(const T& value, T (Decoder::*read)(std::string_view) const) const;

  ExternalData::Files files_;
  ExternalData external_;
  Decoder decoder_;
};

// A message as pieces to be written one after the other. They view what the model views and keep
// it alive.
struct EncodedModel {
  std::vector<Piece> pieces;
  std::uint64_t size = 0;
};
// Over 2 GB: kUnsupported.
[[nodiscard]] Result<EncodedModel> EncodeModel(const Model& model);

// The fields of `origin` whose numbers are not among `known`, as they were written.
void AppendUnknown(const Bytes& origin, std::initializer_list<std::uint32_t> known,
                   wire::Rope* rope);

template <typename T>
bool Encoder::Unchanged(const T& value, T (Decoder::*read)(std::string_view) const) const {
  if (value.origin.view.empty()) return false;
  try {
    return Same((decoder_.*read)(wire::Text(value.origin.view)), value);
  } catch (const wire::WireError&) {
    return false;  // taken from another model, whose external data is not ours
  }
}

}  // namespace quantbench
