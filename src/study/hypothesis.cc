// Hypotheses: metrics, what is expected of them, and whether the two fit together.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "quantbench/base/format.h"
#include "quantbench/study.h"

namespace quantbench {
namespace {

// Of a metric.
struct MetricFacts {
  std::string_view name;
  std::size_t arms = 2;
  bool of_cells = false;  // has a value in every cell of the sweep
};
constexpr auto kMetrics = std::to_array<MetricFacts>({
    {"latency.ratio", 2, true},
    {"size.ratio", 2},
    {"accuracy", 1},
    {"accuracy.difference", 2},
    {"agreement", 2},
    {"sqnr", 1},
    {"latency", 1, true},
    {"throughput", 1, true},
    {"memory.ratio", 2},
    {"offline.ratio", 2},
    {"server.ratio", 2},
    {"end-to-end.ratio", 2},
    {"energy.ratio", 2},
    {"load.ratio", 2},
});
static_assert(kMetrics.size() == static_cast<std::size_t>(Metric::kLoadRatio) + 1);

constexpr std::string_view kLike =
    "an expectation is like \"<= 0.667\", \"0.2..0.3\", \"1 +- 3 %\", \"increases\" or "
    "\"slope 0.9..1.1\"";

const MetricFacts& FactsOf(Metric metric) {
  return kMetrics[static_cast<std::size_t>(metric)];
}

void SkipSpaces(std::string_view* text) {
  text->remove_prefix(std::min(text->find_first_not_of(' '), text->size()));
}

bool TakeWord(std::string_view word, std::string_view* text) {
  SkipSpaces(text);
  if (!text->starts_with(word)) return false;
  text->remove_prefix(word.size());
  return true;
}

// A number at the front of `text`, removed from it.
Result<double> TakeNumber(std::string_view* text) {
  SkipSpaces(text);
  double value = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), value);
  if (parsed.ec != std::errc()) return Error(ErrorCode::kInvalidArgument, std::string(kLike));
  // from_chars takes "0." of "0..1" as a whole; the range's dots are given back.
  auto used = static_cast<std::size_t>(parsed.ptr - text->data());
  if (used > 0 && (*text)[used - 1] == '.' && used < text->size() && (*text)[used] == '.') --used;
  text->remove_prefix(used);
  return value;
}

// "<= 0.667", "0.2..0.3", "1 +- 0.03", "1 +- 3 %": sets the ends.
Status TakeRegion(std::string_view* rest, Expectation* expectation) {
  SkipSpaces(rest);
  const bool below = rest->starts_with('<');
  const bool above = rest->starts_with('>');
  if (below || above) {
    const bool equal = rest->substr(1).starts_with('=');
    rest->remove_prefix(equal ? 2 : 1);
    QB_TRY(const double bound, TakeNumber(rest));
    const double inside =
        equal ? bound : std::nextafter(bound, below ? expectation->low : expectation->high);
    (below ? expectation->high : expectation->low) = inside;
    return Ok();
  }
  QB_TRY(const double first, TakeNumber(rest));
  if (TakeWord("..", rest)) {
    expectation->low = first;
    QB_TRY(expectation->high, TakeNumber(rest));
    return Ok();
  }
  if (!TakeWord("+-", rest)) return Error(ErrorCode::kInvalidArgument, std::string(kLike));
  QB_TRY(double margin, TakeNumber(rest));
  if (TakeWord("%", rest)) margin *= std::fabs(first) / 100;
  expectation->low = first - margin;
  expectation->high = first + margin;
  return Ok();
}

bool IsAlongSizes(const Hypothesis& hypothesis) {
  return hypothesis.along == kAlongSize || hypothesis.along == kAlongModels;
}

std::string WrongArms(const Hypothesis& hypothesis) {
  const std::size_t count = hypothesis.arms.size();
  if (hypothesis.along == kAlongArms) {
    return count >= 2 ? "" : "along = \"arms\" compares two arms or more, in their order";
  }
  if (IsAlongSizes(hypothesis)) return "";  // none: all variants
  const std::size_t wanted = FactsOf(hypothesis.metric).arms;
  if (count == wanted) return "";
  return Format("metric \"{}\" compares {} arm{}, not {}", Name(hypothesis.metric), wanted,
                wanted == 1 ? "" : "s", count);
}

