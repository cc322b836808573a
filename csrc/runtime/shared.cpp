#include "tensor/shared.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tensor/error.h"

namespace flambeau {

/// What stands at the beginning of a segment.
struct SegmentHeader {
  std::atomic<uint32_t> holders;  // processes that have storages in it, and messages on their way
  std::atomic<uint32_t> forked;   // the count is too low: a process has it by fork()
};

struct Segment {
  uint64_t id;
  int descriptor;
  char* base;
  int64_t length;
  bool ours;           // this process made it and may use it again
  int64_t references;  // of storages, of close_segment to come, of the segment begun; 0: idle
  std::unordered_map<int64_t, Storage*> storages;  // by offset

  SegmentHeader& header() { return *reinterpret_cast<SegmentHeader*>(base); }
};

namespace {

constexpr const char* block_name = "flambeau.shared";
constexpr int64_t alignment = 64;
static_assert(sizeof(SegmentHeader) <= alignment);

// Segments that are mapped but hold no storage of this process: at most so many, of which those
// that nobody holds at most so many bytes.
constexpr size_t most_idle = 64;
constexpr int64_t most_idle_bytes = int64_t{64} << 20;

/// The part of a segment that a storage has; the storage owns it as a capsule.
struct Block {
  Segment* segment;
  int64_t offset;
};

struct Segments {
  std::unordered_map<uint64_t, Segment*> by_id;
  std::vector<Segment*> idle;  // the oldest first
  int64_t descriptors = 0;     // how many of them are open
  bool few = false;
  Segment* begun = nullptr;  // where small storages go
  int64_t used = 0;          // of its bytes
};

// Never destroyed: storages may outlive static destruction at interpreter exit.
Segments& segments();

void unmap(Segment* segment) {
  auto& all = segments();
  all.by_id.erase(segment->id);
  munmap(segment->base, segment->length);
  if (segment->descriptor >= 0) {
    close(segment->descriptor);
    --all.descriptors;
  }
  delete segment;
}

void before_fork() {
  for (auto& [id, segment] : segments().by_id)
    if (segment->references > 0) segment->header().forked.store(1);
}

void after_fork_in_child() {
  // The parent goes on with the segments that it made.
  auto& all = segments();
  for (auto& [id, segment] : all.by_id) segment->ours = false;
  if (Segment* begun = std::exchange(all.begun, nullptr)) close_segment(begun);
}

Segments& segments() {
  static Segments* one = [] {
    pthread_atfork(before_fork, nullptr, after_fork_in_child);
    return new Segments;
  }();
  return *one;
}

[[noreturn]] void fail(const char* step, int64_t nbytes, int error) {
  std::string advice = error == EMFILE
                           ? " Raise the limit of open files (ulimit -n), or call "
                             "multiprocessing.set_sharing_strategy('file_system') first."
                           : "";
  throw Error(message("share_memory_: ", step, " of ", nbytes,
                      " bytes of shared memory failed: ", std::strerror(error), ".", advice));
}

/// Descriptors that segments may keep open: a fourth of what the process may have.
int64_t most_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 1 << 16;
  return std::max<int64_t>(static_cast<int64_t>(limit.rlim_cur) / 4, 8);
}

int anonymous_file() {
#if defined(__linux__)
  return memfd_create("flambeau", MFD_CLOEXEC);
#else
  uint64_t number;
  if (getentropy(&number, sizeof number) != 0) return -1;
  std::string name = "/flambeau." + std::to_string(number);
  int descriptor = shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor >= 0) shm_unlink(name.c_str());
  return descriptor;
#endif
}

/// Maps a file as a segment; the descriptor is the segment's then, and closed if that fails.
Segment* map_segment(uint64_t id, int descriptor, int64_t length, bool ours) {
  void* base = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (base == MAP_FAILED) {
    int error = errno;
    close(descriptor);
    fail("mapping", length, error);
  }
  auto* segment = new Segment{id, descriptor, static_cast<char*>(base), length, ours, 1, {}};
  auto& all = segments();
  all.by_id[id] = segment;
  ++all.descriptors;
  return segment;
}

