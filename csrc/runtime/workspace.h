// Scratch memory that each thread keeps between calls, so that kernels touch no fresh pages.
// A block belongs to the calling thread until it asks for the same slot again; it is never zeroed.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <memory>

namespace flambeau {

class Workspace {
 public:
  /// n elements of T, 64-byte aligned, in slot `slot` of the calling thread.
  template <class T>
  static T* get(int slot, size_t n) {
    return static_cast<T*>(blocks()[slot].at_least(n * sizeof(T)));
  }

  static constexpr int n_slots = 8;

  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

 private:
  struct Free {
    void operator()(void* block) const { std::free(block); }
  };

  struct Block {
    std::unique_ptr<void, Free> memory;
    size_t n_bytes = 0;

    void* at_least(size_t wanted) {
      // A block four times too large and over 64 MiB is given back: one large call is not kept for
      // ever.
      bool wasteful = n_bytes > (size_t{64} << 20) && wanted < n_bytes / 4;
      if (wanted > n_bytes || wasteful) {
        memory.reset();
        n_bytes = 0;
        memory.reset(allocate(wanted));
        n_bytes = wanted;
      }
      return memory.get();
    }
  };

  static void* allocate(size_t n_bytes);

  static Block* blocks() {
    static thread_local Block of_this_thread[n_slots];
    return of_this_thread;
  }
};

}  // namespace flambeau
