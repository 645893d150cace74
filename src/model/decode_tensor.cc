// Decoding: tensors, and the external files that an untrusted model names.
#include <charconv>

#include <protozero/pbf_reader.hpp>

#include "model/decode.h"
#include "model/wire.h"
#include "quantbench/base/format.h"

namespace quantbench {
namespace {

using protozero::pbf_reader;

std::string_view ViewOf(pbf_reader* reader) {
  const protozero::data_view view = reader->get_view();
  return {view.data(), view.size()};
}

void AppendDims(pbf_reader* reader, Shape* dims) {
  if (reader->wire_type() == protozero::pbf_wire_type::length_delimited) {
    for (const std::int64_t dim : reader->get_packed_int64()) dims->push_back(dim);
  } else {
    dims->push_back(reader->get_int64());
  }
  if (dims->size() > 64) throw DecodeError{"more than 64 dimensions"};
}

std::uint64_t ParseNumber(std::string_view key, std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    throw DecodeError{Format("external data: {} \"{}\" is not a number of bytes", key, Printable(text))};
  }
  return value;
}

// What a tensor says about where its numbers lie.
struct ExternalEntries {
  ExternalLocation location;
  bool has_length = false;
};

ExternalEntries ParseEntries(const std::vector<std::string_view>& entries) {
  ExternalEntries parsed;
  for (const std::string_view bytes : entries) {
    pbf_reader reader{bytes.data(), bytes.size()};
    std::string key;
    std::string value;
    while (reader.next()) {
      switch (reader.tag()) {
        case wire::entry::kKey: key = reader.get_string(); break;
        case wire::entry::kValue: value = reader.get_string(); break;
        default: reader.skip();
      }
    }
    if (key == "location") {
      parsed.location.location = value;
    } else if (key == "offset") {
      parsed.location.offset = ParseNumber(key, value);
    } else if (key == "length") {
      parsed.location.length = ParseNumber(key, value);
      parsed.has_length = true;
    } else if (key != "checksum" && key != "basepath") {
      throw DecodeError{Format("external data: unknown key \"{}\"", Printable(key))};
    }
  }
  return parsed;
}

}  // namespace

Initializer Decoder::ReadInitializer(std::string_view bytes) {
  if (++initializers_ > limits_.initializers) {
    throw DecodeError{Format("more than {} tensors", limits_.initializers)};
  }
  Initializer tensor;
  tensor.origin = View(bytes);
  std::vector<std::string_view> entries;
  bool external = false;
  bool raw = false;
  bool typed = false;
  pbf_reader reader{bytes.data(), bytes.size()};
  while (reader.next()) {
    switch (reader.tag()) {
      case wire::tensor::kDims: AppendDims(&reader, &tensor.dims); break;
      case wire::tensor::kDataType: tensor.type = static_cast<DataType>(reader.get_int32()); break;
      case wire::tensor::kName:
        tensor.name = Name(ViewOf(&reader), "tensor name");
        where_ = Format("initializer \"{}\"", Printable(tensor.name));
        break;
      case wire::tensor::kRawData:
        raw = true;
        tensor.data = View(ViewOf(&reader));
        break;
      case wire::tensor::kExternalData: entries.push_back(ViewOf(&reader)); break;
      case wire::tensor::kDataLocation: external = reader.get_enum() == 1; break;
      case wire::tensor::kSegment: throw DecodeError{"tensors in segments are not supported"};
      case wire::tensor::kFloatData:
      case wire::tensor::kInt32Data:
      case wire::tensor::kStringData:
      case wire::tensor::kInt64Data:
      case wire::tensor::kDoubleData:
      case wire::tensor::kUint64Data:
        typed = true;
        reader.skip();
        break;
      default: reader.skip();
    }
  }
  if (raw && typed) throw DecodeError{"numbers are given twice, as raw and as typed data"};
  if (external) {
    ReadExternal(entries, &tensor);
  } else if (!raw) {
    tensor.storage = Storage::kTyped;
  }
  return tensor;
}

void Decoder::ReadExternal(const std::vector<std::string_view>& entries, Initializer* tensor) {
  ExternalEntries parsed = ParseEntries(entries);
  const std::string& location = parsed.location.location;
  if (files_ == nullptr) throw DecodeError{"external data is not allowed here"};
  if (location.find("_ORT_MEM_ADDR_") != std::string::npos) {
    throw DecodeError{"external data: a memory address is not a file"};
  }
  if (!files_->contains(location)) {
    auto file = MappedFile::OpenBeneath(folder_, location);
    if (!file.ok()) throw DecodeError{"external data: " + file.error().message()};
    (*files_)[location] = std::move(file).value();
  }
  const auto& file = files_->at(location);
  const std::uint64_t size = file->bytes().size();
  if (parsed.location.offset > size) {
    throw DecodeError{Format("external data: offset {} is beyond the {} bytes of \"{}\"",
                             parsed.location.offset, size, Printable(location))};
  }
  if (!parsed.has_length) {
    const auto wanted = ByteCount(tensor->type, tensor->dims);
    parsed.location.length = wanted.ok() ? wanted.value() : size - parsed.location.offset;
  }
  if (parsed.location.length > size - parsed.location.offset) {
    throw DecodeError{Format("external data: {} bytes from {} go beyond the {} bytes of \"{}\"",
                             parsed.location.length, parsed.location.offset, size,
                             Printable(location))};
  }
  tensor->storage = Storage::kExternal;
  tensor->external = parsed.location;
  tensor->data = {file, file->bytes().subspan(parsed.location.offset, parsed.location.length)};
}

}  // namespace quantbench
