// The numbers of tensors: every element type in every form that onnx.proto allows.
#include "model/payload.h"

#include <cstring>
#include <functional>
#include <ostream>

#include <gtest/gtest.h>

#include "model/onnx_oracle.h"
#include "model/rope.h"
#include "model/shuffled.h"

namespace quantbench {
namespace payload_test {

Initializer Parsed(const onnx::TensorProto& tensor) {
  onnx::ModelProto model = AddModel();
  *model.mutable_graph()->mutable_initializer(0) = tensor;
  const auto parsed = ParseText(model.SerializeAsString());
  EXPECT_TRUE(parsed.ok()) << parsed.error().message();
  return parsed.ok() ? parsed.value().graph.initializers[0] : Initializer{};
}

onnx::TensorProto Make(int type, std::int64_t elements) {
  onnx::TensorProto tensor;
  tensor.set_name("t");
  tensor.set_data_type(type);
  tensor.add_dims(elements);
  return tensor;
}

std::string ErrorOf(const onnx::TensorProto& tensor) {
  const auto read = ReadTensor(Parsed(tensor));
  return read.ok() ? "" : read.error().message();
}

// How three or four numbers of a type are stored when they are not raw.
struct Form {
  DataType type;
  std::int64_t elements;
  std::function<void(onnx::TensorProto*)> fill;
  std::string raw;  // the same numbers packed as raw_data

