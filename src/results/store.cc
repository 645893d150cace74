// The store: a folder of immutable record files.
#include <algorithm>
#include <functional>
#include <system_error>

#include <unistd.h>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/results.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecords = "records";
constexpr const char* kQuarantine = "quarantine";

fs::path FileOf(const fs::path& folder, const Record& record) {
  return folder / kRecords /
         Format("{}-{}-{}.json", Name(record.what.kind), record.what.model, record.key);
}

bool IsLeftOver(const fs::path& path) {
  return path.filename().string().starts_with('.') && path.extension() == ".part";
}

Result<Record> ReadRecord(const fs::path& path) {
  QB_TRY(const std::string text, ReadFile(path));
  QB_TRY(const Json json, Json::Parse(text));
  return Record::FromJson(json);
}

// Moves a file that is no record out of the way, so that it is kept and not read again.
void Quarantine(const fs::path& folder, const fs::path& path, const Error& error,
                std::vector<std::string>* problems) {
  std::error_code moved;
  fs::create_directories(folder / kQuarantine, moved);
  fs::rename(path, folder / kQuarantine / path.filename(), moved);
  problems->push_back(Format("{}: {}; {}", path.filename().string(), error.message(),
                             moved ? "could not be moved to quarantine" : "moved to quarantine"));
}

}  // namespace

Result<Store> Store::Open(const fs::path& folder) {
  QB_OK(MakeFolders(folder / kRecords));
  if (access((folder / kRecords).c_str(), W_OK) != 0) {
    return Error(ErrorCode::kIo,
                 Format("{}: the results folder cannot be written", folder.string()));
  }
  return Store(folder);
}

bool Store::Has(std::string_view key) const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_ / kRecords, error)) {
    const std::string name = entry.path().stem().string();
    if (name.size() > key.size() && name.ends_with(key)) return true;
  }
  return false;
}

Status Store::Write(const Record& record) {
  return WriteFileAtomic(FileOf(folder_, record), record.ToJson().Dump(1) + "\n");
}

namespace {

// Told of each file that is no record, and of each left-over.
struct Housekeeping {
  std::function<void(const fs::path& path, const Error& error)> damaged;
  std::function<void(const fs::path& path)> left_over;
};

Result<std::vector<Record>> ReadRecords(const fs::path& folder, const Housekeeping& housekeeping,
                                        std::vector<std::string>* problems) {
  std::error_code error;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder / kRecords, error)) {
    if (IsLeftOver(entry.path())) {
      housekeeping.left_over(entry.path());
    } else if (entry.path().extension() == ".json") {
      paths.push_back(entry.path());
    }
  }
  if (error) {
    return Error(ErrorCode::kNotFound,
                 Format("{}: no results here ({})", folder.string(), error.message()));
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Record> records;
  for (const fs::path& path : paths) {
    auto record = ReadRecord(path);
    if (record.ok()) {
      records.push_back(std::move(record).value());
    } else if (record.error().code() == ErrorCode::kUnsupported) {
      problems->push_back(
          Format("{}: {}; left out", path.filename().string(), record.error().message()));
    } else {
      housekeeping.damaged(path, record.error());
    }
  }
  return records;
}

}  // namespace

Result<std::vector<Record>> Store::ReadAll(std::vector<std::string>* problems) const {
  const Housekeeping housekeeping = {
      [&](const fs::path& path, const Error& error) { Quarantine(folder_, path, error, problems); },
      [](const fs::path& path) {
        std::error_code removed;
        fs::remove(path, removed);
      }};
  return ReadRecords(folder_, housekeeping, problems);
}

Result<std::vector<Record>> Store::Peek(const fs::path& folder,
                                        std::vector<std::string>* problems) {
  const Housekeeping housekeeping = {
      [&](const fs::path& path, const Error& error) {
        problems->push_back(Format("{}: {}; left out", path.filename().string(), error.message()));
      },
      [](const fs::path&) {}};
  return ReadRecords(folder, housekeeping, problems);
}

}  // namespace quantbench
