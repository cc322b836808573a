#include "autograd/door.h"

namespace flambeau {

constinit uint32_t watchers = 0;
WatchNode watch_node = nullptr;

}  // namespace flambeau
