// graph: exact rewriting of ONNX graphs: names, reads, operator sets, and the simplifications that
// planning builds on. Nothing here rounds more than float arithmetic does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "quantbench/base/file.h"
#include "quantbench/base/status.h"
#include "quantbench/model.h"

namespace quantbench {

// --- nodes and names ---

// A node of the graph or of a graph inside one of its nodes (If, Loop, Scan).
struct NodeRef {
  const Node* node = nullptr;
  std::int64_t index = -1;  // in the outer graph's nodes; -1 inside a subgraph
  std::string name;  // unique: the node's name, else its first output, else one of those with "#n"
  const Graph* graph = nullptr;  // where it stands
  std::int64_t id = -1;  // unique: the index, and further numbers for nodes inside subgraphs
};

// In the order in which they are written, a node before the nodes inside it. The same graph gives
// the same names.
[[nodiscard]] std::vector<NodeRef> ListNodes(const Graph& graph);

// Calls visit for the graph and every graph inside its nodes.
void ForEachGraph(const Graph& graph, const std::function<void(const Graph&)>& visit);
void ForEachGraph(Graph* graph, const std::function<void(Graph*)>& visit);

// Names that no value and no node of the model has.
class NameSource {
 public:
  explicit NameSource(const Graph& graph);
  // `wanted`, or `wanted` with the first free number; taken from then on.
  [[nodiscard]] std::string Fresh(std::string_view wanted);

 private:
  std::unordered_set<std::string> taken_;
};

// A node of the ONNX domain, or of `domain`.
[[nodiscard]] Node MakeNode(std::string_view op_type, std::string name,
                            std::vector<std::string> inputs, std::vector<std::string> outputs,
                            std::vector<Attribute> attributes = {}, std::string_view domain = "");

// Every read of a key of `renames`, in subgraphs too, becomes a read of its value.
void RenameReads(const std::map<std::string, std::string, std::less<>>& renames, Graph* graph);

// Removes those of `candidates` that nothing reads any more (with their entries among the inputs),
// and descriptions of values that no longer exist.
void RemoveUnread(const std::unordered_set<std::string>& candidates, Graph* graph);

// --- element types ---

// By name, of the values of this graph (not of those inside its nodes); views into the graph. A
// value whose type does not follow is absent.
using ElementTypes = std::unordered_map<std::string_view, DataType>;
[[nodiscard]] ElementTypes InferElementTypes(const Graph& graph);

// The same for the body of a node, which sees the values of the graph around it: `outer` gives
// their types.
using TypeLookup = std::function<DataType(std::string_view value)>;
[[nodiscard]] ElementTypes InferElementTypes(const Graph& body, const TypeLookup& outer);

// --- shapes ---

// What is given of a graph's input.
struct GivenInput {
  Shape shape;
  std::optional<std::vector<std::int64_t>> elements;  // row-major; of integers and bools
};
using GivenInputs = std::map<std::string, GivenInput, std::less<>>;

// What is known of a tensor in a run on given inputs.
struct ValueFacts {
  DataType type = DataType::kUndefined;
  std::optional<Shape> shape;
  const Initializer* constant = nullptr;  // the numbers, where they are the model's own
};

// A node that such a run executes.
struct RunNode {
  const Node* node = nullptr;
  std::string name;  // as ListNodes names it
  std::vector<ValueFacts> inputs;
  std::vector<ValueFacts> outputs;
  bool hides_work = false;  // has graphs inside of which it is not known how often they run
};

// The nodes that a run executes, in the order in which they are written; those of the branch that
// an If takes follow it, where its condition follows from what is given. Shapes follow from
// symbolic evaluation: where an operator has no rule they are not known.
[[nodiscard]] std::vector<RunNode> FollowRun(const Model& model, const GivenInputs& given);
// --- batches ---

// The model with `batch` in place of `old` as the first dimension of its inputs and outputs, and as
// the first number of the constant targets of Reshape and Expand and the sizes of Resize that
// computed values flow through. Descriptions of values in between are left out. Whether that is
// still the same function of every sample is for the caller to find out: constants elsewhere may
// hold the batch, or another axis may be it.
[[nodiscard]] Model WithBatch(const Model& model, std::int64_t old, std::int64_t batch);

// --- operator sets ---

inline constexpr std::int64_t kDynamicOpset = 11;    // DynamicQuantizeLinear
inline constexpr std::int64_t kBytesOpset = 12;      // MaxPool and others that compare, on bytes
inline constexpr std::int64_t kPerAxisOpset = 13;    // DequantizeLinear with an axis
inline constexpr std::int64_t kWideCodesOpset = 21;  // QuantizeLinear to 16 bits
inline constexpr std::int64_t kOldestIntegers = 10;  // QLinearConv, QLinearMatMul
inline constexpr std::string_view kContribDomain = "com.microsoft";
inline constexpr std::string_view kBlockedDomain = "com.microsoft.nchwc";  // of optimized graphs

// The version of the ONNX domain, however it is spelled.
[[nodiscard]] std::int64_t OnnxOpset(const Model& model);

// Empty when the model has that version, or when every one of its operators means the same up to
// it; else a reason naming an operator that does not. `version` is at most 13.
[[nodiscard]] std::string WhyNotOpset(const Model& model, std::int64_t version);

// The version that the static form of the model has: 13 where it can be, for ONNX's own
// DequantizeLinear per axis; else 12, for MaxPool of codes; else the model's, at least 10. 0 when
// the model cannot be raised that far.
[[nodiscard]] std::int64_t StaticOpset(const Model& model);

// Raises the version (as WhyNotOpset allows), and the IR version to what the operator set belongs
// to.
void RaiseOpset(std::int64_t version, Model* model);

// --- numbers of initializers ---

[[nodiscard]] std::int64_t Elements(const Initializer& initializer);  // 0 for an impossible shape

// The same numbers, shared, under another name and in another shape of as many elements.
[[nodiscard]] Initializer WithShape(const Initializer& initializer, std::string name, Shape dims);

// Numbers of a float32 initializer, row-major, wherever and at whatever address they are stored.
// Read in stretches, which leave no mapped pages behind: a model larger than memory can be walked
// through. Keeps alive what it views.
class FloatValues {
 public:
  // Numbers that Hold keeps: 16 MB.
  static constexpr std::int64_t kMostHeld = 4 << 20;

