#define PY_SSIZE_T_CLEAN  // lengths of strings are Py_ssize_t
#include "runtime/cuda_simulated.h"

#include <Python.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tensor/ref.h"

// One range of memory is known under two addresses: `device`, where nothing may be read or written
// (what programs get), and `host`, by which this driver reaches it.

namespace flambeau::cuda {
namespace {

constexpr size_t default_bytes = size_t{4} << 30;
constexpr size_t page = 512;  // what allocations are aligned to

/// Everything here is guarded by the GIL.
struct Locked {
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

struct Module {
  Object object;  // flambeau.kernels.interpret.ptx.Module
};

struct Function {
  Object object;                                      // ... .Function
  std::vector<std::pair<size_t, size_t>> parameters;  // (size, place) of each
};

struct Graph {
  std::vector<Op> ops;
};

struct Machine {
  std::vector<std::unique_ptr<Memory>> memories;
  std::vector<std::unique_ptr<Stream>> streams;  // the first of each device is its default
  std::map<const char*, size_t> pinned;          // start: size
  std::string fault;
  size_t limit = default_bytes;
};

Machine& machine() {
  static Machine* one = new Machine;
  return *one;
}

thread_local int current = 0;  // the device whose context is current

Memory* memory_of(Address address) {
  for (auto& m : machine().memories) {
    auto start = reinterpret_cast<Address>(m->device);
    if (address >= start && address < start + m->nbytes) return m.get();
  }
  return nullptr;
}

/// What lies at a device address, for this driver; null where it is none.
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

Stream& stream_of(Handle handle) {
  return handle ? *static_cast<Stream*>(handle) : *machine().streams[static_cast<size_t>(current)];
}

void run_until(Stream& s, uint64_t target) {
  while (s.ran < target && !s.queue.empty()) {
    Op op = std::move(s.queue.front());
    s.queue.pop_front();
    ++s.ran;
    op();
  }
}

void run_all(Stream& s) { run_until(s, s.added); }

void run_device(int device) {
  for (auto& s : machine().streams)
    if (s->device == device) run_all(*s);
}

void push(Handle handle, Op op) {
  Stream& s = stream_of(handle);
  if (s.capture) {
    s.capture->push_back(std::move(op));
    return;
  }
  s.queue.push_back(std::move(op));
  ++s.added;
  if (s.queue.size() > 4096) run_all(s);
}

Result outcome() { return machine().fault.empty() ? result::success : result::illegal_address; }

/// Keeps the first fault until it is asked for.
void fault(std::string text) {
  if (machine().fault.empty()) machine().fault = std::move(text);
}

void fault_from_python() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  Object text = Object::steal(value ? PyObject_Str(value) : nullptr);
  const char* words = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
  const char* kind = type ? reinterpret_cast<PyTypeObject*>(type)->tp_name : "";
  bool ours = strstr(kind, "Fault") != nullptr;
  fault(std::string(ours ? "" : kind) + (ours ? "" : ": ") + (words ? words : "an unknown fault"));
  if (!ours && std::getenv("FLAMBEAU_CUDA_TRACEBACK")) {
    PyErr_Restore(type, value, traceback);
    PyErr_Print();
    return;
  }
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(traceback);
}

Object interpreter() {
  return Object::steal(PyImport_ImportModule("flambeau.kernels.interpret.ptx"));
}

// ------------------------------------------------------------------------------------- devices

Result ok(unsigned) { return result::success; }

Result get_count(int* n) {
  *n = static_cast<int>(machine().memories.size());
  return result::success;
}
Result get_device(DeviceNumber* device, int ordinal) {
  if (ordinal < 0 || ordinal >= static_cast<int>(machine().memories.size()))
    return result::invalid_device;
  *device = ordinal;
  return result::success;
}
Result get_name(char* name, int length, DeviceNumber) {
  strncpy(name, "Simulated GPU", static_cast<size_t>(length));
  return result::success;
}
Result get_attribute(int* value, int which, DeviceNumber) {
  switch (which) {
    case attribute::max_threads: *value = 1024; break;
    case attribute::multiprocessors: *value = 4; break;
    case attribute::capability_major: *value = 8; break;
    case attribute::shared_bytes: *value = 48 << 10; break;
    case attribute::shared_bytes_optin: *value = 96 << 10; break;
    case attribute::warp: *value = 32; break;
    case attribute::threads_per_multiprocessor: *value = 2048; break;
    case attribute::registers: *value = 65536; break;
    case attribute::l2_bytes: *value = 4 << 20; break;
    default: *value = 0;
  }
  return result::success;
}
Result get_memory(size_t* nbytes, DeviceNumber) {
  *nbytes = machine().limit;
  return result::success;
}
Result get_uuid(unsigned char* uuid, DeviceNumber device) {
  memset(uuid, 0, 16);
  uuid[15] = static_cast<unsigned char>(device);
  return result::success;
}
Result can_access(int* can, DeviceNumber, DeviceNumber) {
  *can = 1;
  return result::success;
}
Result retain_context(Handle* context, DeviceNumber device) {
  *context = reinterpret_cast<Handle>(static_cast<intptr_t>(device) + 1);
  return result::success;
}
Result set_context(Handle context) {
  current = static_cast<int>(reinterpret_cast<intptr_t>(context)) - 1;
  return result::success;
}
Result synchronize() {
  Locked locked;
  run_device(current);
  return outcome();
}
Result enable_peer(Handle, unsigned) { return result::success; }

Result error_name(Result code, const char** name) {
  *name = code == result::out_of_memory     ? "CUDA_ERROR_OUT_OF_MEMORY"
          : code == result::illegal_address ? "CUDA_ERROR_ILLEGAL_ADDRESS"
          : code == result::invalid_image   ? "CUDA_ERROR_INVALID_IMAGE"
          : code == result::not_found       ? "CUDA_ERROR_NOT_FOUND"
          : code == result::not_ready       ? "CUDA_ERROR_NOT_READY"
                                            : "CUDA_ERROR_INVALID_VALUE";
  return result::success;
}
Result error_string(Result, const char** text) {
  *text = "of the simulated driver";
  return result::success;
}

// ------------------------------------------------------------------------------------- memory

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
Result free_host(void* data) {
  Locked locked;
  machine().pinned.erase(static_cast<const char*>(data));
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
  machine().pinned.erase(static_cast<const char*>(data));
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

std::string take_fault() {
  Locked locked;
  return std::exchange(machine().fault, "");
}

// ------------------------------------------------------------------------- streams and events

Result stream_create(Handle* stream, unsigned, int) {
  Locked locked;
  machine().streams.push_back(std::make_unique<Stream>());
  machine().streams.back()->device = current;
  *stream = machine().streams.back().get();
  return result::success;
}
Result stream_destroy(Handle stream) {
  Locked locked;
  run_all(stream_of(stream));
  auto& all = machine().streams;
  all.erase(std::find_if(all.begin(), all.end(), [&](auto& s) { return s.get() == stream; }));
  return result::success;
}
Result stream_synchronize(Handle stream) {
  Locked locked;
  run_all(stream_of(stream));
  return outcome();
}
Result stream_query(Handle stream) {
  Locked locked;
  return stream_of(stream).queue.empty() ? result::success : result::not_ready;
}
Result stream_wait(Handle stream, Handle event, unsigned) {
  Locked locked;
  auto* e = static_cast<Event*>(event);
  if (!e->stream) return result::success;
  push(stream, [other = e->stream, target = e->target] { run_until(*other, target); });
  return result::success;
}
Result event_create(Handle* event, unsigned) {
  *event = new Event;
  return result::success;
}
Result event_destroy(Handle event) {
  Locked locked;
  auto* e = static_cast<Event*>(event);
  if (e->stream) run_until(*e->stream, e->target);
  delete e;
  return result::success;
}
int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}
Result event_record(Handle event, Handle stream) {
  Locked locked;
  auto* e = static_cast<Event*>(event);
  push(stream, [e] { e->time_ns = now_ns(); });
  e->stream = &stream_of(stream);
  e->target = e->stream->added;
  return result::success;
}
Result event_synchronize(Handle event) {
  Locked locked;
  auto* e = static_cast<Event*>(event);
  if (e->stream) run_until(*e->stream, e->target);
  return outcome();
}
Result event_query(Handle event) {
  Locked locked;
  auto* e = static_cast<Event*>(event);
  return !e->stream || e->stream->ran >= e->target ? result::success : result::not_ready;
}
Result event_elapsed(float* ms, Handle start, Handle end) {
  Locked locked;
  auto *a = static_cast<Event*>(start), *b = static_cast<Event*>(end);
  if (!a->time_ns || !b->time_ns) return result::not_ready;
  *ms = static_cast<float>(static_cast<double>(b->time_ns - a->time_ns) / 1e6);
  return result::success;
}

// ---------------------------------------------------------------------------- modules, launches

Result load_module(Handle* module, const void* image, unsigned, int*, void**) {
  Locked locked;
  Object ptx = interpreter();
  Object made = ptx ? Object::steal(PyObject_CallMethod(ptx.get(), "Module", "s",
                                                        static_cast<const char*>(image)))
                    : nullptr;
  if (!made) {
    fault_from_python();
    return result::invalid_image;
  }
  *module = new Module{std::move(made)};
  return result::success;
}
Result unload_module(Handle module) {
  Locked locked;
  delete static_cast<Module*>(module);
  return result::success;
}
Result get_function(Handle* function, Handle module, const char* name) {
  Locked locked;
  Object found = Object::steal(
      PyObject_CallMethod(static_cast<Module*>(module)->object.get(), "function", "s", name));
  Object places =
      found ? Object::steal(PyObject_GetAttrString(found.get(), "parameter_places")) : nullptr;
  if (!places) {
    fault_from_python();
    return result::not_found;
  }
  auto* made = new Function{std::move(found), {}};
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(places.get()); ++i) {
    PyObject* pair = PyTuple_GET_ITEM(places.get(), i);
    made->parameters.push_back(
        {PyLong_AsSize_t(PyTuple_GET_ITEM(pair, 0)), PyLong_AsSize_t(PyTuple_GET_ITEM(pair, 1))});
  }
  *function = made;
  return result::success;
}
Result function_attribute(int* value, int, Handle) {
  *value = 0;
  return result::success;
}
Result function_set(Handle, int, int) { return result::success; }

/// The live ranges of a device's memory as (start, end) pairs of int64 in bytes, kept until they
/// change.
Object ranges_of(Memory& m) {
  // Never destroyed: the interpreter ends before.
  static auto* known = new std::map<Memory*, std::pair<int64_t, Object>>;
  auto& [version, object] = (*known)[&m];
  if (object && version == m.live_version) return object;
  std::vector<int64_t> pairs;
  for (auto& [start, nbytes] : m.live) {
    pairs.push_back(static_cast<int64_t>(start));
    pairs.push_back(static_cast<int64_t>(start) + nbytes);
  }
  object = Object::steal(
      PyBytes_FromStringAndSize(reinterpret_cast<const char*>(pairs.data()),
                                static_cast<Py_ssize_t>(pairs.size() * sizeof(int64_t))));
  version = m.live_version;
  return object;
}

void run_kernel(const Object& function, const unsigned* grid, const unsigned* block,
                unsigned shared, const std::string& parameters, int device) {
  Memory& m = *machine().memories[static_cast<size_t>(device)];
  Object view = Object::steal(
      PyMemoryView_FromMemory(m.host, static_cast<Py_ssize_t>(m.nbytes), PyBUF_WRITE));
  Object ranges = ranges_of(m);
  Object done = Object::steal(PyObject_CallMethod(
      function.get(), "run", "(III)(III)Iy#OKO", grid[0], grid[1], grid[2], block[0], block[1],
      block[2], shared, parameters.data(), static_cast<Py_ssize_t>(parameters.size()), view.get(),
      static_cast<unsigned long long>(reinterpret_cast<Address>(m.device)), ranges.get()));
  if (!done) fault_from_python();
}

Result launch(Handle function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
              unsigned bz, unsigned shared, Handle stream, void** parameters, void**) {
  Locked locked;
  auto* f = static_cast<Function*>(function);
  if (!gx || !gy || !gz || !bx || !by || !bz || bx * by * bz > 1024 || gy > 65535 || gz > 65535)
    return result::invalid_value;
  std::string bytes;
  for (size_t i = 0; i < f->parameters.size(); ++i) {
    auto [size, place] = f->parameters[i];
    bytes.resize(place);
    bytes.append(static_cast<const char*>(parameters[i]), size);
  }
  push(stream, [object = f->object, gx, gy, gz, bx, by, bz, shared, bytes, device = current] {
    unsigned grid[] = {gx, gy, gz}, block[] = {bx, by, bz};
    run_kernel(object, grid, block, shared, bytes, device);
  });
  return result::success;
}

// ------------------------------------------------------------------------------------- graphs

Result capture_begin(Handle stream, int) {
  Locked locked;
  Stream& s = stream_of(stream);
  if (s.capture) return result::invalid_value;
  s.capture = new std::vector<Op>;
  return result::success;
}
Result capture_end(Handle stream, Handle* graph) {
  Locked locked;
  Stream& s = stream_of(stream);
  if (!s.capture) return result::invalid_value;
  std::unique_ptr<std::vector<Op>> ops(std::exchange(s.capture, nullptr));
  *graph = new Graph{std::move(*ops)};
  return result::success;
}
Result is_capturing(Handle stream, int* status) {
  Locked locked;
  *status = stream_of(stream).capture != nullptr;
  return result::success;
}
Result instantiate(Handle* executable, Handle graph, uint64_t) {
  *executable = new Graph(*static_cast<Graph*>(graph));
  return result::success;
}
Result graph_launch(Handle executable, Handle stream) {
  Locked locked;
  for (Op& op : static_cast<Graph*>(executable)->ops) push(stream, op);
  return result::success;
}
Result graph_destroy(Handle graph) {
  Locked locked;
  delete static_cast<Graph*>(graph);
  return result::success;
}

}  // namespace

