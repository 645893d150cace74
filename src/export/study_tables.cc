// What was asked, what happened, and on what machine.
#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "export/tables.h"

namespace quantbench {
namespace {

struct Fact {
  std::string of;
  std::string name;
  Json value;
};

Json PlainText(const Json& value) {
  return value.is_string() ? value : Json(value.Dump());
}

// A short name of an environment: the same machine and software, the same name.
std::string EnvironmentId(const Json& environment) {
  return environment.is_null() ? "" : Sha256(environment.Dump()).substr(0, 12);
}

ExportTable StudyExport() {
  TableOf<Fact> builder("study", "the study in words");
  builder.Text("name", "title, author, text", [](const Fact& fact) -> Json { return fact.name; })
      .Text("value", "as the study file has it",
            [](const Fact& fact) -> Json { return fact.value; });
  return builder.From([](const ExportSource& source, const TableOf<Fact>::Visit& visit) {
    const Study& study = source.analysis->study;
    visit({"", "title", study.title});
    for (const std::string& author : study.authors) visit({"", "author", author});
    visit({"", "text", study.text});
  });
}

ExportTable ModelExport() {
  TableOf<StudyModel> builder("models", "a row a model of the study");
  builder.Text("model", "its id", [](const StudyModel& model) -> Json { return model.id; })
      .Text("why", "why this model", [](const StudyModel& model) -> Json { return model.why; })
      .Text("data", "the data set it is evaluated on",
            [](const StudyModel& model) -> Json { return model.data; })
      .Text("file", "name of its file, without folder",
            [](const StudyModel& model) -> Json { return model.path.filename().string(); });
  return builder.From([](const ExportSource& source, const TableOf<StudyModel>::Visit& visit) {
    for (const StudyModel& model : source.analysis->study.models) visit(model);
  });
}

ExportTable VariantExport() {
  TableOf<StudyVariant> builder("variants", "a row a way of quantizing");
  builder.Text("variant", "its id", [](const StudyVariant& variant) -> Json { return variant.id; })
      .Text("recipe", "name of its recipe, or custom",
            [](const StudyVariant& variant) -> Json { return variant.recipe.name; })
      .Text("why", "why this variant",
            [](const StudyVariant& variant) -> Json { return variant.why; });
  return builder.From([](const ExportSource& source, const TableOf<StudyVariant>::Visit& visit) {
    for (const StudyVariant& variant : source.analysis->study.variants) visit(variant);
  });
}

struct RecordRow {
  const Record* record;
  bool used;
};

ExportTable RecordExport() {
  TableOf<RecordRow> builder("records", "a row a finished case: one file of records/");
  builder
      .Text("record", "its key; the raw tables name it",
            [](const RecordRow& row) -> Json { return row.record->key; })
      .Flag("used", "the analysis used it: the study still asks for it and no newer one is there",
            [](const RecordRow& row) -> Json { return row.used; })
      .Text("kind", "quantize, evaluate, measure, natural, scenario",
            [](const RecordRow& row) -> Json { return Json(Name(row.record->what.kind)); })
      .Text("model", "id of the model",
            [](const RecordRow& row) -> Json { return row.record->what.model; })
      .Text("arm", "the arm it is about; empty: all arms together",
            [](const RecordRow& row) -> Json { return row.record->what.arm; })
      .Of([](const RecordRow& row) -> const Cell& { return row.record->what.cell; })
      .Flag("added", "the sweep added this batch",
            [](const RecordRow& row) -> Json { return row.record->what.cell.added; })
      .Text("outcome", "ok, skipped, failed, crashed, timed-out, out-of-memory",
            [](const RecordRow& row) -> Json { return Json(Name(row.record->outcome)); })
      .Text("reason", "one line when not ok",
            [](const RecordRow& row) -> Json { return row.record->reason; })
      .Text("started", "UTC", [](const RecordRow& row) -> Json { return row.record->started; })
      .Text("finished", "UTC", [](const RecordRow& row) -> Json { return row.record->finished; })
      .Text("environment", "a row group of the table environments",
            [](const RecordRow& row) -> Json { return EnvironmentId(row.record->environment); });
  return builder.From([](const ExportSource& source, const TableOf<RecordRow>::Visit& visit) {
    for (const Record& record : source.records) visit({&record, source.Uses(record)});
  });
}

ExportTable EnvironmentExport() {
  TableOf<Fact> builder("environments", "machine and software, a row a fact");
  builder
      .Text("environment", "what the table records calls it",
            [](const Fact& fact) -> Json { return fact.of; })
      .Text("name", "cpu, isa, memory_bytes, os, kernel, engine, engine_version, quantbench, ...",
            [](const Fact& fact) -> Json { return fact.name; })
      .Text("value", "as the record has it", [](const Fact& fact) -> Json { return fact.value; });
  return builder.From([](const ExportSource& source, const TableOf<Fact>::Visit& visit) {
    for (const Json& environment : source.analysis->environments) {
      for (const auto& [name, value] : environment.AsObject()) {
        visit({EnvironmentId(environment), name, PlainText(value)});
      }
    }
  });
}

}  // namespace

std::vector<ExportTable> StudyExports() {
  return {StudyExport(), ModelExport(), VariantExport(), RecordExport(), EnvironmentExport()};
}

}  // namespace quantbench
