// The callable that Python sees of a pointwise operator: arguments into slots, one call.
#include <Python.h>
#include <structmember.h>

#include <algorithm>
#include <string>

#include "dispatch/pointwise.h"
#include "dispatch/promotion.h"
#include "python/guard.h"
#include "python/overrides.h"

namespace flambeau {

PyTypeObject* pointwise_type = nullptr;

namespace {

std::string listed_arguments(const Pointwise& record) {
  std::string text;
  for (int i = 0; i < record.n_args; ++i)
    text += (i ? ", " : "") + std::string(PyUnicode_AsUTF8(record.arg_names[i].get()));
  return text;
}

[[noreturn]] void bad_argument(const Pointwise& record, int i, PyObject* got) {
  throw TypeError(message(record.name, ": ", PyUnicode_AsUTF8(record.arg_names[i].get()),
                          " must be a Tensor", i >= record.n_inputs ? " or a number" : "", ", not ",
                          Py_TYPE(got)->tp_name, "."));
}

/// A factor `alpha` with a fraction would be cut to an int where all tensors are whole numbers.
void check_factors(const Pointwise& record, const Arg* args) {
  for (int i = 0; i < record.n_inputs; ++i)
    if (args[i].tensor ? is_differentiable(args[i].tensor->dtype)
                       : is_differentiable(number_dtype(args[i].number)))
      return;
  for (int i = record.n_inputs; i < record.n_args; ++i)
    check(!args[i].number || !PyFloat_Check(args[i].number) ||
              PyUnicode_CompareWithASCIIString(record.arg_names[i].get(), "alpha") != 0,
          [&] {
            return message(record.name,
                           ": alpha is a float, but the tensors hold integers. Give an int, or "
                           "convert a tensor.");
          });
}

/// f(input, number, tensors ...), as it was written once: the number is alpha or value, which
/// stands last now.
void take_older_order(const Pointwise& record, PyObject** slots) {
  PyObject* last = record.arg_names[record.n_inputs].get();
  bool scales = PyUnicode_CompareWithASCIIString(last, "value") == 0 ||
                PyUnicode_CompareWithASCIIString(last, "alpha") == 0;
  if (!scales || is_tensor(slots[1]) || !is_tensor(slots[record.n_inputs])) return;
  std::string text =
      message(record.name, ": a number before the tensors is ", PyUnicode_AsUTF8(last),
              " in an order that goes away. Write ", PyUnicode_AsUTF8(last), "= behind them.");
  if (PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1) < 0) throw PythonError();
  std::rotate(slots + 1, slots + 2, slots + record.n_inputs + 1);
}

TensorRef call(PointwiseCallable* self, PyObject* const* args, Py_ssize_t n, PyObject* names) {
  Pointwise& record = *self->record;
  PyObject* slots[max_args] = {};
  Tensor* out = nullptr;
  check<TypeError>(n <= record.n_args, [&] {
    return message(record.name, ": takes ", record.n_args, " arguments by position but was given ",
                   n, ". It takes (", listed_arguments(record), ").");
  });
  check(record.n_args <= max_args, [&] {
    return message(record.name, "() has more than ", max_args, " arguments: it runs by _map only.");
  });
  std::copy(args, args + n, slots);
  if (n == record.n_inputs + 1 && n > 2) take_older_order(record, slots);
  if (names) {
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(names); ++k) {
      PyObject* key = PyTuple_GET_ITEM(names, k);
      int at = -1;
      for (int i = 0; i < record.n_args && at < 0; ++i)
        if (record.arg_names[i].get() == key ||
            PyUnicode_Compare(record.arg_names[i].get(), key) == 0)
          at = i;
      if (at < 0 && PyUnicode_CompareWithASCIIString(key, "out") == 0 && !self->inplace) {
        if (args[n + k] == Py_None) continue;
        check<TypeError>(is_tensor(args[n + k]), [&] {
          return message(record.name, ": out must be a Tensor, not ", Py_TYPE(args[n + k])->tp_name,
                         ".");
        });
        out = as_tensor(args[n + k]);
        continue;
      }
      if (at < 0) {  // NumPy's spellings
        if (PyUnicode_CompareWithASCIIString(key, "x") == 0 ||
            PyUnicode_CompareWithASCIIString(key, "x1") == 0)
          at = 0;
        if (PyUnicode_CompareWithASCIIString(key, "x2") == 0) at = 1;
        if (at >= record.n_inputs) at = -1;
      }
      check<TypeError>(at >= 0, [&] {
        return message(record.name, ": has no argument '", PyUnicode_AsUTF8(key), "'. It takes (",
                       listed_arguments(record), ").");
      });
      check<TypeError>(!slots[at], [&] {
        return message(record.name, ": argument '", PyUnicode_AsUTF8(key),
                       "' was given twice, by position and by name.");
      });
      slots[at] = args[n + k];
    }
  }
  Arg parsed[max_args];
  bool any_tensor = false;
  for (int i = 0; i < record.n_args; ++i) {
    PyObject* o = slots[i] ? slots[i] : record.defaults[i].get();
    check<TypeError>(o != nullptr, [&] {
      return message(record.name, ": argument '", PyUnicode_AsUTF8(record.arg_names[i].get()),
                     "' is missing. It takes (", listed_arguments(record), ").");
    });
    if (is_tensor(o)) {
      parsed[i].tensor = as_tensor(o);
      any_tensor = true;
    } else if (is_number(o) && !(record.tensors >> i & 1)) {
      parsed[i].number = o;
    } else {
      bad_argument(record, i, o);
    }
  }
  if (!any_tensor || (self->inplace && !parsed[0].tensor))
    bad_argument(record, 0, slots[0] ? slots[0] : Py_None);
  if (n + (names ? PyTuple_GET_SIZE(names) : 0) > record.n_inputs) check_factors(record, parsed);
  if (self->inplace) {
    apply_inplace(record, parsed, record.inplace_name.c_str());
    return TensorRef::borrow(parsed[0].tensor);
  }
  return apply(record, parsed, out);
}

