#include "runtime/cuda_objects.h"

#include <map>

namespace flambeau::cuda {

Properties properties(int index) {
  need_device(index, "cuda.get_device_properties");
  const Driver& d = enter(index);
  DeviceNumber number;
  char name[256] = {};
  size_t total = 0;
  Properties made;
  checked(d.device_get(&number, index), "cuDeviceGet");
  checked(d.device_name(name, sizeof(name) - 1, number), "cuDeviceGetName");
  checked(d.device_memory(&total, number), "cuDeviceTotalMem");
  d.device_uuid(reinterpret_cast<unsigned char*>(made.uuid.data()), number);
  made.name = name;
  made.total_bytes = static_cast<int64_t>(total);
  namespace at = attribute;
  const std::pair<const char*, int> wanted[] = {
      {"multi_processor_count", at::multiprocessors},
      {"major", at::capability_major},
      {"minor", at::capability_minor},
      {"shared_memory_per_block", at::shared_bytes},
      {"shared_memory_per_block_optin", at::shared_bytes_optin},
      {"warp_size", at::warp},
      {"max_threads_per_multi_processor", at::threads_per_multiprocessor},
      {"max_threads_per_block", at::max_threads},
      {"regs_per_multiprocessor", at::registers},
      {"L2_cache_size", at::l2_bytes},
      {"clock_rate", at::clock_khz},
      {"memory_clock_rate", at::memory_clock_khz},
      {"memory_bus_width", at::bus_width},
      {"is_integrated", at::integrated},
      {"is_multi_gpu_board", at::multi_gpu_board},
      {"pci_bus_id", at::pci_bus},
      {"pci_device_id", at::pci_device},
      {"pci_domain_id", at::pci_domain}};
  for (auto [key, which] : wanted) {
    int value = 0;
    d.device_attribute(&value, which, number);
    made.attributes.emplace_back(key, value);
  }
  return made;
}

bool can_access_peer(int from, int to) {
  for (int index : {from, to}) need_device(index, "cuda.can_device_access_peer");
  int can = 0;
  checked(enter(from).can_access_peer(&can, from, to), "cuDeviceCanAccessPeer");
  return can && from != to;
}

std::pair<int64_t, int64_t> memory_info(int index) {
  need_device(index, "cuda.mem_get_info");
  size_t left = 0, total = 0;
  checked(enter(index).memory_info(&left, &total), "cuMemGetInfo");
  return {static_cast<int64_t>(left), static_cast<int64_t>(total)};
}

/// Of a stream or an event: whether all of it is done.
static bool is_done(Result r, const char* what) {
  if (r != result::not_ready) checked(r, what);
  return r == result::success;
}

Handle new_stream(int index, int priority) {
  need_device(index, "cuda.Stream");
  Handle stream;
  checked(enter(index).stream_create(&stream, 1, priority), "cuStreamCreateWithPriority");
  return stream;
}
bool stream_is_done(int index, Handle stream) {
  return is_done(enter(index).stream_query(stream), "cuStreamQuery");
}
void stream_waits(int index, Handle stream, Handle event) {
  checked(enter(index).stream_wait(stream, event, 0), "cuStreamWaitEvent");
}

Handle new_event(int index, unsigned flags) {
  Handle event;
  checked(enter(index).event_create(&event, flags), "cuEventCreate");
  return event;
}
void destroy_event(int index, Handle event) {
  if (!was_forked()) enter(index).event_destroy(event);
}
void record_event(int index, Handle event, Handle stream) {
  checked(enter(index).event_record(event, stream), "cuEventRecord");
}
bool event_is_done(int index, Handle event) {
  return is_done(enter(index).event_query(event), "cuEventQuery");
}
void synchronize_event(int index, Handle event) {
  const Driver& d = enter(index);
  checked(waiting([&] { return d.event_synchronize(event); }), "waiting for an event");
}
double milliseconds_between(int index, Handle start, Handle end) {
  float milliseconds = 0;
  checked(enter(index).event_elapsed(&milliseconds, start, end), "cuEventElapsedTime");
  return milliseconds;
}

/// The memory of each graph: while it is recorded by its stream, then by its executable form.
static std::map<Handle, Handle>& memory_of_graphs() {
  static auto* known = new std::map<Handle, Handle>;
  return *known;
}

void capture_begin(int index) {
  const Handle stream = current_stream(index);
  constexpr int relaxed = 2;  // memory may be asked for meanwhile
  checked(enter(index).capture_begin(stream, relaxed), "cuStreamBeginCapture");
  memory_of_graphs()[stream] = begin_recording_memory(index, stream);
}
Handle capture_end(int index) {
  const Driver& d = enter(index);
  const Handle stream = current_stream(index);
  Handle graph, executable;
  end_recording_memory(index, stream);
  auto memory = memory_of_graphs().extract(stream);
  const Result ended = d.capture_end(stream, &graph);
  if (ended != result::success && memory) release_recorded_memory(index, memory.mapped());
  checked(ended, "cuStreamEndCapture");
  checked(d.graph_instantiate(&executable, graph, 0), "cuGraphInstantiate");
  d.graph_destroy(graph);
  if (memory) memory_of_graphs()[executable] = memory.mapped();
  return executable;
}
bool is_capturing(int index) {
  int status = 0;
  checked(enter(index).is_capturing(current_stream(index), &status), "cuStreamIsCapturing");
  return status != 0;
}
void launch_graph(int index, Handle graph) {
  checked(enter(index).graph_launch(graph, current_stream(index)), "cuGraphLaunch");
}
void destroy_graph(int index, Handle graph) {
  if (was_forked()) return;
  const Driver& d = enter(index);
  d.context_synchronize();  // it may be running, on any stream
  d.executable_destroy(graph);
  if (auto memory = memory_of_graphs().extract(graph))
    release_recorded_memory(index, memory.mapped());
}

int device_in_use() {
  driver();
  return current_device();
}
void synchronize_device(int index) {
  need_device(index, "cuda.synchronize");
  synchronize(index);
}
Handle stream_in_use(int index) {
  need_device(index, "cuda.current_stream");
  return current_stream(index);
}
void note_stream(Tensor& t, Handle stream) {
  if (t.is_cuda()) record_stream(*t.storage, stream);
}

TensorRef pinned(int64_t nbytes) {
  void* data = allocate_pinned(nbytes);
  Object owner = owned(PyCapsule_New(data, pinned_capsule, [](PyObject* capsule) {
    free_pinned(PyCapsule_GetPointer(capsule, pinned_capsule));
  }));
  Storage* storage = wrap_storage(data, nbytes, owner.get());
  TensorRef t = make_tensor(storage, DType::uint8, {nbytes}, {1}, 0);
  release(storage);
  return t;
}

bool is_pinned(const Tensor& t) {
  PyObject* owner = t.storage->owner;
  return owner && PyCapsule_IsValid(owner, pinned_capsule);
}

}  // namespace flambeau::cuda
