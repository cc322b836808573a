#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "runtime/cuda.h"
#include "runtime/free_ranges.h"
#include "tensor/error.h"
#include "tensor/storage.h"

// A storage's header and its bytes are one block. Blocks are cached by size class: four classes to
// a doubling, so at most a fifth of a small block is slack. Blocks of 2 MB and more come straight
// from mmap with huge pages asked for, since the first touch of small pages costs more than most
// pointwise operators; they have the size that is wanted, and where the cache has none of nearly
// that size, one is cut from what is free. Their lengths are odd numbers of pages: some CPUs look
// lines of the nearest cache up by a few mixed bits of the address, and where operands of a loop
// agree in these, as blocks that many pages apart may, each throws out what was fetched for
// another.

namespace flambeau {
namespace {

constexpr int64_t header_bytes = 128;
constexpr int64_t large_block = int64_t{2} << 20, large_step = int64_t{64} << 10;
#if defined(__x86_64__)
constexpr int64_t odd_page = 4096;
#else
constexpr int64_t odd_page = 0;  // pages may be as long as a step
#endif
constexpr int class_count = 4 * 48;
constexpr int most_spare_eighths = 3;
static_assert(sizeof(Storage) <= header_bytes);

struct Cache {
  std::vector<void*> free[class_count];
  FreeRanges ranges;  // of large blocks, beside those that lie in their class
  // What is free may make the process so many eighths larger than the most that tensors took, and
  // what went back to the system for that reason since the last eighth was added.
  int spare_eighths = 1;
  int64_t returned_bytes = 0;
  MemoryStats stats{};
  Storage* large_list = nullptr;
};
// Never destroyed: storages may outlive static destruction at interpreter exit.
Cache& cache() {
  static Cache* one = new Cache;
  return *one;
}

// Under AddressSanitizer each block has its exact size and goes back at once, so that writing past
// its end or after its release is seen.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool checked_blocks = true;
#else
constexpr bool checked_blocks = false;
#endif

// What may lie unused in the cache before blocks go back to the system.
constexpr int64_t cache_limit = checked_blocks ? 0 : int64_t{2} << 30;

int size_class(int64_t nbytes, int64_t& rounded) {
  if (checked_blocks) {
    rounded = std::max(nbytes, header_bytes + 1);
    return 0;
  }
  if (nbytes <= 256) {
    rounded = 256;
    return 0;
  }
  if (nbytes >= large_block)
    nbytes = (nbytes - odd_page + large_step - 1) / large_step * large_step + odd_page;
  int log = 63 - __builtin_clzll(static_cast<uint64_t>(nbytes - 1));
  int64_t step = int64_t{1} << (log - 2);
  int64_t quarter = (nbytes - 1 - (int64_t{1} << log)) / step;
  rounded = (int64_t{1} << log) + (quarter + 1) * step;
  if (nbytes >= large_block) rounded = nbytes;
  return 4 * (log - 7) + static_cast<int>(quarter);
}

void* system_allocate(int64_t nbytes) {
  if (checked_blocks) {
    void* p = nullptr;
    return posix_memalign(&p, 64, nbytes) == 0 ? p : nullptr;
  }
  if (nbytes >= large_block) {
    void* p = mmap(nullptr, nbytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return nullptr;
    madvise(p, nbytes, MADV_HUGEPAGE);
    return p;
  }
  return std::aligned_alloc(64, (nbytes + 63) / 64 * 64);
}

void system_free(void* p, int64_t nbytes) {
  if (nbytes >= large_block && !checked_blocks)
    munmap(p, nbytes);
  else
    std::free(p);
}

/// Part of a large block, of any length.
void unmap(char* begin, int64_t nbytes) { munmap(begin, nbytes); }

/// The size of a block in the cache, which its header still tells.
int64_t size_of(void* block) { return static_cast<Storage*>(block)->capacity + header_bytes; }

/// A block of the class that has the bytes and few more, the one used last if it has.
void* take_of_class(std::vector<void*>& blocks, int64_t& rounded) {
  constexpr size_t looked_at = 4;
  for (size_t i = blocks.size(); i-- > 0 && i + looked_at >= blocks.size();) {
    const int64_t size = size_of(blocks[i]);
    if (size < rounded || size - rounded > rounded / 16) continue;
    rounded = size;
    void* block = blocks[i];
    blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(i));
    return block;
  }
  return nullptr;
}

/// Large blocks leave their classes, so that neighbours are joined.
void join_large() {
  auto& c = cache();
  int64_t rounded;
  for (int k = size_class(large_block, rounded); k < class_count; ++k) {
    for (void* block : c.free[k]) c.ranges.put(static_cast<char*>(block), size_of(block));
    c.free[k].clear();
  }
}

/// What is free and too short for a block goes back to the system where the process would grow past
/// the most that its tensors took, and an eighth. Where that has returned twice as much as tensors
/// ever took, a loop asks for the same memory again and again, whose first touch takes longer than
/// most operators: it gets another eighth.
void return_excess(int64_t wanted) {
  auto& c = cache();
  const int64_t most = std::max(c.stats.peak_allocated_bytes, c.stats.allocated_bytes + wanted);
  const int64_t held = c.stats.allocated_bytes + c.stats.cached_bytes + wanted;
  const int64_t gone = c.ranges.drop(held - most / 8 * (8 + c.spare_eighths), unmap);
  c.stats.cached_bytes -= gone;
  c.returned_bytes += gone;
  if (c.returned_bytes > 2 * most && c.spare_eighths < most_spare_eighths) {
    ++c.spare_eighths;
    c.returned_bytes = 0;
  }
}

/// A large block of what is free, or a new one.
void* large_block_of(int64_t& rounded) {
  auto& c = cache();
  join_large();
  int64_t taken;
  if (void* block = c.ranges.take(rounded, taken)) {
    rounded = taken;
    c.stats.cached_bytes -= taken;
    ++c.stats.cache_hits;
    return block;
  }
  return_excess(rounded);
  return system_allocate(rounded);
}

void link_large(Storage* s) {
  auto& c = cache();
  s->following = c.large_list;
  if (c.large_list) c.large_list->previous = s;
  c.large_list = s;
}

void unlink_large(Storage* s) {
  if (s->previous) s->previous->following = s->following;
  if (s->following) s->following->previous = s->previous;
  if (cache().large_list == s) cache().large_list = s->following;
}

[[noreturn]] void out_of_memory(int64_t nbytes) {
  std::vector<Storage*> live;
  for (Storage* s = cache().large_list; s; s = s->following) live.push_back(s);
  std::sort(live.begin(), live.end(), [](Storage* a, Storage* b) { return a->nbytes > b->nbytes; });
  std::string text =
      message("out of memory: a tensor of ", nbytes, " bytes does not fit beside ",
              cache().stats.allocated_bytes, " bytes in live tensors. The largest of those:");
  for (size_t i = 0; i < live.size() && i < 5; ++i)
    text += message(i ? ", " : " ", live[i]->nbytes, " bytes");
  throw OutOfMemoryError(text + (live.empty() ? " none above 1 MB." : "."));
}

constexpr int64_t listed_bytes = int64_t{1} << 20;
// From how many bytes on an allocation lets go of what waits rather than pass the peak.
constexpr int64_t relieved_bytes = int64_t{1} << 15;

}  // namespace

Storage* allocate_storage(int64_t nbytes) {
  if (nbytes < 0 || nbytes > (int64_t{1} << 47)) out_of_memory(nbytes);
  auto& c = cache();
  if (nbytes >= relieved_bytes && relieve_waiting &&
      c.stats.allocated_bytes + nbytes > c.stats.peak_allocated_bytes)
    relieve_waiting(nbytes);
  int64_t rounded;
  int k = size_class(nbytes + header_bytes, rounded);
  const bool large = rounded >= large_block && !checked_blocks;
  void* block = nullptr;
  auto& list = c.free[k];
  if (!list.empty() && !large) {
    block = list.back();
    list.pop_back();
  } else if (large) {
    block = take_of_class(list, rounded);
  }
  if (block) {
    c.stats.cached_bytes -= rounded;
    ++c.stats.cache_hits;
  } else {
    block = large ? large_block_of(rounded) : system_allocate(rounded);
    if (!block) {
      empty_cache();
      block = system_allocate(rounded);
    }
    if (!block) out_of_memory(nbytes);
  }
  auto* s = new (block) Storage;
  s->data = static_cast<char*>(block) + header_bytes;
  s->nbytes = nbytes;
  s->capacity = rounded - header_bytes;
  ++c.stats.allocations;
  c.stats.allocated_bytes += rounded;
  if (c.stats.allocated_bytes > c.stats.peak_allocated_bytes)
    c.stats.peak_allocated_bytes = c.stats.allocated_bytes;
  if (s->capacity >= listed_bytes) link_large(s);
  return s;
}

Storage* allocate_elsewhere(int64_t nbytes, Device device) {
  auto* s = new Storage;
  s->device = device;
  s->nbytes = nbytes;
  count_other_devices(1);
  if (device.type != DeviceType::cuda) return s;
  try {
    cuda::allocate(*s, nbytes);
  } catch (...) {
    release(s);
    throw;
  }
  return s;
}

void check_room(int64_t nbytes) {
  if (nbytes < large_block) return;
  void* probe = nbytes > (int64_t{1} << 47) ? nullptr : system_allocate(nbytes);
  if (!probe) out_of_memory(nbytes);
  system_free(probe, nbytes);
}

Storage* wrap_storage(void* data, int64_t nbytes, PyObject* owner) {
  static char nothing;  // has an address, as all memory of the CPU
  auto* s = new Storage;
  s->data = data ? data : &nothing;
  s->nbytes = nbytes;
  s->owner = owner;
  s->resizable = false;
  Py_XINCREF(owner);
  return s;
}

Storage* wrap_address(uint64_t address, int64_t nbytes, Device device, PyObject* owner) {
  Storage* s = wrap_storage(nullptr, nbytes, owner);
  s->data = nullptr;
  s->address = address;
  s->device = device;
  count_other_devices(1);
  return s;
}

static constexpr const char* second_block = "flambeau.block";

int64_t most_bytes(const Storage* s) {
  if (s->device == on_meta) return INT64_MAX;
  if (s->device.type == DeviceType::cuda) return s->nbytes;
  if (s->owner == nullptr) return s->capacity;
  if (!s->resizable) return s->nbytes;
  return static_cast<Storage*>(PyCapsule_GetPointer(s->owner, second_block))->capacity;
}

/// Lets the system have the whole pages of a range of our own memory, which reads as zeros then.
static void give_back_pages(char* begin, char* end) {
#if defined(__linux__)
  static const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  uintptr_t first = (reinterpret_cast<uintptr_t>(begin) + page - 1) / page * page;
  uintptr_t last = reinterpret_cast<uintptr_t>(end) / page * page;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
#else
  (void)begin, (void)end;
#endif
}

void leave_block(Storage* s, PyObject* owner) {
  PyObject* old = std::exchange(s->owner, owner);
  if (!old && !s->lent && s->capacity > 0) {
    char* first = reinterpret_cast<char*>(s) + header_bytes;  // the header stays
    give_back_pages(first, first + s->capacity);
  }
  if (!s->lent || !old || PyCapsule_SetContext(s->owner, old) != 0) Py_XDECREF(old);
}

void resize_storage(Storage* s, int64_t nbytes) {
  settle(s);
  if (nbytes <= most_bytes(s)) {
    s->nbytes = nbytes > s->nbytes ? nbytes : s->nbytes;
    return;
  }
  check(s->resizable, [&] {
    return message("resize: this tensor's memory belongs to another object and cannot grow.");
  });
  if (s->device.type == DeviceType::cuda) {
    Storage* bigger = allocate_elsewhere(nbytes, s->device);
    cuda::on_device(bigger->address, s->address, s->device.index, s->nbytes);
    cuda::exchange_blocks(*s, *bigger);
    release(bigger);
    return;
  }
  // The bytes move into a second block, which this header owns from now on.
  Storage* bigger = allocate_storage(nbytes);
  std::memcpy(bigger->data, s->data, s->nbytes);
  PyObject* block = PyCapsule_New(bigger, second_block, [](PyObject* capsule) {
    release(static_cast<Storage*>(PyCapsule_GetPointer(capsule, second_block)));
    Py_XDECREF(static_cast<PyObject*>(PyCapsule_GetContext(capsule)));
  });
  if (!block) {
    release(bigger);
    throw PythonError();
  }
  leave_block(s, block);
  s->data = bigger->data;
  s->nbytes = nbytes;
}

void shrink_storage(Storage* s, int64_t nbytes) {
  settle(s);
  check(s->resizable, [&] {
    return message("resize_: this storage's memory belongs to another object and stays as it is.");
  });
  s->nbytes = nbytes;
  if (s->device.type == DeviceType::cuda) return;
  give_back_pages(static_cast<char*>(s->data) + nbytes,
                  static_cast<char*>(s->data) + most_bytes(s));
}

constinit StorageFunction settle_waiting = nullptr, forget_waiting = nullptr;
constinit BytesFunction relieve_waiting = nullptr;

void destroy_storage(Storage* s) {
  auto& c = cache();
  if (s->waiting) [[unlikely]]
    forget_waiting(s);
  Py_CLEAR(s->owner);
  if (s->capacity == 0) {
    if (s->block) cuda::release_block(*s);
    if (s->device != on_cpu) count_other_devices(-1);
    if (s->sparse) destroy_parts(s->sparse);
    delete s;
    return;
  }
  if (s->capacity >= listed_bytes) unlink_large(s);
  int64_t rounded = s->capacity + header_bytes;
  int64_t again;
  int k = size_class(rounded, again);
  c.stats.allocated_bytes -= rounded;
  if (c.stats.cached_bytes + rounded > cache_limit) {
    system_free(s, rounded);
    return;
  }
  c.free[k].push_back(s);
  c.stats.cached_bytes += rounded;
}

MemoryStats memory_stats() { return cache().stats; }
Facts memory_facts() {
  const MemoryStats s = memory_stats();
  return {{"allocated_bytes.current", s.allocated_bytes},
          {"allocated_bytes.peak", s.peak_allocated_bytes},
          {"cached_bytes.current", s.cached_bytes},
          {"allocations", s.allocations},
          {"cache_hits", s.cache_hits}};
}
void reset_peak_memory() { cache().stats.peak_allocated_bytes = cache().stats.allocated_bytes; }

void empty_cache() {
  auto& c = cache();
  join_large();
  c.ranges.drop(INT64_MAX, unmap);
  for (auto& blocks : c.free) {
    for (void* block : blocks) system_free(block, size_of(block));
    blocks.clear();
  }
  c.stats.cached_bytes = 0;
}

void each_large_storage(void (*visit)(Storage*, void*), void* context) {
  for (Storage* s = cache().large_list; s; s = s->following) visit(s, context);
}

}  // namespace flambeau
