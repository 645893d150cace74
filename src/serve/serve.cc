// The server: loopback only, by cpp-httplib.
#include "quantbench/serve.h"

#include <mutex>
#include <thread>

#include <httplib.h>
#include <signal.h>

#include "quantbench/base/format.h"

namespace quantbench {
namespace {

constexpr const char* kLoopback = "127.0.0.1";

// No script, nothing fetched from elsewhere, in no other page's frame.
constexpr const char* kPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

void Send(const WebAnswer& answer, int reload_s, httplib::Response* response) {
  response->status = answer.status;
  if (answer.status == 405) response->set_header("Allow", "GET, HEAD");
  if (!answer.version.empty()) {
    response->set_header("ETag", answer.version);
    // Loads the page again without a script.
    response->set_header("Refresh", Format("{}", reload_s));
  }
  if (answer.status != 304) response->set_content(answer.body, answer.type);
}

void Route(Site* site, int reload_s, httplib::Server* server) {
  auto one_at_a_time = std::make_shared<std::mutex>();
  server->set_pre_routing_handler([site, reload_s, one_at_a_time](const httplib::Request& request,
                                                                  httplib::Response& response) {
    if (request.has_header("Range")) {
      response.status = 416;  // the library would cut and multiply what it is given
      return httplib::Server::HandlerResponse::Handled;
    }
    // Of two names none is believed.
    const bool one_host = request.get_header_value_count("Host") == 1;
    const WebRequest asked = {request.method, request.path,
                              one_host ? request.get_header_value("Host") : "",
                              request.get_header_value("If-None-Match")};
    const std::lock_guard lock(*one_at_a_time);
    Send(site->Answer(asked), reload_s, &response);
    return httplib::Server::HandlerResponse::Handled;
  });
}

void SetLimits(httplib::Server* server) {
  // Also of what the library refuses by itself.
  server->set_default_headers({{"Content-Security-Policy", kPolicy},
                               {"X-Content-Type-Options", "nosniff"},
                               {"Referrer-Policy", "no-referrer"},
                               {"Cross-Origin-Resource-Policy", "same-origin"},
                               {"Cache-Control", "no-cache"},
                               {"Accept-Ranges", "none"}});
  server->new_task_queue = [] { return new httplib::ThreadPool(4); };
  server->set_payload_max_length(1024);
  server->set_keep_alive_max_count(100);
  server->set_keep_alive_timeout(5);
  server->set_read_timeout(5);
  server->set_write_timeout(10);
}

// From here on the two signals wait until somebody asks for them.
sigset_t BlockEndSignals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  return ends;
}

}  // namespace

Status Serve(const ServeOptions& options) {
  httplib::Server server;
  SetLimits(&server);
  int port = options.port;
  if (port == 0) {
    port = server.bind_to_any_port(kLoopback);
  } else if (!server.bind_to_port(kLoopback, port)) {
    port = -1;
  }
  if (port < 0) {
    return Error(ErrorCode::kUnavailable,
                 Format("port {} of 127.0.0.1 is taken; --port 0 takes a free one", options.port));
  }
  Site site({options.folder, port, options.version, options.make});
  Route(&site, options.reload_s, &server);
  const sigset_t ends = BlockEndSignals();
  std::thread listener([&server, waiting = pthread_self()] {
    server.listen_after_bind();
    pthread_kill(waiting, SIGINT);  // ends the wait below, where listening ended by itself
  });
  options.ready(port);
  int signal = 0;
  sigwait(&ends, &signal);
  server.stop();
  listener.join();
  return Ok();
}

}  // namespace quantbench
