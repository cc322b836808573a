// What the parts of the simulated driver share: devices with their memory and streams, and the
// first fault. Everything here is guarded by the GIL.
#pragma once
#include <Python.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/cuda_driver.h"
#include "tensor/gil.h"

namespace flambeau::cuda::simulated {

/// Shared memory that a block can have: that of the largest devices.
inline constexpr int most_shared_bytes = 227 << 10;

constexpr size_t default_bytes = size_t{4} << 30;

struct Locked {
  ShortWork taken_back;  // by a thread that waits for a device
  PyGILState_STATE state = PyGILState_Ensure();
  Locked() = default;
  ~Locked() { PyGILState_Release(state); }
  Locked(const Locked&) = delete;
};

struct Memory {
  char *host = nullptr, *device = nullptr;
  size_t nbytes = 0;
  std::map<size_t, size_t> used;    // offset: size, of blocks that were allocated
  std::map<Address, int64_t> live;  // address: size, of what tensors have; stream-ordered
  int64_t live_version = 0;
};

using Op = std::function<void()>;

struct Stream {
  std::deque<Op> queue;
  uint64_t added = 0, ran = 0;
  std::vector<Op>* capture = nullptr;
  int device = 0;
};

struct Event {
  Stream* stream = nullptr;
  uint64_t target = 0;
  int64_t time_ns = 0;
};

struct Machine {
  std::vector<std::unique_ptr<Memory>> memories;
  std::vector<std::unique_ptr<Stream>> streams;  // the first of each device is its default
  std::map<const char*, size_t> pinned;          // start: size
  std::string fault;
  size_t limit = default_bytes;
};

Machine& machine();
/// The device whose context is the thread's current one.
extern thread_local int current;

/// The memory in which a device address lies; null where it is none.
Memory* memory_of(Address address);
/// What lies at a device address, for this driver; null where it is none.
char* host_of(Address address, size_t nbytes);
/// Makes a device's memory; false where the system has none.
bool reserve(Memory& m, size_t nbytes);

Stream& stream_of(Handle handle);
void run_until(Stream& s, uint64_t target);
void run_all(Stream& s);
/// Puts an operation into a stream's queue, or into the graph that it captures.
void push(Handle handle, Op op);

/// Keeps the first fault until it is asked for.
void fault(std::string text);
Result outcome();

// Each part's entries of the table.
void fill_memory(Driver& d);
void fill_streams(Driver& d);
void fill_launches(Driver& d);

}  // namespace flambeau::cuda::simulated
