// `quantbench quantize` of TorchScript, by the real program: beside PyTorch's own quantizer, and in
// a study.
#include "quantbench/base/json.h"
#include "quantbench/base/scratch_folder.h"

#include "end_to_end/program.h"

namespace quantbench::testing {
namespace {

constexpr char kNetworks[] = R"(
import torch, torch.nn.functional as F
from torch import nn

class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(16, 48), nn.Linear(48, 5)
    def forward(self, x):
        return self.down(F.relu(self.up(x)))

class Image(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16)
        self.body, self.norm2 = nn.Conv2d(16, 16, 3, 1, 1), nn.BatchNorm2d(16)
        self.head = nn.Linear(16, 5)
    def forward(self, x):
        y = F.relu(self.norm(self.stem(x)))
        y = F.max_pool2d(F.relu(self.norm2(self.body(y)) + y), 2)
        return self.head(torch.flatten(F.adaptive_avg_pool2d(y, 1), 1))

class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 24)
        self.encoder = nn.LSTM(24, 32, 2, batch_first=True, bidirectional=True)
        self.second = nn.GRU(64, 16, batch_first=True)
        self.head = nn.Linear(16, 4)
    def forward(self, x):
        states, _ = self.encoder(self.table(x))
        return self.head(self.second(states)[0].mean(1))

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(32, 32) for _ in range(4))
        self.n1, self.n2 = nn.LayerNorm(32), nn.LayerNorm(32)
        self.up, self.down = nn.Linear(32, 64), nn.Linear(64, 32)
    def heads(self, x):
        return x.view(x.size(0), x.size(1), 4, 8).transpose(1, 2)
    def forward(self, x):
        a = torch.softmax(torch.matmul(self.heads(self.q(x)), self.heads(self.k(x)).transpose(-1, -2)) / 2.8, -1)
        y = torch.matmul(a, self.heads(self.v(x))).transpose(1, 2).reshape(x.size(0), x.size(1), 32)
        x = self.n1(x + self.o(y))
        return self.n2(x + self.down(F.gelu(self.up(x))))

class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.layers, self.head = nn.Embedding(50, 32), nn.ModuleList([Block(), Block()]), nn.Linear(32, 4)
    def forward(self, x):
        y = self.table(x)
        for layer in self.layers:
            y = layer(y)
        return self.head(y.mean(1))

def make(kind):
    torch.manual_seed(3)
    net = kind()
    if kind is Image:
        for _ in range(8):
            net(torch.randn(8, 3, 24, 24))
    return net.eval()

tokens = torch.randint(0, 50, (2, 9))
NETS = {"mlp": (Mlp, torch.randn(4, 16)), "image": (Image, torch.randn(2, 3, 24, 24)),
        "text": (Text, tokens), "transformer": (Transformer, tokens)}
)";

constexpr char kMake[] = R"(
from networks import *
for name, (kind, x) in NETS.items():
    net = make(kind)
    torch.jit.trace(net, x, check_trace=False).save(name + ".pt")
    torch.jit.script(net).save(name + ".script.pt")
)";

// Prints, for each file, the largest difference from what PyTorch's quantizer makes, and its SQNR
// against the float network.
constexpr char kCompare[] = R"(
import sys, json
from networks import *
answers = {}
for path in sys.argv[1:]:
    kind, _ = NETS[path.split(".")[0]]
    net = make(kind)
    torch.manual_seed(4)
    x = torch.randint(0, 50, (3, 11)) if kind in (Text, Transformer) else torch.randn(NETS[path.split(".")[0]][1].shape)
    with torch.no_grad():
        plain = net(x)
        theirs = torch.ao.quantization.quantize_dynamic(net, {nn.Linear, nn.LSTM, nn.GRU}, dtype=torch.qint8)(x)
        ours = torch.jit.load(path)(x)
    noise = float((plain - ours).square().sum())
    answers[path] = {"difference": float((ours - theirs).abs().max()),
                     "sqnr_db": float(10 * torch.log10(plain.square().sum() / max(noise, 1e-30)))}
