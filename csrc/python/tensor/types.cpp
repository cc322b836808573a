// dtype objects, torch.Size and devices.
#include "python/attributes.h"
#include "runtime/cuda.h"

namespace flambeau {

// ----------------------------------------------------------------------------------------------
// dtypes

namespace {

struct DTypeObject {
  PyObject_HEAD DType value;
};
PyTypeObject* dtype_type = nullptr;
PyObject* dtype_objects[dtype_count];
PyTypeObject* size_type = nullptr;
PyObject *the_cpu_device = nullptr, *the_meta_device = nullptr;
PyTypeObject* device_type = nullptr;

DType value_of(PyObject* o) { return reinterpret_cast<DTypeObject*>(o)->value; }

/// What fn says of a dtype's value.
template <auto fn>
auto of_value(DTypeObject& o) {
  return fn(o.value);
}
PyObject* dtype_repr(PyObject* o) { return PyUnicode_FromFormat("torch.%s", name(value_of(o))); }

PyGetSetDef dtype_attributes[] = {
    getter<of_value<[](DType d) { return int64_t{itemsize(d)}; }>>("itemsize",
                                                                   "Bytes to an element."),
    getter<of_value<[](DType d) { return is_floating(d) || d == DType::float4_e2m1fn_x2; }>>(
        "is_floating_point"),
    getter<of_value<[](DType d) { return is_complex(d); }>>("is_complex"),
    getter<of_value<is_signed>>("is_signed"),
    getter<of_value<[](DType d) { return name(d); }>>("name", "float32 ..."),
    getter<of_value<[](DType d) { return facts(d).type_name; }>>("_type_name",
                                                                 "Float of torch.FloatTensor ..."),
    {}};
PyMethodDef dtype_methods[] = {method_by<of_value<complex_of>>("to_complex"),
                               method_by<of_value<[](DType d) { return to_real(d); }>>("to_real"),
                               // By its name: copies are itself.
                               method_by<of_value<[](DType d) { return name(d); }>>("__reduce__"),
                               {}};

/// tuple.__getitem__, of which slices are sizes, too.
PyObject* item_of_size(PyObject* o, PyObject* index) {
  PyObject* item = PyTuple_Type.tp_as_mapping->mp_subscript(o, index);
  if (!item || !PySlice_Check(index)) return item;
  Object part = owned(item);
  const Py_ssize_t n = PyTuple_GET_SIZE(item);
  PyObject* size = size_type->tp_alloc(size_type, n);
  if (!size) return nullptr;
  for (Py_ssize_t i = 0; i < n; ++i)
    PyTuple_SET_ITEM(size, i, Py_NewRef(PyTuple_GET_ITEM(item, i)));
  return size;
}

/// Which Python classes stand for sizes, devices and memory errors.
void set_types(PyObject* size, PyObject* device, PyObject* cpu, PyObject* meta,
               PyObject* out_of_memory, PyObject* device_error, PyObject* no_such_device) {
  for (PyObject* o : {size, device, cpu, meta, out_of_memory, device_error, no_such_device})
    Py_INCREF(o);
  size_type = reinterpret_cast<PyTypeObject*>(size);
  device_type = reinterpret_cast<PyTypeObject*>(device);
  the_cpu_device = cpu;
  the_meta_device = meta;
  out_of_memory_type = out_of_memory;
  device_error_type = device_error;
  no_such_device_type = no_such_device;
}

/// Where new tensors of this thread lie if nobody says so; returns what it was.
Device set_default_device(PyObject* device) {
  Device before = default_device, now = to_device_value(device, "set_default_device");
  count_other_devices((now != on_cpu) - (before != on_cpu));
  default_device = now;
  return before;
}

const NativeEntry entries[] = {
    bind<set_default_device>("_set_default_device", "device"),
    bind<[] { return Device{default_device}; }>("_default_device", "", "Where they lie now."),
    bind<set_types>("_set_types",
                    "size, device_type, cpu, meta, out_of_memory, device_error, no_such_device"),
    {}};
const Functions functions(entries);

}  // namespace

void initialize_types(PyObject* module) {
  dtype_type = new_type(
      "flambeau.dtype", sizeof(DTypeObject), Py_TPFLAGS_DISALLOW_INSTANTIATION,
      {slot(Py_tp_repr, dtype_repr), slot(Py_tp_getset, dtype_attributes),
       slot(Py_tp_methods, dtype_methods), slot(Py_tp_doc, "The type of a tensor's elements.")},
      module, "dtype");
  new_type("flambeau._Sizes", static_cast<size_t>(PyTuple_Type.tp_basicsize), Py_TPFLAGS_BASETYPE,
           {slot(Py_tp_base, &PyTuple_Type), slot(Py_mp_subscript, item_of_size),
            slot(Py_tp_doc, "A tuple whose slices are a torch.Size.")},
           module, "_Sizes");
  for (int i = 0; i < dtype_count; ++i) {
    auto* o = reinterpret_cast<DTypeObject*>(dtype_type->tp_alloc(dtype_type, 0));
    o->value = static_cast<DType>(i);
    dtype_objects[i] = reinterpret_cast<PyObject*>(o);
    PyModule_AddObjectRef(module, name(o->value), dtype_objects[i]);
  }
}

bool is_dtype(PyObject* o) { return Py_TYPE(o) == dtype_type; }
PyObject* dtype_object(DType d) { return dtype_objects[static_cast<int>(d)]; }
bool is_python_dtype(PyObject* o, DType& meant) {
  for (auto [type, dtype] : {std::pair{&PyFloat_Type, DType::float64},
                             {&PyBool_Type, DType::bool_},
                             {&PyLong_Type, DType::int64},
                             {&PyComplex_Type, DType::complex128}})
    if (o == reinterpret_cast<PyObject*>(type)) {
      meant = dtype;
      return true;
    }
  return false;
}

DType to_dtype_value(PyObject* o, const char* function) {
  if (is_dtype(o)) return value_of(o);
  DType meant;
  if (is_python_dtype(o, meant)) return meant;
  throw TypeError(message(function, ": dtype must be a torch.dtype such as torch.float32, not ",
                          Py_TYPE(o)->tp_name, "."));
}

PyObject* make_size(const int64_t* sizes, int n) {
  PyObject* size = size_type->tp_alloc(size_type, n);
  for (int i = 0; i < n; ++i) PyTuple_SET_ITEM(size, i, PyLong_FromLongLong(sizes[i]));
  return size;
}

bool is_device(PyObject* o) { return device_type && PyObject_TypeCheck(o, device_type); }
PyObject* device_object(Device device) {
  if (device.type == DeviceType::cuda) {
    // Made once for each index.
    static std::vector<PyObject*> known;
    auto at = static_cast<size_t>(device.index);
    if (known.size() <= at) known.resize(at + 1);
    if (!known[at])
      known[at] = PyObject_CallFunction(reinterpret_cast<PyObject*>(device_type), "si", "cuda",
                                        int{device.index});
    if (!known[at]) throw PythonError();
    return known[at];
  }
  return device.type == DeviceType::meta ? the_meta_device : the_cpu_device;
}

Device to_device_value(PyObject* o, const char* function) {
  if (o == the_cpu_device) return on_cpu;
  if (o == the_meta_device) return on_meta;
  Object device =
      is_device(o) ? Object::borrow(o) : called(reinterpret_cast<PyObject*>(device_type), o);
  Object type = attribute_of(device.get(), "type");
  auto is = [&](const char* name) { return is_text(type.get(), name); };
  if (is("meta")) return on_meta;
  if (is("cpu")) return on_cpu;
  if (is("cuda") && cuda::device_count() > 0) {
    Object index = attribute_of(device.get(), "index");
    int at = index.get() == Py_None ? cuda::current_device()
                                    : static_cast<int>(PyLong_AsLong(index.get()));
    cuda::need_device(at, function);
    return cuda::device_at(at);
  }
  Object error = called(imported<"flambeau.types", "missing_device">(),
                        owned(PyUnicode_FromString(function)).get(), type.get());
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.get())), error.get());
  throw PythonError();
}

