// The site: what is answered to what.
#include <array>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/serve.h"

namespace quantbench {
namespace {

constexpr std::uint64_t kLargest = 64U << 20U;

// The files that are shown: a folder ("" is the folder of results itself), an ending, a type.
struct Shown {
  std::string_view folder;
  std::string_view ending;
  std::string_view type;
};
constexpr auto kShown = std::to_array<Shown>({
    {"", ".html", "text/html; charset=utf-8"},
    {"", ".md", "text/plain; charset=utf-8"},
    {"figures", ".svg", "image/svg+xml"},
    {"figures", ".png", "image/png"},
    {"figures", ".gp", "text/plain; charset=utf-8"},
    {"figures", ".dat", "text/plain; charset=utf-8"},
    {"tables", ".csv", "text/csv; charset=utf-8"},
});

WebAnswer Refuse(int status, std::string why) {
  WebAnswer answer;
  answer.status = status;
  answer.body = std::move(why) + "\n";
  return answer;
}

// The type of a file that is shown; empty for others.
std::string_view TypeOf(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  const std::string_view folder = slash == std::string_view::npos ? "" : path.substr(0, slash);
  for (const Shown& shown : kShown) {
    if (shown.folder == folder && path.ends_with(shown.ending)) return shown.type;
  }
  return "";
}

}  // namespace

WebAnswer Site::Answer(const WebRequest& request) {
  const bool ours = request.host == Format("127.0.0.1:{}", options_.port) ||
                    request.host == Format("localhost:{}", options_.port);
  if (!ours) return Refuse(403, "this is not the name of this machine");
  if (request.method != "GET" && request.method != "HEAD") {
    return Refuse(405, "this site is read only");
  }
  if (request.path == "/" || request.path == "/report.html") return Page(request);
  if (!request.path.starts_with('/')) return Refuse(404, "nothing is shown here");
  return File(std::string_view(request.path).substr(1));
}

WebAnswer Site::Page(const WebRequest& request) {
  const std::string version = options_.version();
  if (version != made_) {
    if (const Status made = options_.make(); !made.ok()) {
      return Refuse(500, made.error().message());
    }
    made_ = version;
  }
  WebAnswer answer = File("report.html");
  if (answer.status != 200) return answer;
  answer.version = "\"" + Sha256(answer.body).substr(0, 32) + "\"";
  if (request.if_none_match == answer.version) {
    answer.status = 304;
    answer.body.clear();
  }
  return answer;
}

WebAnswer Site::File(std::string_view path) const {
  const std::string_view type = TypeOf(path);
  if (type.empty()) return Refuse(404, "nothing is shown here");
  const auto file = MappedFile::OpenBeneath(options_.folder, path);
  if (!file.ok() || file.value()->bytes().size() > kLargest) {
    return Refuse(404, "nothing is shown here");
  }
  WebAnswer answer;
  answer.type = type;
  answer.body = file.value()->text();
  return answer;
}

}  // namespace quantbench