PyObject* pointwise_vectorcall(PyObject* self, PyObject* const* args, size_t nargsf,
                               PyObject* names) {
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  Py_ssize_t all = n + (names ? PyTuple_GET_SIZE(names) : 0);
  if (is_overridden(args, all)) return call_override(self, args, n, names);
  return guarded([&] {
    return call(reinterpret_cast<PointwiseCallable*>(self), args, n, names).release_py();
  });
}

PyObject* pointwise_get(PyObject* self, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) {
    Py_INCREF(self);
    return self;
  }
  return PyMethod_New(self, instance);
}

std::string text_attribute(PyObject* spec, const char* attribute) {
  Object value = Object::steal(PyObject_GetAttrString(spec, attribute));
  const char* text = value ? PyUnicode_AsUTF8(value.get()) : nullptr;
  if (!text) throw PythonError();
  return text;
}

// Pointwise(spec, inplace_of=None): spec has name, args (names), n_inputs, defaults, keep, tensors,
// compute, result, differentiable, uses_index, casts_out, divisor.
PyObject* pointwise_new(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *spec, *shared = nullptr;
  if (!PyArg_ParseTuple(args, "O|O", &spec, &shared)) return nullptr;
  return guarded([&]() -> PyObject* {
    auto* self = reinterpret_cast<PointwiseCallable*>(type->tp_alloc(type, 0));
    if (!self) throw PythonError();
    self->vectorcall = pointwise_vectorcall;
    self->dict = PyDict_New();
    self->inplace = shared != nullptr;
    if (shared) {
      self->record = &record_of(shared);
    } else {
      auto* record = new Pointwise;
      self->record = record;
      record->spec = Object::borrow(spec);
      record->name = text_attribute(spec, "name");
      record->inplace_name = record->name + "_";
      Object names = Object::steal(PyObject_GetAttrString(spec, "args"));
      Object defaults = Object::steal(PyObject_GetAttrString(spec, "defaults"));
      if (!names || !defaults) throw PythonError();
      auto integer = [&](const char* attribute) {
        Object v = Object::steal(PyObject_GetAttrString(spec, attribute));
        if (!v) throw PythonError();
        return static_cast<int>(PyLong_AsLong(v.get()));
      };
      record->n_inputs = integer("n_inputs");
      record->n_args = static_cast<int>(PyTuple_Size(names.get()));
      check(record->n_args < max_operands, [&] {
        return message("Pointwise: ", record->name, " has more than ", max_operands - 1,
                       " arguments.");
      });
      for (int i = 0; i < record->n_args; ++i) {
        PyObject* key = PyTuple_GET_ITEM(names.get(), i);
        Py_INCREF(key);
        PyUnicode_InternInPlace(&key);
        record->arg_names.push_back(Object::steal(key));
        PyObject* value = PyTuple_GetItem(defaults.get(), i);
        if (!value) throw PythonError();
        record->defaults.push_back(value == Py_None ? Object() : Object::borrow(value));
      }
      record->keep = static_cast<uint32_t>(integer("keep"));
      record->tensors = static_cast<uint32_t>(integer("tensors"));
      record->differentiable = integer("differentiable") != 0;
      record->uses_index = integer("uses_index") != 0;
      record->casts_out = integer("casts_out") != 0;
      record->divisor = integer("divisor");
      std::string compute = text_attribute(spec, "compute");
      record->compute = compute == "floating"  ? Pointwise::Compute::floating
                        : compute == "inexact" ? Pointwise::Compute::inexact
                                               : Pointwise::Compute::promoted;
      std::string result = text_attribute(spec, "result");
      record->result = result == "bool"    ? Pointwise::Result::boolean
                       : result == "real"  ? Pointwise::Result::real
                       : result == "int64" ? Pointwise::Result::int64
                                           : Pointwise::Result::same;
      if (record->result == Pointwise::Result::boolean ||
          record->result == Pointwise::Result::int64)
        record->differentiable = false;
    }
    return reinterpret_cast<PyObject*>(self);
  });
}

