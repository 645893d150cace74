// TorchScript beside ONNX, by the real program: with libtorch where it is built in, and what is
// said where it is not.
#include "quantbench/base/json.h"
#include "quantbench/base/scratch_folder.h"

#include "end_to_end/program.h"
#include "end_to_end/text_network.h"

namespace quantbench::testing {
namespace {

const std::string kTorchNetworks = R"(
def mlp():
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 5)), torch.zeros(2, 16)

def image():
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(8, 5)), torch.zeros(2, 3, 12, 12)

if __name__ == "__main__":
    module, example = mlp()
    torch.jit.trace(module, example).save("bare.pt")
    torch.save(module.state_dict(), "weights.pt")
)";

constexpr char kShort[] = " --processes 1 --repetitions 2 --budget 0.1 -o json";

class TorchScriptFiles : public ProgramTest {
 protected:
  Ran Python(const std::string& arguments) const {
    Put("networks.py", kTextNetwork + kTorchNetworks);
    const std::string command = "cd '" + folder_.string() + "' && /usr/bin/python3 " + arguments +
                                " >stdout.txt 2>stderr.txt </dev/null";
    const int status = std::system(command.c_str());  // NOLINT(cert-env33-c): a test of a program
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Read(folder_ / "stdout.txt"),
            Read(folder_ / "stderr.txt")};
  }
  void Export(const std::string& arguments) const {
    const Ran ran =
        Python("'" QB_SOURCE_DIR "/examples/pytorch/export.py' --samples 16 " + arguments);
    ASSERT_EQ(ran.code, 0) << ran.err;
  }
  // net/ of the network "mlp" in all forms: made once for all tests.
  void ExportNet() const {
    static const ScratchFolder made = ScratchFolder::Make().value();
    if (!fs::exists(made.path() / "net")) {
      Export("networks.py:mlp --out net --torch-quantized dynamic --torch-quantized static");
      fs::copy(folder_ / "net", made.path() / "net", fs::copy_options::recursive);
    }
    fs::copy(made.path() / "net", folder_ / "net",
             fs::copy_options::recursive | fs::copy_options::skip_existing);
  }
  void MakeBare() const { ASSERT_EQ(Python("networks.py").code, 0); }
  // The rows of one table that the program printed.
  static Json::Array Rows(const Ran& ran, const std::string& table) {
    EXPECT_EQ(ran.code, 0) << ran.err;
    const auto tables = Json::Parse(ran.out);
    EXPECT_TRUE(tables.ok()) << ran.out;
    return tables.ok() ? tables.value()[table].AsArray() : Json::Array{};
  }
};

// What holds without libtorch, too.
TEST_F(TorchScriptFiles, WithoutAnEngineTheRemedyIsSaid) {
  MakeBare();
  const Ran ran =
      Run("bench bare.pt --input 'x=float32[batch,16]'", "QUANTBENCH_TORCH=/nowhere/module.so");
  EXPECT_EQ(ran.code, 4) << ran.err;
  EXPECT_NE(ran.err.find("/nowhere/module.so"), std::string::npos) << ran.err;
  EXPECT_EQ(CountLines(ran.err), 1) << ran.err;
}

// A struct of another shape must not be called into.
TEST_F(TorchScriptFiles, AnEngineOfAnotherBuildIsRefused) {
  MakeBare();
  for (const char* command :
       {"bench bare.pt --input 'x=float32[batch,16]'", "inspect bare.pt --loaded"}) {
    const Ran ran = Run(command, "QUANTBENCH_TORCH='" QB_OLD_TORCH_MODULE "'");
    EXPECT_EQ(ran.code, 4) << ran.err;
    EXPECT_NE(ran.err.find("built for another quantbench"), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find("build both together"), std::string::npos) << ran.err;
    EXPECT_EQ(CountLines(ran.err), 1) << ran.err;
  }
}

TEST_F(TorchScriptFiles, OtherArchivesAreRefused) {
  MakeBare();
  for (const char* command : {"inspect weights.pt", "bench weights.pt"}) {
    const Ran ran = Run(command);
    EXPECT_EQ(ran.code, 5) << command;
    EXPECT_NE(ran.err.find("weights.pt: not a TorchScript model: a checkpoint without code"),
              std::string::npos)
        << ran.err;
    EXPECT_EQ(CountLines(ran.err), 1) << ran.err;
  }
  const Ran onnx_only = Run("roofline bare.pt");
  EXPECT_NE(onnx_only.code, 0);
  EXPECT_NE(onnx_only.err.find("this needs ONNX"), std::string::npos) << onnx_only.err;
}

