// torch.cuda's ground: devices, streams, events, memory and launches from Python.
#include "dispatch/cuda_copy.h"
#include "dispatch/cuda_launch.h"
#include "python/bind.h"
#include "runtime/cuda_objects.h"
#include "runtime/cuda_simulated.h"

namespace flambeau {

namespace {

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
    fact(bind<cuda::load_function>("_cuda_function", "ptx, index, shared_bytes=0")),
    fact(bind<launch>("_cuda_launch",
                      "function, name, index, blocks, threads, shared_bytes, arguments")),
    fact(bind<cuda::blocks_for>("_cuda_blocks_for", "n, threads, index")),
    fact(bind<cuda::stand_in_entries>("_cuda_stand_in_entries", "")),
    {}};
const Functions functions(entries), declared(entries_of<cuda::object_functions>.data());

}  // namespace

void initialize_cuda() { clear_elsewhere = clear; }

}  // namespace flambeau
