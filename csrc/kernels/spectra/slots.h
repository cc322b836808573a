// Which workspace of a thread is whose in this room. Products take the slots from 4 on.
#pragma once

namespace flambeau {

enum SpectraSlot { matrices_slot = 0, reduction_slot = 1, halves_slot = 2, merge_slot = 3 };

}  // namespace flambeau