TEST_F(TorchScriptFiles, InspectTellsSizesAndPorts) {
  ExportNet();
  const Json::Array rows = Rows(Run("inspect net/model.pt -o json"), "Model");
  std::string tensors;
  for (const Json& row : rows) {
    if (row["what"].AsString() == "bytes of tensors") tensors = row["value"].AsString();
  }
  EXPECT_EQ(tensors, std::to_string(4 * (16 * 32 + 32 + 32 * 5 + 5)));
  EXPECT_NE(Run("inspect net/model.pt").out.find("[batch, 16]"), std::string::npos);
}

// With libtorch.
class WithLibtorch : public TorchScriptFiles {
 protected:
  void SetUp() override {
    if (std::string(QB_TORCH_MODULE).empty()) {
      GTEST_SKIP() << "built without the torch engine (QB_TORCH)";
    }
  }
  // The arms that were measured.
  void ExpectMeasured(const Ran& ran, std::size_t arms) const {
    EXPECT_EQ(Rows(ran, "Latency").size(), arms) << ran.out << ran.err;
  }
};

TEST_F(WithLibtorch, MeasuresBothEnginesInOneCell) {
  ExportNet();
  ExpectMeasured(Run("bench net/model.onnx net/model.pt net/model.dynamic.pt net/model.static.pt" +
                     std::string(kShort)),
                 4);
  const Ran first =
      Run("bench net/model.pt net/model.onnx --batch 3 --memory" + std::string(kShort));
  ExpectMeasured(first, 2);
  EXPECT_EQ(Rows(first, "Memory").size(), 2U);
  EXPECT_NE(first.err.find("model.pt: run by libtorch"), std::string::npos) << first.err;
}

TEST_F(WithLibtorch, ConvolutionsAndLongShortTermMemoryRunAsPyTorchQuantizedThem) {
  Export("networks.py:image --out image --torch-quantized static");
  ExpectMeasured(Run("bench image/model.pt image/model.static.pt" + std::string(kShort)), 2);
  Export(
      "networks.py:text --out text --torch-quantized dynamic --input "
      "'input_ids=int64[batch,sequence]<50' --input 'attention_mask=int64[batch,sequence]'");
  ExpectMeasured(Run("bench text/model.pt text/model.onnx text/model.dynamic.pt --dim sequence=12 "
                     "--vocabulary 50" +
                     std::string(kShort)),
                 3);
}

// Operators are libtorch's own; what one multiplies is known of packed weights, too.
TEST_F(WithLibtorch, ExplainTellsOfEveryOperator) {
  Export("networks.py:image --out image --torch-quantized static");
  const Ran ran = Run("explain image/model.pt image/model.static.pt -o json");
  const Json::Array layers = Rows(ran, "Layers");
  ASSERT_EQ(layers.size(), 2U) << ran.out;  // the convolution and the product
  EXPECT_EQ(layers[0]["quantized"].AsString(), "quantized::conv2d_relu") << ran.out;
  EXPECT_DOUBLE_EQ(layers[0]["MMAC"].AsDouble(), 0.0311);  // 8 x 27 x 12 x 12
  EXPECT_EQ(layers[1]["original"].AsString(), "aten::linear") << ran.out;
  EXPECT_EQ(layers[1]["kernel"].AsString(), "integer kernel") << ran.out;
  EXPECT_NE(ran.err.find("model.pt: run by libtorch"), std::string::npos) << ran.err;
  // An operator of the one engine finds its partner in the other.
  ExportNet();
  EXPECT_EQ(Rows(Run("explain net/model.onnx net/model.dynamic.pt -o json"), "Layers").size(), 2U);
}

TEST_F(WithLibtorch, InputsAreStatedOrTakenFromABesideOrAskedFor) {
  MakeBare();
  const Ran unknown = Run("bench bare.pt");
  EXPECT_EQ(unknown.code, 2) << unknown.err;
  EXPECT_NE(unknown.err.find("--input 'input=float32["), std::string::npos) << unknown.err;
  EXPECT_EQ(CountLines(unknown.err), 1) << unknown.err;
  ExpectMeasured(Run("bench bare.pt --input 'anything=float32[batch,16]'" + std::string(kShort)),
                 1);
  ExportNet();
  ExpectMeasured(Run("bench bare.pt net/model.onnx" + std::string(kShort)), 2);
  const Ran onnx = Run("bench net/model.onnx --input 'x=float32[batch,16]'");
  EXPECT_EQ(onnx.code, 2) << onnx.err;
}

