// Shape rules of operators that compute new numbers: products, convolutions, pools, reductions.
#include <algorithm>

#include "graph/shape_rules.h"

namespace quantbench {
namespace {

// [ONNX MatMul-13], as numpy.matmul.
void MatMul(RuleContext* context) {
  if (!context->Input(0).shape || !context->Input(1).shape) return;
  Exprs a = *context->Input(0).shape;
  Exprs b = *context->Input(1).shape;
  if (a.empty() || b.empty()) return;
  const bool a_is_vector = a.size() == 1;
  const bool b_is_vector = b.size() == 1;
  if (a_is_vector) a.insert(a.begin(), 1);
  if (b_is_vector) b.emplace_back(1);
  Exprs dims = BroadcastShapes(&context->algebra, Exprs(a.begin(), a.end() - 2),
                               Exprs(b.begin(), b.end() - 2));
  if (!a_is_vector) dims.push_back(a[a.size() - 2]);
  if (!b_is_vector) dims.push_back(b.back());
  context->SetShape(std::move(dims));
}

void Gemm(RuleContext* context) {
  const std::optional<Exprs>& a = context->Input(0).shape;
  const std::optional<Exprs>& b = context->Input(1).shape;
  Exprs dims = AnySizes(&context->algebra, 2);
  if (a && a->size() == 2) dims[0] = (*a)[context->node.IntAttribute("transA", 0) != 0 ? 1 : 0];
  if (b && b->size() == 2) dims[1] = (*b)[context->node.IntAttribute("transB", 0) != 0 ? 0 : 1];
  context->SetShape(std::move(dims));
}

// A window that slides over the spatial axes.
struct Window {
  Integers kernel;
  Integers strides;
  Integers dilations;
  Integers pads;  // begins, then ends
  std::string auto_pad;
};

// Absent when an attribute has another length, or a value below its least.
std::optional<Integers> WindowAttribute(const Node& node, std::string_view name, std::size_t length,
                                        std::int64_t fallback, std::int64_t least) {
  const Attribute* attribute = node.FindAttribute(name);
  Integers values = attribute == nullptr ? Integers(length, fallback) : attribute->ints;
  constexpr std::int64_t kLargest = 1 << 24;
  const bool sound = std::all_of(values.begin(), values.end(), [&](std::int64_t value) {
    return value >= least && value <= kLargest;
  });
  if (!sound || values.size() != length) return std::nullopt;
  return values;
}

std::optional<Window> WindowOf(const Node& node, Integers kernel) {
  const std::size_t axes = kernel.size();
  const auto strides = WindowAttribute(node, "strides", axes, 1, 1);
  const auto dilations = WindowAttribute(node, "dilations", axes, 1, 1);
  const auto pads = WindowAttribute(node, "pads", 2 * axes, 0, 0);
  if (!strides || !dilations || !pads) return std::nullopt;
  const Attribute* auto_pad = node.FindAttribute("auto_pad");
  return Window{std::move(kernel), *strides, *dilations, *pads,
                auto_pad == nullptr || auto_pad->s.empty() ? "NOTSET" : auto_pad->s};
}

// floor((dim + pads - extent) / stride) + 1   [ONNX Conv-11]; rounded up for SAME.
Expr SlidDim(Algebra* algebra, const Window& window, std::size_t axis, const Expr& dim) {
  const std::int64_t stride = window.strides[axis];
  if (window.auto_pad.starts_with("SAME")) {
    return algebra->FloorQuotient(algebra->Sum(dim, stride - 1), stride);
  }
  std::int64_t spare = -((window.kernel[axis] - 1) * window.dilations[axis] + 1);
  if (window.auto_pad == "NOTSET") {
    spare += window.pads[axis] + window.pads[axis + window.kernel.size()];
  }
  return algebra->Sum(algebra->FloorQuotient(algebra->Sum(dim, spare), stride), 1);
}

// The same rounded up, where no window starts behind the data and its first padding
// [ONNX MaxPool-12, PyTorch's rule].
std::optional<std::int64_t> SlidUp(const Window& window, std::size_t axis,
                                   std::optional<std::int64_t> dim) {
  if (!dim || window.auto_pad != "NOTSET") return std::nullopt;
  const std::int64_t stride = window.strides[axis];
  const std::int64_t begin = window.pads[axis];
  const std::int64_t room = *dim + begin + window.pads[axis + window.kernel.size()] -
                            ((window.kernel[axis] - 1) * window.dilations[axis] + 1);
  if (room < 0) return std::nullopt;
  const std::int64_t size = (room + stride - 1) / stride + 1;
  return (size - 1) * stride >= *dim + begin ? size - 1 : size;
}

// The sizes of a convolution's kernel, from its weight or its attribute.
std::optional<Integers> KernelOf(const RuleContext& context) {
  const std::optional<Exprs>& weight = context.Input(1).shape;
  if (!weight || weight->size() < 3) return std::nullopt;
  Integers kernel;
  for (std::size_t i = 2; i < weight->size(); ++i) {
    const auto size = (*weight)[i].constant();
    constexpr std::int64_t kLargest = 1 << 24;
    if (!size || *size < 1 || *size > kLargest) return std::nullopt;
    kernel.push_back(*size);
  }
  return kernel;
}

void Conv(RuleContext* context) {
  const std::optional<Exprs>& data = context->Input(0).shape;
  const auto kernel = KernelOf(*context);
  if (!data || !kernel || data->size() != kernel->size() + 2) return;
  const auto window = WindowOf(context->node, *kernel);
  if (!window) return;
  Exprs dims = {(*data)[0], (*context->Input(1).shape)[0]};
  for (std::size_t i = 0; i < kernel->size(); ++i) {
    dims.push_back(SlidDim(&context->algebra, *window, i, (*data)[i + 2]));
  }
  context->SetShape(std::move(dims));
}

// stride (dim - 1) + output_padding + extent - pads   [ONNX ConvTranspose-11].
void ConvTranspose(RuleContext* context) {
  const std::optional<Exprs>& data = context->Input(0).shape;
  const auto kernel = KernelOf(*context);
  if (!data || !kernel || data->size() != kernel->size() + 2) return;
  const std::size_t axes = kernel->size();
  Algebra& algebra = context->algebra;
  Exprs dims = AnySizes(&algebra, axes + 2);
  dims[0] = (*data)[0];
  const std::int64_t groups = context->node.IntAttribute("group", 1);
  dims[1] = algebra.Product((*context->Input(1).shape)[1], groups);
  const auto window = WindowOf(context->node, *kernel);
  const auto extra = WindowAttribute(context->node, "output_padding", axes, 0, 0);
  const bool plain = window && extra && window->auto_pad == "NOTSET" &&
                     context->node.FindAttribute("output_shape") == nullptr;
  for (std::size_t i = 0; plain && i < axes; ++i) {
    const std::int64_t stride = window->strides[i];
    const std::int64_t constant = (*extra)[i] + (window->kernel[i] - 1) * window->dilations[i] + 1 -
                                  window->pads[i] - window->pads[i + axes] - stride;
    dims[i + 2] = algebra.Sum(algebra.Product((*data)[i + 2], stride), constant);
  }
  context->SetShape(std::move(dims));
}

void Pool(RuleContext* context) {
  const std::optional<Exprs>& data = context->Input(0).shape;
  const Attribute* kernel = context->node.FindAttribute("kernel_shape");
  if (!data || kernel == nullptr || data->size() != kernel->ints.size() + 2) return;
  const auto sizes = WindowAttribute(context->node, "kernel_shape", kernel->ints.size(), 1, 1);
  const auto window = sizes ? WindowOf(context->node, *sizes) : std::nullopt;
  Algebra& algebra = context->algebra;
  Exprs dims = AnySizes(&algebra, data->size());
  dims[0] = (*data)[0];
  dims[1] = (*data)[1];
  const bool rounds_up = context->node.IntAttribute("ceil_mode", 0) != 0;
  for (std::size_t i = 0; window && i + 2 < dims.size(); ++i) {
    const Expr& dim = (*data)[i + 2];
    if (!rounds_up) {
      dims[i + 2] = SlidDim(&algebra, *window, i, dim);
    } else if (const auto up = SlidUp(*window, i, dim.constant())) {
      dims[i + 2] = *up;
    }
  }
  for (std::size_t output = 1; output < context->outputs.size(); ++output) {
    context->SetShape(dims, output);
  }
  context->SetShape(std::move(dims));
}

void GlobalPool(RuleContext* context) {
  const std::optional<Exprs>& data = context->Input(0).shape;
  if (!data || data->size() < 2) return;
  Exprs dims(data->size(), 1);
  std::copy_n(data->begin(), 2, dims.begin());
  context->SetShape(std::move(dims));
}

void SetReduced(RuleContext* context, const std::vector<bool>& reduced) {
  const Exprs& data = *context->Input(0).shape;
  const bool keep = context->node.IntAttribute("keepdims", 1) != 0;
  Exprs dims;
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (!reduced[i]) dims.push_back(data[i]);
    if (reduced[i] && keep) dims.emplace_back(1);
  }
  context->SetShape(std::move(dims));
}

void Reduce(RuleContext* context) {
  const std::optional<Exprs>& data = context->Input(0).shape;
  if (!data) return;
  const bool has_axes = context->Has(1) || context->node.FindAttribute("axes") != nullptr;
  const auto axes = context->IntsOf("axes", 1);
  if (has_axes && !axes) return;
  const bool all = !axes || axes->empty();
  if (all && context->node.IntAttribute("noop_with_empty_axes", 0) != 0) {
    return context->SetShape(data);
  }
  std::vector<bool> reduced(data->size(), all);
  for (std::size_t i = 0; !all && i < axes->size(); ++i) {
    const auto axis = context->Axis((*axes)[i], data->size());
    if (!axis) return;
    reduced[*axis] = true;
  }
  SetReduced(context, reduced);
}

void ArgReduce(RuleContext* context) {
  const std::optional<Exprs>& data = context->Input(0).shape;
  if (!data) return;
  const auto axis = context->AxisAttribute(0, data->size());
  if (!axis) return;
  std::vector<bool> reduced(data->size(), false);
  reduced[*axis] = true;
  SetReduced(context, reduced);
}

// Y [seq, directions, batch, hidden], Y_h and Y_c [directions, batch, hidden]; batch first with
// layout 1   [ONNX LSTM-14].
void Recurrent(RuleContext* context) {
  const std::optional<Exprs>& x = context->Input(0).shape;
  const std::optional<Exprs>& recurrence = context->Input(2).shape;
  if (!x || x->size() != 3 || !recurrence || recurrence->size() != 3) return;
  const Expr& directions = (*recurrence)[0];
  const Expr& hidden = (*recurrence)[2];
  const bool batch_first = context->node.IntAttribute("layout", 0) != 0;
  const Expr& sequence = (*x)[batch_first ? 1 : 0];
  const Expr& batch = (*x)[batch_first ? 0 : 1];
  context->SetShape(batch_first ? Exprs{batch, sequence, directions, hidden}
                                : Exprs{sequence, directions, batch, hidden});
  for (std::size_t i = 1; i < context->outputs.size(); ++i) {
    context->SetShape(
        batch_first ? Exprs{batch, directions, hidden} : Exprs{directions, batch, hidden}, i);
  }
}

void TopK(RuleContext* context) {
  const std::optional<Exprs>& data = context->Input(0).shape;
  const std::optional<Exprs>& count = context->Input(1).elements;
  if (!data) return;
  const auto axis = context->AxisAttribute(-1, data->size());
  if (!axis) return;
  Exprs dims = *data;
  dims[*axis] = count && count->size() == 1 ? (*count)[0] : context->algebra.AnySize();
  context->SetShape(dims, 1);
  context->SetShape(std::move(dims));
}

constexpr auto kComputeRules = std::to_array<ShapeRuleEntry>({
    {"MatMul", MatMul},
    {"Gemm", Gemm},
    {"Conv", Conv},
    {"ConvTranspose", ConvTranspose},
    {"MaxPool", Pool},
    {"AveragePool", Pool},
    {"LpPool", Pool},
    {"GlobalAveragePool", GlobalPool},
    {"GlobalMaxPool", GlobalPool},
    {"GlobalLpPool", GlobalPool},
    {"ReduceL1", Reduce},
    {"ReduceL2", Reduce},
    {"ReduceLogSum", Reduce},
    {"ReduceLogSumExp", Reduce},
    {"ReduceMax", Reduce},
    {"ReduceMean", Reduce},
    {"ReduceMin", Reduce},
    {"ReduceProd", Reduce},
    {"ReduceSum", Reduce},
    {"ReduceSumSquare", Reduce},
    {"ArgMax", ArgReduce},
    {"ArgMin", ArgReduce},
    {"LSTM", Recurrent},
    {"GRU", Recurrent},
    {"RNN", Recurrent},
    {"TopK", TopK},
});

}  // namespace

void ConvRule(RuleContext* context) {
  Conv(context);
}
void MatMulRule(RuleContext* context) {
  MatMul(context);
}
void GemmRule(RuleContext* context) {
  Gemm(context);
}
void PoolRule(RuleContext* context) {
  Pool(context);
}
void GlobalPoolRule(RuleContext* context) {
  GlobalPool(context);
}
void RecurrentRule(RuleContext* context) {
  Recurrent(context);
}

std::span<const ShapeRuleEntry> ComputeRules() {
  return kComputeRules;
}

}  // namespace quantbench
