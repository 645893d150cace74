// From PyTorch to a report: what examples/pytorch/export.py writes, run by the real program.
#include "quantbench/base/json.h"

#include "end_to_end/program.h"
#include "end_to_end/text_network.h"

namespace quantbench::testing {
namespace {

const std::string kNetworks = R"(
def sentences():
    generator = torch.Generator().manual_seed(5)
    for _ in range(40):
        ids = torch.randint(1, 50, (12,), generator=generator)
        yield {"input_ids": ids, "attention_mask": torch.ones(12, dtype=torch.int64)}

def image():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                        nn.Flatten(), nn.Linear(8, 5))
    with torch.no_grad():  # statistics that only an evaluating BatchNorm uses
        net[1].running_mean.normal_()
        net[1].running_var.uniform_(0.5, 2)
    return net, torch.zeros(2, 3, 12, 12)
)";

class FromPyTorch : public ProgramTest {
 protected:
  // export.py <arguments>, in the folder of the test.
  Ran Export(const std::string& arguments) const {
    Put("networks.py", kTextNetwork + kNetworks);
    const std::string command = "cd '" + folder_.string() +
                                "' && /usr/bin/python3 '" QB_SOURCE_DIR
                                "/examples/pytorch/export.py' " +
                                arguments + " >stdout.txt 2>stderr.txt </dev/null";
    const int status = std::system(command.c_str());  // NOLINT(cert-env33-c): a test of a program
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Read(folder_ / "stdout.txt"),
            Read(folder_ / "stderr.txt")};
  }

  // Runs the study that was written, made short; its row of the summary.
  Json Summary(const std::string& name, const std::string& arm) const {
    std::string study = Read(folder_ / name / "study.toml");
    const auto replace = [&](const std::string& from, const std::string& to) {
      const std::size_t place = study.find(from);
      ASSERT_NE(place, std::string::npos) << study;
      study.replace(place, from.size(), to);
    };
    replace("repetitions = 10", "repetitions = 2\nbudget_s = 0.2");
    replace("batch = [1, 2, 4, 8]", "batch = [2]");
    Put(name + "/study.toml", study);
    const Ran ran = Run("run " + name + "/study.toml -o json");
    EXPECT_EQ(ran.code, 0) << ran.err;
    const auto tables = Json::Parse(ran.out);
    EXPECT_TRUE(tables.ok()) << ran.out;
    for (const Json& row : tables.value()["Summary"].AsArray()) {
      if (row["arm"].AsString() == arm) return row;
    }
    ADD_FAILURE() << "no arm " << arm << " in " << ran.out;
    return {};
  }
};

TEST_F(FromPyTorch, AnImageNetworkAnswersAsPyTorchDoes) {
  const Ran exported = Export("networks.py:image --out net --samples 24");
  ASSERT_EQ(exported.code, 0) << exported.err;
  EXPECT_NE(exported.out.find("quantbench run net/study.toml"), std::string::npos);
  const Json original = Summary("net", "original");
  EXPECT_EQ(original["score"].AsString(), "top-1 %");
  EXPECT_EQ(original["value"].AsDouble(), 100);  // the labels are PyTorch's answers
}

TEST_F(FromPyTorch, InputsByNameAndFreeLengths) {
  const Ran exported = Export(
      "networks.py:text --out text --data networks.py:sentences "
      "--input 'input_ids=int64[batch,sequence]<50' --input "
      "'attention_mask=int64[batch,sequence]'");
  ASSERT_EQ(exported.code, 0) << exported.err;
  EXPECT_NE(Run("inspect text/model.onnx").out.find("[batch, sequence]"), std::string::npos);
  EXPECT_EQ(Summary("text", "original")["value"].AsDouble(), 100);
}

TEST_F(FromPyTorch, MistakesAreOneLine) {
  for (const char* arguments :
       {"missing.py:net", "networks.py:nothing", "networks.py:image --input 'x=float99[1]'",
        "networks.py:text --data networks.py:sentences --input 'ids=int64[batch,sequence]'"}) {
    const Ran ran = Export(arguments);
    EXPECT_EQ(ran.code, 2) << arguments;
    EXPECT_EQ(CountLines(ran.err), 1) << ran.err;
  }
}

}  // namespace
}  // namespace quantbench::testing
