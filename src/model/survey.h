// Survey: one walk over every message of an untrusted model before anything is made of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "quantbench/model.h"

#include "model/decode.h"
#include "model/schema.h"
#include "model/wire.h"

namespace quantbench {

// Checks what the decoder and everyone after it rely on: messages are well-formed to the last
// nested one, known fields have their wire type, single messages come once, depth, counts and
// strings keep the limits, and every tensor, wherever it hides, is stored in one lawful way, with
// external data inside the model's folder. Payloads are not looked at.
class Survey {
 public:
  Survey(const Decoder& decoder, const ModelLimits& limits) : decoder_(decoder), limits_(limits) {}

  // Throws wire::WireError; then where() says at which element.
  void Walk(std::string_view model) { Visit(wire::Message::kModel, model); }

  // "initializer \"fc.weight\"", "node \"conv1\", attribute \"value\"", "node 12"; empty
  // outside of any.
  [[nodiscard]] std::string where() const;
  // Tensors with external data in parts that the door does not show: functions, sparse tensors,
  // training information.
  [[nodiscard]] std::int64_t hidden_external() const { return hidden_external_; }

 private:
  struct Frame {
    wire::Message message;
    std::int64_t index;  // of nodes: how many were seen
    std::string_view name;
  };
  void Visit(wire::Message message, std::string_view bytes);
  void VisitField(wire::Message message, const wire::Reader& reader);
  void CountElement();
  std::int64_t Count(wire::Message message);
  void CheckTensor(std::string_view bytes);

  const Decoder& decoder_;
  ModelLimits limits_;
  std::vector<Frame> frames_;  // from the model to where the walk is; left as it is by a throw
  std::int64_t elements_ = 0;
  std::int64_t nodes_ = 0;
  std::int64_t initializers_ = 0;
  std::int64_t hidden_external_ = 0;
  int hidden_ = 0;  // how many frames are of parts that the door does not show
};

}  // namespace quantbench
