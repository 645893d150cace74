// Work of attention that is one operator: its products, the softmax between them, its projections.
#include "flops/rules.h"

namespace quantbench {
namespace {

// softmax(Q K^T scale + mask) V: for every pair of a query and a key of every head.
struct Heads {
  std::int64_t batch = 0;
  std::int64_t heads = 0;
  std::int64_t queries = 0;
  std::int64_t keys = 0;
  std::int64_t width = 0;        // of a query and a key
  std::int64_t value_width = 0;  // of a value
};

Work CountHeads(const Heads& heads) {
  constexpr std::int64_t kScaleMaskSoftmax = 2 + 3;
  Work work;
  const std::int64_t pairs = CountProduct({heads.batch, heads.heads, heads.queries, heads.keys});
  work.macs = CountProduct({pairs, CountSum(heads.width, heads.value_width)});
  work.elementwise = CountProduct({pairs, kScaleMaskSoftmax});
  work.transcendentals = pairs;
  return work;
}

// [batch, sequence, inputs] times [inputs, 3 hidden], then attention over the sequence.
Work CountProjected(CountContext* context, std::int64_t dequantize) {
  const std::int64_t heads = context->node().IntAttribute("num_heads", 1);
  const std::int64_t batch = context->InDim(0, 0);
  const std::int64_t sequence = context->InDim(0, 1);
  const std::int64_t columns = context->InDim(1, 1);
  const std::int64_t hidden = context->OutDim(0, 2);
  if (heads < 1) context->MarkUnknown();
  const std::int64_t width = heads < 1 ? 0 : hidden / heads;
  Work work = CountHeads({batch, heads, sequence, sequence, width, width});
  const std::int64_t projected = CountProduct({batch, sequence, columns});
  work.macs = CountSum(work.macs, CountProduct({projected, context->InDim(0, 2)}));
  work.elementwise =
      CountSum(work.elementwise, CountProduct({projected, dequantize + (context->Has(2) ? 1 : 0)}));
  return work;
}
Work Attention(CountContext* context) {
  if (context->Has(4)) context->MarkUnknown();  // keys of the past
  return CountProjected(context, 0);
}
Work QAttention(CountContext* context) {
  if (context->Has(8)) context->MarkUnknown();
  return CountProjected(context, 2);
}

// Query [batch, queries, hidden]; key and value [batch, keys, hidden], or [batch, heads, keys,
// width]; packed forms are not understood.
Work MultiHeadAttention(CountContext* context) {
  const std::int64_t heads = context->node().IntAttribute("num_heads", 1);
  if (!context->Has(1) || !context->Has(2) || context->InRank(0) != 3 || heads < 1) {
    context->MarkUnknown();
    return {};
  }
  const bool split = context->InRank(1) == 4;
  const std::int64_t keys = context->InDim(1, split ? 2 : 1);
  const std::int64_t past = context->Has(6) ? context->InDim(6, 2) : 0;
  Work work = CountHeads({context->InDim(0, 0), heads, context->InDim(0, 1), CountSum(keys, past),
                          context->InDim(0, 2) / heads, context->OutDim(0, 2) / heads});
  if (context->Has(3)) {
    work.elementwise = CountSum(work.elementwise, context->In(0));
    work.elementwise = CountSum(work.elementwise, CountSum(context->In(1), context->In(2)));
  }
  return work;
}

// Query [batch, queries, heads width], key and value of fewer heads, which several queries share.
Work GroupQueryAttention(CountContext* context) {
  const std::int64_t heads = context->node().IntAttribute("num_heads", 1);
  if (!context->Has(1) || !context->Has(2) || heads < 1) {
    context->MarkUnknown();
    return {};
  }
  const std::int64_t past = context->Has(3) ? context->InDim(3, 2) : 0;
  const std::int64_t width = context->InDim(0, 2) / heads;
  return CountHeads({context->InDim(0, 0), heads, context->InDim(0, 1),
                     CountSum(context->InDim(1, 1), past), width, width});
}

// ONNX's: Q, K, V [batch, heads, length, width], or of rank 3 with the heads in attributes.
Work NewerAttention(CountContext* context) {
  const bool split = context->InRank(0) == 4;
  const std::int64_t heads =
      split ? context->InDim(0, 1) : context->node().IntAttribute("q_num_heads", 0);
  const std::int64_t own = split ? 1 : context->node().IntAttribute("kv_num_heads", heads);
  if (heads < 1 || own < 1) {
    context->MarkUnknown();
    return {};
  }
  const std::int64_t past = context->Has(4) ? context->InDim(4, 2) : 0;
  return CountHeads({context->InDim(0, 0), heads, context->InDim(0, split ? 2 : 1),
                     CountSum(context->InDim(1, split ? 2 : 1), past),
                     context->InDim(0, -1) / (split ? 1 : heads), context->InDim(2, -1) / own});
}

constexpr auto kAttentionCounts = std::to_array<CountRuleEntry>({
    {"Attention", Attention},
    {"Attention-23", NewerAttention},
    {"QAttention", QAttention, true},
    {"MultiHeadAttention", MultiHeadAttention},
    {"GroupQueryAttention", GroupQueryAttention},
});

}  // namespace

std::span<const CountRuleEntry> AttentionCounts() {
  return kAttentionCounts;
}

}  // namespace quantbench