// ------------------------------------------------------------------------------------------
// conversions

bool is_bool(PyObject* o) {
  if (PyBool_Check(o)) return true;
  const char* name = Py_TYPE(o)->tp_name;
  return strcmp(name, "numpy.bool") == 0 || strcmp(name, "numpy.bool_") == 0;
}

bool is_memory_format(PyObject* o) { return strcmp(Py_TYPE(o)->tp_name, "memory_format") == 0; }

Format to_format(PyObject* o, const char* function) {
  if (!o || o == Py_None) return Format::unsaid;
  check<TypeError>(is_memory_format(o), [&] {
    return message(function, ": memory_format takes a memory format, but got a ",
                   Py_TYPE(o)->tp_name, ".");
  });
  Object name = attribute_of(o, "name");
  std::string_view text = text_of(name.get());
  return text == "channels_last"      ? Format::channels_last
         : text == "channels_last_3d" ? Format::channels_last_3d
         : text == "preserve_format"  ? Format::preserve
                                      : Format::contiguous;
}

/// The value of an int; `Beyond` where 64 bits do not hold it.
template <class Beyond>
[[gnu::always_inline]] static inline int64_t value_of_int(PyObject* o, const char* function) {
  int64_t v = PyLong_AsLongLong(o);
  if (v != -1 || !PyErr_Occurred()) return v;
  if (!PyErr_ExceptionMatches(PyExc_OverflowError)) throw PythonError();
  PyErr_Clear();
  throw Beyond(message(function, ": an int is given that 64 bits do not hold."));
}