  friend std::ostream& operator<<(std::ostream& out, const Form& form) {
    return out << Name(form.type);
  }
};

template <typename T>
std::string RawOf(const std::vector<T>& values) {
  std::string raw(values.size() * sizeof(T), '\0');
  std::memcpy(raw.data(), values.data(), raw.size());
  return raw;
}

Form Ints(DataType type, std::int64_t elements, const std::vector<std::int32_t>& values,
          std::string raw) {
  return {type, elements,
          [values](onnx::TensorProto* tensor) {
            for (const std::int32_t value : values) tensor->add_int32_data(value);
          },
          std::move(raw)};
}

Form Floats(DataType type, const std::vector<float>& values) {
  return {type, type == DataType::kComplex64 ? 2 : 4,
          [values](onnx::TensorProto* tensor) {
            for (const float value : values) tensor->add_float_data(value);
          },
          RawOf(values)};
}

Form Doubles(DataType type, const std::vector<double>& values) {
  return {type, type == DataType::kComplex128 ? 2 : 4,
          [values](onnx::TensorProto* tensor) {
            for (const double value : values) tensor->add_double_data(value);
          },
          RawOf(values)};
}

Form Unsigned(DataType type, const std::vector<std::uint64_t>& values, std::string raw) {
  return {type, static_cast<std::int64_t>(values.size()),
          [values](onnx::TensorProto* tensor) {
            for (const std::uint64_t value : values) tensor->add_uint64_data(value);
          },
          std::move(raw)};
}

Form Longs(const std::vector<std::int64_t>& values) {
  return {DataType::kInt64, static_cast<std::int64_t>(values.size()),
          [values](onnx::TensorProto* tensor) {
            for (const std::int64_t value : values) tensor->add_int64_data(value);
          },
          RawOf(values)};
}

std::vector<Form> Forms() {
  using D = DataType;
  std::vector<Form> forms = {
      Floats(D::kFloat32, {1.5F, -0.0F, 3e38F, -2}),
      Floats(D::kComplex64, {1, 2, 3, 4}),
      Doubles(D::kFloat64, {1e300, -1, 0, 0.1}),
      Doubles(D::kComplex128, {1, 2, 3, 4}),
      Longs({-1, INT64_MIN, INT64_MAX, 0}),
      Unsigned(D::kUint64, {0, UINT64_MAX, 7}, RawOf<std::uint64_t>({0, UINT64_MAX, 7})),
      Unsigned(D::kUint32, {0, UINT32_MAX, 7}, RawOf<std::uint32_t>({0, UINT32_MAX, 7})),
      Ints(D::kInt32, 3, {-1, INT32_MIN, INT32_MAX},
           RawOf<std::int32_t>({-1, INT32_MIN, INT32_MAX})),
      Ints(D::kInt16, 3, {-32768, 32767, -1}, RawOf<std::int16_t>({-32768, 32767, -1})),
      Ints(D::kUint16, 3, {0, 65535, 7}, RawOf<std::uint16_t>({0, 65535, 7})),
      Ints(D::kFloat16, 3, {0x3c00, 0xfbff, 0}, RawOf<std::uint16_t>({0x3c00, 0xfbff, 0})),
      Ints(D::kBfloat16, 3, {0x3f80, 0xff80, 0}, RawOf<std::uint16_t>({0x3f80, 0xff80, 0})),
      Ints(D::kInt8, 3, {-128, 127, -1}, RawOf<std::int8_t>({-128, 127, -1})),
      Ints(D::kUint8, 3, {0, 255, 7}, RawOf<std::uint8_t>({0, 255, 7})),
      Ints(D::kBool, 3, {1, 0, 1}, RawOf<std::uint8_t>({1, 0, 1})),
      Ints(D::kUint4, 3, {0x21, 0x03}, RawOf<std::uint8_t>({0x21, 0x03})),
      Ints(D::kInt4, 4, {0xf8, -1}, RawOf<std::uint8_t>({0xf8, 0xff})),
      Ints(D::kFloat4E2M1, 3, {0xff, 0x0f}, RawOf<std::uint8_t>({0xff, 0x0f})),
      Ints(D::kUint2, 5, {0xe4, 3}, RawOf<std::uint8_t>({0xe4, 3})),
      Ints(D::kInt2, 4, {0xe4}, RawOf<std::uint8_t>({0xe4})),
  };
  for (const D type :
       {D::kFloat8E4M3FN, D::kFloat8E4M3FNUZ, D::kFloat8E5M2, D::kFloat8E5M2FNUZ, D::kFloat8E8M0}) {
    forms.push_back(Ints(type, 3, {0, 255, 0x7f}, RawOf<std::uint8_t>({0, 255, 0x7f})));
  }
  return forms;
}

class EveryType : public ::testing::TestWithParam<Form> {};

void ExpectPayload(const Initializer& tensor, const Form& form) {
  const auto payload = PayloadOf(tensor);
  ASSERT_TRUE(payload.ok()) << payload.error().message();
  EXPECT_EQ(wire::Text(payload.value().view), form.raw);
  const auto copy = ReadTensor(tensor);
  ASSERT_TRUE(copy.ok());
  EXPECT_EQ(copy.value().type, form.type);
  EXPECT_EQ(copy.value().shape, tensor.dims);
}

TEST_P(EveryType, IsReadFromRawDataWithoutACopy) {
  onnx::TensorProto tensor = Make(static_cast<int>(GetParam().type), GetParam().elements);
  tensor.set_raw_data(GetParam().raw);
  const Initializer ours = Parsed(tensor);
  EXPECT_EQ(ours.storage, Storage::kRaw);
  EXPECT_EQ(PayloadOf(ours).value().view.data(), ours.data.view.data());
  ExpectPayload(ours, GetParam());
}

TEST_P(EveryType, IsReadFromItsTypedFieldPacked) {
  onnx::TensorProto tensor = Make(static_cast<int>(GetParam().type), GetParam().elements);
  GetParam().fill(&tensor);
  const Initializer ours = Parsed(tensor);
  EXPECT_EQ(ours.storage, Storage::kTyped);
  ExpectPayload(ours, GetParam());
}

// The packed numbers of a message as separate fields.
std::string Unpacked(const std::string& text) {
  std::string unpacked;
  for (wire::Reader reader(text); reader.Next();) {
    const wire::Kind kind = wire::RuleOf(wire::Message::kTensor, reader.field()).kind;
    if (reader.type() != wire::Type::kBytes || kind == wire::Kind::kText) {
      unpacked += reader.encoded();
      continue;
    }
    std::string_view packed = reader.Bytes();
    while (!packed.empty()) {
      const char* begin = packed.data();
      char wire_type = 0;
      if (kind == wire::Kind::kFloats || kind == wire::Kind::kDoubles) {
        wire_type = kind == wire::Kind::kFloats ? 5 : 1;
        packed.remove_prefix(kind == wire::Kind::kFloats ? 4 : 8);
      } else {
        wire::TakeVarint(&packed);
      }
      unpacked += static_cast<char>(reader.field() << 3U | static_cast<unsigned>(wire_type));
      unpacked.append(begin, packed.data());
    }
  }
  return unpacked;
}

TEST_P(EveryType, IsReadFromItsTypedFieldOneByOne) {
  onnx::TensorProto tensor = Make(static_cast<int>(GetParam().type), GetParam().elements);
  GetParam().fill(&tensor);
  Initializer ours;
  ours.type = GetParam().type;
  ours.dims = {GetParam().elements};
  ours.storage = Storage::kTyped;
  const std::string text = Unpacked(tensor.SerializeAsString());
  onnx::TensorProto same;
  ASSERT_TRUE(same.ParseFromString(text));
  ASSERT_EQ(same.SerializeAsString(), tensor.SerializeAsString());
  ours.origin = BytesCopy(text);
  ExpectPayload(ours, GetParam());
}

TEST_P(EveryType, IsRefusedWhenItHasTooFewOrTooManyNumbers) {
  for (const std::int64_t elements : {std::int64_t{0}, GetParam().elements + 9}) {
    onnx::TensorProto raw = Make(static_cast<int>(GetParam().type), elements);
    onnx::TensorProto typed = raw;
    raw.set_raw_data(GetParam().raw);
    GetParam().fill(&typed);
    EXPECT_NE(ErrorOf(raw), "");
    EXPECT_NE(ErrorOf(typed), "");
  }
}

TEST_P(EveryType, RoundTripsThroughOf) {
  Tensor tensor{GetParam().type, {GetParam().elements}, {}};
  const auto raw = wire::BytesOf(GetParam().raw);
  tensor.bytes.assign(raw.begin(), raw.end());
  ExpectPayload(Initializer::Of("made", tensor), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Payload, EveryType, ::testing::ValuesIn(Forms()),
                         [](const auto& test) { return Name(test.param.type); });

TEST(Payload, CoversEveryTypeButStrings) {
  EXPECT_EQ(Forms().size(), 25U);
}

TEST(Payload, RefusesNumbersThatTheirTypeCannotHold) {
  onnx::TensorProto bytes = Make(onnx::TensorProto::INT8, 1);
  bytes.add_int32_data(128);
  EXPECT_EQ(ErrorOf(bytes), "initializer \"t\": 128 does not fit int8");
  onnx::TensorProto flag = Make(onnx::TensorProto::BOOL, 1);
  flag.add_int32_data(2);
  EXPECT_EQ(ErrorOf(flag), "initializer \"t\": 2 does not fit bool");
  onnx::TensorProto word = Make(onnx::TensorProto::UINT32, 1);
  word.add_uint64_data(1ULL << 32U);
  EXPECT_EQ(ErrorOf(word), "initializer \"t\": 4294967296 does not fit uint32");
}

TEST(Payload, RefusesNumbersInTheFieldOfAnotherType) {
  onnx::TensorProto tensor = Make(onnx::TensorProto::FLOAT, 1);
  tensor.add_int32_data(1);
  EXPECT_EQ(ErrorOf(tensor), "initializer \"t\": numbers of float32 are not stored in field 5");
}

TEST(Payload, SaysWhatAShapeNeeds) {
  onnx::TensorProto tensor = Make(onnx::TensorProto::FLOAT, 4);
  tensor.set_raw_data("12345678");
  EXPECT_EQ(ErrorOf(tensor), "initializer \"t\": float32 of shape [4] needs 16 bytes, not 8");
  tensor.set_dims(0, -1);
  EXPECT_EQ(ErrorOf(tensor), "initializer \"t\": shape [-1] has a negative size");
}

TEST(Payload, AllocatesNothingForAShapeThatLies) {
  onnx::TensorProto tensor = Make(onnx::TensorProto::INT64, std::int64_t{1} << 50U);
  tensor.add_int64_data(1);
  EXPECT_NE(ErrorOf(tensor), "");
}

TEST(Payload, ReadsScalarsAndEmptyTensors) {
  onnx::TensorProto scalar = Make(onnx::TensorProto::FLOAT, 1);
  scalar.clear_dims();
  scalar.add_float_data(2.5F);
  EXPECT_EQ(ReadTensor(Parsed(scalar)).value().As<float>()[0], 2.5F);
  EXPECT_TRUE(ReadTensor(Parsed(Make(onnx::TensorProto::FLOAT, 0))).value().bytes.empty());
}

TEST(Payload, KeepsUnknownTypesAndRefusesToReadThem) {
  onnx::TensorProto tensor = Make(99, 3);
  tensor.set_raw_data("abc");
  const Initializer ours = Parsed(tensor);
  EXPECT_EQ(ours.stored_bytes(), 3U);
  const auto read = PayloadOf(ours);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(read.error().message().find("type 99"), std::string::npos);
}

TEST(Payload, CountsStrings) {
  onnx::TensorProto strings = Make(onnx::TensorProto::STRING, 2);
  strings.add_string_data("one");
  EXPECT_EQ(CheckStrings(Parsed(strings)).error().message(),
            "initializer \"t\": strings of shape [2] need 2 strings, not 1");
  strings.add_string_data("");
  EXPECT_TRUE(CheckStrings(Parsed(strings)).ok());
  EXPECT_EQ(PayloadOf(Parsed(strings)).error().code(), ErrorCode::kUnsupported);
}

}  // namespace payload_test
}  // namespace quantbench
