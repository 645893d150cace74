// model: the ONNX graph, read zero-copy from untrusted bytes, edited freely, written back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "quantbench/base/file.h"
#include "quantbench/base/status.h"
#include "quantbench/tensor.h"

namespace quantbench {

// A view together with whoever owns the memory behind it (a mapped file or a buffer).
struct Bytes {
  std::shared_ptr<const void> owner;
  std::span<const std::byte> view;
  const MappedFile* file = nullptr;  // the owner, where it is a mapped file

  // Takes over a buffer.
  [[nodiscard]] static Bytes Own(std::vector<std::byte> buffer);
  // `part` lies in the file.
  [[nodiscard]] static Bytes Of(std::shared_ptr<const MappedFile> file,
                                std::span<const std::byte> part);
  [[nodiscard]] std::size_t size() const { return view.size(); }
  // A part of the view, with the same owner.
  [[nodiscard]] Bytes Part(std::span<const std::byte> part) const { return {owner, part, file}; }
  // Gives the pages of a part of the view back to the kernel, where they are a mapped file's.
  void Release(std::span<const std::byte> part) const {
    if (owner != nullptr && file != nullptr) file->Release(part);
  }
  // Copies a part of the view to `to`, leaving no pages behind.
  void Copy(std::span<const std::byte> part, std::byte* to) const {
    if (owner != nullptr && file != nullptr) return file->Copy(part, to);
    std::memcpy(to, part.data(), part.size());
  }
};

// Limits on what a model may ask of us; beyond them kMalformed names the limit.
struct ModelLimits {
  int depth = 100;                        // nested messages (graph in attribute in node ...)
  std::int64_t elements = 10'000'000;     // messages and names of any kind: bounds our memory
  std::int64_t nodes = 2'000'000;         // over all graphs
  std::int64_t initializers = 2'000'000;  // tensors of any kind
  std::uint64_t name_bytes = 64U << 20U;  // one string
};

// Every message remembers the bytes it was read from (`origin`). Fields may be edited freely: the
// writer reads the origin again and passes it through untouched where nothing changed; where
// something did, it writes the known fields and then the origin's unknown ones. So a model that was
// not edited is written byte for byte as it was read. Numbers of tensors are compared by place: to
// change them, replace `data` and set `storage` to kRaw (or assign Initializer::Of).

// How the numbers of a tensor are stored in the file.
enum class Storage : std::uint8_t {
  kRaw,       // raw_data: `data` views the file
  kTyped,     // float_data, int32_data, ...: read with ReadTensor
  kExternal,  // another file beneath the model's folder: `data` views that file
  kDeferred,  // nowhere: `maker` makes them whenever they are asked for
};

// Makes the numbers of a deferred initializer: exactly of the promised type and shape, the same
// bytes every time. Called whenever they are asked for, by any thread; may use threads itself.
using TensorMaker = std::function<Result<Tensor>()>;

struct ExternalLocation {
  std::string location;  // as written in the model: a relative path
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  friend bool operator==(const ExternalLocation&, const ExternalLocation&) = default;
};

// onnx.TensorProto: an initializer, or the value of a Constant or of a tensor attribute.
struct Initializer {
  std::string name;
  DataType type = DataType::kUndefined;
  Shape dims;
  Storage storage = Storage::kRaw;
  Bytes data;                                // packed as raw_data when storage is kRaw or kExternal
  ExternalLocation external;                 // when storage is kExternal
  std::shared_ptr<const TensorMaker> maker;  // when storage is kDeferred
  Bytes origin;

