// Kind "tokens": sequences for a language model: rows of a .npy, or windows of one long stream that
// a .npy (one axis), a .bin (little-endian uint16) or a text file with a tokenizer holds.
#include <algorithm>
#include <cstring>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "data/kinds.h"
#include "data/text_inputs.h"
#include "data/text_lines.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

struct TokenStream {
  std::vector<std::int32_t> ids;
  std::int64_t row = 0;  // > 0: the stream is rows of that many ids
};

Result<TokenStream> ReadTokenArray(const fs::path& path) {
  QB_TRY(const Tensor array, ReadNpy(path));
  if (!IsInteger(array.type) || array.shape.empty() || array.shape.size() > 2) {
    return Error(ErrorCode::kMalformed,
                 Format("{}: {} of shape {} is not a stream or rows of token ids", path.string(),
                        Name(array.type), ToString(array.shape)));
  }
  QB_TRY(const std::vector<double> values, ToDoubles(array));
  TokenStream stream;
  for (const double value : values) {
    if (value < 0 || value > 0x7FFFFFFF) {
      return Error(ErrorCode::kMalformed, Format("{}: {} of element {} is not a token id",
                                                 path.string(), value, stream.ids.size()));
    }
    stream.ids.push_back(static_cast<std::int32_t>(value));
  }
  if (array.shape.size() == 2) stream.row = array.shape[1];
  return stream;
}

Result<TokenStream> ReadTokenBytes(const fs::path& path) {
  QB_TRY(const auto file, MappedFile::Open(path));
  const auto bytes = file->bytes();
  if (bytes.size() % 2 != 0) {
    return Error(ErrorCode::kMalformed,
                 Format("{}: {} bytes are not 16-bit ids", path.string(), bytes.size()));
  }
  TokenStream stream;
  stream.ids.reserve(bytes.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    stream.ids.push_back(std::to_integer<std::int32_t>(bytes[i]) +
                         256 * std::to_integer<std::int32_t>(bytes[i + 1]));
  }
  return stream;
}

Result<TokenStream> ReadTokenText(const fs::path& path, const Tokenizer* tokenizer) {
  if (tokenizer == nullptr) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("{}: text needs `text = {{ tokenizer = ... }}`", path.string()));
  }
  QB_TRY(const TextLines lines, TextLines::Open(path));
  TokenStream stream;
  for (std::int64_t i = 0; i < lines.size(); ++i) {
    auto line = lines.Line(i);
    auto ids = line.ok() ? tokenizer->Ids(std::string(line.value()) + "\n")
                         : Result<std::vector<std::int32_t>>(line.error());
    if (!ids.ok()) return ids.error().Within(Format("{}:{}", path.string(), lines.Number(i)));
    stream.ids.insert(stream.ids.end(), ids.value().begin(), ids.value().end());
  }
  return stream;
}

Result<TokenStream> ReadStream(const fs::path& path, const Tokenizer* tokenizer) {
  if (path.extension() == ".bin") return ReadTokenBytes(path);
  return path.extension() == ".npy" ? ReadTokenArray(path) : ReadTokenText(path, tokenizer);
}

class TokenDataset final : public Dataset {
 public:
  TokenDataset(TokenStream stream, TextInputs inputs, std::int64_t window, std::int64_t stride)
      : stream_(std::move(stream)), inputs_(std::move(inputs)), window_(window), stride_(stride) {}

  [[nodiscard]] std::int64_t size() const override {
    const auto ids = static_cast<std::int64_t>(stream_.ids.size());
    return ids < window_ ? 0 : (ids - window_) / stride_ + 1;
  }
  [[nodiscard]] bool has_labels() const override { return true; }

  // `window_` ids: all but the last are the input, all but the first what it is to say.
  [[nodiscard]] Result<Sample> Get(std::int64_t index) const override {
    const auto begin = stream_.ids.begin() + index * stride_;
    Tokenizer::Encoding encoding;
    std::int64_t length = window_ - 1;  // less where the model (or a measuring cell) fixes it
    if (inputs_.fixed_length() > 0) length = std::min(length, inputs_.fixed_length());
    encoding.ids.assign(begin, begin + length);
    encoding.types.resize(encoding.ids.size());
    Sample sample;
    sample.name = Format("#{}", index);
    sample.targets.assign(begin + 1, begin + length + 1);
    auto filled = inputs_.FillIds(encoding);
    if (!filled.ok()) return filled.error().Within(sample.name);
    sample.inputs = std::move(filled).value();
    return sample;
  }

 private:
  TokenStream stream_;
  TextInputs inputs_;
  std::int64_t window_;
  std::int64_t stride_;
};

}  // namespace

Result<std::unique_ptr<Dataset>> OpenTokens(const DataSpec& spec,
                                            const std::vector<InputSpec>& inputs) {
  QB_TRY(TextInputs filled, TextInputs::Make(spec, inputs));
  QB_TRY(TokenStream stream, ReadStream(spec.path, filled.tokenizer()));
  // Rows keep together; a stream is cut into windows that share one id: the last to say is the
  // first to read.
  const bool rows = stream.row > 0;
  const std::int64_t length = spec.text.length > 0 ? spec.text.length : filled.max_length();
  const std::int64_t window = rows ? stream.row : length + 1;
  const std::int64_t stride = rows ? stream.row : spec.text.stride > 0 ? spec.text.stride : length;
  if (rows && (spec.text.length > 0 || window < 2)) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("{}: rows of {} ids take no `length`, and need two ids", spec.path.string(),
                        window));
  }
  auto dataset =
      std::make_unique<TokenDataset>(std::move(stream), std::move(filled), window, stride);
  if (dataset->size() < 1) {
    return Error(ErrorCode::kMalformed,
                 Format("{}: fewer than {} token ids", spec.path.string(), window));
  }
  return std::unique_ptr<Dataset>(std::move(dataset));
}

}  // namespace quantbench