// Which claims go along what.
std::string WrongAlong(const Hypothesis& hypothesis) {
  const std::string& along = hypothesis.along;
  const Claim claim = hypothesis.expect.claim;
  if (claim == Claim::kRegion) {
    return along.empty() ? "" : "is for \"increases\", \"decreases\" and \"slope ...\"";
  }
  if (along.empty()) {
    return Format(
        "\"{}\" needs along what: \"batch\", \"threads\", a dimension, \"arms\", "
        "\"size.ratio\" or \"models\"",
        Printable(hypothesis.expect.text));
  }
  if (IsAlongSizes(hypothesis)) {
    const bool fits = claim == Claim::kSlope && hypothesis.metric == Metric::kLatencyRatio;
    if (!fits) return Format("\"{}\" is for a slope of \"latency.ratio\"", along);
    const bool one = along == kAlongModels && !hypothesis.model.empty();
    return one ? "\"models\" is over all models; \"size.ratio\" is over the variants of one" : "";
  }
  if (along == kAlongArms) {
    if (claim == Claim::kSlope) return "\"arms\" have an order, but no slope";
    return hypothesis.metric == Metric::kAgreement
               ? "\"agreement\" is of two arms already; order them by \"accuracy\" or \"sqnr\""
               : "";
  }
  return FactsOf(hypothesis.metric).of_cells
             ? ""
             : Format("metric \"{}\" has one value a model, not one a cell",
                      Name(hypothesis.metric));
}

}  // namespace

std::string_view Name(Metric metric) {
  return FactsOf(metric).name;
}

Result<Metric> ParseMetric(std::string_view name) {
  std::vector<std::string_view> names;
  names.reserve(kMetrics.size());
  for (const MetricFacts& facts : kMetrics) names.push_back(facts.name);
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<Metric>(found - names.begin());
  std::string message = Format("unknown metric \"{}\"", Printable(name));
  if (const auto nearest = Nearest(name, names); !nearest.empty()) {
    message += Format("; did you mean \"{}\"?", nearest);
  }
  return Error(ErrorCode::kInvalidArgument, message);
}

Result<Expectation> ParseExpectation(std::string_view text) {
  Expectation expectation;
  expectation.text = text;
  expectation.low = -std::numeric_limits<double>::infinity();
  expectation.high = std::numeric_limits<double>::infinity();
  std::string_view rest = text;
  if (TakeWord("increases", &rest)) {
    expectation.claim = Claim::kIncreases;
  } else if (TakeWord("decreases", &rest)) {
    expectation.claim = Claim::kDecreases;
  } else {
    if (TakeWord("slope", &rest)) expectation.claim = Claim::kSlope;
    QB_OK(TakeRegion(&rest, &expectation));
  }
  if (rest.find_first_not_of(' ') != std::string_view::npos || expectation.low > expectation.high) {
    return Error(ErrorCode::kInvalidArgument,
                 Format("\"{}\" is not an expectation", Printable(text)));
  }
  return expectation;
}

std::vector<std::pair<std::string, std::string>> MistakesOf(const Hypothesis& hypothesis) {
  std::vector<std::pair<std::string, std::string>> mistakes;
  if (std::string wrong = WrongArms(hypothesis); !wrong.empty()) {
    mistakes.emplace_back("arms", std::move(wrong));
  }
  if (std::string wrong = WrongAlong(hypothesis); !wrong.empty()) {
    mistakes.emplace_back(hypothesis.along.empty() ? "expect" : "along", std::move(wrong));
  }
  return mistakes;
}

Json Hypothesis::ToJson() const {
  Json where = Json::MakeObject().Set("model", model);
  where.Set("batch", batch ? Json(*batch) : Json());
  where.Set("threads", threads ? Json(*threads) : Json());
  Json sizes = Json::MakeObject();
  for (const auto& [name, value] : dims) sizes.Set(name, value);
  where.Set("dims", std::move(sizes));
  Json json = Json::MakeObject()
                  .Set("id", id)
                  .Set("text", text)
                  .Set("metric", Name(metric))
                  .Set("arms", Json::List(arms))
                  .Set("expect", expect.text)
                  .Set("where", std::move(where));
  // What is not said is not there: hashes of older studies stay as they are.
  if (!along.empty()) json.Set("along", along);
  if (confidence) json.Set("confidence", *confidence);
  if (!primary) json.Set("primary", primary);
  return json;
}

}  // namespace quantbench
