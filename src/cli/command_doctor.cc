// quantbench doctor: what this device can do, and what disturbs measuring.
#include <memory>

#include "quantbench/base/format.h"

#include "cli/command.h"

namespace quantbench {
namespace {

struct DoctorFlags {
  bool quick = false;
  WorkerFlags worker;
  OutputFlag output;
};

int Doctor(const DoctorFlags& flags, Terminal& terminal) {
  Table table;
  table.title = "Doctor";
  table.columns = {
      {"what", false}, {"value", false, true}, {"fine", false}, {"remedy or remark", false, true}};
  DoctorOptions options;
  options.quick = flags.quick;
  const std::vector<DoctorItem> items = Examine(options, flags.worker.Options(), terminal);
  std::string disturbing;
  for (const DoctorItem& item : items) {
    table.rows.push_back({item.what, item.value, item.fine ? "yes" : "no", item.remedy});
    if (!item.fine) disturbing += (disturbing.empty() ? "" : ", ") + item.what;
  }
  terminal.Print(Render(table, flags.output.format()));
  terminal.Note(disturbing.empty() ? "nothing seen that disturbs measuring"
                                   : Format("not fine: {}", disturbing));
  return items.front().fine ? kExitDone : kExitMachine;
}

}  // namespace

Action AddDoctor(CLI::App& app) {
  auto flags = std::make_shared<DoctorFlags>();
  Describe(
      app,
      "Looks at this device and measures for about twelve seconds; changes nothing. What will\n"
      "disturb measuring is not fine, and its remedy stands beside it. Fails only when no "
      "engine\ncan be opened.",
      "  quantbench doctor\n  quantbench doctor --quick\n  quantbench doctor -o json");
  app.add_flag("--quick", flags->quick, "only look: no peaks, no copies of a model measured");
  flags->worker.Add(app);
  flags->output.Add(app, "-o,--output");
  return [flags](Terminal& terminal) { return Doctor(*flags, terminal); };
}

}  // namespace quantbench
