// Figures: what each shows, as gnuplot commands and data.
#include "report/figures.h"

#include <algorithm>

#include "quantbench/base/file.h"
#include "quantbench/base/format.h"

#include "report/escape.h"
#include "report/lookup.h"
#include "report/plot.h"
#include "report/scenario_figures.h"
#include "report/sweep_figures.h"
#include "report/trade_off_figure.h"

namespace quantbench {
namespace {

// One row a model, one column an arm, in MB.
std::string SizeData(const Analysis& analysis, const std::vector<std::string>& arms) {
  std::string data = "# model";
  for (const std::string& arm : arms) data += " " + EscapeGnuplotData(arm);
  data += "   (MB)\n";
  for (const StudyModel& model : analysis.study.models) {
    data += EscapeGnuplotData(model.id);
    for (const std::string& arm : arms) {
      const ArmSize* size = SizeOf(analysis, model.id, arm);
      data += size == nullptr
                  ? " NaN"
                  : Format(" {:.6f}", static_cast<double>(size->size.total_bytes()) * 1e-6);
    }
    data += "\n";
  }
  return data;
}

std::string SizeCaption(const Analysis& analysis) {
  const auto best =
      std::max_element(analysis.sizes.begin(), analysis.sizes.end(),
                       [](const ArmSize& a, const ArmSize& b) { return a.ratio < b.ratio; });
  if (best == analysis.sizes.end() || best->ratio <= 1) {
    return "Bytes on disk; nothing became smaller.";
  }
  return Format("Bytes on disk of every arm; the largest saving is {} {} at {:.2f} times smaller.",
                best->model, best->arm, best->ratio);
}

Figure SizeFigure(const Analysis& analysis) {
  std::vector<std::string> arms = ArmsOf(analysis);
  std::erase_if(arms, [&](const std::string& arm) {  // gnuplot refuses a histogram of nothing
    return std::none_of(analysis.sizes.begin(), analysis.sizes.end(), [&](const ArmSize& size) {
      return size.arm == arm && analysis.study.FindModel(size.model) != nullptr;
    });
  });
  Figure figure;
  figure.name = "size";
  figure.title = "Size on disk";
  figure.data = SizeData(analysis, arms);
  figure.caption = SizeCaption(analysis);
  figure.script =
      "set style data histogram\nset style histogram clustered gap 1\nset style fill solid 0.9\n"
      "set boxwidth 0.9\nset ylabel \"MB\"\nset yrange [0:*]\nset grid ytics\n"
      "set xtics rotate by -20 nomirror\nset key outside top center horizontal\nplot ";
  for (std::size_t i = 0; i < arms.size(); ++i) {
    figure.script +=
        Format("{}'size.dat' using {}{} title {} linecolor rgb \"{}\"", i == 0 ? "" : ", ", i + 2,
               i == 0 ? ":xtic(1)" : "", EscapeGnuplot(arms[i]), Colour(i));
  }
  figure.script += "\n";
  return figure;
}

}  // namespace

std::string FigureName(std::string_view kind, std::string_view name) {
  constexpr std::size_t kLongestName = 160;
  std::string file;
  for (const char c : name) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '_' || c == '-' || c == '.';
    file += plain ? std::string(1, c) : Format("+{:02x}", static_cast<unsigned char>(c));
  }
  if (file.size() > kLongestName) {
    file = file.substr(0, kLongestName - 17) + "~" + Sha256(name).substr(0, 16);
  }
  return Format("{}-{}", kind, file);
}

std::vector<Figure> MakeFigures(const Analysis& analysis) {
  std::vector<Figure> figures;
  if (!analysis.sizes.empty()) figures.push_back(SizeFigure(analysis));
  for (const StudyModel& model : analysis.study.models) {
    for (Figure& figure : SweepFigures(analysis, model.id)) figures.push_back(std::move(figure));
  }
  for (const StudyModel& model : analysis.study.models) {
    Figure trade = TradeOffFigure(analysis, model.id);
    if (!trade.name.empty()) figures.push_back(std::move(trade));
  }
  for (Figure& figure : ScenarioFigures(analysis)) figures.push_back(std::move(figure));
  return figures;
}

}  // namespace quantbench
