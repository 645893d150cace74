// Archives by libarchive.
#include "export/archive_io.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <vector>

#include <archive.h>
#include <archive_entry.h>

#include "quantbench/base/format.h"

namespace quantbench {

namespace fs = std::filesystem;

struct ArchiveWriter::Output {
  explicit Output(AtomicFile opened) : file(std::move(opened)) {}
  AtomicFile file;
  Status status = Ok();
};

namespace {

struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

Error ArchiveError(archive* opened, ErrorCode code, std::string_view where) {
  const char* why = archive_error_string(opened);
  return {code, Format("{}: {}", where, why == nullptr ? "the archive is damaged" : why)};
}

template <typename Output>
la_ssize_t WritePiece(archive* opened, void* to, const void* bytes, std::size_t size) {
  auto* output = static_cast<Output*>(to);
  if (output->status.ok()) {
    output->status = output->file.Write(std::string_view(static_cast<const char*>(bytes), size));
  }
  if (output->status.ok()) return static_cast<la_ssize_t>(size);
  archive_set_error(opened, EIO, "%s", output->status.error().message().c_str());
  return -1;
}

bool EndsWith(const fs::path& path, std::string_view ending) {
  return path.filename().string().ends_with(ending);
}

// Neither the time of packing nor the unpacked name of the file gets into the bytes.
bool SetFormat(archive* opened, const fs::path& path) {
  if (EndsWith(path, ".zip")) {
    return archive_write_set_format_zip(opened) == ARCHIVE_OK &&
           archive_write_set_options(opened, "zip:compression=deflate") == ARCHIVE_OK;
  }
  return archive_write_set_format_pax_restricted(opened) == ARCHIVE_OK &&
         archive_write_add_filter_gzip(opened) == ARCHIVE_OK &&
         archive_write_set_options(opened, "gzip:!timestamp") == ARCHIVE_OK;
}

}  // namespace

void CloseArchive::operator()(archive* opened) const {
  archive_free(opened);
}

ArchiveWriter::ArchiveWriter(std::shared_ptr<Output> output, archive* opened)
    : output_(std::move(output)), archive_(opened) {}

Result<ArchiveWriter> ArchiveWriter::Create(const fs::path& path) {
  if (!EndsWith(path, ".zip") && !EndsWith(path, ".tar.gz") && !EndsWith(path, ".tgz")) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("{}: a bundle ends in .zip, .tar.gz or .tgz", path.string()));
  }
  QB_TRY(AtomicFile file, AtomicFile::Create(path));
  auto output = std::make_shared<Output>(std::move(file));
  // ArchiveWriter owns the archive from here on, also where it could not be set up.
  ArchiveWriter writer(output, archive_write_new());
  archive* opened = writer.archive_.get();
  const bool ready = opened != nullptr && SetFormat(opened, path) &&
                     archive_write_set_bytes_in_last_block(opened, 1) == ARCHIVE_OK &&
                     archive_write_open2(opened, output.get(), nullptr, WritePiece<Output>, nullptr,
                                         nullptr) == ARCHIVE_OK;
  if (!ready) return ArchiveError(opened, ErrorCode::kIo, path.string());
  return writer;
}

Status ArchiveWriter::Add(const std::string& name, std::string_view bytes) {
  const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
  archive_entry_set_pathname_utf8(entry.get(), name.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
  archive_entry_set_mtime(entry.get(), 0, 0);
  const bool written = archive_write_header(archive_.get(), entry.get()) == ARCHIVE_OK &&
                       archive_write_data(archive_.get(), bytes.data(), bytes.size()) ==
                           static_cast<la_ssize_t>(bytes.size());
  if (!output_->status.ok()) return output_->status;
  return written ? Ok() : Status(ArchiveError(archive_.get(), ErrorCode::kIo, name));
}

Status ArchiveWriter::Commit() {
  const bool closed = archive_write_close(archive_.get()) == ARCHIVE_OK;
  if (!output_->status.ok()) return output_->status;
  if (!closed) return ArchiveError(archive_.get(), ErrorCode::kIo, "closing the archive");
  return output_->file.Commit();
}

namespace {

// Why no file may have that name; empty when it may.
std::string_view Unsafe(std::string_view name) {
  if (name.empty() || name.front() == '/') return "an absolute or empty name";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\' || byte < 0x20 || byte == 0x7F)
      return "a name with a backslash or control character";
  }
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return "a name that leads elsewhere";
    begin = end + 1;
  }
  return "";
}

