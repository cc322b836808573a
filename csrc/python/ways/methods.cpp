// Sizes and strides, item and tolist, copies and casts, and writing layouts in place.
#include <vector>

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/facts.h"
#include "dispatch/in_place.h"
#include "dispatch/memory_format.h"
#include "python/bind.h"
#include "python/door.h"

namespace flambeau {

namespace {

// ------------------------------------------------------------------------------------------ facts

/// A size or a stride, or all of them.
PyObject* size_of(Called op, Tensor& t, std::optional<int64_t> dim) {
  return dim ? PyLong_FromLongLong(t.sizes[place_of(op, t, *dim)]) : make_size(t.sizes, t.ndim);
}
PyObject* stride_of(Called op, Tensor& t, std::optional<int64_t> dim) {
  return dim ? PyLong_FromLongLong(t.strides[place_of(op, t, *dim)])
             : tuple_of_integers(t.strides, t.ndim).release();
}

// -------------------------------------------------------------------------------------- to Python

PyObject* item(Tensor& t) {
  check(t.numel == 1, [&] {
    return message("item: tensor ", shape(t), " has ", t.numel,
                   " elements; it gives the value of one. Use tolist() for all.");
  });
  return number_of(t, "item");
}

/// n numbers, `step` bytes apart. What a program asks for most is read without a look at its dtype
/// each time.
Object list_of_numbers(DType dtype, Py_ssize_t n, const char* at, int64_t step) {
  auto of = [&]<class T>(T, PyObject* (*make)(T)) {
    return list_of(
        n, [&](Py_ssize_t i) { return owned(make(*reinterpret_cast<const T*>(at + i * step))); });
  };
  switch (dtype) {
    case DType::float32: return of(0.0f, +[](float x) { return PyFloat_FromDouble(x); });
    case DType::float64: return of(0.0, +[](double x) { return PyFloat_FromDouble(x); });
    case DType::int64: return of(int64_t{0}, +[](int64_t x) { return PyLong_FromLongLong(x); });
    default:
      return list_of(n, [&](Py_ssize_t i) { return owned(load_number(at + i * step, dtype)); });
  }
}

Object to_list(const Tensor& t, int dim, const char* at) {
  if (dim == t.ndim) return owned(load_number(at, t.dtype));
  // A stride too long for its bytes leads to no second element.
  const auto step = static_cast<int64_t>(static_cast<uint64_t>(t.strides[dim]) *
                                         static_cast<uint64_t>(itemsize(t.dtype)));
  const int64_t n = t.sizes[dim];
  check_room(n < INT64_MAX / 64 ? 64 * n : INT64_MAX);  // a list each, or more
  if (dim == t.ndim - 1) return list_of_numbers(t.dtype, n, at, step);
  return list_of(n, [&](Py_ssize_t i) { return to_list(t, dim + 1, at + i * step); });
}

// ------------------------------------------------------------------------------- copies and casts

/// What to() is asked for: a dtype, a device, a tensor that has both, in any mixture.
struct Wanted {
  DType dtype;
  Device device;

  void take(PyObject* o, const char* op) {
    if (o == Py_None) return;
    if (is_tensor(o)) {
      dtype = as_tensor(o)->dtype;
      device = as_tensor(o)->device();
    } else if (PyUnicode_Check(o) || is_device(o)) {
      device = to_device_value(o, op);
    } else {
      dtype = to_dtype_value(o, op);
    }
  }
};

/// copy makes a copy anyway; by position (non_blocking, copy) stand behind the others.
TensorRef to(Called op, Tensor& t, Rest wished, PyObject* dtype, PyObject* device, PyObject* other,
             Flag at_leisure, Flag by_name, Format format) {
  Wanted wanted{t.dtype, t.device()};
  bool copy = by_name, later = at_leisure;
  for (Py_ssize_t i = 0, flags = 0; i < wished.n; ++i) {
    if (!PyBool_Check(wished.items[i]))
      wanted.take(wished.items[i], op);
    else
      (flags++ == 0 ? later : copy) = wished.items[i] == Py_True;
  }
  for (PyObject* o : {dtype, device, other}) wanted.take(o, op);
  return converted(op, t, wanted.dtype, wanted.device, copy, later, format);
}

const NativeEntry entries[] = {
    fact(method(bind<size_of>("size", "input, dim=None -> tuple | int",
                              "The sizes, or the size of one dimension."))),
    fact(method(bind<stride_of>("stride", "input, dim=None -> tuple | int",
                                "The strides in elements, or the stride of one dimension."))),
    bind<within_reach>("_within_reach", "input"),
    method(bind<item>("item", "input -> bool | int | float | complex",
                      "The only element as a Python number.")),
    method(bind<[](Tensor& t) {
      TensorRef here = t.is_cuda() ? to_device(t, on_cpu) : TensorRef::borrow(&t);
      return to_list(*here, 0, here->as<char>());
    }>("tolist", "input -> list", "Nested lists of Python numbers.")),
    method(bind<to>("to",
                    "input, *args, dtype=None, device=None, other=None, non_blocking=False, "
                    "copy=False, memory_format=None",
                    "The tensor with another dtype or device; itself if nothing changes.",
                    Mixing::all)),
    {}};

const Functions functions(entries),
    typed(entries_of<fact_functions, format_functions, in_place_functions>.data());

}  // namespace

}  // namespace flambeau
