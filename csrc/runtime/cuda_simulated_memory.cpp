// Memory of the simulated driver, and copies.
// One range of memory is known under two addresses: `device`, where nothing may be read or written
// (what programs get), and `host`, by which this driver reaches it.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "runtime/cuda_simulated_parts.h"

namespace flambeau::cuda::simulated {

constexpr size_t page = 512;  // what allocations are aligned to

Memory* memory_of(Address address) {
  for (auto& m : machine().memories) {
    auto start = reinterpret_cast<Address>(m->device);
    if (address >= start && address < start + m->nbytes) return m.get();
  }
  return nullptr;
}

char* host_of(Address address, size_t nbytes) {
  Memory* m = memory_of(address);
  if (!m) return nullptr;
  size_t at = address - reinterpret_cast<Address>(m->device);
  return at + nbytes <= m->nbytes ? m->host + at : nullptr;
}

bool reserve(Memory& m, size_t nbytes) {
  int file = memfd_create("flambeau-simulated-gpu", MFD_CLOEXEC);
  if (file < 0) return false;
  bool fits = ftruncate(file, static_cast<off_t>(nbytes)) == 0;
  void* host =
      fits ? mmap(nullptr, nbytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0)
           : MAP_FAILED;
  void* device =
      mmap(nullptr, nbytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  close(file);
  if (host == MAP_FAILED || device == MAP_FAILED) return false;
  madvise(host, nbytes, MADV_DONTFORK);
  m.host = static_cast<char*>(host);
  m.device = static_cast<char*>(device);
  m.nbytes = nbytes;
  return true;
}

namespace {

size_t bytes_in(const Memory& m) {
  size_t sum = 0;
  for (auto& [offset, nbytes] : m.used) sum += nbytes;
  return sum;
}

Result memory_info(size_t* free, size_t* total) {
  Locked locked;
  *total = machine().limit;
  *free = machine().limit - bytes_in(*machine().memories[static_cast<size_t>(current)]);
  return result::success;
}

Result allocate(Address* address, size_t nbytes) {
  Locked locked;
  Memory& m = *machine().memories[static_cast<size_t>(current)];
  size_t rounded = (nbytes + page - 1) / page * page;
  if (nbytes == 0) return result::invalid_value;
  if (bytes_in(m) + rounded > machine().limit) return result::out_of_memory;
  size_t at = page;  // the first bytes stay unused
  for (auto& [offset, size] : m.used) {
    if (offset >= at + rounded + page) break;
    at = offset + size + page;  // a gap behind each block
  }
  if (at + rounded > m.nbytes) return result::out_of_memory;
  m.used[at] = rounded;
  *address = reinterpret_cast<Address>(m.device) + at;
  return result::success;
}

Result free_block(Address address) {
  Locked locked;
  Memory* m = memory_of(address);
  if (!m) return result::invalid_value;
  size_t at = address - reinterpret_cast<Address>(m->device);
  auto block = m->used.find(at);
  if (block == m->used.end()) return result::invalid_value;
  for (auto& s : machine().streams) run_all(*s);
  madvise(m->host + at, block->second, MADV_REMOVE);
  m->used.erase(block);
  return result::success;
}

Result allocate_host(void** data, size_t nbytes) {
  Locked locked;
  *data = std::aligned_alloc(4096, (nbytes + 4095) / 4096 * 4096);
  if (!*data) return result::out_of_memory;
  machine().pinned[static_cast<const char*>(*data)] = nbytes;
  return result::success;
}
/// The block is pinned no longer: copies that still wait go first.
void leave(void* data) {
  for (auto& s : machine().streams) run_all(*s);
  machine().pinned.erase(static_cast<const char*>(data));
}
Result free_host(void* data) {
  Locked locked;
  leave(data);
  std::free(data);
  return result::success;
}
Result register_host(void* data, size_t nbytes, unsigned) {
  Locked locked;
  machine().pinned[static_cast<const char*>(data)] = nbytes;
  return result::success;
}
Result unregister_host(void* data) {
  Locked locked;
  leave(data);
  return result::success;
}

bool is_pinned(const void* data, size_t nbytes) {
  auto& pinned = machine().pinned;
  auto after = pinned.upper_bound(static_cast<const char*>(data));
  if (after == pinned.begin()) return false;
  auto [start, size] = *std::prev(after);
  return static_cast<const char*>(data) + nbytes <= start + size;
}

void copy_now(void* to, const void* from, size_t nbytes, const char* what) {
  if (!to || !from)
    fault(std::string(what) + " reaches outside of the device's memory.");
  else
    memmove(to, from, nbytes);
}

Result copy_to_device(Address to, const void* from, size_t nbytes, Handle stream) {
  Locked locked;
  if (is_pinned(from, nbytes)) {
    push(stream, [=] { copy_now(host_of(to, nbytes), from, nbytes, "a copy to the device"); });
    return result::success;
  }
  auto staged = std::make_shared<std::vector<char>>(static_cast<const char*>(from),
                                                    static_cast<const char*>(from) + nbytes);
  push(stream,
       [=] { copy_now(host_of(to, nbytes), staged->data(), nbytes, "a copy to the device"); });
  return result::success;
}
Result copy_to_host(void* to, Address from, size_t nbytes, Handle stream) {
  Locked locked;
  push(stream, [=] { copy_now(to, host_of(from, nbytes), nbytes, "a copy to the host"); });
  if (!is_pinned(to, nbytes)) run_all(stream_of(stream));
  return outcome();
}
Result copy_on_device(Address to, Address from, size_t nbytes, Handle stream) {
  Locked locked;
  push(stream, [=] {
    copy_now(host_of(to, nbytes), host_of(from, nbytes), nbytes, "a copy on the device");
  });
  return result::success;
}
Result copy_to_peer(Address to, Handle, Address from, Handle, size_t nbytes, Handle stream) {
  return copy_on_device(to, from, nbytes, stream);
}
Result fill_bytes(Address to, unsigned char value, size_t nbytes, Handle stream) {
  Locked locked;
  push(stream, [=] {
    if (char* at = host_of(to, nbytes))
      memset(at, value, nbytes);
    else
      fault("a fill reaches outside of the device's memory.");
  });
  return result::success;
}

void note(Address address, int64_t nbytes, bool live, Handle stream) {
  Locked locked;
  push(stream, [=] {
    Memory* m = memory_of(address);
    if (!m) return;
    ++m->live_version;
    if (!live) {
      m->live.erase(address);
      return;
    }
    m->live[address] = nbytes;
    // What is read before it is written shows as NaN.
    if (char* at = host_of(address, static_cast<size_t>(nbytes)))
      memset(at, 0xFF, static_cast<size_t>(nbytes));
  });
}

}  // namespace

void fill_memory(Driver& d) {
  d.memory_info = memory_info;
  d.allocate = allocate;
  d.free = free_block;
  d.allocate_host = allocate_host;
  d.free_host = free_host;
  d.register_host = register_host;
  d.unregister_host = unregister_host;
  d.copy_to_device = copy_to_device;
  d.copy_to_host = copy_to_host;
  d.copy_on_device = copy_on_device;
  d.copy_to_peer = copy_to_peer;
  d.fill_bytes = fill_bytes;
  d.note = note;
}

}  // namespace flambeau::cuda::simulated