class ArchiveReader {
 public:
  ArchiveReader(const fs::path& path, const ArchiveLimits& limits) : path_(path), limits_(limits) {}

  Status Read(const std::function<void(const std::string&, std::string_view)>& take) {
    QB_TRY(const auto file, MappedFile::Open(path_));
    allowed_ = file->bytes().size() * limits_.ratio + limits_.spare_bytes;
    archive_.reset(archive_read_new());
    // Of a zip its directory counts, as for every other reader: what it does not list is not there.
    const bool ready = archive_ != nullptr &&
                       archive_read_support_format_zip_seekable(archive_.get()) == ARCHIVE_OK &&
                       archive_read_support_format_tar(archive_.get()) == ARCHIVE_OK &&
                       archive_read_support_filter_gzip(archive_.get()) == ARCHIVE_OK &&
                       archive_read_open_memory(archive_.get(), file->bytes().data(),
                                                file->bytes().size()) == ARCHIVE_OK;
    if (!ready) return Damaged();
    archive_entry* entry = nullptr;
    for (;;) {
      const int code = archive_read_next_header(archive_.get(), &entry);
      if (code == ARCHIVE_EOF) return Ok();
      if (code != ARCHIVE_OK) return Damaged();
      QB_TRY(const std::string name, NameOf(entry));
      QB_TRY(const std::string bytes, Unpack(name));
      take(name, bytes);
    }
  }

 private:
  [[nodiscard]] Error Refused(std::string_view name, std::string_view why) const {
    return {ErrorCode::kMalformed,
            Format("{}: \"{}\" is refused: {}", path_.string(), Printable(name), why)};
  }
  [[nodiscard]] Error Damaged() const {
    return ArchiveError(archive_.get(), ErrorCode::kMalformed, path_.string());
  }

  Result<std::string> NameOf(archive_entry* entry) {
    const char* given = archive_entry_pathname(entry);
    const std::string name = given == nullptr ? "" : given;
    if (const std::string_view why = Unsafe(name); !why.empty()) return Refused(name, why);
    const bool plain = archive_entry_filetype(entry) == AE_IFREG &&
                       archive_entry_hardlink(entry) == nullptr &&
                       archive_entry_symlink(entry) == nullptr;
    if (!plain) return Refused(name, "it is no regular file");
    if (!names_.insert(name).second) return Refused(name, "it stands there twice");
    if (names_.size() > limits_.files) return Refused(name, "there are too many files");
    return name;
  }

  Result<std::string> Unpack(const std::string& name) {
    std::string bytes;
    std::vector<char> piece(1U << 18U);
    for (;;) {
      const la_ssize_t got = archive_read_data(archive_.get(), piece.data(), piece.size());
      if (got == 0) return bytes;
      if (got < 0) return Damaged();
      unpacked_ += static_cast<std::uint64_t>(got);
      if (unpacked_ > allowed_) return Refused(name, "it unpacks to far more than it takes");
      bytes.append(piece.data(), static_cast<std::size_t>(got));
      if (bytes.size() > limits_.file_bytes) return Refused(name, "it is too large");
    }
  }

  const fs::path& path_;
  const ArchiveLimits& limits_;
  std::unique_ptr<archive, CloseArchive> archive_;
  std::set<std::string> names_;
  std::uint64_t allowed_ = 0;
  std::uint64_t unpacked_ = 0;
};

}  // namespace

Status ReadArchive(const fs::path& path, const ArchiveLimits& limits,
                   const std::function<void(const std::string&, std::string_view)>& take) {
  return ArchiveReader(path, limits).Read(take);
}

}  // namespace quantbench
