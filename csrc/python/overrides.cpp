#include "python/overrides.h"

#include "python/bind.h"

namespace flambeau {

namespace {

constinit thread_local bool subclasses_disabled = false;

PyObject* function_of_method(PyObject* method) {
  return method && PyMethod_Check(method) ? PyMethod_GET_FUNCTION(method) : method;
}

Override ask(PyTypeObject* type) {
  Object own = Object::steal(
      PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), "__torch_function__"));
  if (!own) {
    PyErr_Clear();
    return Override::none;
  }
  if (is_disabled(own.get())) return Override::none;
  Object base = Object::steal(
      PyObject_GetAttrString(reinterpret_cast<PyObject*>(tensor_type), "__torch_function__"));
  PyErr_Clear();
  bool inherited = function_of_method(own.get()) == function_of_method(base.get());
  return inherited ? Override::inherited : Override::own;
}

}  // namespace

bool is_disabled(PyObject* own) {
  // Whoever asks can't raise; at the interpreter's end there is nothing to import.
  const int is = guarded([&]() -> int {
    return own == imported<"flambeau.modes", "_disabled_torch_function_impl">() ||
           own == imported<"flambeau.modes", "_disabled_torch_dispatch_impl">();
  });
  if (is < 0) PyErr_Clear();
  return is == 1;
}

Override override_of(PyTypeObject* type) {
  if (type == tensor_type) return Override::none;
  // A type's version changes with its attributes, and no two types share one.
  struct Known {
    PyTypeObject* type;
    unsigned version;
    Override answer;
  };
  static Known table[256] = {};
  Known& known = table[reinterpret_cast<uintptr_t>(type) / 32 % 256];
  bool versioned = (type->tp_flags & Py_TPFLAGS_VALID_VERSION_TAG) && type->tp_version_tag;
  if (versioned && known.type == type && known.version == type->tp_version_tag) return known.answer;
  Override answer = ask(type);
  if ((type->tp_flags & Py_TPFLAGS_VALID_VERSION_TAG) && type->tp_version_tag)
    known = {type, type->tp_version_tag, answer};
  return answer;
}

bool may_override(PyObject* o) {
  if (subclasses_disabled) return false;
  PyTypeObject* type = Py_TYPE(o);
  if (type == &PyTuple_Type || type == &PyList_Type) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
      PyTypeObject* item = Py_TYPE(PySequence_Fast_GET_ITEM(o, i));
      if (item != tensor_type && item != &PyLong_Type && override_of(item) != Override::none)
        return true;
    }
    return false;
  }
  return override_of(type) != Override::none;
}

bool in_function_mode() { return InForce<watch_function_modes>::count() > 0; }

PyObject* call_override(PyObject* function, PyObject* const* args, Py_ssize_t n, PyObject* names) {
  return guarded([&] {
    return called(imported<"flambeau.overrides", "dispatch">(), function, tuple_of(args, n).get(),
                  dict_of(names, args + n).get())
        .release();
  });
}

PyObject* call_member_override(const char* name, const char* accessor, PyObject* const* args,
                               Py_ssize_t n) {
  return guarded([&] {
    Object member = attribute_of(reinterpret_cast<PyObject*>(tensor_type), name);
    if (accessor) member = attribute_of(member.get(), accessor);
    return call_override(member.get(), args, n, nullptr);
  });
}

/// Not inline: operators of tensors would keep registers for it.
PyObject* call_method_override(const char* name, PyObject* const* args, Py_ssize_t n) {
  return call_member_override(name, nullptr, args, n);
}

// ------------------------------------------------------------------------------------ the switches

namespace {

/// 0: no __torch_function__, 1: Tensor's, 2: one of its own.
int64_t override_number(PyObject* type) {
  check<TypeError>(PyType_Check(type), [] { return message("_override_of(): expected a type."); });
  return static_cast<int64_t>(override_of(reinterpret_cast<PyTypeObject*>(type)));
}

const NativeEntry entries[] = {
    bind<[](bool disabled) { return std::exchange(subclasses_disabled, disabled); }>(
        "_set_subclasses_disabled", "disabled",
        "Whether subclasses are plain tensors to operators for now; returns what it was."),
    bind<InForce<watch_function_modes>::set>("_set_function_modes", "n"),
    bind<override_number>("_override_of", "type"),
    fact(bind<[](Rest args) { return is_overridden(args.items, args.n); }>("_is_overridden",
                                                                           "*args")),
    {}};
const Functions functions(entries);

}  // namespace

}  // namespace flambeau
