// Device memory: blocks of size classes, kept by stream for the next tensor. Small ones are cut
// from segments, so that the driver, which stops the device for each allocation, is asked rarely.
#include <Python.h>

#include <algorithm>
#include <map>
#include <memory>
#include <unordered_set>

#include "runtime/cuda.h"
#include "runtime/program.h"
#include "tensor/error.h"
#include "tensor/ref.h"

namespace flambeau::cuda {
namespace {

constexpr int64_t least = 512, segment_bytes = int64_t{2} << 20, small_limit = int64_t{1} << 19,
                  told_bytes = int64_t{1} << 20;

struct Block {
  Address address = 0;
  int64_t nbytes = 0, requested = 0;
  Handle stream = nullptr;
  Handle list = nullptr;  // whose free blocks it belongs to: the stream's, or a recorded graph's
  bool owns = false;      // came from the driver by itself
  Storage* user = nullptr;
  std::vector<Handle> used_on;  // other streams
  Object code;                  // of a large one: where the program made it
  int line = 0;
};

struct Waiting {
  Block* block;
  std::vector<Handle> events;
};

struct Pool {
  std::map<std::pair<Handle, int64_t>, std::vector<Block*>> free;  // by list and size
  std::map<Handle, Handle> recording;                              // stream: the graph's list
  std::unordered_set<Handle> graphs;                               // lists that stay as they are
  std::vector<std::unique_ptr<Block>> blocks;
  Address segment = 0;
  int64_t segment_left = 0;
  std::vector<Waiting> waiting;
  MemoryStats stats{};
  double fraction = 1;
};

Pool& pool(int index) {
  static auto* pools = new std::map<int, Pool>;
  return (*pools)[index];
}

/// Four sizes to a doubling, as on the CPU.
int64_t rounded_size(int64_t nbytes) {
  if (nbytes <= least) return least;
  int log = 63 - __builtin_clzll(static_cast<uint64_t>(nbytes - 1));
  int64_t step = std::max(least / 2, int64_t{1} << (log - 2));
  int64_t size = (nbytes + step - 1) / step * step;
  return (size + least - 1) / least * least;
}

Address ask_driver(int index, int64_t nbytes) {
  Pool& p = pool(index);
  const Driver& d = enter(index);
  if (p.fraction < 1) {
    size_t total = 0, left = 0;
    checked(d.memory_info(&left, &total), "cuMemGetInfo");
    if (static_cast<double>(p.stats.reserved + nbytes) > p.fraction * static_cast<double>(total))
      return 0;
  }
  Address address = 0;
  Result r = d.allocate(&address, static_cast<size_t>(nbytes));
  if (r == result::out_of_memory) return 0;
  checked(r, "cuMemAlloc");
  p.stats.reserved += nbytes;
  p.stats.peak_reserved = std::max(p.stats.peak_reserved, p.stats.reserved);
  return address;
}

Block* new_block(int index, int64_t nbytes, Handle stream, Handle list) {
  Pool& p = pool(index);
  Address address = 0;
  bool owns = nbytes > small_limit;
  if (owns) {
    address = ask_driver(index, nbytes);
  } else {
    if (p.segment_left < nbytes) {
      Address segment = ask_driver(index, segment_bytes);
      if (!segment) return nullptr;
      p.segment = segment;
      p.segment_left = segment_bytes;
    }
    address = p.segment;
    p.segment += static_cast<Address>(nbytes);
    p.segment_left -= nbytes;
  }
  if (!address) return nullptr;
  p.blocks.push_back(std::make_unique<Block>());
  Block& made = *p.blocks.back();
  made.address = address;
  made.nbytes = nbytes;
  made.stream = stream;
  made.list = list;
  made.owns = owns;
  return p.blocks.back().get();
}

Block* cached_block(int index, int64_t nbytes, Handle list) {
  Pool& p = pool(index);
  auto found = p.free.find({list, nbytes});
  if (found == p.free.end() || found->second.empty()) return nullptr;
  Block* block = found->second.back();
  found->second.pop_back();
  ++p.stats.cache_hits;
  return block;
}

/// Blocks that other streams have used come back when those are done.
void take_back(int index, bool waits) {
  Pool& p = pool(index);
  if (p.waiting.empty()) return;
  const Driver& d = enter(index);
  std::erase_if(p.waiting, [&](Waiting& w) {
    for (Handle event : w.events) {
      if (waits) checked(d.event_synchronize(event), "cuEventSynchronize");
      if (d.event_query(event) != result::success) return false;
    }
    for (Handle event : w.events) d.event_destroy(event);
    p.free[{w.block->list, w.block->nbytes}].push_back(w.block);
    return true;
  });
}

/// "file.py, line 3", or nothing.
std::string place_of(const Block& block) {
  if (!block.code) return "";
  Object file = Object::steal(PyObject_GetAttrString(block.code.get(), "co_filename"));
  const char* text = file ? PyUnicode_AsUTF8(file.get()) : nullptr;
  PyErr_Clear();
  return text ? message(" made in ", text, ", line ", block.line) : "";
}

void note_place(Block& block) {
  ProgramLine at = program_line();
  block.code = at.code;
  block.line = at.line;
}

[[noreturn]] void out_of_memory(int index, int64_t nbytes) {
  Pool& p = pool(index);
  ++p.stats.ooms;
  std::vector<const Block*> live;
  for (auto& block : p.blocks)
    if (block->user && block->requested >= told_bytes) live.push_back(block.get());
  std::sort(live.begin(), live.end(),
            [](const Block* a, const Block* b) { return a->requested > b->requested; });
  size_t left = 0, total = 0;
  enter(index).memory_info(&left, &total);
  std::string text = message("out of memory on cuda:", index, ": a tensor of ", nbytes,
                             " bytes does not fit beside ", p.stats.allocated,
                             " bytes in live tensors; of the device's ", total, " bytes ", left,
                             " are free. The largest of those tensors:");
  for (size_t i = 0; i < live.size() && i < 5; ++i)
    text += message(i ? "; " : " ", live[i]->requested, " bytes", place_of(*live[i]));
  throw OutOfMemoryError(text + (live.empty() ? " none above 1 MB." : "."));
}

}  // namespace

void allocate(Storage& s, int64_t nbytes) {
  const int index = s.device.index;
  if (nbytes < 0 || nbytes > (int64_t{1} << 47)) out_of_memory(index, nbytes);
  Pool& p = pool(index);
  const Driver& d = enter(index);
  Handle stream = current_stream(index);
  int64_t size = rounded_size(nbytes);
  auto recording = p.recording.find(stream);
  const bool records = recording != p.recording.end();
  const Handle list = records ? recording->second : stream;
  if (!records) take_back(index, false);  // events are not to be asked while work is recorded
  Block* block = cached_block(index, size, list);
  if (!block) block = new_block(index, size, stream, list);
  if (!block && !records) {
    ++p.stats.retries;
    empty_cache(index);
    block = new_block(index, size, stream, list);
  }
  if (!block) out_of_memory(index, nbytes);
  block->user = &s;
  block->requested = nbytes;
  if (nbytes >= told_bytes) note_place(*block);
  s.address = block->address;
  s.block = block;
  s.nbytes = nbytes;
  if (d.note) d.note(block->address, nbytes, true, stream);
  ++p.stats.allocations;
  ++p.stats.active_blocks;
  p.stats.allocated += size;
  p.stats.requested += nbytes;
  p.stats.peak_allocated = std::max(p.stats.peak_allocated, p.stats.allocated);
}

void release_block(Storage& s) {
  auto* block = static_cast<Block*>(s.block);
  if (!block) return;
  s.block = nullptr;
  if (was_forked()) return;
  const int index = s.device.index;
  Pool& p = pool(index);
  const Driver& d = enter(index);
  if (d.note) d.note(block->address, block->requested, false, block->stream);
  p.stats.allocated -= block->nbytes;
  p.stats.requested -= block->requested;
  --p.stats.active_blocks;
  ++p.stats.frees;
  block->user = nullptr;
  block->code = nullptr;
  if (block->used_on.empty()) {
    p.free[{block->list, block->nbytes}].push_back(block);
    return;
  }
  Waiting w{block, {}};
  for (Handle stream : block->used_on) {
    Handle event;
    if (d.event_create(&event, 2) != result::success) continue;
    d.event_record(event, stream);
    w.events.push_back(event);
  }
  block->used_on.clear();
  p.waiting.push_back(std::move(w));
}

void exchange_blocks(Storage& a, Storage& b) {
  std::swap(a.address, b.address);
  std::swap(a.block, b.block);
  std::swap(a.nbytes, b.nbytes);
  for (Storage* s : {&a, &b})
    if (s->block) static_cast<Block*>(s->block)->user = s;
}

void record_stream(Storage& s, Handle stream) {
  auto* block = static_cast<Block*>(s.block);
  if (!block || block->stream == stream) return;
  auto& list = block->used_on;
  if (std::find(list.begin(), list.end(), stream) == list.end()) list.push_back(stream);
}

MemoryStats memory_stats(int index) { return pool(index).stats; }
Facts memory_facts(int index) {
  const MemoryStats s = memory_stats(index);
  return {{"allocated", s.allocated},
          {"peak_allocated", s.peak_allocated},
          {"reserved", s.reserved},
          {"peak_reserved", s.peak_reserved},
          {"active_blocks", s.active_blocks},
          {"allocations", s.allocations},
          {"frees", s.frees},
          {"cache_hits", s.cache_hits},
          {"retries", s.retries},
          {"requested", s.requested},
          {"ooms", s.ooms}};
}
double exchange_memory_fraction(int index, std::optional<double> fraction) {
  const double before = memory_fraction(index);
  if (fraction) set_memory_fraction(index, *fraction);
  return before;
}

void reset_peak(int index) {
  MemoryStats& s = pool(index).stats;
  s.peak_allocated = s.allocated;
  s.peak_reserved = s.reserved;
}

void empty_cache(int index) {
  if (!was_opened() || was_forked() || !opened().driver) return;
  Pool& p = pool(index);
  if (p.blocks.empty()) return;
  take_back(index, true);
  const Driver& d = enter(index);
  std::unordered_set<Block*> gone;
  for (auto& [key, list] : p.free)
    std::erase_if(list, [&](Block* block) {
      if (!block->owns || p.graphs.contains(block->list)) return false;
      d.free(block->address);
      p.stats.reserved -= block->nbytes;
      gone.insert(block);
      return true;
    });
  std::erase_if(p.blocks, [&](auto& block) { return gone.contains(block.get()); });
}

Handle begin_recording_memory(int index, Handle stream) {
  Pool& p = pool(index);
  Handle list = new char;  // an address that nothing else has
  p.recording[stream] = list;
  p.graphs.insert(list);
  return list;
}
void end_recording_memory(int index, Handle stream) { pool(index).recording.erase(stream); }
void release_recorded_memory(int index, Handle list) {
  Pool& p = pool(index);
  if (!p.graphs.erase(list)) return;
  std::vector<Block*> idle;
  for (auto& [key, blocks] : p.free)
    if (key.first == list) idle.insert(idle.end(), blocks.begin(), blocks.end());
  std::erase_if(p.free, [&](auto& entry) { return entry.first.first == list; });
  for (auto& block : p.blocks)
    if (block->list == list) block->list = block->stream;
  for (Block* block : idle) p.free[{block->list, block->nbytes}].push_back(block);
  delete static_cast<char*>(list);
}

void set_memory_fraction(int index, double fraction) { pool(index).fraction = fraction; }
double memory_fraction(int index) { return pool(index).fraction; }

std::vector<BlockFacts> blocks_of(int index) {
  std::vector<BlockFacts> facts;
  for (auto& b : pool(index).blocks)
    facts.push_back({b->address, b->nbytes, b->requested, b->user != nullptr});
  return facts;
}

void* allocate_pinned(int64_t nbytes) {
  const Driver& d = enter(current_device());
  void* data = nullptr;
  Result r = d.allocate_host(&data, static_cast<size_t>(std::max<int64_t>(nbytes, 1)));
  check<OutOfMemoryError>(r != result::out_of_memory, [&] {
    return message("out of memory: ", nbytes, " bytes of the host can't be pinned.");
  });
  checked(r, "cuMemAllocHost");
  return data;
}

void free_pinned(void* data) {
  if (was_forked() || !opened().driver) return;
  // Copies that did not wait may still read it.
  const Driver& d = enter(current_device());
  d.context_synchronize();
  d.free_host(data);
}

}  // namespace flambeau::cuda
