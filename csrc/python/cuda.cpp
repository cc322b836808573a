// torch.cuda's ground: devices, streams, events, memory and launches from Python.
#define PY_SSIZE_T_CLEAN  // lengths of strings are Py_ssize_t
#include "runtime/cuda.h"

#include <cstring>
#include "dispatch/cuda_copy.h"
#include "dispatch/cuda_launch.h"

#include "python/args.h"

namespace flambeau {

namespace {

Object made(PyObject* object) {
  Object owned = Object::steal(object);
  if (!owned) throw PythonError();
  return owned;
}

cuda::Handle handle_of(PyObject* o) {
  auto* handle = PyLong_AsVoidPtr(o);
  if (!handle && PyErr_Occurred()) throw PythonError();
  return handle;
}
PyObject* number_of_handle(cuda::Handle handle) { return PyLong_FromVoidPtr(handle); }

/// _cuda_state() -> (devices, driver's version, simulated, reason): opens the driver.
PyObject* py_state(const Call&) {
  const cuda::Opened& o = cuda::opened();
  return Py_BuildValue("iiOs", o.devices, o.version, o.simulated ? Py_True : Py_False,
                       o.reason.c_str());
}
PyObject* py_was_opened(const Call&) { return PyBool_FromLong(cuda::was_opened()); }

PyObject* py_current_device(const Call&) {
  cuda::driver();
  return PyLong_FromLong(cuda::current_device());
}
PyObject* py_set_device(const Call& call) {
  cuda::set_current_device(static_cast<int>(Args(call).integer(0)));
  Py_RETURN_NONE;
}

/// _cuda_properties(index) -> (name, total bytes, uuid, {attribute: value}).
PyObject* py_properties(const Call& call) {
  Args a(call);
  const int index = static_cast<int>(a.integer(0));
  cuda::need_device(index, "cuda.get_device_properties");
  const cuda::Driver& d = cuda::enter(index);
  cuda::DeviceNumber number;
  char name[256] = {};
  size_t total = 0;
  unsigned char uuid[16] = {};
  cuda::checked(d.device_get(&number, index), "cuDeviceGet");
  cuda::checked(d.device_name(name, sizeof(name) - 1, number), "cuDeviceGetName");
  cuda::checked(d.device_memory(&total, number), "cuDeviceTotalMem");
  d.device_uuid(uuid, number);
  Object facts = made(PyDict_New());
  namespace at = cuda::attribute;
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
    Object o = made(PyLong_FromLong(value));
    if (PyDict_SetItemString(facts.get(), key, o.get()) < 0) throw PythonError();
  }
  return Py_BuildValue("sny#O", name, static_cast<Py_ssize_t>(total), uuid, Py_ssize_t{16},
                       facts.get());
}

PyObject* py_can_access_peer(const Call& call) {
  Args a(call);
  const int from = static_cast<int>(a.integer(0)), to = static_cast<int>(a.integer(1));
  cuda::need_device(from, "cuda.can_device_access_peer");
  cuda::need_device(to, "cuda.can_device_access_peer");
  int can = 0;
  cuda::checked(cuda::enter(from).can_access_peer(&can, from, to), "cuDeviceCanAccessPeer");
  return PyBool_FromLong(can && from != to);
}

PyObject* py_synchronize(const Call& call) {
  Args a(call);
  const int index = static_cast<int>(a.integer(0));
  cuda::need_device(index, "cuda.synchronize");
  cuda::synchronize(index);
  Py_RETURN_NONE;
}

// ------------------------------------------------------------------------------------- streams

PyObject* py_stream_create(const Call& call) {
  Args a(call);
  const int index = static_cast<int>(a.integer(0));
  cuda::need_device(index, "cuda.Stream");
  cuda::Handle stream;
  cuda::checked(cuda::enter(index).stream_create(&stream, 1, static_cast<int>(a.integer(1))),
                "cuStreamCreateWithPriority");
  return number_of_handle(stream);
}
PyObject* py_current_stream(const Call& call) {
  const int index = static_cast<int>(Args(call).integer(0));
  cuda::need_device(index, "cuda.current_stream");
  return number_of_handle(cuda::current_stream(index));
}
PyObject* py_set_stream(const Call& call) {
  Args a(call);
  cuda::set_current_stream(static_cast<int>(a.integer(0)), handle_of(a[1]));
  Py_RETURN_NONE;
}
PyObject* py_stream_synchronize(const Call& call) {
  Args a(call);
  cuda::synchronize_stream(static_cast<int>(a.integer(0)), handle_of(a[1]));
  Py_RETURN_NONE;
}
/// Of a stream or an event: True where all of it is done.
PyObject* done(cuda::Result r, const char* what) {
  if (r != cuda::result::not_ready) cuda::checked(r, what);
  return PyBool_FromLong(r == cuda::result::success);
}
PyObject* py_stream_query(const Call& call) {
  Args a(call);
  const cuda::Driver& d = cuda::enter(static_cast<int>(a.integer(0)));
  return done(d.stream_query(handle_of(a[1])), "cuStreamQuery");
}
PyObject* py_stream_wait(const Call& call) {
  Args a(call);
  const cuda::Driver& d = cuda::enter(static_cast<int>(a.integer(0)));
  cuda::checked(d.stream_wait(handle_of(a[1]), handle_of(a[2]), 0), "cuStreamWaitEvent");
  Py_RETURN_NONE;
}
PyObject* py_record_stream(const Call& call) {
  Args a(call);
  Tensor& t = a.tensor(0);
  if (t.is_cuda()) cuda::record_stream(*t.storage, handle_of(a[1]));
  Py_RETURN_NONE;
}

// ------------------------------------------------------------------------------------- events

PyObject* py_event_create(const Call& call) {
  Args a(call);
  cuda::Handle event;
  const cuda::Driver& d = cuda::enter(static_cast<int>(a.integer(0)));
  cuda::checked(d.event_create(&event, static_cast<unsigned>(a.integer(1))), "cuEventCreate");
  return number_of_handle(event);
}
PyObject* py_event_destroy(const Call& call) {
  Args a(call);
  cuda::enter(static_cast<int>(a.integer(0))).event_destroy(handle_of(a[1]));
  Py_RETURN_NONE;
}
PyObject* py_event_record(const Call& call) {
  Args a(call);
  const cuda::Driver& d = cuda::enter(static_cast<int>(a.integer(0)));
  cuda::checked(d.event_record(handle_of(a[1]), handle_of(a[2])), "cuEventRecord");
  Py_RETURN_NONE;
}
PyObject* py_event_query(const Call& call) {
  Args a(call);
  const cuda::Driver& d = cuda::enter(static_cast<int>(a.integer(0)));
  return done(d.event_query(handle_of(a[1])), "cuEventQuery");
}
PyObject* py_event_synchronize(const Call& call) {
  Args a(call);
  const cuda::Driver& d = cuda::enter(static_cast<int>(a.integer(0)));
  cuda::Handle event = handle_of(a[1]);
  PyThreadState* state = PyEval_SaveThread();
  cuda::Result r = d.event_synchronize(event);
  PyEval_RestoreThread(state);
  cuda::checked(r, "waiting for an event");
  Py_RETURN_NONE;
}
PyObject* py_event_elapsed(const Call& call) {
  Args a(call);
  const cuda::Driver& d = cuda::enter(static_cast<int>(a.integer(0)));
  float ms = 0;
  cuda::checked(d.event_elapsed(&ms, handle_of(a[1]), handle_of(a[2])), "cuEventElapsedTime");
  return PyFloat_FromDouble(ms);
}

// ------------------------------------------------------------------------------------- memory

PyObject* py_memory_stats(const Call& call) {
  const int index = static_cast<int>(Args(call).integer(0));
  cuda::MemoryStats s = cuda::memory_stats(index);
  return Py_BuildValue("{sLsLsLsLsLsLsLsLsLsL}", "allocated", s.allocated, "peak_allocated",
                       s.peak_allocated, "reserved", s.reserved, "peak_reserved", s.peak_reserved,
                       "active_blocks", s.active_blocks, "allocations", s.allocations, "frees",
                       s.frees, "cache_hits", s.cache_hits, "retries", s.retries, "requested",
                       s.requested);
}
PyObject* py_reset_peak(const Call& call) {
  cuda::reset_peak(static_cast<int>(Args(call).integer(0)));
  Py_RETURN_NONE;
}
PyObject* py_empty_cache(const Call& call) {
  cuda::empty_cache(static_cast<int>(Args(call).integer(0)));
  Py_RETURN_NONE;
}
PyObject* py_memory_info(const Call& call) {
  const int index = static_cast<int>(Args(call).integer(0));
  cuda::need_device(index, "cuda.mem_get_info");
  size_t left = 0, total = 0;
  cuda::checked(cuda::enter(index).memory_info(&left, &total), "cuMemGetInfo");
  return Py_BuildValue("nn", static_cast<Py_ssize_t>(left), static_cast<Py_ssize_t>(total));
}
/// _cuda_memory_fraction(index, fraction=None) -> the one before.
PyObject* py_memory_fraction(const Call& call) {
  Args a(call);
  const int index = static_cast<int>(a.integer(0));
  double before = cuda::memory_fraction(index);
  if (a.given(1)) cuda::set_memory_fraction(index, PyFloat_AsDouble(a[1]));
  return PyFloat_FromDouble(before);
}
/// _cuda_blocks(index) -> [(address, bytes, requested, used)].
PyObject* py_blocks(const Call& call) {
  Object list = made(PyList_New(0));
  for (const cuda::BlockFacts& b : cuda::blocks_of(static_cast<int>(Args(call).integer(0)))) {
    Object item = made(Py_BuildValue("KLLO", static_cast<unsigned long long>(b.address), b.nbytes,
                                     b.requested, b.used ? Py_True : Py_False));
    if (PyList_Append(list.get(), item.get()) < 0) throw PythonError();
  }
  return list.release();
}

/// _pinned(nbytes) -> a capsule-owned uint8 tensor in page-locked memory.
PyObject* py_pinned(const Call& call) {
  const int64_t nbytes = Args(call).integer(0);
  void* data = cuda::allocate_pinned(nbytes);
  Object owner = made(PyCapsule_New(data, cuda::pinned_capsule, [](PyObject* capsule) {
    cuda::free_pinned(PyCapsule_GetPointer(capsule, cuda::pinned_capsule));
  }));
  Storage* storage = wrap_storage(data, nbytes, owner.get());
  TensorRef t = make_tensor(storage, DType::uint8, {nbytes}, {1}, 0);
  release(storage);
  return t.release_py();
}
PyObject* py_is_pinned(const Call& call) {
  Tensor& t = Args(call).tensor(0);
  PyObject* owner = t.storage->owner;
  return PyBool_FromLong(owner && PyCapsule_IsValid(owner, cuda::pinned_capsule));
}
PyObject* py_address(const Call& call) {
  return PyLong_FromUnsignedLongLong(Args(call).tensor(0).address());
}

// ------------------------------------------------------------------------------------ launches

/// _cuda_function(ptx, index) -> a number for _cuda_launch.
PyObject* py_function(const Call& call) {
  Args a(call);
  return number_of_handle(cuda::load_function(text_of(a[0]), static_cast<int>(a.integer(1))));
}

/// _cuda_launch(function, name, index, blocks, threads, shared_bytes, arguments): each argument is
/// a tensor (the address of its first element), an int, a float (as float64), or a tuple or list of
/// these, which is one array of 8-byte values. blocks: an int or (x, y).
PyObject* py_launch(const Call& call) {
  Args a(call);
  std::vector<std::vector<uint64_t>> values;
  const char* what = text_of(a[1]);
  auto one = [&](PyObject* o) -> uint64_t {
    if (is_tensor(o)) return as_tensor(o)->address();
    if (PyFloat_Check(o)) {
      double value = PyFloat_AS_DOUBLE(o);
      uint64_t bits;
      std::memcpy(&bits, &value, 8);
      return bits;
    }
    if (PyLong_Check(o)) {
      uint64_t bits = PyLong_AsUnsignedLongLongMask(o);
      if (PyErr_Occurred()) throw PythonError();
      return bits;
    }
    throw TypeError(message("_cuda_launch(): a ", Py_TYPE(o)->tp_name, " is no argument."));
  };
  Object list = made(PySequence_Fast(a[6], "_cuda_launch(): arguments"));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.get()); ++i) {
    PyObject* o = PySequence_Fast_GET_ITEM(list.get(), i);
    values.emplace_back();
    if (PyTuple_Check(o) || PyList_Check(o))
      for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(o); ++k)
        values.back().push_back(one(PySequence_Fast_GET_ITEM(o, k)));
    else
      values.back().push_back(one(o));
  }
  std::vector<void*> parameters;
  for (auto& v : values) parameters.push_back(v.data());
  cuda::Shape shape;
  if (PyTuple_Check(a[3])) {
    shape.blocks = to_integer(PyTuple_GET_ITEM(a[3], 0), "_cuda_launch");
    shape.rows_of_blocks = to_integer(PyTuple_GET_ITEM(a[3], 1), "_cuda_launch");
  } else {
    shape.blocks = a.integer(3);
  }
  shape.threads = static_cast<unsigned>(a.integer(4));
  shape.shared_bytes = static_cast<unsigned>(a.integer(5));
  cuda::launch(handle_of(a[0]), static_cast<int>(a.integer(2)), shape, parameters.data(), what);
  Py_RETURN_NONE;
}