template <class Beyond>
static int64_t integer_of(PyObject* o, const char* function) {
  if (PyLong_Check(o) && !PyBool_Check(o)) return value_of_int<Beyond>(o, function);
  check<TypeError>(PyIndex_Check(o) != 0 && !PyBool_Check(o), [&] {
    const std::string_view type = Py_TYPE(o)->tp_name;  // with the module, of a type of our own
    return message(function, ": takes an int here, not ", type.substr(type.rfind('.') + 1), ".");
  });
  return value_of_int<Beyond>(owned(PyNumber_Index(o)).get(), function);
}
// The types of the errors are PyTorch's.
int64_t to_integer(PyObject* o, const char* function) {
  return integer_of<ValueError>(o, function);
}
static int64_t to_size(PyObject* o, const char* function) {
  return integer_of<TypeError>(o, function);
}

Object listed(PyObject* o) {
  if (is_list(o)) return Object::borrow(o);
  if (is_tensor(o)) return Object::steal(PySequence_List(o));
  return Object::steal(PyObject_CallOneArg(imported<"flambeau.ops.odd_data", "listed">(), o));
}

/// listed(o), or a TypeError of the function's own that says what it `takes`.
static Object listed_for(PyObject* o, const char* function, const char* takes) {
  Object items = listed(o);
  if (items) return items;
  if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw PythonError();
  PyErr_Clear();
  throw TypeError(message(function, ": takes ", takes, ", not ", Py_TYPE(o)->tp_name, "."));
}

std::vector<TensorRef> to_tensors(PyObject* o, const char* function, bool or_none) {
  check<TypeError>(!is_tensor(o), [&] {
    return message(function, ": takes a list or tuple of Tensors, not one Tensor.");
  });
  Object items = listed_for(o, function, "a list or tuple of Tensors");
  std::vector<TensorRef> tensors;
  tensors.reserve(static_cast<size_t>(PySequence_Fast_GET_SIZE(items.get())));
  for (PyObject* item : Items(items.get())) {
    const bool none = or_none && item == Py_None;
    check<TypeError>(none || is_tensor(item), [&] {
      return message(function, ": item ", tensors.size(), " of the list is ",
                     Py_TYPE(item)->tp_name, ", not a Tensor.");
    });
    tensors.push_back(none ? TensorRef() : TensorRef::borrow(as_tensor(item)));
  }
  return tensors;
}

std::vector<Tensor*> tensors_or_none(PyObject* o, const char* function) {
  check<TypeError>(PyList_Check(o) || PyTuple_Check(o), [&] {
    return message(function, ": takes a list or tuple of Tensors, not ", Py_TYPE(o)->tp_name, ".");
  });
  std::vector<Tensor*> tensors;
  each_item(o, [&](PyObject* item) {
    check<TypeError>(item == Py_None || is_tensor(item), [&] {
      return message(function, ": takes Tensors or None, not ", Py_TYPE(item)->tp_name, ".");
    });
    tensors.push_back(item == Py_None ? nullptr : as_tensor(item));
  });
  return tensors;
}

/// Calls take(integer) for each int of a sequence, or for the one int.
template <class Take>
static void each_integer(PyObject* o, const char* function, Take&& take) {
  if (PyTuple_Check(o) || PyList_Check(o)) {
    // Its size is asked each time: an item's __index__ may change a list.
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
      take(to_size(Object::borrow(PySequence_Fast_GET_ITEM(o, i)).get(), function));
    return;
  }
  if (PyIndex_Check(o) && !(is_tensor(o) && as_tensor(o)->ndim > 0)) {
    take(to_integer(o, function));
    return;
  }
  each_integer(listed_for(o, function, "ints or one sequence of ints").get(), function, take);
}

Dims to_dims(PyObject* o, const char* function) {
  Dims dims;
  each_integer(o, function, [&](int64_t value) { dims.push(value); });
  return dims;
}

std::vector<int64_t> to_integers(PyObject* o, const char* function) {
  std::vector<int64_t> list;
  each_integer(o, function, [&](int64_t value) { list.push_back(value); });
  return list;
}

Dims to_dims(Rest rest, const char* function) {
  if (rest.n == 1 && !PyLong_CheckExact(rest.items[0])) return to_dims(rest.items[0], function);
  Dims dims;
  for (Py_ssize_t i = 0; i < rest.n; ++i) dims.push(to_size(rest.items[i], function));
  return dims;
}

int to_dim(PyObject* o, int ndim, const char* function) {
  check<TypeError>(PyIndex_Check(o) && !PyBool_Check(o), [&] {
    return message(function, ": dim must be an int, not ", Py_TYPE(o)->tp_name, ".");
  });
  return wrap_dim(to_integer(o, function), ndim, function);
}

Dims to_wrapped_dims(PyObject* o, int ndim, const char* function) {
  return o == Py_None ? all_dims(ndim) : wrapped_dims(to_dims(o, function), ndim, function);
}

PyObject* tensor_tuple(const std::vector<TensorRef>& tensors) {
  return tuple_of(static_cast<Py_ssize_t>(tensors.size()),
                  [&](Py_ssize_t i) {
                    const TensorRef& t = tensors[static_cast<size_t>(i)];
                    return Py_NewRef(t ? t.py() : Py_None);
                  })
      .release();
}

}  // namespace flambeau