Driver simulated_driver(int devices) {
  Machine& m = machine();
  if (const char* asked = std::getenv("FLAMBEAU_CUDA_SIMULATED_BYTES"))
    m.limit = std::strtoull(asked, nullptr, 10);
  for (int i = 0; i < devices; ++i) {
    auto memory = std::make_unique<Memory>();
    if (!reserve(*memory, m.limit + m.limit / 2)) break;
    m.memories.push_back(std::move(memory));
    m.streams.push_back(std::make_unique<Stream>());
    m.streams.back()->device = i;
  }
  Driver d{};
  d.init = ok;
  d.version = [](int* version) { return *version = 13000, result::success; };
  d.error_name = error_name;
  d.error_string = error_string;
  d.device_count = get_count;
  d.device_get = get_device;
  d.device_name = get_name;
  d.device_attribute = get_attribute;
  d.device_memory = get_memory;
  d.device_uuid = get_uuid;
  d.can_access_peer = can_access;
  d.context_retain = retain_context;
  d.context_set = set_context;
  d.context_synchronize = synchronize;
  d.enable_peer = enable_peer;
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
  d.stream_create = stream_create;
  d.stream_destroy = stream_destroy;
  d.stream_synchronize = stream_synchronize;
  d.stream_query = stream_query;
  d.stream_wait = stream_wait;
  d.event_create = event_create;
  d.event_destroy = event_destroy;
  d.event_record = event_record;
  d.event_synchronize = event_synchronize;
  d.event_query = event_query;
  d.event_elapsed = event_elapsed;
  d.module_load = load_module;
  d.module_unload = unload_module;
  d.module_function = get_function;
  d.function_attribute = function_attribute;
  d.function_set = function_set;
  d.launch = launch;
  d.capture_begin = capture_begin;
  d.capture_end = capture_end;
  d.is_capturing = is_capturing;
  d.graph_instantiate = instantiate;
  d.graph_launch = graph_launch;
  d.graph_destroy = graph_destroy;
  d.executable_destroy = graph_destroy;
  d.note = note;
  d.take_fault = take_fault;
  return d;
}

}  // namespace flambeau::cuda
