// Finding the numbers of tensors in files that an untrusted model names.
#include "model/external_data.h"

#include <charconv>
#include <optional>

#include "quantbench/base/format.h"

#include "model/fields.h"
#include "model/wire.h"

namespace quantbench {
namespace {

using wire::WireError;

std::uint64_t ParseNumber(std::string_view key, std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    throw WireError{
        Format("external data: {} \"{}\" is not a number of bytes", key, Printable(text))};
  }
  return value;
}

// What a tensor says about where its numbers lie.
struct Entries {
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
};

void ParseEntry(std::string_view encoded, Entries* entries) {
  std::string_view key;
  std::string_view value;
  for (wire::Reader reader(encoded); reader.Next();) {
    if (reader.field() == wire::entry::kKey) key = reader.Bytes();
    if (reader.field() == wire::entry::kValue) value = reader.Bytes();
  }
  if (key == "location") {
    entries->location = value;
  } else if (key == "offset") {
    entries->offset = ParseNumber(key, value);
  } else if (key == "length") {
    entries->length = ParseNumber(key, value);
  } else if (key != "checksum" && key != "basepath") {
    throw WireError{Format("external data: unknown key \"{}\"", Printable(key))};
  }
}

// The length of a tensor that gives none: all that is left of the file, which must be its size.
std::uint64_t RestOf(std::uint64_t rest, const Initializer& tensor) {
  if (!IsKnown(tensor.type)) return rest;
  const auto wanted = ByteCount(tensor.type, tensor.dims);
  if (!wanted.ok()) throw WireError{"external data: " + wanted.error().message()};
  if (wanted.value() != rest) {
    throw WireError{Format("external data: the tensor needs {} bytes, and {} are left in the file",
                           wanted.value(), rest)};
  }
  return rest;
}

}  // namespace

std::shared_ptr<const MappedFile> ExternalData::Open(const std::string& location) const {
  if (location.find("_ORT_MEM_ADDR_") != std::string::npos) {
    throw WireError{"external data: a memory address is not a file"};
  }
  if (const auto known = files_->find(location); known != files_->end()) return known->second;
  if (folder_.empty()) throw WireError{"external data: a model in memory has none"};
  auto file = MappedFile::OpenBeneath(folder_, location);
  if (!file.ok()) throw WireError{"external data: " + file.error().message()};
  files_->emplace(location, file.value());
  return std::move(file).value();
}

void ExternalData::Attach(const std::vector<std::string_view>& encoded, Initializer* tensor) const {
  Entries entries;
  for (const std::string_view entry : encoded) ParseEntry(entry, &entries);
  const auto file = Open(entries.location);
  const std::uint64_t size = file->bytes().size();
  if (entries.offset > size) {
    throw WireError{Format("external data: offset {} is beyond the {} bytes of \"{}\"",
                           entries.offset, size, Printable(entries.location))};
  }
  const std::uint64_t rest = size - entries.offset;
  const std::uint64_t length = entries.length ? *entries.length : RestOf(rest, *tensor);
  if (length > rest) {
    throw WireError{Format("external data: {} bytes from {} go beyond the {} bytes of \"{}\"",
                           length, entries.offset, size, Printable(entries.location))};
  }
  tensor->storage = Storage::kExternal;
  tensor->external = {entries.location, entries.offset, length};
  tensor->data = Bytes::Of(file, file->bytes().subspan(entries.offset, length));
}

}  // namespace quantbench
