// Commands of the real program: results, errors in one line, documented exit codes, nothing lost.
#include <cmath>

#include "quantbench/base/json.h"

#include "end_to_end/program.h"

namespace quantbench::testing {
namespace {

using CommandLine = ProgramTest;
const std::string kCnn = kQuickstart + "models/glyph_cnn.onnx";
const std::string kMlp = kQuickstart + "models/glyph_mlp.onnx";

TEST_F(CommandLine, HelpShowsExamplesFirst) {
  const Ran ran = Run("--help");
  EXPECT_EQ(ran.code, 0);
  EXPECT_LT(ran.out.find("Examples:"), ran.out.find("Usage:"));
  for (const char* command : {"run", "inspect", "quantize", "explain", "bench", "eval", "selftest",
                              "report", "roofline", "doctor"}) {
    EXPECT_EQ(Run(std::string(command) + " --help").code, 0) << command;
    EXPECT_NE(ran.out.find(command), std::string::npos);
  }
  EXPECT_NE(Run("quantize --help").out.find("static-int8"), std::string::npos);
}

TEST_F(CommandLine, WrongUsageIsTwoAndNamesTheNearestCommand) {
  ExpectRefusal(Run("quantise"), 2, "did you mean \"quantize\"");
  ExpectRefusal(Run(""), 2, "subcommand");
  ExpectRefusal(Run("bench " + kCnn + " --batch 0"), 2, "--batch");
  ExpectRefusal(Run("inspect x.onnx -o yaml"), 2, "yaml");
  ExpectRefusal(Run("quantize " + kCnn + " --recipe static-int9 -o x.onnx"), 2, "static-int8");
  ExpectRefusal(Run("bench " + kCnn + " --dim seq"), 2, "\"seq\" is not name=number");
}

TEST_F(CommandLine, InspectPrintsEveryFormat) {
  EXPECT_NE(Run("inspect " + kCnn).out.find("[batch, 1, 28, 28]"), std::string::npos);
  const auto json = Json::Parse(Run("inspect " + kCnn + " -o json").out);
  ASSERT_TRUE(json.ok());
  EXPECT_FALSE(json.value()["Operators"].AsArray().empty());
  EXPECT_NE(Run("inspect " + kCnn + " -o md").out.find("| --- |"), std::string::npos);
  EXPECT_NE(Run("inspect " + kCnn + " -o csv").out.find("\r\n"), std::string::npos);
}

TEST_F(CommandLine, InspectCountsWorkForTheBatchAskedFor) {
  const auto total = [&](const std::string& flags) {
    const auto json = Json::Parse(Run("inspect " + kMlp + " --flops -o json " + flags).out);
    std::int64_t macs = -1;
    for (const Json& row : json.value()["Work of one forward pass"].AsArray()) {
      if (row["what"].AsString() == "MACs") macs = std::stoll(row["value"].AsString());
    }
    return macs;
  };
  const std::int64_t one = total("");
  EXPECT_GT(one, 0);
  EXPECT_EQ(total("--batch 8"), 8 * one);
  EXPECT_EQ(total("--loaded"), one);
  ExpectRefusal(Run("inspect " + kMlp + " --flops --dim seq=3"), 2,
                "no input has a free dimension");
}

TEST_F(CommandLine, ExplainSaysWhereTheTimeGoes) {
  ASSERT_EQ(Run("quantize " + kMlp + " --recipe dynamic-int8 -o q.onnx").code, 0);
  const Ran ran = Run("explain " + kMlp + " q.onnx --batch 4 -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto json = Json::Parse(ran.out);
  ASSERT_TRUE(json.ok());
  const Json::Array& layers = json.value()["Layers"].AsArray();
  ASSERT_FALSE(layers.empty());
  bool any_integer = false;
  for (const Json& layer : layers) {
    EXPECT_NE(layer["original"].AsString(), "-");  // every layer has its partner
    any_integer = any_integer || layer["kernel"].AsString() == "integer kernel";
  }
  EXPECT_TRUE(any_integer);
  EXPECT_NE(ran.err.find("profiling made"), std::string::npos) << ran.err;
  ExpectRefusal(Run("explain " + kMlp + " missing.onnx"), 2, "missing.onnx");
}

TEST_F(CommandLine, ExplainTellsLayersOfOneReasonInOneRow) {
  ASSERT_EQ(Run("quantize " + kMlp + " --recipe float16 -o f.onnx").code, 0);
  const std::string told = Run("explain " + kMlp + " f.onnx").out;
  EXPECT_NE(told.find(" and 1 alike "), std::string::npos) << told;
  EXPECT_EQ(Run("explain " + kMlp + " f.onnx --all").out.find(" alike"), std::string::npos);
}

TEST_F(CommandLine, BadModelsAreRefusedInOneLine) {
  ExpectRefusal(Run("inspect missing.onnx"), 2, "missing.onnx: No such file");
  Put("empty.onnx", "");
  ExpectRefusal(Run("inspect empty.onnx"), 5, "empty");
  Put("zip.onnx", std::string("PK\x03\x04", 4) + std::string(100, 'x'));
  ExpectRefusal(Run("inspect zip.onnx"), 5, "not a zip archive, or truncated");
  const std::string good = Read(kCnn);
  for (const std::size_t size : {std::size_t{10}, good.size() / 3, good.size() - 1}) {
    Put("cut.onnx", good.substr(0, size));
    const Ran ran = Run("inspect cut.onnx");
    EXPECT_EQ(ran.code, 5) << size;
    EXPECT_EQ(CountLines(ran.err), 1) << ran.err;
    EXPECT_EQ(Run("quantize cut.onnx --recipe float16 -o out.onnx").code, 5);
    EXPECT_FALSE(fs::exists(folder_ / "out.onnx"));
  }
}

TEST_F(CommandLine, AnOperatorTheEngineDoesNotKnowIsAOneLineError) {
  std::string model = Read(kMlp);
  const std::size_t at = model.find("Relu");
  ASSERT_NE(at, std::string::npos);
  for (std::size_t i = model.find("Relu"); i != std::string::npos; i = model.find("Relu", i + 1)) {
    model.replace(i, 4, "Wulu");
  }
  Put("unknown.onnx", model);
  ExpectRefusal(Run("bench unknown.onnx"), 5, "Wulu");
}

TEST_F(CommandLine, JsonOutputIsOneDocumentEvenForErrors) {
  const Ran ran = Run("inspect missing.onnx -o json");
  EXPECT_EQ(ran.code, 2);
  const auto json = Json::Parse(ran.out);
  ASSERT_TRUE(json.ok()) << ran.out;
  EXPECT_EQ(json.value()["error"]["code"].AsString(), "not-found");
}

TEST_F(CommandLine, QuantizeVerifiesAndTellsWhatBecameWhat) {
  Put("glyphs.toml", kGlyphs);
  for (const char* recipe : {"dynamic-int8", "static-int8", "float16"}) {
    const Ran ran =
        Run("quantize " + kCnn + " --recipe " + recipe +
            " --calibrate glyphs.toml --samples 16 -o " + recipe + ".onnx --print json");
    ASSERT_EQ(ran.code, 0) << ran.err;
    const auto json = Json::Parse(ran.out);
    ASSERT_TRUE(json.ok());
    EXPECT_GE(json.value()["Layers"].AsArray().size(), 10U);
    std::string sqnr;
    for (const Json& row : json.value()["Result"].AsArray()) {
      if (row["what"].AsString() == "output SQNR, worst output") sqnr = row["value"].AsString();
    }
    EXPECT_GE(std::atof(sqnr.c_str()), 15) << recipe << ": " << sqnr;
    EXPECT_LT(fs::file_size(folder_ / (std::string(recipe) + ".onnx")),
              fs::file_size(kCnn) * 2 / 3);
  }
}

TEST_F(CommandLine, QuantizeNeverOverwritesUnasked) {
  Put("out.onnx", "precious");
  ExpectRefusal(Run("quantize " + kMlp + " --recipe float16 -o out.onnx"), 2, "--force");
  EXPECT_EQ(Read(folder_ / "out.onnx"), "precious");
  fs::copy(kMlp, folder_ / "in.onnx");
  ExpectRefusal(Run("quantize in.onnx --recipe float16 -o ./in.onnx --force"), 2, "in place");
  EXPECT_EQ(Read(folder_ / "in.onnx"), Read(kMlp));
  EXPECT_EQ(Run("quantize " + kMlp + " --recipe float16 -o out.onnx --force").code, 0);
  EXPECT_NE(Read(folder_ / "out.onnx"), "precious");
}

TEST_F(CommandLine, AFailedReplacementBringsTheOldFileBack) {
  Put("out.onnx", "precious");
  const Ran ran =
      Run("quantize " + kMlp + " --recipe float16 -o out.onnx --force --engine /nonexistent.so");
  EXPECT_EQ(ran.code, 4) << ran.err;
  EXPECT_EQ(Read(folder_ / "out.onnx"), "precious");
  EXPECT_FALSE(fs::exists(folder_ / "out.onnx.previous"));
}

TEST_F(CommandLine, NoVerifyIsSaid) {
  const Ran ran = Run("quantize " + kMlp + " --recipe dynamic-int8 --no-verify -o out.onnx");
  EXPECT_EQ(ran.code, 0);
  EXPECT_NE(ran.out.find("not verified"), std::string::npos);
}

TEST_F(CommandLine, OutputsThatCannotBeWrittenAreMachineErrors) {
  ExpectRefusal(Run("quantize " + kMlp + " --recipe float16 -o missing/out.onnx"), 2,
                "does not exist");
  const Ran full =
      Run("quantize " + kMlp + " --recipe float16 --no-verify -o out.onnx", "ulimit -f 100;");
  EXPECT_NE(full.code, 0);
  EXPECT_FALSE(fs::exists(folder_ / "out.onnx"));
}

TEST_F(CommandLine, WithoutATemporaryFolderItSaysWhatToSet) {
  const Ran ran = Run("inspect " + kCnn + " --loaded", "env TMPDIR=/nowhere");
  EXPECT_EQ(ran.code, 4) << ran.err;
  EXPECT_NE(ran.err.find("set TMPDIR"), std::string::npos) << ran.err;
}

TEST_F(CommandLine, ReadOnlyFoldersAreMachineErrors) {
  fs::create_directories(folder_ / "locked");
  fs::permissions(folder_ / "locked", fs::perms::owner_read | fs::perms::owner_exec);
  ExpectRefusal(RunBoundByPermissions("quantize " + kMlp + " --recipe float16 -o locked/out.onnx"),
                4, "locked/out.onnx: cannot write: Permission denied");
  const std::string study = std::string(kQuickstart) + "study.toml";
  ExpectRefusal(RunBoundByPermissions("run " + study + " --results locked/out"), 4,
                "locked/out/models: cannot make the folder: Permission denied");
  EXPECT_TRUE(fs::is_empty(folder_ / "locked"));
}

TEST_F(CommandLine, BenchMeasuresAllArmsAndFormats) {
  ASSERT_EQ(Run("quantize " + kMlp + " --recipe dynamic-int8 -o q.onnx").code, 0);
  const Ran ran =
      Run("bench " + kMlp + " q.onnx --batch 1,4 --processes 2 --repetitions 3 -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto json = Json::Parse(ran.out);
  ASSERT_TRUE(json.ok()) << ran.out;
  const Json& latency = json.value()["Latency"];
  ASSERT_EQ(latency.AsArray().size(), 4U);
  for (const Json& row : latency.AsArray()) {
    EXPECT_GE(row["n"].AsInt(), 24);  // two processes, four laps, three runs
    EXPECT_GT(row["mean ms"].AsDouble(), 0);
    EXPECT_GE(row["mean ms"].AsDouble(), row["min ms"].AsDouble());
  }
}

TEST_F(CommandLine, BenchTellsWhatCannotBeSeenAndWhereTheMemoryIs) {
  const Ran ran = Run("bench " + kMlp + " " + kMlp + " --processes 3 --memory -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.err.find("cannot be seen on this device today"), std::string::npos) << ran.err;
  const auto json = Json::Parse(ran.out);
  ASSERT_TRUE(json.ok()) << ran.out;
  const Json& measuring = json.value()["Measuring"].AsArray().at(1);
  EXPECT_EQ(measuring["processes"].AsInt(), 3);
  EXPECT_GE(measuring["contention"].AsDouble(), 1);
  EXPECT_GT(measuring["first run ms"].AsDouble(), 0);
  EXPECT_FALSE(measuring["A/A ratio"].AsString().empty());
  const auto& memory = json.value()["Memory"].AsArray();
  ASSERT_EQ(memory.size(), 2U);
  // The weights alone, copied out of the file or not.
  EXPECT_GE(memory[0]["running MB"].AsDouble() * 1e6,
            0.9 * static_cast<double>(fs::file_size(kMlp)));
  EXPECT_GE(memory[0]["peak MB"].AsDouble(), memory[0]["loaded MB"].AsDouble());
  EXPECT_GT(memory[0]["cold load ms"].AsDouble(), 0);
}

TEST_F(CommandLine, BenchSweepsSeveralValuesOfADimension) {
  const std::string transformer = kQuickstart + "models/intent_transformer.onnx";
  const Ran ran = Run("bench " + transformer +
                      " --vocabulary 100 --dim seq=8,16 --batch 1,2 --processes 1 -o json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto json = Json::Parse(ran.out);
  ASSERT_TRUE(json.ok()) << ran.out;
  const auto& rows = json.value()["Latency"].AsArray();
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0]["cell"].AsString(), "batch 1, 1 thread, seq 8");
  EXPECT_EQ(json.value()["Scaling"].AsArray().size(), 2U);
}

TEST_F(CommandLine, SelfTestFindsAgainWhatItPlanted) {
  const Ran ran = Run("selftest --sessions 1 --processes 3 --planted 50 -o json");
  EXPECT_TRUE(ran.code == 0 || ran.code == 1) << ran.err;  // one session may miss
  const auto json = Json::Parse(ran.out);
  ASSERT_TRUE(json.ok()) << ran.out;
  const auto& rows = json.value().AsArray();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[1]["effect"].AsString(), "50 % slower");
  EXPECT_EQ(rows[1]["sessions"].AsInt(), 1);
  EXPECT_LT(std::fabs(rows[1]["bias %"].AsDouble()), 25);
  EXPECT_EQ(rows[1]["wrong"].AsInt(), 0);
}

TEST_F(CommandLine, BenchKeepsGoingWhenAnArmFails) {
  Put("broken.onnx", "no model");
  const Ran ran = Run("bench " + kMlp + " broken.onnx --processes 1 --repetitions 2 -o csv");
  EXPECT_EQ(ran.code, 3) << ran.err;
  EXPECT_NE(ran.out.find("broken.onnx"), std::string::npos);
  EXPECT_NE(ran.out.find("failed"), std::string::npos);
  EXPECT_NE(ran.err.find("batch 1, 1 thread: ok, but failed: broken.onnx: not a model"),
            std::string::npos)
      << ran.err;
}

TEST_F(CommandLine, AWorkerOutOfMemoryOrTimeIsAnOutcome) {
  const Ran slow =
      Run("bench " + kMlp + " --batch 1,2 --timeout 1 --processes 1 --repetitions 100000");
  EXPECT_EQ(slow.code, 3) << slow.err;
  EXPECT_NE(slow.out.find("timed-out"), std::string::npos) << slow.out;
}

TEST_F(CommandLine, DoctorFindsTheEngineOrSaysWhatToDo) {
  const Ran ran = Run("doctor --quick -o json");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("onnxruntime"), std::string::npos);
  const Ran none = Run("doctor --quick --engine /nonexistent/libonnxruntime.so");
  EXPECT_EQ(none.code, 4);
  EXPECT_NE(none.out.find("./dev setup"), std::string::npos);
}

// The engine's telemetry is off: no socket, no thread of its own, no file anywhere.
TEST_F(CommandLine, TheEngineLeavesNoTrace) {
  for (const char* name : {"home", "tmp", "cache"}) fs::create_directories(folder_ / name);
  const std::string environment =
      "HOME=$PWD/home TMPDIR=$PWD/tmp XDG_CACHE_HOME=$PWD/cache "
      "ASAN_OPTIONS=detect_leaks=0";
  const std::string arguments = "bench " + kMlp + " --processes 1 --repetitions 2";
  const bool traced = std::system("strace -o /dev/null true 2>/dev/null") == 0;
  const std::string strace =
      "strace -f -qq -e trace=socket,connect,openat,clone,clone3 -o trace.txt";
  ASSERT_EQ(Run(arguments, environment + (traced ? " " + strace : "")).code, 0);
  for (const char* name : {"home", "tmp", "cache"})
    EXPECT_TRUE(fs::is_empty(folder_ / name)) << name;
  if (!traced) return;  // no right to trace: the folders were checked
  std::istringstream trace(Read(folder_ / "trace.txt"));
  int opened = 0;
  for (std::string line; std::getline(trace, line);) {
    opened += line.find("openat(") != std::string::npos ? 1 : 0;
    EXPECT_EQ(line.find("AF_INET"), std::string::npos) << line;
    EXPECT_EQ(line.find("CLONE_THREAD"), std::string::npos) << line;
    EXPECT_EQ(line.find("O_CREAT"), std::string::npos) << line;
  }
  EXPECT_GT(opened, 10);
}

TEST_F(CommandLine, AClosedPipeIsNoCrash) {
  const Ran ran = Run("inspect " + kCnn + " | head -n 1");
  EXPECT_EQ(ran.code, 0);
}

TEST_F(CommandLine, DraftsAStudyThatPassesTheCheckAsItIs) {
  const std::string cnn = kQuickstart + "models/glyph_cnn.onnx";
  const std::string transformer = kQuickstart + "models/intent_transformer.onnx";
  const Ran drafted = Run("new " + cnn + " " + transformer + " " + cnn + " -o s.toml");
  ASSERT_EQ(drafted.code, 0) << drafted.err;
  const std::string text = Read(folder_ / "s.toml");
  for (const char* part :
       {"id = \"glyph_cnn\"", "id = \"glyph_cnn_2\"", "# data = \"images\"", "[data.texts]",
        "recipe = \"static-int8\"", "recipe = \"dynamic-int8\"", "vocabulary = 207",
        "dims = { \"seq\" = 128 }", "fill in", "batch = [1, 2, 4, 8]"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  const Ran checked = Run("check s.toml");
  EXPECT_EQ(checked.code, 0) << checked.err;
  EXPECT_NE(checked.out.find("3 models"), std::string::npos) << checked.out;
  EXPECT_NE(checked.out.find("min of measuring"), std::string::npos) << checked.out;
  EXPECT_EQ(Run("new " + cnn + " -o s.toml").code, 2);  // exists
  EXPECT_EQ(Run("new nothing.onnx -o t.toml").code, 2);
  EXPECT_FALSE(fs::exists(folder_ / "t.toml"));
  Put("wrong.toml", text + "\n[sweeep]\n[budget]\ndrip = 1\n");
  const Ran wrong = Run("check wrong.toml");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("did you mean \"sweep\""), std::string::npos) << wrong.err;
  EXPECT_NE(wrong.err.find("did you mean \"drop\""), std::string::npos) << wrong.err;
}

TEST_F(CommandLine, QuantizeHelpShowsWhatEachRecipeDid) {
  const std::string help = Run("quantize --help").out;
  EXPECT_NE(help.find("ResNet-50"), std::string::npos);
  for (const char* recipe : {"static-int8 ", "dynamic-int8 ", "weight-int4-best ", "float8 "}) {
    const std::size_t line = help.find("\n  " + std::string(recipe));
    ASSERT_NE(line, std::string::npos) << recipe;
    const std::string figures = help.substr(line + 20, 32);
    EXPECT_NE(figures.find_first_of("123456789"), std::string::npos) << recipe << figures;
  }
}

}  // namespace
}  // namespace quantbench::testing
