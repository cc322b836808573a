// torch.cuda's ground: devices, streams, events, memory and launches from Python.
#include "dispatch/cuda_copy.h"
#include "dispatch/cuda_launch.h"
#include "python/bind.h"
#include "runtime/cuda_objects.h"
#include "runtime/cuda_simulated.h"

namespace flambeau {

namespace {

int64_t current_device() {
  cuda::driver();
  return cuda::current_device();
}
/// What fn does with a device that there is.
template <auto fn, Name what>
auto of_device(int index) {
  cuda::need_device(index, what.text);
  return fn(index);
}
void record_stream(Tensor& t, cuda::Handle stream) {
  if (t.is_cuda()) cuda::record_stream(*t.storage, stream);
}

/// Eight bytes of a kernel's arguments.
uint64_t bits_of(PyObject* o) {
  if (is_tensor(o)) return as_tensor(o)->address();
  if (PyFloat_Check(o)) return std::bit_cast<uint64_t>(PyFloat_AS_DOUBLE(o));
  check<TypeError>(PyLong_Check(o), [&] {
    return message("_cuda_launch(): a ", Py_TYPE(o)->tp_name, " is no argument.");
  });
  return low_bits_of(o);
}

/// Each argument is a tensor (the address of its first element), an int, a float (as float64), or a
/// tuple or list of these, which is one array of 8-byte values. blocks: an int or (x, y).
void launch(Called op, cuda::Handle function, const char* name, int index, PyObject* blocks,
            unsigned threads, unsigned shared_bytes, PyObject* arguments) {
  std::vector<std::vector<uint64_t>> values;
  each_item(arguments, [&](PyObject* o) {
    std::vector<uint64_t>& of_one = values.emplace_back();
    if (!is_list(o)) of_one.push_back(bits_of(o));
    if (is_list(o))
      for (PyObject* item : Items(o)) of_one.push_back(bits_of(item));
  });
  std::vector<void*> parameters;
  for (auto& v : values) parameters.push_back(v.data());
  Dims grid = to_dims(blocks, op);
  cuda::Shape shape{grid[0], grid.n > 1 ? grid[1] : 1, threads, shared_bytes};
  cuda::launch(function, index, shape, parameters.data(), name);
}

void clear(Tensor& t) { cuda::fill(t.address(), t.device().index, 0, t.nbytes()); }

const NativeEntry entries[] = {
    fact(bind<cuda::opened>("_cuda_state", "")),
    fact(bind<cuda::was_opened>("_cuda_was_opened", "")),
    fact(bind<current_device>("_cuda_current_device", "")),
    fact(bind<cuda::set_current_device>("_cuda_set_device", "index")),
    fact(bind<cuda::properties>("_cuda_properties", "index")),
    fact(bind<cuda::can_access_peer>("_cuda_can_access_peer", "index, peer")),
    fact(bind<of_device<cuda::synchronize, "cuda.synchronize">>("_cuda_synchronize", "index")),
    fact(bind<cuda::new_stream>("_cuda_stream_create", "index, priority")),
    fact(bind<of_device<cuda::current_stream, "cuda.current_stream">>("_cuda_current_stream",
                                                                      "index")),
    fact(bind<cuda::set_current_stream>("_cuda_set_stream", "index, stream")),
    fact(bind<cuda::synchronize_stream>("_cuda_stream_synchronize", "index, stream")),
    fact(bind<cuda::stream_is_done>("_cuda_stream_query", "index, stream")),
    fact(bind<cuda::stream_waits>("_cuda_stream_wait", "index, stream, event")),
    fact(bind<record_stream>("_cuda_record_stream", "input, stream")),
    fact(bind<cuda::new_event>("_cuda_event_create", "index, flags")),
    fact(bind<cuda::destroy_event>("_cuda_event_destroy", "index, event")),
    fact(bind<cuda::record_event>("_cuda_event_record", "index, event, stream")),
    fact(bind<cuda::event_is_done>("_cuda_event_query", "index, event")),
    fact(bind<cuda::synchronize_event>("_cuda_event_synchronize", "index, event")),
    fact(bind<cuda::milliseconds_between>("_cuda_event_elapsed", "index, start, end")),
    fact(bind<cuda::memory_facts>("_cuda_memory_stats", "index")),
    fact(bind<cuda::reset_peak>("_cuda_reset_peak", "index")),
    fact(bind<cuda::empty_cache>("_cuda_empty_cache", "index")),
    fact(bind<cuda::memory_info>("_cuda_memory_info", "index")),
    fact(bind<cuda::exchange_memory_fraction>("_cuda_memory_fraction", "index, fraction=None")),
    fact(bind<cuda::blocks_of>("_cuda_blocks", "index")),
    fact(bind<cuda::pinned>("_pinned", "nbytes")),
    fact(bind<cuda::is_pinned>("_is_pinned", "input")),
    fact(bind<cuda::load_function>("_cuda_function", "ptx, index, shared_bytes=0")),
    fact(bind<launch>("_cuda_launch",
                      "function, name, index, blocks, threads, shared_bytes, arguments")),
    fact(bind<cuda::blocks_for>("_cuda_blocks_for", "n, threads, index")),
    fact(bind<cuda::note_report>("_cuda_report", "index, name")),
    fact(bind<cuda::stand_in_entries>("_cuda_stand_in_entries", "")),
    fact(bind<cuda::capture_begin>("_cuda_capture_begin", "index")),
    fact(bind<cuda::capture_end>("_cuda_capture_end", "index")),
    fact(bind<cuda::is_capturing>("_cuda_is_capturing", "index")),
    fact(bind<cuda::launch_graph>("_cuda_graph_launch", "index, graph")),
    fact(bind<cuda::destroy_graph>("_cuda_graph_destroy", "index, graph")),
    {}};
const Functions functions(entries);

}  // namespace

void initialize_cuda() { clear_elsewhere = clear; }

}  // namespace flambeau
