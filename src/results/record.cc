// Records as JSON; docs/results-format.md describes them field by field.
#include <array>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"
#include "quantbench/results.h"

namespace quantbench {
namespace {

constexpr std::array<std::string_view, 6> kOutcomes = {"ok",      "skipped",   "failed",
                                                       "crashed", "timed-out", "out-of-memory"};

// The record without its own hash; what the hash is taken of.
Json Body(const Record& record) {
  return Json::MakeObject()
      .Set("schema", kRecordSchema)
      .Set("key", record.key)
      .Set("kind", Name(record.what.kind))
      .Set("model", record.what.model)
      .Set("arm", record.what.arm)
      .Set("cell", record.what.cell.ToJson())
      .Set("outcome", Name(record.outcome))
      .Set("reason", record.reason)
      .Set("started", record.started)
      .Set("finished", record.finished)
      .Set("environment", record.environment)
      .Set("settings", record.settings)
      .Set("results", record.results);
}

}  // namespace

std::string_view Name(Outcome outcome) {
  return kOutcomes[static_cast<std::size_t>(outcome)];
}

Result<Outcome> ParseOutcome(std::string_view name) {
  for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
    if (kOutcomes[i] == name) return static_cast<Outcome>(i);
  }
  return Error(ErrorCode::kMalformed, Format("unknown outcome \"{}\"", Printable(name)));
}

Json Record::ToJson() const {
  Json json = Body(*this);
  json.Set("sha256", Sha256(json.Dump()));
  return json;
}

Result<Record> Record::FromJson(const Json& json) {
  QB_TRY(const std::int64_t schema, json.RequireInt("schema", "record"));
  if (schema > kRecordSchema) {
    return Error(ErrorCode::kUnsupported,
                 Format("record schema {} is newer than this program's {}", schema, kRecordSchema));
  }
  Record record;
  QB_TRY(record.key, json.RequireString("key", "record"));
  QB_TRY(record.what.kind, ParseCaseKind(json["kind"].AsString()));
  QB_TRY(record.what.model, json.RequireString("model", "record"));
  record.what.arm = json["arm"].AsString();
  QB_TRY(record.what.cell, Cell::FromJson(json["cell"]));
  QB_TRY(record.outcome, ParseOutcome(json["outcome"].AsString()));
  record.reason = json["reason"].AsString();
  record.started = json["started"].AsString();
  record.finished = json["finished"].AsString();
  record.environment = json["environment"];
  record.settings = json["settings"];
  record.results = json["results"];
  if (Sha256(Body(record).Dump()) != json["sha256"].AsString()) {
    return Error(ErrorCode::kMalformed, "record does not match its own hash");
  }
  return record;
}

}  // namespace quantbench