/// A segment of this process that nobody holds, of about that length, held from now on; else null.
Segment* reuse_segment(int64_t length) {
  auto& idle = segments().idle;
  for (auto at = idle.begin(); at != idle.end(); ++at) {
    Segment* segment = *at;
    if (!segment->ours || segment->length < length || segment->length > length + length / 2)
      continue;
    if (segment->header().holders.load() != 0 || segment->header().forked.load() != 0) continue;
    segment->header().holders.store(1);
    segment->references = 1;
    idle.erase(at);
    return segment;
  }
  return nullptr;
}

/// A segment with one reference, which is close_segment's.
Segment* new_segment(int64_t length) {
  if (Segment* again = reuse_segment(length)) return again;
  uint64_t id = 0;
  while (id == 0 || segments().by_id.contains(id))
    if (getentropy(&id, sizeof id) != 0) fail("numbering", length, errno);
  int descriptor = anonymous_file();
  if (descriptor < 0) fail("opening", length, errno);
  if (ftruncate(descriptor, length) != 0) {
    int error = errno;
    close(descriptor);
    fail("reserving", length, error);
  }
  Segment* segment = map_segment(id, descriptor, length, true);
  segment->header().holders.store(1);
  return segment;
}

/// Unmaps idle segments beyond what may be kept, the oldest first. Bytes of ours that others still
/// hold do not count: they are in use.
void trim_idle(size_t most, int64_t most_bytes) {
  auto& idle = segments().idle;
  int64_t nbytes = 0;
  size_t kept = 0;
  for (size_t i = idle.size(); i-- > 0;) {
    Segment* segment = idle[i];
    bool in_use = segment->ours && segment->header().holders.load() != 0;
    if (!in_use) nbytes += segment->length;
    if (kept < most && nbytes <= most_bytes && segment->header().forked.load() == 0) {
      ++kept;
      continue;
    }
    if (!in_use) nbytes -= segment->length;
    idle.erase(idle.begin() + i);
    unmap(segment);
  }
}

/// Room for nbytes in a segment, with a reference for it.
Block room_for(int64_t nbytes) {
  // Segments are sparse: pages that were never written take no memory. The more descriptors are
  // open, the larger the segments that storages share.
  auto& all = segments();
  int64_t most = most_descriptors();
  int64_t length = int64_t{1} << 20, shared_below = int64_t{1} << 16;
  if (all.few || 2 * all.descriptors >= most) length = int64_t{64} << 20, shared_below = length / 4;
  if (4 * all.descriptors >= 3 * most) length = int64_t{16} << 30, shared_below = length;
  int64_t rounded = (std::max<int64_t>(nbytes, 1) + alignment - 1) / alignment * alignment;
  if (rounded >= shared_below) return {new_segment(rounded + alignment), alignment};
  if (!all.begun || all.begun->length - all.used < rounded) {
    Segment* fresh = new_segment(length);
    if (Segment* old = std::exchange(all.begun, fresh)) close_segment(old);
    all.used = alignment;
  }
  Block block{all.begun, all.used};
  all.used += rounded;
  ++all.begun->references;
  return block;
}

void free_block(PyObject* capsule) {
  auto* block = static_cast<Block*>(PyCapsule_GetPointer(capsule, block_name));
  block->segment->storages.erase(block->offset);
  close_segment(block->segment);
  delete block;
  Py_XDECREF(static_cast<PyObject*>(PyCapsule_GetContext(capsule)));
}

/// A capsule that gives the block back at its end; takes over the block's reference.
PyObject* owner_of(Block place) {
  auto* block = new Block(place);
  PyObject* owner = PyCapsule_New(block, block_name, free_block);
  if (!owner) {
    close_segment(place.segment);
    delete block;
    throw PythonError();
  }
  return owner;
}

const Block* block_of(const Storage* s) {
  if (!s->shared || !s->owner || !PyCapsule_IsValid(s->owner, block_name)) return nullptr;
  return static_cast<const Block*>(PyCapsule_GetPointer(s->owner, block_name));
}