PyObject* py_blocks_for(const Call& call) {
  Args a(call);
  return PyLong_FromLongLong(cuda::blocks_for(a.integer(0), static_cast<unsigned>(a.integer(1)),
                                              static_cast<int>(a.integer(2))));
}

/// _cuda_report(index, name) -> (address, number of the call), for a kernel that checks indices.
PyObject* py_report(const Call& call) {
  Args a(call);
  const int index = static_cast<int>(a.integer(0));
  int64_t number = cuda::note_call(index, text_of(a[1]));
  return Py_BuildValue("KL", static_cast<unsigned long long>(cuda::report_of(index)),
                       static_cast<long long>(number));
}

// ------------------------------------------------------------------------------------- graphs

PyObject* py_capture_begin(const Call& call) {
  Args a(call);
  const int index = static_cast<int>(a.integer(0));
  cuda::checked(cuda::enter(index).capture_begin(cuda::current_stream(index), 1),
                "cuStreamBeginCapture");
  Py_RETURN_NONE;
}
/// _cuda_capture_end(index) -> an executable graph.
PyObject* py_capture_end(const Call& call) {
  Args a(call);
  const int index = static_cast<int>(a.integer(0));
  const cuda::Driver& d = cuda::enter(index);
  cuda::Handle graph, executable;
  cuda::checked(d.capture_end(cuda::current_stream(index), &graph), "cuStreamEndCapture");
  cuda::checked(d.graph_instantiate(&executable, graph, 0), "cuGraphInstantiate");
  d.graph_destroy(graph);
  return number_of_handle(executable);
}
PyObject* py_is_capturing(const Call& call) {
  const int index = static_cast<int>(Args(call).integer(0));
  int status = 0;
  cuda::checked(cuda::enter(index).is_capturing(cuda::current_stream(index), &status),
                "cuStreamIsCapturing");
  return PyBool_FromLong(status != 0);
}
PyObject* py_graph_launch(const Call& call) {
  Args a(call);
  const int index = static_cast<int>(a.integer(0));
  cuda::checked(cuda::enter(index).graph_launch(handle_of(a[1]), cuda::current_stream(index)),
                "cuGraphLaunch");
  Py_RETURN_NONE;
}
PyObject* py_graph_destroy(const Call& call) {
  Args a(call);
  cuda::enter(static_cast<int>(a.integer(0))).executable_destroy(handle_of(a[1]));
  Py_RETURN_NONE;
}

