// The door: one word that every call of an operator, and every node of a backward, tests. While it
// is 0 they do nothing more; each bit says that somebody, in some thread, wants to know of them.
// Needs the GIL.
#pragma once
#include <Python.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace flambeau {

enum Watcher : uint32_t {
  watch_function_modes = 1,  // a TorchFunctionMode is in force
  watch_devices = 2,         // there are tensors off the CPU, or new ones go there (other_devices)
  watch_dispatch = 4,        // a TorchDispatchMode is in force
  watch_events = 8,          // calls are noted with their times
  watch_finite = 16,         // the first result that is not finite is looked for
  watch_observers = 32,      // Python objects are told of each call
  watch_layouts = 64,        // there are sparse tensors
  watch_batches = 128,       // vmap calls a function: there are batched tensors
  watch_classes = 256,       // a class of tensors answers as a TorchDispatchMode
  watch_parts = 512,         // and of those that operators consist of, and of nodes of a backward
  /// Whoever wants to see what an operator is made of.
  watch_inside = watch_dispatch | watch_events | watch_finite | watch_parts
};
[[gnu::visibility("hidden")]] extern constinit uint32_t watchers;

inline void set_watcher(Watcher watcher, bool on) {
  watchers = on ? watchers | watcher : watchers & ~static_cast<uint32_t>(watcher);
}

/// How many modes of a kind are in force in this thread; the door watches while a thread has any.
template <Watcher watcher>
class InForce {
 public:
  static int count() { return count_; }
  /// Returns how many there were.
  static int set(int n) {
    threads_ += (n > 0) - (count_ > 0);
    set_watcher(watcher, threads_ > 0);
    return std::exchange(count_, n);
  }

 private:
  static inline constinit thread_local int count_ = 0;
  static inline int threads_ = 0;
};

/// What becomes of one node's backward while somebody watches: `compute` does the work and fills
/// results. The watchers' own (csrc/dispatch/observers.cpp); null before they are loaded.
using WatchNode = void (*)(Node* node, const std::vector<TensorRef>& grads,
                           std::vector<TensorRef>& results, void (*compute)(void*), void* context);
extern WatchNode watch_node;

}  // namespace flambeau
