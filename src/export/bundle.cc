// The bundle: everything of a study in one archive, with a manifest.
#include <algorithm>
#include <array>
#include <map>

#include <unistd.h>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/export.h"
#include "quantbench/model.h"

#include "export/archive_io.h"
#include "export/private_words.h"

namespace quantbench {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kManifest = "MANIFEST";

bool HasEnding(const fs::path& path, std::initializer_list<std::string_view> endings) {
  return std::find(endings.begin(), endings.end(), path.extension().string()) != endings.end();
}

// Text of ours, in which paths may be shortened. Records are hashed, so they stay as they are.
bool IsText(const std::string& name) {
  return HasEnding(name, {".toml", ".html", ".md", ".csv", ".gp", ".dat", ".svg"});
}

// What goes in: name in the archive, and where it lies. Names are sorted.
using Contents = std::map<std::string, fs::path>;

// The regular files of a folder with one of the endings; those that begin with a dot are left out.
void AddFolder(const fs::path& folder, const std::string& prefix,
               std::initializer_list<std::string_view> endings, Contents* contents) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    std::error_code ignored;
    const std::string name = entry.path().filename().string();
    if (entry.symlink_status(ignored).type() != fs::file_type::regular) continue;
    if (name.starts_with('.') || !HasEnding(name, endings)) continue;
    (*contents)[prefix + name] = entry.path();
  }
}

// The model's own path where it lies below the study's folder, else models/<file name>.
std::string NameOfOriginal(const fs::path& model, const fs::path& folder) {
  std::error_code ignored;
  const fs::path relative =
      fs::absolute(model, ignored)
          .lexically_normal()
          .lexically_relative(
              fs::absolute(folder.empty() ? "." : folder, ignored).lexically_normal());
  const bool below = !relative.empty() && *relative.begin() != "..";
  return below ? relative.generic_string() : "models/" + model.filename().string();
}

void AddModels(const Study& study, const fs::path& results, Contents* contents) {
  for (const StudyModel& model : study.models) {
    const fs::path folder = study.file.parent_path();
    (*contents)[NameOfOriginal(model.path, folder)] = model.path;
    const auto loaded = LoadModel(model.path);
    if (!loaded.ok()) continue;  // its records say why
    for (const auto& [location, file] : loaded.value().external_files) {
      const fs::path beside = model.path.parent_path() / location;
      (*contents)[NameOfOriginal(beside, folder)] = beside;
    }
  }
  for (const StudyVariant& variant : study.variants) {
    for (const auto* files : {&variant.given, &variant.from}) {
      for (const auto& [model, path] : *files) {
        (*contents)[NameOfOriginal(path, study.file.parent_path())] = path;
      }
    }
  }
  AddFolder(results / "models", "results/models/", {".onnx", ".data", ".pt"}, contents);
}

Contents ContentsOf(const Study& study, const fs::path& results, const BundleOptions& options) {
  Contents contents;
  contents[study.file.filename().string()] = study.file;
  for (const char* name : {"hypotheses.json", "report.html", "report.md"}) {
    std::error_code ignored;
    if (fs::is_regular_file(results / name, ignored)) {
      contents[std::string("results/") + name] = results / name;
    }
  }
  AddFolder(results / "records", "results/records/", {".json"}, &contents);
  AddFolder(results / "figures", "results/figures/", {".png", ".svg", ".gp", ".dat"}, &contents);
  AddFolder(results / "tables", "results/tables/", {".csv"}, &contents);
  if (options.with_models) AddModels(study, results, &contents);
  return contents;
}

std::string HostName() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "";
  return name.data();
}

std::string Files(std::size_t count) {
  return Format("{} file{}", count, count == 1 ? "" : "s");
}

std::string Listed(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, names.size()); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  return names.size() > kShown ? Format("{} and {} more", text, names.size() - kShown) : text;
}

// Packs file after file, and notices what it says of this machine.
class Packer {
 public:
  Packer(ArchiveWriter writer, std::string top, PrivateWords words, const BundleOptions& options)
      : writer_(std::move(writer)),
        top_(std::move(top)),
        words_(std::move(words)),
        options_(options) {}

  Status Add(const std::string& name, const fs::path& path) {
    QB_TRY(const auto file, MappedFile::Open(path));
    std::string_view bytes = file->text();
    std::string cleaned;
    if (IsText(name) && !options_.with_host) {
      cleaned = words_.WithoutPaths(bytes);
      shortened_ += cleaned == bytes ? 0U : 1U;
      bytes = cleaned;
    }
    if (!HasEnding(name, {".onnx", ".data", ".pt", ".png"})) {
      if (words_.HasPath(bytes)) with_paths_.push_back(name);
      if (words_.HasHost(bytes)) with_host_.push_back(name);
    }
    bundle_.files.push_back({name, bytes.size(), Sha256(bytes)});
    return writer_.Add(top_ + name, bytes);
  }

