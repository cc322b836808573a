// Bytes that one or more tensors share, with their owner and their version.
// Counted by hand; counts, versions and the allocator are guarded by the GIL.
#pragma once
#include <Python.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "tensor/device.h"

namespace flambeau {

/// Counts in-place writes. A tensor made by `.data` has one of its own, all others use their
/// storage's.
struct Version {
  int64_t references = 1;
  uint32_t value = 0;
  const char* writer = nullptr;  // the operator that wrote last
};

/// What a sparse tensor is made of; see sparse.h.
struct SparseParts;
void destroy_parts(SparseParts* parts);

struct Storage {
  Version version;            // version.references is also the storage's own reference count
  void* data = nullptr;       // null on another device than the CPU
  int64_t nbytes = 0;         // what the user asked for
  int64_t capacity = 0;       // what the block holds; 0 for memory that somebody else owns
  PyObject* owner = nullptr;  // keeps foreign memory (a NumPy array, a mapped file) alive
  bool resizable = true;
  bool lent = false;    // others hold its address: a block that it leaves is kept until its end
  bool shared = false;  // lives in memory that other processes map; see shared.h
  Device device;
  uint64_t address = 0;           // in the memory of a GPU
  void* block = nullptr;          // of its allocator
  SparseParts* sparse = nullptr;  // of a sparse tensor, which has no bytes of its own
  Storage *previous = nullptr, *following = nullptr;  // the list of large live blocks, for reports
  // While operators wait that read these bytes or are to write them (dispatch/waiting.h):
  void* withheld = nullptr;   // what data is otherwise; data is null
  uint32_t waiting = 0;       // groups of such operators, a bit each
  int32_t waiting_node = -1;  // which gives these bytes; -1: they are there
};

/// Runs what waits to read or to write these bytes. Set by the floor that lets operators wait.
using StorageFunction = void (*)(Storage*);
extern constinit StorageFunction settle_waiting;
/// Nobody will ask for this storage's bytes any more.
extern constinit StorageFunction forget_waiting;
/// So many bytes, a large number, are about to be allocated.
using BytesFunction = void (*)(int64_t nbytes);
extern constinit BytesFunction relieve_waiting;
inline void settle(Storage* s) {
  if (s->waiting) [[unlikely]]
    settle_waiting(s);
}

/// A new storage of nbytes, 64-byte aligned, uninitialised; raises OutOfMemory when there is none.
Storage* allocate_storage(int64_t nbytes);
/// The same on a device; on meta it has a size and no bytes.
Storage* allocate_elsewhere(int64_t nbytes, Device device);
inline Storage* allocate_storage(int64_t nbytes, Device device) {
  return device == on_cpu ? allocate_storage(nbytes) : allocate_elsewhere(nbytes, device);
}
/// A storage over foreign memory that `owner` (a new reference is taken) keeps alive.
Storage* wrap_storage(void* data, int64_t nbytes, PyObject* owner);
/// The same over memory of a GPU, at an address there.
Storage* wrap_address(uint64_t address, int64_t nbytes, Device device, PyObject* owner);
/// Raises OutOfMemory unless the system would give nbytes: for what is made piece by piece, which
/// otherwise fails only when memory is full.
void check_room(int64_t nbytes);
/// Grows (or keeps) the bytes of a storage, preserving its contents.
void resize_storage(Storage* storage, int64_t nbytes);
/// Counts fewer bytes from now on. The address range stays, since tensors may still look at the
/// rest of it, and then read zeros where its pages went back to the system.
void shrink_storage(Storage* storage, int64_t nbytes);
/// The bytes that may be used without another block.
int64_t most_bytes(const Storage* storage);
/// Gives s a new owner of its bytes (a capsule; the reference is taken over) for the one it leaves.
void leave_block(Storage* storage, PyObject* owner);
void destroy_storage(Storage* storage);

inline void retain(Storage* s) { ++s->version.references; }
inline void release(Storage* s) {
  if (--s->version.references == 0) destroy_storage(s);
}

struct MemoryStats {
  int64_t allocated_bytes, peak_allocated_bytes, cached_bytes, allocations, cache_hits;
};
MemoryStats memory_stats();
using Facts = std::vector<std::pair<const char*, int64_t>>;
Facts memory_facts();
void reset_peak_memory();
/// Gives all cached blocks back to the system.
void empty_cache();
/// Calls visit(storage) for each large live storage.
void each_large_storage(void (*visit)(Storage*, void*), void* context);

}  // namespace flambeau