PyObject* pointwise_repr(PyObject* self) {
  auto* p = reinterpret_cast<PointwiseCallable*>(self);
  return PyUnicode_FromFormat("<flambeau operator %s%s>", p->record->name.c_str(),
                              p->inplace ? "_" : "");
}

PyObject* pointwise_spec(PyObject* self, void*) {
  PyObject* spec = record_of(self).spec.get();
  Py_INCREF(spec);
  return spec;
}

void pointwise_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  Py_CLEAR(reinterpret_cast<PointwiseCallable*>(self)->dict);
  type->tp_free(self);
  Py_DECREF(type);
}

PyMemberDef pointwise_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(PointwiseCallable, vectorcall), READONLY,
     nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(PointwiseCallable, dict), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyMethodDef pointwise_methods[] = {{"__reduce__", reduce_to_name, METH_NOARGS, nullptr},
                                   {nullptr, nullptr, 0, nullptr}};
PyGetSetDef pointwise_getset[] = {
    {"spec", pointwise_spec, nullptr, "The declaration behind it.", nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyType_Slot pointwise_slots[] = {{Py_tp_new, reinterpret_cast<void*>(pointwise_new)},
                                 {Py_tp_dealloc, reinterpret_cast<void*>(pointwise_dealloc)},
                                 {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                                 {Py_tp_descr_get, reinterpret_cast<void*>(pointwise_get)},
                                 {Py_tp_repr, reinterpret_cast<void*>(pointwise_repr)},
                                 {Py_tp_members, pointwise_members},
                                 {Py_tp_methods, pointwise_methods},
                                 {Py_tp_getset, pointwise_getset},
                                 {0, nullptr}};

}  // namespace

void initialize_pointwise(PyObject* module) {
  static PyType_Spec spec = {
      "flambeau._core.Pointwise", sizeof(PointwiseCallable), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
      pointwise_slots};
  pointwise_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  PyModule_AddObjectRef(module, "Pointwise", reinterpret_cast<PyObject*>(pointwise_type));
  PyModule_AddIntConstant(module, "max_pointwise_args", max_args);
}

}  // namespace flambeau