  Result<Bundle> Finish(const std::string& host) {
    std::string manifest;
    if (options_.with_host) manifest += Format("# host: {}\n", Printable(host));
    for (const BundleFile& file : bundle_.files) {
      manifest += Format("{}  {}\n", file.sha256, file.name);
    }
    QB_OK(writer_.Add(top_ + std::string(kManifest), manifest));
    QB_OK(writer_.Commit());
    if (shortened_ > 0) {
      bundle_.notes.push_back(
          Format("paths of this machine were shortened in {} (--with-host keeps them)",
                 Files(shortened_)));
    }
    if (!with_paths_.empty()) {
      bundle_.notes.push_back(Format("paths of this machine stand in {}: {}",
                                     Files(with_paths_.size()), Listed(with_paths_)));
    }
    if (!with_host_.empty()) {
      bundle_.notes.push_back(Format("the name of this machine, {}, stands in {}: {}",
                                     Printable(host), Files(with_host_.size()),
                                     Listed(with_host_)));
    }
    return std::move(bundle_);
  }

 private:
  ArchiveWriter writer_;
  std::string top_;  // the folder that everything lies in, with its slash
  PrivateWords words_;
  const BundleOptions& options_;
  Bundle bundle_;
  std::size_t shortened_ = 0;
  std::vector<std::string> with_paths_;
  std::vector<std::string> with_host_;
};

// "<64 hexadecimal digits>  <name>" a line, "#" before remarks.
Result<std::map<std::string, std::string>> ParseManifest(std::string_view text) {
  std::map<std::string, std::string> hashes;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.starts_with('#')) continue;
    if (line.size() < 67 || line.substr(64, 2) != "  ") {
      return Error(ErrorCode::kMalformed,
                   Format("{}: \"{}\" is no line of a manifest", kManifest, Printable(line)));
    }
    hashes[std::string(line.substr(66))] = line.substr(0, 64);
  }
  return hashes;
}

Status Compare(const Bundle& bundle, std::map<std::string, std::string> hashes) {
  for (const BundleFile& file : bundle.files) {
    const auto found = hashes.find(file.name);
    if (found == hashes.end()) {
      return Error(ErrorCode::kMalformed, Format("{}: not in the manifest", Printable(file.name)));
    }
    if (found->second != file.sha256) {
      return Error(ErrorCode::kMalformed,
                   Format("{}: is not what was packed: its SHA-256 is {}, the manifest says {}",
                          Printable(file.name), file.sha256, Printable(found->second)));
    }
    hashes.erase(found);
  }
  if (hashes.empty()) return Ok();
  return Error(ErrorCode::kMalformed, Format("{}: missing, and {} files in all",
                                             Printable(hashes.begin()->first), hashes.size()));
}

}  // namespace

Result<Bundle> PackBundle(const Study& study, const fs::path& results, const fs::path& output,
                          const BundleOptions& options) {
  QB_TRY(ArchiveWriter writer, ArchiveWriter::Create(output));
  const std::string host = HostName();
  Packer packer(std::move(writer), study.file.stem().string() + "/",
                PrivateWords(study.file.parent_path(), results, host), options);
  for (const auto& [name, path] : ContentsOf(study, results, options)) {
    QB_OK(packer.Add(name, path));
  }
  return packer.Finish(host);
}

Result<Bundle> VerifyBundle(const fs::path& path) {
  Bundle bundle;
  std::string manifest;
  bool found = false;
  QB_OK(ReadArchive(path, {}, [&](const std::string& name, std::string_view bytes) {
    const std::string below = name.substr(std::min(name.find('/'), name.size() - 1) + 1);
    if (below == kManifest) {
      manifest = bytes;
      found = true;
    } else {
      bundle.files.push_back({below, bytes.size(), Sha256(bytes)});
    }
  }));
  if (!found) {
    return Error(ErrorCode::kMalformed, Format("{}: no bundle: it has no MANIFEST", path.string()));
  }
  auto hashes = ParseManifest(manifest);
  if (!hashes.ok()) return hashes.error().Within(path.string());
  if (const Status same = Compare(bundle, std::move(hashes).value()); !same.ok()) {
    return same.error().Within(path.string());
  }
  return bundle;
}

}  // namespace quantbench