  // Errors as PayloadOf, which makes the numbers of a deferred one. It must be float32.
  [[nodiscard]] static Result<FloatValues> Of(const Initializer& initializer);
  FloatValues(FloatValues&& other) noexcept = default;
  FloatValues& operator=(FloatValues&&) = delete;
  FloatValues(const FloatValues&) = delete;
  FloatValues& operator=(const FloatValues&) = delete;
  ~FloatValues();

  [[nodiscard]] std::int64_t size() const;
  // The values [begin, end), as they are handed to `use`; then their pages go.
  template <typename Use>
  void Read(std::int64_t begin, std::int64_t end, const Use& use) const {
    Stretch stretch;
    use(View(begin, end, &stretch));
    Release(begin, end);
  }
  // For who reads them several times: keeps them in memory where they are no more than kMostHeld,
  // so that the file is read once. In parallel, by up to `threads` threads.
  void Hold(int threads);
  // A copy of all.
  [[nodiscard]] std::vector<float> All() const;

 private:
  // Memory for one stretch; each thread uses what it has again.
  class Stretch {
   public:
    Stretch() = default;
    Stretch(const Stretch&) = delete;
    Stretch& operator=(const Stretch&) = delete;
    Stretch(Stretch&&) = delete;
    Stretch& operator=(Stretch&&) = delete;
    ~Stretch();
    [[nodiscard]] std::span<float> Take(std::size_t count);

   private:
    std::unique_ptr<float[]> numbers_;
    std::size_t size_ = 0;
  };