void clear(Tensor& t) { cuda::fill(t.address(), t.device().index, 0, t.nbytes()); }

const NativeEntry entries[] = {
    fact({"_cuda_state", "", py_state, "(devices, version, simulated, reason)."}),
    fact({"_cuda_was_opened", "", py_was_opened, "Whether the driver was asked for."}),
    fact({"_cuda_current_device", "", py_current_device, "Of this thread."}),
    fact({"_cuda_set_device", "index", py_set_device, "Chooses it."}),
    fact({"_cuda_properties", "index", py_properties, "What a device is."}),
    fact({"_cuda_can_access_peer", "index, peer", py_can_access_peer, "Between two devices."}),
    fact({"_cuda_synchronize", "index", py_synchronize, "Waits for a device."}),
    fact({"_cuda_stream_create", "index, priority", py_stream_create, "A new stream."}),
    fact({"_cuda_current_stream", "index", py_current_stream, "Of this thread."}),
    fact({"_cuda_set_stream", "index, stream", py_set_stream, "Chooses it."}),
    fact({"_cuda_stream_synchronize", "index, stream", py_stream_synchronize, "Waits for it."}),
    fact({"_cuda_stream_query", "index, stream", py_stream_query, "Whether it is done."}),
    fact({"_cuda_stream_wait", "index, stream, event", py_stream_wait, "Lets it wait."}),
    fact({"_cuda_record_stream", "input, stream", py_record_stream, "Also used there."}),
    fact({"_cuda_event_create", "index, flags", py_event_create, "A new event."}),
    fact({"_cuda_event_destroy", "index, event", py_event_destroy, "Its end."}),
    fact({"_cuda_event_record", "index, event, stream", py_event_record, "Puts it there."}),
    fact({"_cuda_event_query", "index, event", py_event_query, "Whether it was reached."}),
    fact({"_cuda_event_synchronize", "index, event", py_event_synchronize, "Waits for it."}),
    fact({"_cuda_event_elapsed", "index, start, end", py_event_elapsed, "Milliseconds."}),
    fact({"_cuda_memory_stats", "index", py_memory_stats, "Of the allocator."}),
    fact({"_cuda_reset_peak", "index", py_reset_peak, "Peaks start again."}),
    fact({"_cuda_empty_cache", "index", py_empty_cache, "Unused blocks go back."}),
    fact({"_cuda_memory_info", "index", py_memory_info, "(free, total)."}),
    fact({"_cuda_memory_fraction", "index, fraction=None", py_memory_fraction, "The most taken."}),
    fact({"_cuda_blocks", "index", py_blocks, "All blocks."}),
    fact({"_pinned", "nbytes", py_pinned, "Page-locked bytes."}),
    fact({"_is_pinned", "input", py_is_pinned, "Whether a tensor is in such."}),
    fact({"_cuda_address", "input", py_address, "Of the first element."}),
    fact({"_cuda_function", "ptx, index", py_function, "A function of PTX."}),
    fact({"_cuda_launch", "function, name, index, blocks, threads, shared_bytes, arguments",
          py_launch, "Launches it."}),
    fact({"_cuda_blocks_for", "n, threads, index", py_blocks_for, "Blocks for n elements."}),
    fact({"_cuda_report", "index, name", py_report, "Where kernels report."}),
    fact({"_cuda_capture_begin", "index", py_capture_begin, "Records the current stream."}),
    fact({"_cuda_capture_end", "index", py_capture_end, "The executable graph."}),
    fact({"_cuda_is_capturing", "index", py_is_capturing, "Whether it records."}),
    fact({"_cuda_graph_launch", "index, graph", py_graph_launch, "Runs a graph."}),
    fact({"_cuda_graph_destroy", "index, graph", py_graph_destroy, "Its end."}),
    {}};

}  // namespace

void initialize_cuda(PyObject* module) {
  clear_elsewhere = clear;
  add_functions(module, entries);
}

}  // namespace flambeau
