// Decoding: encoded messages into the structures of the door.
#pragma once

#include <memory>
#include <string_view>

#include "quantbench/model.h"

#include "model/external_data.h"

namespace quantbench {

// Reads messages recursively. Their bytes were surveyed before, so depth and sizes are within the
// limits. Views share `owner`. Everything may throw wire::WireError.
class Decoder {
 public:
  // `file`: the mapped file the messages lie in, null when there is none. Reading the head of a
  // tensor makes a kernel map megabytes of payload around it; those pages are given back.
  Decoder(std::shared_ptr<const void> owner, const ExternalData& external, const MappedFile* file)
      : owner_(std::move(owner)), external_(external), file_(file) {}

  void ReadModel(std::string_view bytes, Model* model) const;
  [[nodiscard]] Graph ReadGraph(std::string_view bytes) const;
  [[nodiscard]] Node ReadNode(std::string_view bytes) const;
  [[nodiscard]] Attribute ReadAttribute(std::string_view bytes) const;
  [[nodiscard]] Initializer ReadInitializer(std::string_view bytes) const;
  [[nodiscard]] ValueInfo ReadValueInfo(std::string_view bytes) const;

 private:
  [[nodiscard]] Bytes View(std::string_view bytes) const;

  std::shared_ptr<const void> owner_;
  const ExternalData& external_;
  const MappedFile* file_;
};

// Fields whose pages are given back once their head was read.
inline constexpr std::size_t kLargePayload = 256U << 10U;

[[nodiscard]] Dimension ReadDimension(std::string_view bytes);

}  // namespace quantbench
