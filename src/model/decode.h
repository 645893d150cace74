// Decoding: messages of an untrusted model into the structures of the door.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "quantbench/model.h"

namespace quantbench {

// Malformed input inside a message; caught at the room's border. Thrown, because the wire library
// throws as well and both end at the same place.
struct DecodeError {
  std::string what;
};

// Reads messages recursively. Every function may throw DecodeError or the wire library's exceptions.
class Decoder {
 public:
  // `folder`: where external data lies; empty: external data is refused. `files` collects it.
  Decoder(std::shared_ptr<const void> owner, std::filesystem::path folder, const ModelLimits& limits,
          std::map<std::string, std::shared_ptr<const MappedFile>, std::less<>>* files)
      : owner_(std::move(owner)), folder_(std::move(folder)), limits_(limits), files_(files) {}

  void Read(std::string_view bytes, Model* model);
  Graph ReadGraph(std::string_view bytes);
  Node ReadNode(std::string_view bytes);
  Attribute ReadAttribute(std::string_view bytes);
  Initializer ReadInitializer(std::string_view bytes);
  ValueInfo ReadValueInfo(std::string_view bytes);

  // The element last entered, for messages: "initializer \"fc.weight\"".
  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  class Level;
  Bytes View(std::string_view bytes) const;
  std::string Name(std::string_view bytes, std::string_view what) const;
  void ReadSparse(std::string_view bytes);
  void ReadFunction(std::string_view bytes);
  void ReadExternal(const std::vector<std::string_view>& entries, Initializer* tensor);

  std::shared_ptr<const void> owner_;
  std::filesystem::path folder_;
  ModelLimits limits_;
  std::map<std::string, std::shared_ptr<const MappedFile>, std::less<>>* files_;
  int depth_ = 0;
  std::int64_t nodes_ = 0;
  std::int64_t initializers_ = 0;
  std::string where_ = "the beginning";
};

// Runs `read`, turning what it throws into one kMalformed line that names `where`.
Status CatchDecodeErrors(const Decoder& decoder, const std::function<void()>& read);

}  // namespace quantbench
