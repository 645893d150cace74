// Raw bytes to a server of this machine, and what it answers.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace quantbench::testing {

// Whether an answer is whole: all of its body has come, or it has none.
inline bool IsWholeAnswer(const std::string& answer, bool has_body) {
  const std::size_t end = answer.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  const std::size_t at = answer.find(kLength);
  if (!has_body || at > end) return !has_body;
  return answer.size() - end - 4 >= std::stoul(answer.substr(at + kLength.size()));
}

// What a server on the port answers to these bytes, until the answer is whole, the server hangs up
// or nothing came for `wait_ms`; empty when nobody listens.
inline std::string AskBytes(int port, const std::string& request,
                            const char* address_text = "127.0.0.1", int wait_ms = 20'000) {
  const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
  const timeval patience = {wait_ms / 1000, wait_ms % 1000 * 1000};
  setsockopt(socket_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, address_text, &address.sin_addr);
  std::string answer;
  if (connect(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
    (void)!send(socket_fd, request.data(), request.size(), MSG_NOSIGNAL);
    char piece[65536];
    while (!IsWholeAnswer(answer, !request.starts_with("HEAD"))) {
      const ssize_t got = read(socket_fd, piece, sizeof(piece));
      if (got <= 0) break;
      answer.append(piece, static_cast<std::size_t>(got));
    }
  }
  close(socket_fd);
  return answer;
}

// A request of this first line ("GET /"), to the server's right name.
inline std::string RequestOf(int port, const std::string& first,
                             const std::string& host = "127.0.0.1",
                             const std::string& more_headers = "") {
  return first + " HTTP/1.1\r\nHost: " + host + ":" + std::to_string(port) +
         "\r\nConnection: close\r\n" + more_headers + "\r\n";
}

struct RawAnswer {
  int status = 0;                              // 0: none
  std::map<std::string, std::string> headers;  // names in small letters
  std::string body;
};

inline RawAnswer ReadAnswer(const std::string& bytes) {
  RawAnswer answer;
  const std::size_t end = bytes.find("\r\n\r\n");
  if (!bytes.starts_with("HTTP/1.1 ") || end == std::string::npos) return answer;
  answer.status = std::stoi(bytes.substr(9, 3));
  for (std::size_t at = bytes.find("\r\n"); at < end;) {
    const std::size_t next = bytes.find("\r\n", at + 2);
    const std::string line = bytes.substr(at + 2, next - at - 2);
    const std::size_t colon = std::min(line.find(": "), line.size());
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    answer.headers[name] = line.substr(std::min(line.size(), colon + 2));
    at = next;
  }
  answer.body = bytes.substr(end + 4);
  return answer;
}

// Every byte as %XX, as a browser may send any of them.
inline std::string PercentEncoded(const std::string& text) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    encoded += {'%', kDigits[byte >> 4U], kDigits[byte & 15U]};
  }
  return encoded;
}

}  // namespace quantbench::testing
