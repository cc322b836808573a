// Correlations as the tables that the loops of channels of their own read (conv/simd.h).
#pragma once
#include <algorithm>
#include <vector>

#include "kernels/conv/correlation.h"
#include "kernels/conv/simd.h"
#include "runtime/rounding.h"

namespace flambeau {

class PhaseTables {
 public:
  explicit PhaseTables(const std::vector<Correlation>& phases) {
    for (const Correlation& c : phases) add(c);
    int64_t at = 0;
    for (AcrossPhase& phase : phases_) {
      for (AcrossAxis& axis : phase.axis) {
        axis.offset = numbers_.data() + at;
        axis.begin = axis.offset + axis.n_taps;
        axis.end = axis.begin + axis.n_taps;
        at += 3 * axis.n_taps;
      }
      phase.tap = numbers_.data() + at;
      at += phase.axis[0].n_taps * phase.axis[1].n_taps * phase.axis[2].n_taps;
    }
  }
  PhaseTables(const PhaseTables&) = delete;

  const AcrossPhase* data() const { return phases_.data(); }
  int64_t size() const { return static_cast<int64_t>(phases_.size()); }

 private:
  void add(const Correlation& c) {
    AcrossPhase phase{};
    for (int d = 0; d < 3; ++d) {
      const CorrelationAxis& from = c.axis[d];
      AcrossAxis& axis = phase.axis[d];
      axis.count = from.count, axis.step = from.source_step;
      axis.target_start = from.target_start, axis.target_step = from.target_step;
      axis.n_taps = static_cast<int64_t>(from.tap.size());
      numbers_.insert(numbers_.end(), from.offset.begin(), from.offset.end());
      std::vector<int64_t> ends;
      for (int64_t offset : from.offset) {
        const int64_t begin = offset >= 0 ? 0 : ceil_div(-offset, from.source_step),
                      room = from.source_size - 1 - offset,
                      end = room < 0 ? 0 : std::min(from.count, room / from.source_step + 1);
        numbers_.push_back(std::min(begin, end));
        ends.push_back(end);
      }
      numbers_.insert(numbers_.end(), ends.begin(), ends.end());
    }
    for (int64_t a : c.axis[0].tap)
      for (int64_t b : c.axis[1].tap)
        for (int64_t k : c.axis[2].tap) numbers_.push_back((a * c.kernel[1] + b) * c.kernel[2] + k);
    phases_.push_back(phase);
  }

  std::vector<AcrossPhase> phases_;
  std::vector<int64_t> numbers_;
};

}  // namespace flambeau
