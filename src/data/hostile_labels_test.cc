// Hostile labels: CSV, JSON, arrays.
#include "hostile_data.h"

namespace quantbench {
namespace hostile_labels_test {

using testing::Hostile;
using testing::HostileData;
using testing::NpyOf;
using testing::Picture;

Hostile Csv(const std::string& what, const std::string& csv, const std::string& names,
            const std::string& reason) {
  return {what,    "image-folder", "d",   {{"d/a.png", Picture("wide.png")}, {"l.csv", csv}},
          "l.csv", names,          reason};
}

Hostile JsonLabels(const std::string& what, const std::string& json, const std::string& names,
                   const std::string& reason) {
  return {what,     "image-folder", "d",   {{"d/a.png", Picture("wide.png")}, {"l.json", json}},
          "l.json", names,          reason};
}

Hostile Labelled(const std::string& what, const std::string& labels, const std::string& reason) {
  return {what,    "npy",   "x.npy", {{"x.npy", NpyOf("|u1", "(2, 2)", "abcd")}, {"y.npy", labels}},
          "y.npy", "y.npy", reason};
}

std::vector<Hostile> HostileLabels() {
  return {
      Csv("an empty CSV", "", "d", "no JPEG or PNG"),
      Csv("a CSV of a heading only", "file,label\n", "d", "no JPEG or PNG"),
      Csv("a CSV without labels", "file,label\na.png\n", "l.csv:2", "is not file,label"),
      Csv("a label that is a word", "file,label\na.png,cat\n", "l.csv:2", "not a class number"),
      Csv("a negative label", "a.png,0\na.png,-1\n", "l.csv:2", "not a class number"),
      Csv("a label with a fraction", "file,label\na.png,1.5\n", "l.csv:2", "not a class number"),
      Csv("a label beyond 64 bits", "file,label\na.png,99999999999999999999\n", "l.csv:2",
          "not a class number"),
      Csv("no label after the comma", "file,label\r\na.png,\r\n", "l.csv:2", "not a class number"),
      Csv("a file that is not there", "file,label\nb.png,1\n", "b.png", "does not exist"),
      Csv("a file listed twice", "a.png,0\na.png,1\n", "l.csv:2", "listed twice"),
      Csv("BOM and CRLF before a mistake",
          "\xEF\xBB\xBF"
          "file,label\r\na.png,0\r\na.png,0\r\n",
          "l.csv:3", "listed twice"),
      Csv("a path out of the folder", "file,label\n../a.png,0\n", "l.csv:2", "outside the folder"),
      Csv("a path back out", "file,label\nx/../../a.png,0\n", "l.csv:2", "outside the folder"),
      Csv("an absolute path", "file,label\n/etc/hostname,0\n", "l.csv:2", "outside the folder"),
      Csv("a NUL in a name", std::string("file,label\na\0.png,0\n", 20), "l.csv:2",
          "outside the folder"),
      Csv("an escape sequence in a name", "file,label\n\x1b[2J.png,0\n", "\\x1b[2J",
          "does not exist"),
      JsonLabels("no JSON", "{", "l.json", ""),
      JsonLabels("an empty object", "{}", "d", "no JPEG or PNG"),
      JsonLabels("a label that is a word", R"({"a.png": "cat"})", "a.png", "not a class number"),
      JsonLabels("a negative label", R"({"a.png": -3})", "a.png", "not a class number"),
      JsonLabels("an element without a file", R"([{"label": 1}])", "element 0", "has no"),
      JsonLabels("an element without a label", R"([{"file": "a.png"}])", "element 0",
                 "not a class number"),
      JsonLabels("a file twice",
                 R"([{"file": "a.png", "label": 1}, {"file": "a.png", "label": 1}])", "element 1",
                 "listed twice"),
      JsonLabels("a path out", R"({"../a.png": 1})", "l.json", "outside the folder"),
      JsonLabels("nesting without end", std::string(100'000, '['), "l.json", ""),
      Labelled("fewer labels than samples", NpyOf("|u1", "(1,)", "a"), "1 labels"),
      Labelled("more labels than samples", NpyOf("|u1", "(3,)", "abc"), "3 labels"),
      Labelled("labels that are floats", NpyOf("<f4", "(2,)", "aaaabbbb"), "float32"),
      Labelled("a negative label", NpyOf("|i1", "(2,)", "\x01\xFF"), "negative"),
      Labelled("labels that are Python objects", NpyOf("|O", "(2,)", "cos\nsystem\n"), "pickle"),
  };
}

TEST_F(HostileData, LabelsAreNamedWithAReason) {
  Check(HostileLabels(), 30);
}

}  // namespace hostile_labels_test
}  // namespace quantbench
