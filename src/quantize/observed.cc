// What calibration saw of a tensor.
#include "quantize/observed.h"

#include "quantbench/base/format.h"

namespace quantbench {

Result<std::string> WhyNotObserved(const std::string& tensor, const CalibrationTable& table) {
  const auto seen = table.ranges.find(tensor);
  if (seen == table.ranges.end() || seen->second.count == 0) {
    return Format("its activation \"{}\" was not seen during calibration", Printable(tensor));
  }
  if (seen->second.type != DataType::kFloat32) {
    return Format("its activation \"{}\" is {}, not float32", Printable(tensor),
                  Name(seen->second.type));
  }
  if (seen->second.nonfinite > 0) {
    return Error(
        ErrorCode::kMalformed,
        Format("tensor \"{}\" held {} NaN or infinities during calibration; keep the layer "
               "that makes it float, or mend the data",
               Printable(tensor), seen->second.nonfinite));
  }
  return std::string();
}

}  // namespace quantbench
