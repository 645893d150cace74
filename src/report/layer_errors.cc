// The figure of errors layer by layer.
#include <cmath>

#include "quantbench/base/format.h"
#include "quantbench/report.h"

#include "report/escape.h"
#include "report/figures.h"
#include "report/plot.h"

namespace quantbench {
namespace {

// Names of all layers would not be readable: of about forty of them.
constexpr std::size_t kNamed = 40;

std::string Tics(const std::vector<std::string>& layers) {
  const std::size_t step = layers.size() / kNamed + 1;
  std::string tics;
  for (std::size_t i = 0; i < layers.size(); i += step) {
    tics += Format("{}{} {}", tics.empty() ? "" : ", ", EscapeGnuplotTic(layers[i]), i);
  }
  return tics;
}

}  // namespace

Result<std::vector<std::filesystem::path>> DrawLayerErrors(const LayerErrors& errors,
                                                           const std::string& name,
                                                           const std::filesystem::path& folder,
                                                           std::string* missing) {
  Figure figure;
  figure.name = name;
  figure.title = errors.title;
  figure.caption = "Signal to noise against the float model; lower loses more.";
  std::vector<std::string> plots;
  for (std::size_t c = 0; c < errors.curves.size(); ++c) {
    const LayerErrors::Curve& curve = errors.curves[c];
    figure.data += Format("# {}\n", Printable(curve.name));
    for (std::size_t i = 0; i < curve.db.size(); ++i) {
      figure.data +=
          Format("{} {}\n", i,
                 std::isfinite(curve.db[i]) ? Format("{:.3f}", curve.db[i]) : std::string("NaN"));
    }
    figure.data += "\n\n";
    plots.push_back(
        Format("'{}.dat' index {} using 1:2 with linespoints linewidth 2 pointtype 7 "
               "pointsize 0.6 linecolor rgb \"{}\" title {}",
               name, c, Colour(c), EscapeGnuplot(curve.name)));
  }
  figure.script = Format(
      "set title {}\nset ylabel \"signal to noise, dB\"\nset grid\nset key outside top center "
      "horizontal\nset xtics rotate by -60 nomirror font \",8\"\nset xtics ({})\n"
      "set xrange [-0.5:{}.5]\nplot {}",
      EscapeGnuplot(errors.title), Tics(errors.layers),
      errors.layers.empty() ? 0 : errors.layers.size() - 1, Joined(plots));
  return DrawFigures({figure}, folder, missing);
}

}  // namespace quantbench
