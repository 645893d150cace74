// The floor plan, checked: rooms enter other rooms by their doors only, and only those that
// CMakeLists.txt lets them use; every third-party library is a guest of one room.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

// Room -> the rooms it may use, directly or through those, from the qb_room() lines; the module is
// a room, too.
std::map<std::string, Names> ReadFloorPlan(const std::string& cmake) {
  std::map<std::string, Names> plan;
  const std::regex line(R"(qb_(?:room|module)\((\w+)([^)]*)\))");
  for (std::sregex_iterator it(cmake.begin(), cmake.end(), line), end; it != end; ++it) {
    Names& uses = plan[(*it)[1]];
    std::istringstream words((*it)[2].str());
    bool reading = false;
    for (std::string word; words >> word;) {
      if (word == "USES") {
        reading = true;
      } else if (std::all_of(word.begin(), word.end(),
                             [](char c) { return c == '_' || (c >= 'A' && c <= 'Z'); })) {
        reading = false;  // another keyword
      } else if (reading) {
        uses.insert(word);
        uses.insert(plan[word].begin(), plan[word].end());
      }
    }
  }
  return plan;
}

// Header prefix of a guest -> the room it lives in. Highway is the one guest of two: both have
// loops over numbers of their own, and no room is for loops alone.
const std::multimap<std::string, std::string> kGuests = {
    {"fmt/", "base"},        {"nlohmann/", "base"},     {"toml++", "study"},
    {"protozero/", "model"}, {"jpeglib.h", "data"},     {"png.h", "data"},
    {"zlib.h", "data"},      {"onnxruntime", "engine"}, {"utf8proc.h", "data"},
    {"hwy/", "quantize"},    {"hwy/", "data"},          {"Eigen/", "recover"},
    {"sqlite3.h", "export"}, {"archive", "export"},     {"httplib.h", "serve"},
    {"CLI/", "cli"},         {"onnx/", "test"},         {"google/", "test"},
    {"expat.h", "test"},     {"cmark-gfm", "test"},     {"nlohmann/", "torch"},
    {"torch/", "torch"},     {"ATen/", "torch"},        {"c10/", "torch"},
};

// The border of the module: its one header that another room sees.
constexpr const char* kBorder = "torch/module_abi";

// The guest whose header this is, where it does not live in `room`; empty: none.
std::string Stranger(const std::string& header, const std::string& room) {
  std::string guest;
  for (const auto& [prefix, host] : kGuests) {
    if (!header.starts_with(prefix)) continue;
    if (host == room) return "";
    guest = prefix;
  }
  return guest;
}

struct Violation {
  int line;
  std::string what;
};

// What is wrong in one source text of a room. `room` "door" is include/quantbench.
std::vector<Violation> Check(const std::map<std::string, Names>& plan, const std::string& room,
                             const std::string& text, bool is_test) {
  static const std::regex kQuoted(R"re(^#include "(\w+)/([\w/]+)\.h")re");
  static const std::regex kAngled(R"(^#include <([^>]+)>)");
  static const std::regex kPrints(R"(std::(cout|cerr)|\bf?printf\()");
  std::vector<Violation> violations;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const bool includes = line.starts_with('#');  // most lines need no regular expression
    std::smatch match;
    if (includes && std::regex_search(line, match, kQuoted)) {
      const std::string folder = match[1];
      const std::string rest = match[2];
      const std::string door = rest.substr(0, rest.find('/'));
      const bool may =
          room == "door" || door == room || (plan.contains(room) && plan.at(room).contains(door));
      const bool module_test = is_test && room == "torch";  // it is linked with the program's rooms
      const bool border = room == "engine" && folder + "/" + rest == kBorder;
      if (folder == "quantbench" ? !may && !module_test : folder != room && !is_test && !border) {
        violations.push_back({number, "may not enter " + folder + "/" + rest});
      }
    }
    if (includes && !is_test && std::regex_search(line, match, kAngled)) {
      if (const std::string guest = Stranger(match[1], room); !guest.empty()) {
        violations.push_back({number, match[1].str() + " is no guest of " + room});
      }
    }
    const bool prints =
        (line.find("printf") != std::string::npos || line.find("std::c") != std::string::npos) &&
        std::regex_search(line, kPrints) && line.find("snprintf") == std::string::npos;
    if (prints && room != "cli" && !is_test && line.find("check failed") == std::string::npos) {
      violations.push_back({number, "prints"});
    }
  }
  return violations;
}

std::string Read(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

const fs::path kRoot = QB_SOURCE_DIR;

TEST(Layers, RoomsKeepToTheFloorPlan) {
  const auto plan = ReadFloorPlan(Read(kRoot / "CMakeLists.txt"));
  ASSERT_EQ(plan.size(), 23U);
  int checked = 0;
  for (const auto& [room, uses] : plan) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / "src" / room)) {
      const std::string name = entry.path().filename().string();
      if (entry.path().extension() != ".cc" && entry.path().extension() != ".h") continue;
      const bool is_test =
          name.find("_test.") != std::string::npos || name.find("oracle") != std::string::npos;
      for (const Violation& v : Check(plan, room, Read(entry.path()), is_test)) {
        ADD_FAILURE() << entry.path() << ":" << v.line << ": " << v.what;
      }
      ++checked;
    }
  }
  EXPECT_GT(checked, 100);
}

TEST(Layers, DoorsShowNoGuest) {
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / "include")) {
    if (entry.path().extension() != ".h" || entry.path().filename() == "format.h") continue;
    for (const Violation& v : Check({}, "door", Read(entry.path()), false)) {
      ADD_FAILURE() << entry.path() << ":" << v.line << ": " << v.what;
    }
  }
}

TEST(Layers, TheCheckerSeesEveryKindOfViolation) {
  const std::map<std::string, Names> plan = {
      {"base", {}}, {"model", {"base"}}, {"report", {"base"}}};
  const auto count = [&](const std::string& room, const std::string& text) {
    return Check(plan, room, text, false).size();
  };
  EXPECT_EQ(count("model", "#include \"quantbench/base/status.h\"\n#include \"model/wire.h\"\n"),
            0U);
  EXPECT_EQ(count("report", "#include \"quantbench/model.h\"\n"), 1U);
  EXPECT_EQ(count("report", "#include \"model/wire.h\"\n"), 1U);
  EXPECT_EQ(count("report", "#include <toml++/toml.h>\n"), 1U);
  EXPECT_EQ(count("report", "  std::cout << 1;\n"), 1U);
  EXPECT_EQ(count("report", "#include <hwy/highway.h>\n"), 1U);
  EXPECT_EQ(count("data", "#include <hwy/highway.h>\n"), 0U);
  EXPECT_EQ(count("engine", "#include <torch/script.h>\n"), 1U);
  EXPECT_EQ(count("engine", "#include \"torch/module_abi.h\"\n"), 0U);
  EXPECT_EQ(count("run", "#include \"torch/module_abi.h\"\n"), 1U);
  EXPECT_EQ(count("model", "#include <protozero/pbf_reader.hpp>\n"), 0U);
}

}  // namespace
