// Field numbers of the messages this room reads and writes.   [ONNX 1.20 onnx.proto]
#pragma once

#include <cstdint>

namespace quantbench::wire {

namespace model {
enum : std::uint32_t {
  kIrVersion = 1,
  kProducerName = 2,
  kProducerVersion = 3,
  kGraph = 7,
  kOpsetImport = 8,
  kMetadata = 14,
  kTrainingInfo = 20,
  kFunctions = 25,
  kConfiguration = 26
};
}
namespace graph {
enum : std::uint32_t {
  kNode = 1,
  kName = 2,
  kInitializer = 5,
  kInput = 11,
  kOutput = 12,
  kValueInfo = 13,
  kQuantizationAnnotation = 14,
  kSparseInitializer = 15,
  kMetadata = 16
};
}
namespace node {
enum : std::uint32_t {
  kInput = 1,
  kOutput = 2,
  kName = 3,
  kOpType = 4,
  kAttribute = 5,
  kDomain = 7,
  kMetadata = 9,
  kDeviceConfigurations = 10
};
}
namespace attribute {
enum : std::uint32_t {
  kName = 1,
  kF = 2,
  kI = 3,
  kS = 4,
  kT = 5,
  kG = 6,
  kFloats = 7,
  kInts = 8,
  kStrings = 9,
  kTensors = 10,
  kGraphs = 11,
  kTypeProto = 14,
  kTypeProtos = 15,
  kType = 20,
  kReference = 21,
  kSparseTensor = 22,
  kSparseTensors = 23
};
}
namespace tensor {
enum : std::uint32_t {
  kDims = 1,
  kDataType = 2,
  kSegment = 3,
  kFloatData = 4,
  kInt32Data = 5,
  kStringData = 6,
  kInt64Data = 7,
  kName = 8,
  kRawData = 9,
  kDoubleData = 10,
  kUint64Data = 11,
  kExternalData = 13,
  kDataLocation = 14,
  kMetadata = 16
};
}
namespace sparse {
enum : std::uint32_t { kValues = 1, kIndices = 2, kDims = 3 };
}
namespace function {
enum : std::uint32_t {
  kName = 1,
  kNode = 7,
  kOpsetImport = 9,
  kAttributeProto = 11,
  kValueInfo = 12,
  kMetadata = 14
};
}
namespace training {
enum : std::uint32_t {
  kInitialization = 1,
  kAlgorithm = 2,
  kInitializationBinding = 3,
  kUpdateBinding = 4
};
}
namespace value_info {
enum : std::uint32_t { kName = 1, kType = 2, kMetadata = 4 };
}
namespace type_proto {
enum : std::uint32_t {
  kTensorType = 1,
  kSequenceType = 4,
  kMapType = 5,
  kOpaqueType = 7,
  kSparseTensorType = 8,
  kOptionalType = 9
};
}
// Of tensors and sparse tensors; sequences and optionals have a type at kElementType, maps at 2.
namespace tensor_type {
enum : std::uint32_t { kElementType = 1, kShape = 2 };
}
namespace map_type {
enum : std::uint32_t { kKeyType = 1, kValueType = 2 };
}
namespace shape {
enum : std::uint32_t { kDim = 1 };
}
namespace dimension {
enum : std::uint32_t { kValue = 1, kParam = 2 };
}
namespace opset {
enum : std::uint32_t { kDomain = 1, kVersion = 2 };
}
namespace entry {
enum : std::uint32_t { kKey = 1, kValue = 2 };
}
namespace annotation {
enum : std::uint32_t { kParameters = 2 };
}
namespace node_device {
enum : std::uint32_t { kShardingSpec = 2 };
}
namespace sharding {
enum : std::uint32_t { kDevice = 2, kGroupMap = 3, kShardedDim = 4 };
}
namespace sharded_dim {
enum : std::uint32_t { kSimpleSharding = 2 };
}
namespace int_int_list {
enum : std::uint32_t { kValue = 2 };
}

}  // namespace quantbench::wire
