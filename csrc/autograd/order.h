// Where nodes stand in the order in which the engine takes them. Needs the GIL.
#pragma once
#include <cstdint>

namespace flambeau {

/// The place that the next node gets: the engine takes the highest first. Gives what it was.
uint64_t set_next_sequence(uint64_t next);

}  // namespace flambeau