constexpr char kAlone[] = R"(
[study]
title = "libtorch alone"
repetitions = 2
processes = 1
budget_s = 0.2

[[model]]
id = "net"
path = "model.pt"
data = "samples"

[[variant]]
id = "int8"
recipe = "dynamic-int8"

[data.samples]
kind = "npz"
path = "samples.npz"
inputs = { input_0 = "input_0" }
)";

TEST_F(WithLibtorch, AloneTheyNeedNoOnnxRuntime) {
  ExportNet();
  const std::string nowhere = "QUANTBENCH_ORT=/nowhere/libonnxruntime.so";
  ExpectMeasured(Run("bench net/model.pt --memory" + std::string(kShort), nowhere), 1);
  Put("net/alone.toml", kAlone);
  const Ran ran = Run("run net/alone.toml --results results", nowhere);
  EXPECT_EQ(ran.code, 0) << ran.err;
  const std::string report = Read(folder_ / "results/report.md");
  EXPECT_NE(report.find("libtorch"), std::string::npos);
  EXPECT_EQ(report.find("onnxruntime"), std::string::npos);
  const Ran both = Run("bench net/model.pt net/model.onnx" + std::string(kShort), nowhere);
  EXPECT_NE(both.code, 0);
  EXPECT_NE((both.out + both.err).find("/nowhere/libonnxruntime.so"), std::string::npos)
      << both.out << both.err;
}

// How libtorch runs is part of the question, from the study or from the command line.
TEST_F(WithLibtorch, AStudyRunAnotherWayIsMeasuredAnew) {
  ExportNet();
  Put("net/alone.toml", kAlone);
  const auto told = [&](const std::string& arguments) {
    const Ran ran = Run("run net/alone.toml --results results " + arguments);
    const std::size_t at = ran.err.find(" cases: ");
    return at == std::string::npos ? ran.err : ran.err.substr(at + 8, ran.err.find(" failed") - at);
  };
  EXPECT_EQ(told("").substr(0, 34), "4 done now, 0 had a record, 0 fail");
  EXPECT_EQ(told("--device cpu").substr(0, 34), "0 done now, 4 had a record, 0 fail");
  EXPECT_EQ(told("--no-freeze").substr(0, 26), "4 done now, 0 had a record");
  // What quantizing makes is made on the processor all the same.
  EXPECT_EQ(told("--device cuda").substr(0, 26), "3 done now, 1 had a record");
  Put("net/alone.toml", std::string(kAlone) + "[torch]\nfreeze = false\n");
  EXPECT_EQ(told("").substr(0, 26), "0 done now, 4 had a record");
}

TEST_F(WithLibtorch, AStudyMixesThemAndTheyAnswerAlike) {
  ExportNet();
  Put("net/mixed.toml", R"(
[study]
title = "Who is faster?"
repetitions = 2
processes = 1
budget_s = 0.2

[[model]]
id = "net"
path = "model.onnx"
data = "samples"

[[variant]]
id = "torchscript"
path = "model.pt"

[[variant]]
id = "torch-dynamic"
path = "model.dynamic.pt"

[data.samples]
kind = "npz"
path = "samples.npz"
inputs = { input_0 = "input_0" }
labels = "samples.npz"
)");
  const Json::Array rows = Rows(Run("run net/mixed.toml --results results -o json"), "Summary");
  ASSERT_EQ(rows.size(), 3U);
  std::string environment;
  for (const auto& entry : fs::directory_iterator(folder_ / "results/records")) {
    environment = Read(entry.path());
  }
  EXPECT_NE(environment.find("\"torch_version\""), std::string::npos);
  for (const Json& row : rows) {
    // The labels are PyTorch's own answers.
    if (row["arm"].AsString() != "torch-dynamic") {
      EXPECT_EQ(row["value"].AsDouble(), 100) << row.Dump();
    }
  }
  Put("data.toml",
      "kind = \"npz\"\npath = \"net/samples.npz\"\ninputs = { input_0 = \"input_0\" }\n"
      "labels = \"net/samples.npz\"\n");
  const Ran ran = Run("eval net/model.pt net/model.onnx --data data.toml");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("100"), std::string::npos) << ran.out;
}

}  // namespace
}  // namespace quantbench::testing
