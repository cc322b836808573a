// Shortcuts: native ways into operators that Python declares, for the calls that programs make all
// the time. A shortcut looks at the arguments; what it does not take (history, other dtypes, out=,
// a subclass, an error) goes to the operator itself, so it never raises and decides nothing.
// Needs the GIL.
#include <Python.h>
#include <structmember.h>

#include "autograd/meta.h"
#include "dispatch/autocast.h"
#include "dispatch/reduce.h"
#include "python/args.h"
#include "python/overrides.h"

namespace flambeau {

namespace {

/// What the ways have in common: a tensor of no history, and the dims a call names.
struct Request {
  Tensor* input = nullptr;
  PyObject *dim = nullptr, *keepdim = nullptr;
  Dims dims;
  bool whole = false;  // no dim was given

  bool has_plain_input() const {
    return input->ndim > 0 && input->numel > 0 && !is_complex(input->dtype) &&
           !needs_record(*input) && !autocast.on;
  }
  bool take_dim(PyObject* o) {
    if (!PyLong_CheckExact(o)) return false;
    int64_t d = PyLong_AsLongLong(o);
    if (d == -1 && PyErr_Occurred()) {
      PyErr_Clear();
      return false;
    }
    if (d < 0) d += input->ndim;
    if (d < 0 || d >= input->ndim) return false;
    for (int i = 0; i < dims.n; ++i)
      if (dims[i] == d) return false;
    dims.push(d);
    return true;
  }
  bool take_dims(bool several) {
    whole = !dim || dim == Py_None;
    if (whole) {
      for (int d = 0; d < input->ndim; ++d) dims.push(d);
      return true;
    }
    if (!several || !PyTuple_CheckExact(dim)) return take_dim(dim);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(dim); ++i)
      if (!take_dim(PyTuple_GET_ITEM(dim, i))) return false;
    return dims.n > 0;
  }
  bool take_keepdim(bool& keep) const {
    keep = keepdim == Py_True;
    return !keepdim || keepdim == Py_True || keepdim == Py_False;
  }
};

struct Shortcut {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* operation;          // the operator itself
  PyObject* names;              // of the arguments, in their order
  PyObject *reduction, *whole;  // of one dim or several; of all elements, where that is another one
  PyObject* result_type;        // of two results, or None
  const char* results;  // a letter each: s of the input's dtype, i int64, b bool, p of a product
  const char* accepts;  // f floating only, n no bool, u no uint8, d several dims, a all of them
  PyObject* keep_alive;
  double parameter;
  bool has_parameter;
  PyObject* dict;
};

bool is_two(PyObject* o) {
  if (PyLong_CheckExact(o)) return PyLong_AsLong(o) == 2;
  if (PyFloat_CheckExact(o)) return PyFloat_AS_DOUBLE(o) == 2;
  return PyUnicode_Check(o) && PyUnicode_CompareWithASCIIString(o, "fro") == 0;
}

/// The arguments by name; false if there are others.
bool parse(const Shortcut& self, PyObject* const* args, Py_ssize_t n, PyObject* keys,
           Request& request) {
  Py_ssize_t count = PyTuple_GET_SIZE(self.names);
  Py_ssize_t n_keys = keys ? PyTuple_GET_SIZE(keys) : 0;
  if (n < 1 || n > count || !is_tensor_exact(args[0])) return false;
  request.input = as_tensor(args[0]);
  for (Py_ssize_t i = 1; i < n + n_keys; ++i) {
    PyObject* key = i < n ? PyTuple_GET_ITEM(self.names, i) : PyTuple_GET_ITEM(keys, i - n);
    const char* text = PyUnicode_AsUTF8(key);
    if (strcmp(text, "dim") == 0 && !request.dim)
      request.dim = args[i];
    else if (strcmp(text, "keepdim") == 0 && !request.keepdim)
      request.keepdim = args[i];
    else if (i >= n || strcmp(text, "p") != 0 || !is_two(args[i]))
      return false;
  }
  return true;
}

DType result_dtype(char letter, DType input) {
  switch (letter) {
    case 'i': return DType::int64;
    case 'b': return DType::bool_;
    case 'p': return is_floating(input) ? input : DType::int64;
    default: return input;
  }
}

PyObject* reduce(Shortcut& self, Request& request) {
  Tensor& input = *request.input;
  auto accepts = [&](char letter) { return strchr(self.accepts, letter) != nullptr; };
  bool keepdim;
  if (!request.has_plain_input() || !request.take_dims(accepts('d')) ||
      !request.take_keepdim(keepdim))
    return nullptr;
  if (accepts('f') && !is_floating(input.dtype)) return nullptr;
  if (accepts('n') && input.dtype == DType::bool_) return nullptr;
  if (accepts('u') && input.dtype == DType::uint8) return nullptr;
  if (request.whole && !accepts('a')) return nullptr;
  auto* reduction = reinterpret_cast<Reduction*>(self.reduction);
  const char* letters = self.results;
  if (request.whole && self.whole != Py_None) {
    if (request.keepdim) return nullptr;
    reduction = reinterpret_cast<Reduction*>(self.whole);
    letters = "s";
  }
  // A position among all elements is one in row-major order.
  if (request.whole && reduction->ordered && (!input.contiguous || keepdim)) return nullptr;
  DType dtypes[2];
  int n_results = static_cast<int>(strlen(letters));
  for (int i = 0; i < n_results; ++i) dtypes[i] = result_dtype(letters[i], input.dtype);
  TensorRef results[2];
  reduce_one(*reduction, input, request.dims, keepdim, dtypes, n_results,
             self.has_parameter ? &self.parameter : nullptr, results);
  if (n_results == 1) return results[0].release_py();
  auto* type = reinterpret_cast<PyTypeObject*>(self.result_type);
  PyObject* pair = type->tp_alloc(type, 2);
  if (!pair) throw PythonError();
  for (int i = 0; i < 2; ++i) PyTuple_SET_ITEM(pair, i, results[i].release_py());
  return pair;
}

PyObject* shortcut_vectorcall(PyObject* o, PyObject* const* args, size_t nargsf, PyObject* keys) {
  auto& self = *reinterpret_cast<Shortcut*>(o);
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  if (is_overridden(args, n + (keys ? PyTuple_GET_SIZE(keys) : 0)))
    return call_override(o, args, n, keys);
  Request request;
  if (parse(self, args, n, keys, request)) {
    bool failed = false;
    PyObject* made = guarded([&] {
      PyObject* result = reduce(self, request);
      return result;
    });
    failed = !made && PyErr_Occurred();
    if (made || failed) return made;
  }
  return PyObject_Vectorcall(self.operation, args, nargsf, keys);
}

/// Shortcut(operation, names, reduction, results, accepts, whole, result_type, parameter)
PyObject* shortcut_new(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *operation, *names, *reduction, *whole, *result_type, *parameter, *results, *accepts;
  if (!PyArg_ParseTuple(args, "OO!O!UUOOO", &operation, &PyTuple_Type, &names, reduction_type,
                        &reduction, &results, &accepts, &whole, &result_type, &parameter))
    return nullptr;
  auto* self = reinterpret_cast<Shortcut*>(type->tp_alloc(type, 0));
  if (!self) return nullptr;
  self->vectorcall = shortcut_vectorcall;
  self->operation = Py_NewRef(operation);
  self->names = Py_NewRef(names);
  self->reduction = Py_NewRef(reduction);
  self->whole = Py_NewRef(whole);
  self->result_type = Py_NewRef(result_type);
  self->keep_alive = PyTuple_Pack(2, results, accepts);
  self->results = PyUnicode_AsUTF8(results);
  self->accepts = PyUnicode_AsUTF8(accepts);
  self->has_parameter = parameter != Py_None;
  if (self->has_parameter) self->parameter = PyFloat_AsDouble(parameter);
  self->dict = PyDict_New();
  return reinterpret_cast<PyObject*>(self);
}

PyObject* shortcut_get(PyObject* self, PyObject* instance, PyObject*) {
  return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
}

/// What the shortcut does not have itself (names, documentation, the derivative) is the operator's.
PyObject* shortcut_attribute(PyObject* self, PyObject* name) {
  PyObject* own = PyObject_GenericGetAttr(self, name);
  if (own || !PyErr_ExceptionMatches(PyExc_AttributeError)) return own;
  PyErr_Clear();
  return PyObject_GetAttr(reinterpret_cast<Shortcut*>(self)->operation, name);
}

PyMemberDef shortcut_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Shortcut, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(Shortcut, dict), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};
PyGetSetDef shortcut_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot shortcut_slots[] = {{Py_tp_new, reinterpret_cast<void*>(shortcut_new)},
                                {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                                {Py_tp_descr_get, reinterpret_cast<void*>(shortcut_get)},
                                {Py_tp_getattro, reinterpret_cast<void*>(shortcut_attribute)},
                                {Py_tp_members, shortcut_members},
                                {Py_tp_getset, shortcut_getset},
                                {0, nullptr}};

}  // namespace

void initialize_shortcuts(PyObject* module) {
  static PyType_Spec spec = {
      "flambeau._core.Shortcut", sizeof(Shortcut), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
      shortcut_slots};
  PyModule_AddObject(module, "Shortcut", PyType_FromSpec(&spec));
}

}  // namespace flambeau
