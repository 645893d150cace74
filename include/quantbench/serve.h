// serve: shows a folder of results to a browser on the same machine, and nothing else.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "quantbench/base/status.h"

namespace quantbench {

// What a browser asked for, as far as it matters.
struct WebRequest {
  std::string method;
  std::string path;           // decoded, without query
  std::string host;           // of the Host header
  std::string if_none_match;  // the version that the browser has
};
struct WebAnswer {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
  std::string version;  // an ETag; empty: none
};

struct SiteOptions {
  std::filesystem::path folder;          // of results
  int port = 0;                          // that answers come from; part of the names it listens to
  std::function<std::string()> version;  // of what the page is made from
  std::function<Status()> make;          // makes report.html anew
};

// The site: "/" is report.html, made anew where its version has changed; beside it report.md,
// figures and tables. Read only.
class Site {
 public:
  explicit Site(SiteOptions options) : options_(std::move(options)) {}

  // 200; 304 for a version that the browser has; 403 where Host is another name than 127.0.0.1 or
  // localhost with the port (a page elsewhere whose name was pointed at this machine); 404; 405 for
  // methods beside GET and HEAD; 500 with the reason where the page cannot be made. One at a time.
  [[nodiscard]] WebAnswer Answer(const WebRequest& request);

 private:
  [[nodiscard]] WebAnswer Page(const WebRequest& request);
  [[nodiscard]] WebAnswer File(std::string_view path) const;

  SiteOptions options_;
  std::string made_;  // the version that report.html was made from
};

struct ServeOptions {
  std::filesystem::path folder;
  int port = 0;       // 0: any free one
  int reload_s = 10;  // after which a browser loads the page again
  std::function<std::string()> version;
  std::function<Status()> make;
  std::function<void(int port)> ready;  // told once it listens
};
// Answers on 127.0.0.1 until SIGINT or SIGTERM; then Ok. kUnavailable where the port is taken.
// Both signals are blocked from here on in the calling thread. Requests for parts (Range) are
// refused with 416, those that name this machine twice with 403.
[[nodiscard]] Status Serve(const ServeOptions& options);

}  // namespace quantbench