  FloatValues() = default;
  [[nodiscard]] std::span<const std::byte> BytesOf(std::int64_t begin, std::int64_t end) const;
  // Whether a stretch of so many bytes is better read into memory than through its mapped pages.
  [[nodiscard]] bool IsCopied(std::span<const std::byte> part) const;
  [[nodiscard]] std::span<const float> View(std::int64_t begin, std::int64_t end,
                                            Stretch* stretch) const;
  void Release(std::int64_t begin, std::int64_t end) const;
  Bytes bytes_;
  Bytes origin_;  // of typed numbers: what they were decoded from
  std::unique_ptr<float[]> held_;
};

// Whether two float32 matrices are each other's transposes bit by bit, as an output layer [K, V]
// and the embedding table [V, K] that it is tied to. False for other types and shapes. Errors as
// PayloadOf.
[[nodiscard]] Result<bool> IsTranspose(const Initializer& a, const Initializer& b);

// Fewer channels than the engine's integer convolutions fill their vectors with.
inline constexpr std::int64_t kNarrowChannels = 16;
// How small depthwise networks begin: a convolution of a graph input into fewer than that many
// channels, Relu or Clip or nothing, and a depthwise convolution of them. Views the graph.
struct NarrowStart {
  const Node* stem = nullptr;
  const Node* depthwise = nullptr;
};
// Absent where `stem` is not such a start's first node.
[[nodiscard]] std::optional<NarrowStart> FindNarrowStart(const Graph& graph,
                                                         const GraphIndex& index, const Node& stem);

// --- preparing ---

// Exact simplifications that quantization builds on, each only where it is proven, and none that
// needs ONNX's shape inference. The result computes the same function (float rounding apart).
// - Constant nodes are initializers, and no initializer is listed as an input.
// - Weights are initializers however they were exported: Identity, Cast to float32, Transpose,
//   reshaping, Slice, Split and Concat of them are computed ahead, in bodies (If, Loop, Scan) too,
//   where that stores no number twice. Repeated float initializers of the outer graph are one. No
//   two bodies have initializers of one name.
// - Identity, idle Dropout and Cast, and pairs of Transpose that undo each other are gone.
// - LayerNormalization and Gelu written in pieces are one node.
// - Gemm has alpha = beta = 1; between flattening Reshapes it is MatMul and Add.
// - BatchNormalization is folded into the Conv, ConvTranspose, Gemm or MatMul before it, or else
//   into a Conv after it that pads nothing.
// - Integers that are computed from shapes are constant where they are the same in every run, and
//   computed once where not; targets of Reshape are constant where they can be.
// - Nodes that nothing reads are gone.
// A graph that defines a name twice is left as it is. `notes` (may be null) gets a line a kind of
// change. kMalformed when the numbers of a tensor do not fit it.
[[nodiscard]] Result<Model> Prepare(Model model, std::vector<std::string>* notes);

// For graphs whose activations stay float between layers: attention written in pieces (Reshape,
// Transpose, MatMul, scale, mask, Softmax, MatMul, Transpose, Reshape) becomes one
// MultiHeadAttention of com.microsoft, where shapes are proven and nothing else reads the pieces.
// A mask must be constant, causal, and proven to leave no weight to what it hides: filled with the
// lowest number, or with one that the weights cannot come near (score_bound.h). The same function,
// float rounding apart. Errors as PayloadOf.
[[nodiscard]] Status RecomposeAttention(Model* model, std::vector<std::string>* notes);

// For graphs whose activations become codes, the forms that the engine's integer kernels are fast
// with: HardSwish and HardSigmoid, for which it has only float kernels, as Add, Clip and Mul; and
// what upsample.h, interleave_shuffle.h, pad_channels.h and widen_stem.h say. The same function,
// float rounding apart. First convolutions that put out one of `floats`, and activations that read
// one, stay as they are.
// kMalformed when weights do not fit their shapes.
[[nodiscard]] Status LowerForIntegers(Model* model, std::vector<std::string>* notes,
                                      const std::set<std::string, std::less<>>& floats = {});

}  // namespace quantbench
