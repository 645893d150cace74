// The table of message fields.   [ONNX 1.20 onnx.proto]
#include "model/schema.h"

#include <array>
#include <cstddef>

#include "model/fields.h"

namespace quantbench::wire {
namespace {

constexpr auto kMessageCount = static_cast<std::size_t>(Message::kCount);
constexpr std::size_t kFields = 32;  // field numbers described here are smaller

struct Entry {
  Message in;
  std::uint32_t field;
  Kind kind;
  Message message = Message::kCount;
};

using M = Message;
using K = Kind;

constexpr auto kEntries = std::to_array<Entry>({
    {M::kModel, model::kIrVersion, K::kInt},
    {M::kModel, model::kProducerName, K::kText},
    {M::kModel, model::kProducerVersion, K::kText},
    {M::kModel, model::kGraph, K::kMessage, M::kGraph},
    {M::kModel, model::kOpsetImport, K::kMessages, M::kOpset},
    {M::kModel, model::kMetadata, K::kMessages, M::kEntry},
    {M::kModel, model::kTrainingInfo, K::kMessages, M::kTraining},
    {M::kModel, model::kFunctions, K::kMessages, M::kFunction},
    {M::kModel, model::kConfiguration, K::kMessages, M::kConfiguration},

    {M::kGraph, graph::kNode, K::kMessages, M::kNode},
    {M::kGraph, graph::kName, K::kText},
    {M::kGraph, graph::kInitializer, K::kMessages, M::kTensor},
    {M::kGraph, graph::kInput, K::kMessages, M::kValueInfo},
    {M::kGraph, graph::kOutput, K::kMessages, M::kValueInfo},
    {M::kGraph, graph::kValueInfo, K::kMessages, M::kValueInfo},
    {M::kGraph, graph::kQuantizationAnnotation, K::kMessages, M::kAnnotation},
    {M::kGraph, graph::kSparseInitializer, K::kMessages, M::kSparseTensor},
    {M::kGraph, graph::kMetadata, K::kMessages, M::kEntry},

    {M::kNode, node::kInput, K::kText},
    {M::kNode, node::kOutput, K::kText},
    {M::kNode, node::kName, K::kText},
    {M::kNode, node::kOpType, K::kText},
    {M::kNode, node::kAttribute, K::kMessages, M::kAttribute},
    {M::kNode, node::kDomain, K::kText},
    {M::kNode, node::kMetadata, K::kMessages, M::kEntry},
    {M::kNode, node::kDeviceConfigurations, K::kMessages, M::kNodeDevice},

    {M::kAttribute, attribute::kName, K::kText},
    {M::kAttribute, attribute::kF, K::kFloat},
    {M::kAttribute, attribute::kI, K::kInt},
    {M::kAttribute, attribute::kS, K::kText},
    {M::kAttribute, attribute::kT, K::kMessage, M::kTensor},
    {M::kAttribute, attribute::kG, K::kMessage, M::kGraph},
    {M::kAttribute, attribute::kFloats, K::kFloats},
    {M::kAttribute, attribute::kInts, K::kInts},
    {M::kAttribute, attribute::kStrings, K::kText},
    {M::kAttribute, attribute::kTensors, K::kMessages, M::kTensor},
    {M::kAttribute, attribute::kGraphs, K::kMessages, M::kGraph},
    {M::kAttribute, attribute::kTypeProto, K::kMessage, M::kType},
    {M::kAttribute, attribute::kTypeProtos, K::kMessages, M::kType},
    {M::kAttribute, attribute::kType, K::kInt},
    {M::kAttribute, attribute::kSparseTensor, K::kMessage, M::kSparseTensor},
    {M::kAttribute, attribute::kSparseTensors, K::kMessages, M::kSparseTensor},

    {M::kTensor, tensor::kDims, K::kInts},
    {M::kTensor, tensor::kDataType, K::kInt},
    {M::kTensor, tensor::kSegment, K::kMessage, M::kSegment},
    {M::kTensor, tensor::kFloatData, K::kFloats},
    {M::kTensor, tensor::kInt32Data, K::kPayload},
    {M::kTensor, tensor::kInt64Data, K::kPayload},
    {M::kTensor, tensor::kName, K::kText},
    {M::kTensor, tensor::kDoubleData, K::kDoubles},
    {M::kTensor, tensor::kUint64Data, K::kPayload},
    {M::kTensor, tensor::kExternalData, K::kMessages, M::kEntry},
    {M::kTensor, tensor::kDataLocation, K::kInt},
    {M::kTensor, tensor::kMetadata, K::kMessages, M::kEntry},

    {M::kSparseTensor, sparse::kValues, K::kMessage, M::kTensor},
    {M::kSparseTensor, sparse::kIndices, K::kMessage, M::kTensor},
    {M::kSparseTensor, sparse::kDims, K::kInts},

    {M::kValueInfo, value_info::kName, K::kText},
    {M::kValueInfo, value_info::kType, K::kMessage, M::kType},
    {M::kValueInfo, value_info::kMetadata, K::kMessages, M::kEntry},

    {M::kType, type_proto::kTensorType, K::kMessage, M::kTensorType},
    {M::kType, type_proto::kSequenceType, K::kMessage, M::kNestedType},
    {M::kType, type_proto::kMapType, K::kMessage, M::kMapType},
    {M::kType, type_proto::kOpaqueType, K::kMessage, M::kOpaqueType},
    {M::kType, type_proto::kSparseTensorType, K::kMessage, M::kTensorType},
    {M::kType, type_proto::kOptionalType, K::kMessage, M::kNestedType},
    {M::kTensorType, tensor_type::kElementType, K::kInt},
    {M::kTensorType, tensor_type::kShape, K::kMessage, M::kShape},
    {M::kNestedType, tensor_type::kElementType, K::kMessage, M::kType},
    {M::kMapType, map_type::kKeyType, K::kInt},
    {M::kMapType, map_type::kValueType, K::kMessage, M::kType},
    {M::kShape, shape::kDim, K::kMessages, M::kDimension},
    {M::kDimension, dimension::kValue, K::kInt},
    {M::kDimension, dimension::kParam, K::kText},

    {M::kOpset, opset::kDomain, K::kText},
    {M::kOpset, opset::kVersion, K::kInt},
    {M::kEntry, entry::kKey, K::kText},
    {M::kEntry, entry::kValue, K::kText},

    {M::kFunction, function::kName, K::kText},
    {M::kFunction, function::kNode, K::kMessages, M::kNode},
    {M::kFunction, function::kOpsetImport, K::kMessages, M::kOpset},
    {M::kFunction, function::kAttributeProto, K::kMessages, M::kAttribute},
    {M::kFunction, function::kValueInfo, K::kMessages, M::kValueInfo},
    {M::kFunction, function::kMetadata, K::kMessages, M::kEntry},
    {M::kTraining, training::kInitialization, K::kMessage, M::kGraph},
    {M::kTraining, training::kAlgorithm, K::kMessage, M::kGraph},
    {M::kTraining, training::kInitializationBinding, K::kMessages, M::kEntry},
    {M::kTraining, training::kUpdateBinding, K::kMessages, M::kEntry},
    {M::kAnnotation, annotation::kParameters, K::kMessages, M::kEntry},

    {M::kNodeDevice, node_device::kShardingSpec, K::kMessages, M::kSharding},
    {M::kSharding, sharding::kDevice, K::kInts},
    {M::kSharding, sharding::kGroupMap, K::kMessages, M::kIntIntList},
    {M::kSharding, sharding::kShardedDim, K::kMessages, M::kShardedDim},
    {M::kIntIntList, int_int_list::kValue, K::kInts},
    {M::kShardedDim, sharded_dim::kSimpleSharding, K::kMessages, M::kSimpleShard},
});

using Table = std::array<std::array<FieldRule, kFields>, kMessageCount>;

constexpr Table kTable = [] {
  Table table{};
  for (const Entry& entry : kEntries) {
    table[static_cast<std::size_t>(entry.in)][entry.field] = {entry.kind, entry.message};
  }
  return table;
}();

constexpr auto kNames = std::to_array<std::string_view>({"model",
                                                         "graph",
                                                         "node",
                                                         "attribute",
                                                         "tensor",
                                                         "segment",
                                                         "sparse tensor",
                                                         "value",
                                                         "type",
                                                         "tensor type",
                                                         "nested type",
                                                         "map type",
                                                         "opaque type",
                                                         "shape",
                                                         "dimension",
                                                         "operator set",
                                                         "entry",
                                                         "function",
                                                         "training information",
                                                         "annotation",
                                                         "configuration",
                                                         "device configuration",
                                                         "sharding",
                                                         "device group",
                                                         "sharded dimension",
                                                         "shard"});
static_assert(kNames.size() == kMessageCount);

}  // namespace

std::string_view NameOf(Message message) {
  return kNames[static_cast<std::size_t>(message)];
}

FieldRule RuleOf(Message message, std::uint32_t field) {
  if (field >= kFields) return {};
  return kTable[static_cast<std::size_t>(message)][field];
}

}  // namespace quantbench::wire
