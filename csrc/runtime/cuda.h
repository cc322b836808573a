// The CUDA devices of this process: contexts, current device and streams of each thread, memory.
// Contexts are made when a device is first used. Needs the GIL but where it says otherwise.
#pragma once
#include <Python.h>

#include <optional>
#include <tuple>
#include <vector>

#include "runtime/cuda_driver.h"
#include "tensor/gil.h"
#include "tensor/storage.h"

namespace flambeau::cuda {

inline Device device_at(int index) { return {DeviceType::cuda, static_cast<int8_t>(index)}; }

/// How many devices can be used; opens the driver, and is 0 without one.
int device_count();
/// The device of this thread's calls without an index.
int current_device();
void set_current_device(int index);
/// Raises where there is no such device; `what` asks.
void need_device(int index, const char* what);

/// Makes a device's context the thread's current one, for the driver's calls that follow.
const Driver& enter(int index);

/// The stream of this thread's calls on a device; null is the default one.
Handle current_stream(int index);
void set_current_stream(int index, Handle stream);
/// A driver's call that waits, without the GIL.
template <class Call>
Result waiting(Call&& call) {
  LongWork unlocked(true);
  return call();
}
/// Waits for a stream, or all of a device, without the GIL; raises what kernels reported.
void synchronize_stream(int index, Handle stream);
void synchronize(int index);

/// What kernels that read by index report to: six int64 on the device (see check_reports).
Address report_of(int index);
/// A number by which such a kernel names its call, with the operator's name and the program's line.
int64_t note_call(int index, const char* operator_name);
/// Where a kernel that checks indices reports to, and the number of its call.
std::pair<Address, int64_t> note_report(int index, const char* operator_name);
/// Raises what a kernel has reported since; `stream` has been waited for.
void check_reports(int index, Handle stream);

// ------------------------------------------------------------------------------------- memory

struct MemoryStats {
  int64_t allocated, peak_allocated, reserved, peak_reserved, active_blocks, allocations, frees,
      cache_hits, retries, requested, ooms;
};
/// Gives a storage its block of device memory; raises OutOfMemoryError with the largest live ones.
void allocate(Storage& s, int64_t nbytes);
/// Takes it back, for the next of its stream.
void release_block(Storage& s);
/// Each storage has what the other had.
void exchange_blocks(Storage& a, Storage& b);
/// The block of a storage on a GPU is also used on another stream: it comes back when that is done.
void record_stream(Storage& s, Handle stream);
MemoryStats memory_stats(int index);
Facts memory_facts(int index);
void reset_peak(int index);
/// Gives cached blocks back to the driver.
void empty_cache(int index);
/// From here on what is allocated on a stream belongs to a graph that is recorded there: its blocks
/// serve nothing else until release_recorded_memory(), however often the graph is launched.
Handle begin_recording_memory(int index, Handle stream);
void end_recording_memory(int index, Handle stream);
void release_recorded_memory(int index, Handle list);
/// The most bytes that may be taken, as a part of the device's memory.
void set_memory_fraction(int index, double fraction);
double memory_fraction(int index);
/// As it was; another from now on, where one is given.
double exchange_memory_fraction(int index, std::optional<double> fraction);
struct BlockFacts {
  Address address;
  int64_t nbytes, requested;
  bool used;
  auto fields() const { return std::tie(address, nbytes, requested, used); }
};
std::vector<BlockFacts> blocks_of(int index);

/// Page-locked memory of the host; what owns it is a capsule of this name.
inline constexpr const char* pinned_capsule = "flambeau.pinned";
void* allocate_pinned(int64_t nbytes);
void free_pinned(void* data);

// ------------------------------------------------------------------------------------- copies

/// Between contiguous memory, in the order of the current stream. The host's side may be pageable;
/// then to_host has its bytes on return, else after a synchronisation unless `waits`.
void to_device(Address to, int index, const void* from, int64_t nbytes);
void to_host(void* to, Address from, int index, int64_t nbytes, bool waits);
void on_device(Address to, Address from, int index, int64_t nbytes);
void between(Address to, int to_index, Address from, int from_index, int64_t nbytes);
void fill(Address to, int index, unsigned char value, int64_t nbytes);

}  // namespace flambeau::cuda