print(json.dumps(answers))
)";

constexpr char kTokens[] = " --input 'x=int64[batch,9]' --vocabulary 50";

class TorchQuantize : public ProgramTest {
 protected:
  void SetUp() override {
    if (std::string(QB_TORCH_MODULE).empty()) {
      GTEST_SKIP() << "built without the torch engine (QB_TORCH)";
    }
    static const ScratchFolder made = ScratchFolder::Make().value();  // once for all tests
    if (fs::is_empty(made.path())) {
      Put("networks.py", kNetworks);
      Put("make.py", kMake);
      Put("compare.py", kCompare);
      ASSERT_EQ(Python("make.py").code, 0);
      fs::copy(folder_, made.path(), fs::copy_options::recursive);
    } else {
      fs::copy(made.path(), folder_, fs::copy_options::recursive);
    }
  }
  Ran Python(const std::string& arguments) const {
    const std::string command = "cd '" + folder_.string() + "' && /usr/bin/python3 " + arguments +
                                " >python.out 2>python.err </dev/null";
    const int status = std::system(command.c_str());  // NOLINT(cert-env33-c): a test of a program
    const Ran ran = {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Read(folder_ / "python.out"),
                     Read(folder_ / "python.err")};
    EXPECT_EQ(ran.code, 0) << ran.err;
    return ran;
  }
  Json Compare(const std::string& files) const {
    const auto answers = Json::Parse(Python("compare.py " + files).out);
    EXPECT_TRUE(answers.ok());
    return answers.ok() ? answers.value() : Json();
  }
  // What became of a layer, as the command printed it.
  static std::string Became(const Ran& ran, const std::string& layer) {
    const auto tables = Json::Parse(ran.out);
    EXPECT_TRUE(tables.ok()) << ran.out;
    if (!tables.ok()) return "";
    for (const Json& row : tables.value()["Layers"].AsArray()) {
      if (row["layer"].AsString() == layer) return row["became"].AsString();
    }
    return "no such layer";
  }
};

TEST_F(TorchQuantize, DynamicGivesWhatPyTorchGives) {
  const std::string dynamic = " --recipe dynamic-int8 --no-verify --print json";
  std::string files;
  for (const char* form : {"", ".script"}) {
    for (const char* name : {"mlp", "image", "text", "transformer"}) {
      const std::string stem = std::string(name) + form;
      std::string input = kTokens;
      if (std::string(name) == "mlp") input = " --input 'x=float32[batch,16]'";
      if (std::string(name) == "image") input = " --input 'x=float32[batch,3,24,24]'";
      const Ran ran = Run("quantize " + stem + ".pt -o " + stem + ".int8.pt" + dynamic + input);
      ASSERT_EQ(ran.code, 0) << ran.err;
      EXPECT_NE(ran.out.find("quantized engine"), std::string::npos) << ran.out;
      files += " " + stem + ".int8.pt";
      if (std::string(name) == "text") {
        EXPECT_EQ(Became(ran, "encoder"), "dynamic-int8");
        EXPECT_EQ(Became(ran, "table"), "float");
      }
      if (std::string(name) == "transformer") {
        EXPECT_EQ(Became(ran, "layers.1.down"), "dynamic-int8");
      }
    }
  }
  const Json answers = Compare(files);
  EXPECT_EQ(answers.AsObject().size(), 8U);
  for (const auto& [file, answer] : answers.AsObject()) {
    EXPECT_LT(answer["difference"].AsDouble(), 1e-5) << file;
    EXPECT_GT(answer["sqnr_db"].AsDouble(), 20) << file;
  }
}