/// A storage over a block whose reference it takes over.
Storage* storage_over(Block place, int64_t nbytes) {
  PyObject* owner = owner_of(place);
  Storage* s = wrap_storage(place.segment->base + place.offset, nbytes, owner);
  Py_DECREF(owner);
  s->shared = true;
  place.segment->storages[place.offset] = s;
  return s;
}

void write_bytes(Block place, const void* data, int64_t nbytes) {
  // Through the file, the kernel fills pages that it need not clear first, and that need not be
  // mapped here unless somebody reads them: a third of the time, and none of the faults.
  if (nbytes < int64_t{1} << 16) {
    std::memcpy(place.segment->base + place.offset, data, nbytes);
    return;
  }
  const char* from = static_cast<const char*>(data);
  for (int64_t done = 0; done < nbytes;) {
    ssize_t n = pwrite(place.segment->descriptor, from + done, nbytes - done, place.offset + done);
    if (n < 0 && errno != EINTR) {
      int error = errno;
      close_segment(place.segment);
      fail("writing", nbytes, error);
    }
    done += std::max<ssize_t>(n, 0);
  }
}

}  // namespace

void share_storage(Storage* s) {
  if (s->shared) return;
  check(s->device == on_cpu, [&] {
    return message("share_memory_: this storage is on ", to_string(s->device),
                   ", and processes share the CPU's memory alone.");
  });
  settle(s);
  Block place = room_for(most_bytes(s));  // as much as any tensor may look at
  write_bytes(place, s->data, s->nbytes);
  PyObject* owner = owner_of(place);
  s->data = place.segment->base + place.offset;
  s->resizable = false;
  s->shared = true;
  place.segment->storages[place.offset] = s;
  leave_block(s, owner);
}

Storage* allocate_shared(int64_t nbytes) { return storage_over(room_for(nbytes), nbytes); }

SharedPlace shared_place(const Storage* s) {
  const Block* block = block_of(s);
  if (!block) return {};
  return {block->segment->id, block->segment->descriptor, block->offset};
}

void hold_for_message(const Storage* s) {
  if (const Block* block = block_of(s)) block->segment->header().holders.fetch_add(1);
}

Segment* open_segment(uint64_t id, int descriptor) {
  auto& all = segments();
  auto known = all.by_id.find(id);
  if (known != all.by_id.end()) {
    if (descriptor >= 0) close(descriptor);
    Segment* segment = known->second;
    if (segment->references++ == 0)
      std::erase(all.idle, segment);  // this process holds it in the message's place
    else
      segment->header().holders.fetch_sub(1);
    return segment;
  }
  struct stat status{};
  check(descriptor >= 0 && fstat(descriptor, &status) == 0 && status.st_size >= alignment,
        [&] { return message("open_segment: descriptor ", descriptor, " is none of a segment."); });
  Segment* segment = map_segment(id, descriptor, status.st_size, false);
  if (all.descriptors > most_descriptors()) {
    close(std::exchange(segment->descriptor, -1));
    --all.descriptors;
  }
  return segment;
}

void close_segment(Segment* segment) {
  if (--segment->references) return;
  segment->header().holders.fetch_sub(1);
  segments().idle.push_back(segment);
  trim_idle(std::min<size_t>(most_idle, most_descriptors() / 4), most_idle_bytes);
}

Storage* storage_at(Segment* segment, int64_t offset, int64_t nbytes) {
  check(offset >= 0 && nbytes >= 0 && nbytes <= segment->length - offset, [&] {
    return message("storage_at: ", nbytes, " bytes from ", offset, " on reach beyond a segment of ",
                   segment->length, ".");
  });
  auto there = segment->storages.find(offset);
  if (there != segment->storages.end() && there->second->nbytes == nbytes) {
    retain(there->second);
    return there->second;
  }
  ++segment->references;
  return storage_over({segment, offset}, nbytes);
}

void set_few_segments(bool few) { segments().few = few; }

void drop_idle_segments() { trim_idle(0, 0); }

}  // namespace flambeau
