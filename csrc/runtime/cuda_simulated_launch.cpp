#define PY_SSIZE_T_CLEAN  // lengths of strings are Py_ssize_t
// Modules and launches of the simulated driver: kernels are interpreted from their PTX.
#include <cstdlib>
#include <cstring>

#include "runtime/cuda_simulated_parts.h"
#include "tensor/ref.h"

namespace flambeau::cuda::simulated {
namespace {

struct Module {
  Object object;  // flambeau.kernels.interpret.ptx.Module
};

struct Function {
  Object object;                                      // ... .Function
  std::vector<std::pair<size_t, size_t>> parameters;  // (size, place) of each
  unsigned shared_bytes = usual_shared_bytes;         // the most of a launch
};

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
Result function_set(Handle function, int which, int value) {
  if (which != attribute::dynamic_shared_bytes) return result::success;
  if (value < 0 || value > most_shared_bytes) return result::invalid_value;
  static_cast<Function*>(function)->shared_bytes = static_cast<unsigned>(value);
  return result::success;
}

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
  if (!gx || !gy || !gz || !bx || !by || !bz || bx * by * bz > 1024 || gy > 65535 || gz > 65535 ||
      shared > f->shared_bytes)
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

}  // namespace

void fill_launches(Driver& d) {
  d.module_load = load_module;
  d.module_unload = unload_module;
  d.module_function = get_function;
  d.function_attribute = function_attribute;
  d.function_set = function_set;
  d.launch = launch;
}

}  // namespace flambeau::cuda::simulated
