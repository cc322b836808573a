#define PY_SSIZE_T_CLEAN  // lengths of strings are Py_ssize_t
#include "dispatch/cuda_launch.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "tensor/error.h"
#include "tensor/objects.h"

namespace flambeau::cuda {
namespace {

struct Key {
  const void* address;
  uint64_t letters[3];
  int64_t index;
  bool operator==(const Key& o) const { return std::memcmp(this, &o, sizeof(Key)) == 0; }
};

struct Hash {
  size_t operator()(const Key& k) const {
    uint64_t h = reinterpret_cast<uint64_t>(k.address) ^ static_cast<uint64_t>(k.index);
    for (uint64_t word : k.letters) h = (h ^ word) * 0x9E3779B97F4A7C15u;
    return h ^ (h >> 32);
  }
};

Object called(PyObject* made) {
  Object object = owned(made);
  return object;
}

}  // namespace

/// What follows ".entry " in PTX text.
static std::string name_in(std::string_view ptx) {
  size_t start = ptx.find(".entry ");
  check(start != ptx.npos, [] { return message("cuda: PTX without a kernel."); });
  start += 7;
  return std::string(ptx.substr(start, ptx.find('(', start) - start));
}

Handle load_function(const char* ptx, int index, int shared_bytes) {
  const std::string name = name_in(ptx);
  const Driver& d = enter(index);
  Handle module, function;
  char log[2048] = {};
  int options[] = {5, 6};  // the log of errors, and its size
  void* values[] = {log, reinterpret_cast<void*>(sizeof(log))};
  Result r = d.module_load(&module, ptx, 2, options, values);
  if (r != result::success && log[0])
    throw Error(message("cuda: the driver refuses the kernel ", name, ": ", log));
  checked(r, "loading a kernel");
  checked(d.module_function(&function, module, name.c_str()), "finding a kernel");
  if (shared_bytes > usual_shared_bytes)
    checked(d.function_set(function, attribute::dynamic_shared_bytes, shared_bytes),
            "asking for shared memory");
  return function;
}

Handle kernel_of(const void* address, std::string_view letters, int index) {
  static auto* known = new std::unordered_map<Key, Handle, Hash>;
  Key key{address, {}, index};
  check(letters.size() <= sizeof(key.letters),
        [] { return message("cuda: a kernel with too many operands."); });
  std::memcpy(key.letters, letters.data(), letters.size());
  auto at = known->find(key);
  if (at != known->end()) return at->second;
  Object module = called(PyImport_ImportModule("flambeau.kernels.gpu"));
  Object text = Object::steal(PyObject_CallMethod(
      module.get(), "build", "Ks#", reinterpret_cast<unsigned long long>(address), letters.data(),
      static_cast<Py_ssize_t>(letters.size())));
  if (!text) {
    // What the language can't say there the CPU computes.
    unreachable_on_device = PyErr_ExceptionMatches(PyExc_NotImplementedError);
    throw PythonError();
  }
  const char* ptx = PyUnicode_AsUTF8(text.get());
  if (!ptx) throw PythonError();
  return (*known)[key] = load_function(ptx, index);
}

void launch(Handle function, int index, const Shape& shape, void** parameters, const char* what) {
  const Driver& d = enter(index);
  Result r = d.launch(function, static_cast<unsigned>(shape.blocks),
                      static_cast<unsigned>(shape.rows_of_blocks), 1, shape.threads, 1, 1,
                      shape.shared_bytes, current_stream(index), parameters, nullptr);
  if (r != result::success) throw_result(r, message("launching ", what));
}

int64_t blocks_for(int64_t n, unsigned threads, int index) {
  static int processors[64] = {};
  int& count = processors[index];
  if (!count) {
    const Driver& d = enter(index);
    DeviceNumber number;
    d.device_get(&number, index);
    d.device_attribute(&count, attribute::multiprocessors, number);
    count = std::max(count, 1);
  }
  int64_t wanted = (n + threads - 1) / threads;
  return std::clamp<int64_t>(wanted, 1, int64_t{count} * 64);
}

}  // namespace flambeau::cuda
