// Which operators are worth waiting with: those that another joined when they last stood in the
// same place of a program. A place is what the program did before, as for a processor's branches.
// Needs the GIL.
#pragma once
#include <algorithm>
#include <cstdint>

#include "dispatch/pointwise.h"

namespace flambeau::waiting {

class Foresight {
 public:
  /// The place of an operator that is called now.
  uint16_t arrive(const Pointwise& record, const Arg* args, const Dims& sizes) {
    for (int i = 0; i < record.n_args; ++i)
      if (args[i].tensor) read(args[i].tensor->storage);
    // Eleven bits each of the last three operators.
    uint32_t mixed = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(&record) >> 4) +
                     static_cast<uint32_t>(sizes.product()) * 2246822519u;
    path_ = path_ << 11 ^ mixed * 2654435761u >> 21;
    return static_cast<uint16_t>(path_ * 2654435761u >> 20);
  }
  /// What was computed at once and is read by what would have joined it should have waited.
  void read(const Storage* storage) {
    for (Early& early : early_)
      if (early.storage == storage) {
        joined(early.place);
        early.storage = nullptr;
      }
  }
  bool is_alone(uint16_t place) const { return times_[place] >= enough; }
  void alone(uint16_t place) { times_[place] = std::min<uint8_t>(enough, times_[place] + 1); }
  void joined(uint16_t place) { times_[place] = 0; }
  /// The result of an operator that did not wait.
  void computed(uint16_t place, const Storage* storage) {
    early_[next_++ % std::size(early_)] = {storage, place};
  }

 private:
  static constexpr uint8_t enough = 2;
  struct Early {
    const Storage* storage = nullptr;
    uint16_t place = 0;
  };
  uint8_t times_[4096] = {};  // how often in a row nothing joined the operator of a place
  Early early_[4];
  uint32_t next_ = 0;
  uint32_t path_ = 0;
};
extern Foresight foresight;

}  // namespace flambeau::waiting