  [[nodiscard]] static Initializer Of(std::string name, Tensor tensor);
  // Numbers that need no memory before they are asked for: while the model is written, one tensor
  // after the other. What `maker` captures must outlive the model, or be captured whole.
  [[nodiscard]] static Initializer Deferred(std::string name, DataType type, Shape dims,
                                            TensorMaker maker);
  // Bytes the numbers occupy in the file (or the external file); 0 for a deferred one whose shape
  // is impossible.
  [[nodiscard]] std::uint64_t stored_bytes() const;
};

// The numbers packed as raw_data, checked against type and dims; a view of the file where that is
// how they are stored, else decoded or made. kMalformed when they do not fit; kUnsupported for
// strings; the maker's error; kInternal when it made something else than was promised.
[[nodiscard]] Result<Bytes> PayloadOf(const Initializer& initializer);
// The same as a copy.
[[nodiscard]] Result<Tensor> ReadTensor(const Initializer& initializer);

// What a deferred initializer will be.
struct Promise {
  std::string name;
  DataType type = DataType::kUndefined;
  Shape dims;
};

// Initializers that one computation makes: codes and scales of one weight. `make` sets made[i] for
// the promise i. It runs when the first of them is asked for; the others are kept until they are
// asked for too. So they belong into the model in this order, the largest first. Asked for in
// another order, or again, it runs again, and what it made for the earlier ones is dropped.
using TensorsMaker = std::function<Status(std::span<Tensor> made)>;
[[nodiscard]] std::vector<Initializer> DeferTogether(std::vector<Promise> promises,
                                                     TensorsMaker make);

struct Dimension {
  std::int64_t value = -1;  // >= 0 when fixed, -1 when free
  std::string name;         // of a free dimension, may be empty

  friend bool operator==(const Dimension&, const Dimension&) = default;
};

struct ValueInfo {
  std::string name;
  bool is_tensor = false;  // sequences, maps and optionals are kept but not described
  DataType type = DataType::kUndefined;
  bool has_shape = false;
  std::vector<Dimension> dims;
  Bytes origin;
};
[[nodiscard]] std::string ToString(std::span<const Dimension> dims);  // "[batch, 3, 224, 224]"

enum class AttributeType : std::int32_t {
  kUndefined = 0,
  kFloat = 1,
  kInt = 2,
  kString = 3,
  kTensor = 4,
  kGraph = 5,
  kFloats = 6,
  kInts = 7,
  kStrings = 8,
  kTensors = 9,
  kGraphs = 10,
  kSparseTensor = 11,
  kSparseTensors = 12,
  kTypeProto = 13,
  kTypeProtos = 14,
};

struct Graph;

struct Attribute {
  std::string name;
  AttributeType type = AttributeType::kUndefined;
  float f = 0;
  std::int64_t i = 0;
  std::string s;
  std::vector<float> floats;
  std::vector<std::int64_t> ints;
  std::vector<std::string> strings;
  std::vector<Initializer> tensors;  // one for kTensor
  std::vector<Graph> graphs;         // one for kGraph
  Bytes origin;

  [[nodiscard]] static Attribute Int(std::string name, std::int64_t value);
  [[nodiscard]] static Attribute Ints(std::string name, std::vector<std::int64_t> values);
  [[nodiscard]] static Attribute Float(std::string name, float value);
  [[nodiscard]] static Attribute String(std::string name, std::string value);
};

struct Node {
  std::string name;
  std::string op_type;
  std::string domain;               // "" is ai.onnx
  std::vector<std::string> inputs;  // "" is an omitted optional input
  std::vector<std::string> outputs;
  std::vector<Attribute> attributes;
  Bytes origin;

  [[nodiscard]] const Attribute* FindAttribute(
      std::string_view attribute) const;  // null when absent
  [[nodiscard]] std::int64_t IntAttribute(std::string_view attribute, std::int64_t fallback) const;
  [[nodiscard]] float FloatAttribute(std::string_view attribute, float fallback) const;
  [[nodiscard]] bool Is(std::string_view type) const { return op_type == type && domain.empty(); }
};

struct Graph {
  std::string name;
  std::vector<Node> nodes;
  std::vector<Initializer> initializers;
  std::vector<std::string> sparse_initializers;  // names only: kept as they are, not editable
  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> outputs;
  std::vector<ValueInfo> value_infos;
  Bytes origin;

  [[nodiscard]] const Initializer* FindInitializer(std::string_view initializer) const;  // linear
};

struct Opset {
  std::string domain;
  std::int64_t version = 0;

  friend bool operator==(const Opset&, const Opset&) = default;
};

struct Model {
  std::int64_t ir_version = 0;
  std::vector<Opset> opsets;
  std::string producer_name;
  std::string producer_version;
  std::vector<std::pair<std::string, std::string>> metadata;
  Graph graph;
  std::int64_t functions = 0;  // model-local functions: counted, passed through
  Bytes origin;

