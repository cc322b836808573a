// Memory that several processes map. A segment is an anonymous file: it has no name that could be
// left behind, and the kernel frees it when the last process has let go of it or died.
//
// A segment is mapped once in a process, however many storages lie in it. Large storages have one
// each, small ones share one, since every open segment takes a file descriptor.
//
// Pages are dear: to allocate and map them costs several times what writing to them does. So the
// process that made a segment uses it again when nobody has a storage in it any more, and a process
// that received one keeps it mapped for the next time. A count at the beginning of the segment,
// which all processes see, tells how many hold it or will receive it. Whoever is killed leaves the
// count too high, which costs the reuse and nothing else. After fork() the count would be too low,
// so segments that are in use then are not used again.
//
// Guarded by the GIL.
#pragma once
#include "tensor/storage.h"

namespace flambeau {

struct Segment;

/// Where a storage lies: what another process needs to map it too.
struct SharedPlace {
  uint64_t segment = 0;  // a random number; 0: the storage lies in no segment
  int descriptor = -1;   // of the segment, not the caller's to close; -1 if none was kept
  int64_t offset = 0;
};

/// Moves the bytes of a storage into a segment, whoever owned them before.
void share_storage(Storage* storage);
/// A new storage in a segment, uninitialised.
Storage* allocate_shared(int64_t nbytes);
SharedPlace shared_place(const Storage* storage);
/// Counts a message to another process as a holder of the storage's segment, until open_segment
/// there takes its place.
void hold_for_message(const Storage* storage);
/// The segment that came in a message, which close_segment ends. The descriptor is this function's
/// to close.
Segment* open_segment(uint64_t segment, int descriptor);
void close_segment(Segment* segment);
/// The storage at a place in a segment: the one that is there, if there is one, with a new
/// reference.
Storage* storage_at(Segment* segment, int64_t offset, int64_t nbytes);
/// Whether also large storages share segments: fewer descriptors are open, but memory returns only
/// with the last storage of a segment.
void set_few_segments(bool few);
/// Unmaps the segments that are kept for the next time.
void drop_idle_segments();

}  // namespace flambeau