TEST_F(TorchQuantize, StaticRunsInPlainPyTorch) {
  const Ran image = Run(
      "quantize image.pt --recipe static-int8-fast --observer minmax -o image.int8.pt --print json "
      "--input 'x=float32[batch,3,24,24]'");
  ASSERT_EQ(image.code, 0) << image.err;
  EXPECT_EQ(Became(image, "stem"), "static-int8");
  EXPECT_NE(image.out.find("quantized::conv2d_relu"), std::string::npos);
  EXPECT_NE(image.out.find("computed on codes, too"), std::string::npos);
  const Ran mlp = Run(
      "quantize mlp.script.pt --recipe static-int8 -o mlp.int8.pt --keep-float down --print json "
      "--input 'x=float32[batch,16]'");
  ASSERT_EQ(mlp.code, 0) << mlp.err;
  EXPECT_EQ(Became(mlp, "down"), "float");
  const Json answers = Compare("image.int8.pt mlp.int8.pt");
  for (const auto& [file, answer] : answers.AsObject()) {
    EXPECT_GT(answer["sqnr_db"].AsDouble(), 20) << file;
  }
  EXPECT_EQ(answers.AsObject().size(), 2U);
}

TEST_F(TorchQuantize, TheSameBytesTwiceAndNoneWhenRefused) {
  const std::string mlp = "quantize mlp.pt --input 'x=float32[batch,16]' ";
  ASSERT_EQ(Run(mlp + "--recipe dynamic-int8 -o a.pt").code, 0);
  ASSERT_EQ(Run(mlp + "--recipe dynamic-int8 --no-verify -o b.pt").code, 0);
  EXPECT_EQ(Read(folder_ / "a.pt"), Read(folder_ / "b.pt"));
  struct Refusal {
    const char* arguments;
    int code;
    const char* says;
  };
  for (const Refusal& refusal : {
           Refusal{"--recipe weight-int4 -o c.pt", 2, "TorchScript models take dynamic-int8"},
           Refusal{"--recipe float16 -o c.pt", 2, "TorchScript models take dynamic-int8"},
           Refusal{"--recipe dynamic-int8 --keep-float none -o c.pt", 2, "matches no layer"},
           Refusal{"--recipe dynamic-int8 --plan-only -o c.pt", 2, "plans are for ONNX"},
           Refusal{"--recipe dynamic-int8 --keep-float 'aten::*' -o c.pt", 5, "no layer can be"},
       }) {
    const Ran ran = Run(mlp + refusal.arguments);
    EXPECT_EQ(ran.code, refusal.code) << refusal.arguments << ": " << ran.err;
    EXPECT_NE(ran.err.find(refusal.says), std::string::npos) << ran.err;
    EXPECT_EQ(CountLines(ran.err), 1) << ran.err;
    EXPECT_FALSE(fs::exists(folder_ / "c.pt"));
  }
  Put("half.pt", Read(folder_ / "mlp.pt").substr(0, 9000));
  const Ran half = Run("quantize half.pt --recipe dynamic-int8 -o c.pt");
  EXPECT_EQ(half.code, 5) << half.err;
  EXPECT_EQ(CountLines(half.err), 1) << half.err;
}

TEST_F(TorchQuantize, AStudyMakesItsVariants) {
  Put("study.toml", R"(
[study]
title = "TorchScript"
repetitions = 2
processes = 1
budget_s = 0.2

[[model]]
id = "mlp"
path = "mlp.pt"
inputs = ["x=float32[batch,16]"]

[[variant]]
id = "dynamic"
recipe = "dynamic-int8"

[[variant]]
id = "static"
recipe = "static-int8-fast"
)");
  const Ran ran = Run("run study.toml --results results");
  ASSERT_EQ(ran.code, 0) << ran.err << ran.out;
  int made = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "results/records")) {
    const std::string text = Read(entry.path());
    if (text.find("quantized::linear_dynamic") != std::string::npos) ++made;
    if (text.find("\"form\": \"quantized::linear\"") != std::string::npos ||
        text.find("\"form\":\"quantized::linear\"") != std::string::npos ||
        text.find("quantized::linear_relu") != std::string::npos) {
      ++made;
    }
  }
  EXPECT_EQ(made, 2);
}

}  // namespace
}  // namespace quantbench::testing
