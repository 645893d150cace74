// quantbench doctor: what this device can do, and what disturbs measuring.
#include <memory>

#include "cli/command.h"

namespace quantbench {
namespace {

struct DoctorFlags {
  WorkerFlags worker;
  OutputFlag output;
};

int Doctor(const DoctorFlags& flags, Terminal& terminal) {
  Table table;
  table.title = "Doctor";
  table.columns = {{"what", false}, {"value", false}, {"fine", false}, {"remedy or remark", false}};
  bool engine = true;
  for (const DoctorItem& item : Examine(flags.worker.Options())) {
    table.rows.push_back({item.what, item.value, item.fine ? "yes" : "no", item.remedy});
    if (item.what == "engine") engine = item.fine;
  }
  terminal.Print(Render(table, flags.output.format()));
  return engine ? kExitDone : kExitMachine;
}

}  // namespace

Action AddDoctor(CLI::App& app) {
  auto flags = std::make_shared<DoctorFlags>();
  Describe(app, "Looks at this device; changes nothing. Fails only when no engine can be opened.",
           "  quantbench doctor\n  quantbench doctor -o json");
  flags->worker.Add(app);
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return Doctor(*flags, terminal); };
}

}  // namespace quantbench