  std::filesystem::path path;              // the .onnx file; empty for a model in memory
  std::filesystem::path folder;            // where external data is looked for; empty: nowhere
  std::shared_ptr<const MappedFile> file;  // the mapped .onnx; null for a model in memory
  std::uint64_t file_bytes = 0;            // the .onnx file
  // External files in use, by location.
  std::map<std::string, std::shared_ptr<const MappedFile>, std::less<>> external_files;
  // Tensors with external data in parts that are passed through (functions, sparse tensors).
  std::int64_t hidden_external = 0;

  [[nodiscard]] std::int64_t OpsetVersion(std::string_view domain = "") const;  // 0 when absent
  // Sets or adds; never lowers.
  void RequireOpset(std::string_view domain, std::int64_t version);
  // Inputs that are not also initializers (old models list initializers as inputs).
  [[nodiscard]] std::vector<const ValueInfo*> RuntimeInputs() const;
  // The .onnx file and every external file in use.
  [[nodiscard]] std::uint64_t total_bytes() const;
};

// Maps and parses a model. Tensor payloads are not touched. External data must lie beneath the
// model's folder. Errors name the file, the element ("initializer \"fc.weight\"") and the reason:
// kNotFound, kIo, kMalformed (truncated, not a model, limits), kUnsupported.
[[nodiscard]] Result<Model> LoadModel(const std::filesystem::path& path,
                                      const ModelLimits& limits = {});
// The same from memory; `folder` empty: external data is refused.
[[nodiscard]] Result<Model> ParseModel(Bytes bytes, const std::filesystem::path& folder = {},
                                       const ModelLimits& limits = {});

// Structure: names defined once, inputs defined before use (subgraphs see outer names), sizes of
// tensor payloads, outputs defined. Not operators: the engine is the judge of those.
[[nodiscard]] Status CheckModel(const Model& model);

// The encoded model as one buffer (for the engine). Over 2 GB: kUnsupported (use external data).
[[nodiscard]] Result<std::vector<std::byte>> EncodeToBytes(const Model& model);

struct SaveOptions {
  bool replace_existing = false;  // false: kInvalidArgument when the file exists
  // Initializers of at least this many bytes go to `<file>.data` beside the model, when the model
  // would be larger than `external_above` bytes (protobuf ends at 2 GB) or already used external
  // data.
  std::uint64_t external_threshold = 1024;
  std::uint64_t external_above = 1'900'000'000;
};
// Written to a temporary name, synced, renamed: the file is complete or absent. The model it was
// read from cannot be the target (kInvalidArgument). Needs the memory of the largest deferred
// tensor and little more: pages of mapped files go once they are written, deferred tensors are
// made, written and freed one after the other.
[[nodiscard]] Status SaveModel(const Model& model, const std::filesystem::path& path,
                               const SaveOptions& options = {});

// Who makes and who reads each value of one graph. Borrowed views into the graph: rebuild after
// edits. A body (of an If, a Loop, a Scan) sees the initializers of the graphs around it too:
// `outer` is the index of the next one, and must outlive this one.
class GraphIndex {
 public:
  explicit GraphIndex(const Graph& graph, const GraphIndex* outer = nullptr);

  [[nodiscard]] const Node* Producer(std::string_view value) const;  // null: input, initializer
  [[nodiscard]] std::int64_t ProducerIndex(std::string_view value) const;  // -1 when none
  // Indices of nodes that read the value; a node whose subgraph reads it counts, each once.
  [[nodiscard]] std::span<const std::int64_t> Consumers(std::string_view value) const;
  // Of this graph or, where it has no value of that name, of one around it; null when none.
  [[nodiscard]] const Initializer* FindInitializer(std::string_view name) const;
  [[nodiscard]] bool IsGraphOutput(std::string_view value) const;
  [[nodiscard]] bool IsGraphInput(std::string_view value) const;
  // Whether this graph itself has a value of that name.
  [[nodiscard]] bool Defines(std::string_view value) const;

 private:
  const Graph* graph_;
  const GraphIndex* outer_;
  std::unordered_map<std::string_view, std::int64_t> producer_;
  std::unordered_map<std::string_view, std::vector<std::int64_t>> consumers_;
  std::unordered_map<std::string_view, const Initializer*> initializers_;
  std::unordered_map<std::string_view, int> borders_;  // bit 0: input, bit 1: output
};

}  // namespace quantbench
