// Compiled functions (flambeau/compiled), and what they ask before each call: what its arguments
// are like, and whether Python values still are what they were. Needs the GIL.
#include <algorithm>
#include <array>
#include <cstring>

#include "dispatch/layout_key.h"
#include "python/attributes.h"
#include "python/bind.h"
#include "python/overrides.h"

namespace flambeau {

namespace {

/// The tensors among the arguments of a call, in their order; borrowed.
struct Given {
  static constexpr Py_ssize_t most = 64;
  PyObject* tensors[most];
  Py_ssize_t n = 0;
};

bool add_value(std::string& key, PyObject* o, Given& given) {
  if (is_tensor(o)) {
    if (given.n == Given::most || has_override(&o, 1)) return false;
    // An attribute of the program's own, which it may read and nothing here follows.
    if (as_tensor(o)->dict && PyDict_GET_SIZE(as_tensor(o)->dict)) return false;
    const auto same = std::find(given.tensors, given.tensors + given.n, o) - given.tensors;
    put(key, std::array<char, 2>{'t', static_cast<char>(same < given.n ? same : -1)});
    given.tensors[given.n++] = o;
    return put_layout(key, *as_tensor(o), false);
  }
  if (o == Py_None || o == Py_True || o == Py_False) {
    key.push_back(o == Py_None ? 'n' : o == Py_True ? 'y' : 'z');
    return true;
  }
  if (PyFloat_CheckExact(o)) {
    key.push_back('f');
    put(key, PyFloat_AS_DOUBLE(o));
    return true;
  }
  if (PyLong_CheckExact(o)) {
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(o, &overflow);
    key.push_back('i');
    put(key, value);
    return !overflow;
  }
  return false;
}

/// The arguments of a call as a vectorcall has them.
struct Arguments {
  PyObject* const* values;
  Py_ssize_t n;     // by position; behind them those by name
  PyObject* names;  // a tuple, or null
};

/// The key of a call and its tensors; false for arguments of other kinds and modes in which calls
/// are to be looked at otherwise.
bool put_call(std::string& key, const Arguments& args, Given& given) {
  if (!put_modes(key)) return false;
  for (Py_ssize_t i = 0; i < args.n; ++i)
    if (!add_value(key, args.values[i], given)) return false;
  for (Py_ssize_t k = 0; k < count_of(args.names); ++k) {
    key.push_back('k');
    key.append(text_of(PyTuple_GET_ITEM(args.names, k))).push_back(0);
    if (!add_value(key, args.values[args.n + k], given)) return false;
  }
  return true;
}

/// Memory for keys: to be read before anything that may run Python.
std::string& key_room() {
  static auto* one = new std::string;
  one->clear();
  return *one;
}

/// Whether `now` is `value`, or an equal number or text of the same type.
bool is_same(PyObject* now, PyObject* value) {
  if (now == value) return true;
  if (!now || !value || Py_TYPE(now) != Py_TYPE(value)) return false;
  if (PyFloat_CheckExact(now)) {
    double a = PyFloat_AS_DOUBLE(now), b = PyFloat_AS_DOUBLE(value);
    return std::memcmp(&a, &b, sizeof a) == 0;
  }
  if (PyComplex_CheckExact(now)) {
    Py_complex a = PyComplex_AsCComplex(now), b = PyComplex_AsCComplex(value);
    return std::memcmp(&a, &b, sizeof a) == 0;
  }
  if (!PyLong_CheckExact(now) && !PyUnicode_CheckExact(now) && !PyBytes_CheckExact(now))
    return false;
  int equal = PyObject_RichCompareBool(now, value, Py_EQ);
  if (equal < 0) throw PythonError();
  return equal;
}

/// A number that a class has until it, or a class that it inherits from, is given or loses an
/// attribute; 0: it has been changed so often that the interpreter counts no longer.
unsigned long tag_of(PyObject* cls) {
  check<TypeError>(PyType_Check(cls), [] { return message("_class_tag(): takes a class."); });
  auto* type = reinterpret_cast<PyTypeObject*>(cls);
#if PY_VERSION_HEX >= 0x030C0000
  PyUnstable_Type_AssignVersionTag(type);
#else
  if (!type->tp_version_tag) {  // a look-up gives it one
    static PyObject* name = PyUnicode_InternFromString("__class__");
    _PyType_Lookup(type, name);
  }
#endif
  return type->tp_version_tag;
}

/// Whether holds(fields) of each tuple of a list.
template <class Holds>
bool every(PyObject* list, Holds&& holds) {
  check<TypeError>(PyList_CheckExact(list), [] { return message("_unchanged(): takes lists."); });
  for (PyObject* tuple : Items(list))
    if (!holds(PySequence_Fast_ITEMS(tuple))) return false;
  return true;
}

bool has_tag(PyObject** f) {
  const unsigned long tag = tag_of(f[0]);
  return tag && tag == PyLong_AsUnsignedLong(f[1]);
}

bool has_length(PyObject** f) { return PyDict_Size(f[0]) == PyLong_AsSsize_t(f[1]); }

bool is_item(PyObject* dict, PyObject* key, PyObject* value) {
  Object now = Object::borrow(PyDict_GetItemWithError(dict, key));
  if (!now && PyErr_Occurred()) throw PythonError();
  return is_same(now.get(), value);
}

bool has_item(PyObject** f) { return is_item(f[0], f[1], f[2] == Py_Ellipsis ? nullptr : f[2]); }

bool has_value(PyObject** f) {
  Object now = Object::steal(PyCell_Get(f[0]));
  return is_same(now.get(), f[1]);
}

bool is_kind(PyObject** f) {
  if (reinterpret_cast<PyObject*>(Py_TYPE(f[0])) != f[1]) return false;
  return f[2] == Py_None || owned(PyObject_GenericGetDict(f[0], nullptr)).get() == f[2];
}

/// Of a list or a deque.
bool has_items(PyObject** f) {
  const Py_ssize_t n = PyList_GET_SIZE(f[1]);
  if (PySequence_Size(f[0]) != n) return false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    Object now = owned(PySequence_GetItem(f[0], i));
    if (!is_same(now.get(), PyList_GET_ITEM(f[1], i))) return false;
  }
  return true;
}

/// The dict of what a class holds itself.
Object attributes_of(PyObject* cls) {
#if PY_VERSION_HEX >= 0x030C0000
  return owned(PyType_GetDict(reinterpret_cast<PyTypeObject*>(cls)));
#else
  return Object::borrow(reinterpret_cast<PyTypeObject*>(cls)->tp_dict);
#endif
}

/// Of a class what it holds itself.
bool has_attribute(PyObject** f) {
  if (PyType_Check(f[0])) return is_item(attributes_of(f[0]).get(), f[1], f[2]);
  Object now = Object::steal(PyObject_GetAttr(f[0], f[1]));
  if (!now) PyErr_Clear();
  return is_same(now.get(), f[2]);
}

bool has_code(PyObject** f) {
  auto is = [](PyObject* now, PyObject* value) { return (now ? now : Py_None) == value; };
  return PyFunction_Check(f[0]) && PyFunction_GetCode(f[0]) == f[1] &&
         is(PyFunction_GetDefaults(f[0]), f[2]) && is(PyFunction_GetKwDefaults(f[0]), f[3]);
}

bool has_bases(PyObject** f) {
  return reinterpret_cast<PyTypeObject*>(f[0])->tp_mro == f[1] &&
         PyObject_Size(attributes_of(f[0]).get()) == PyLong_AsSsize_t(f[2]);
}

bool has_order(PyObject** f) {
  const Py_ssize_t n = PyTuple_GET_SIZE(f[1]);
  if (PyDict_Size(f[0]) != n) return false;
  PyObject *key, *value;
  for (Py_ssize_t at = 0, i = 0; PyDict_Next(f[0], &at, &key, &value); ++i)
    if (i >= n || !is_same(key, PyTuple_GET_ITEM(f[1], i))) return false;
  return true;
}

bool has_members(PyObject** f) {
  if (!PySet_GET_SIZE(f[1])) return !PySet_Size(f[0]);
  const int equal = PyObject_RichCompareBool(f[0], f[1], Py_EQ);
  if (equal < 0) throw PythonError();
  return equal;
}

/// Lists of tuples; in this order. tags: (class, its tag); lengths: (dict, length); items: (dict,
/// key, value or ... where there is none); cells: (cell, value); kinds: (object, class, dict of
/// attributes or None); sequences: (list or deque, its items); slots: (object or class, attribute,
/// value); functions: (function, code, defaults, defaults by name); classes: (class, its mro, how
/// many attributes); orders: (dict, its keys); sets: (set, equal set).
constexpr bool (*checks_of[])(PyObject**) = {has_tag,   has_length, has_item,      has_value,
                                             is_kind,   has_items,  has_attribute, has_code,
                                             has_bases, has_order,  has_members};
constexpr Py_ssize_t n_checks = std::size(checks_of);

bool unchanged(PyObject* lists) {
  check<TypeError>(PyTuple_Check(lists) && PyTuple_GET_SIZE(lists) == n_checks,
                   [] { return message("_unchanged(): takes ", n_checks, " lists."); });
  bool same = true;
  for (Py_ssize_t i = 0; i < n_checks && same; ++i)
    same = every(PyTuple_GET_ITEM(lists, i), checks_of[i]);
  if (PyErr_Occurred()) throw PythonError();
  return same;
}

/// Whether tensors are described by `layouts`, None: not asked.
bool are_laid_out(PyObject* const* tensors, Py_ssize_t n, bool exact, PyObject* layouts) {
  if (layouts == Py_None) return true;
  std::string& now = key_room();
  for (Py_ssize_t i = 0; i < n; ++i)
    if (!put_layout(now, *as_tensor(tensors[i]), exact)) return false;
  return PyBytes_GET_SIZE(layouts) == static_cast<Py_ssize_t>(now.size()) &&
         std::memcmp(PyBytes_AS_STRING(layouts), now.data(), now.size()) == 0;
}

/// Whether sizes of tensors are in ranges, four numbers each: which tensor and dim, the least and
/// the most.
bool are_in_ranges(const Given& given, PyObject* ranges) {
  const Py_ssize_t n = PyTuple_GET_SIZE(ranges);
  auto number = [&](Py_ssize_t i) { return PyLong_AsSsize_t(PyTuple_GET_ITEM(ranges, i)); };
  for (Py_ssize_t i = 0; i + 3 < n; i += 4) {
    const Tensor& t = *as_tensor(given.tensors[number(i)]);
    const int64_t size = t.sizes[number(i + 1)];
    if (size < number(i + 2) || size > number(i + 3)) return false;
  }
  return true;
}

/// Entries are tuples: (layouts of the arguments or None, tensors from elsewhere, their layouts or
/// None, whether sizes are part of these, lists for `unchanged` or None, ranges of sizes, what runs
/// or None where that is the function itself, ...).
PyObject* field(PyObject* entry, Py_ssize_t i) { return PyTuple_GET_ITEM(entry, i); }

bool holds(PyObject* entry, const Given& given) {
  check<TypeError>(PyTuple_Check(entry) && PyTuple_GET_SIZE(entry) > 6 &&
                       PyList_CheckExact(field(entry, 1)) && PyTuple_CheckExact(field(entry, 5)),
                   [] { return message("a compiled function's entry is a tuple."); });
  PyObject* outside = field(entry, 1);
  return are_in_ranges(given, field(entry, 5)) &&
         are_laid_out(given.tensors, given.n, true, field(entry, 0)) &&
         are_laid_out(PySequence_Fast_ITEMS(outside), PyList_GET_SIZE(outside),
                      field(entry, 3) == Py_True, field(entry, 2)) &&
         (field(entry, 4) == Py_None || unchanged(field(entry, 4)));
}

// ------------------------------------------------------------------------------------- the
// callable

/// Reasons why calls are looked at by Python, a bit each: a stance, hooks of all modules.
constinit int64_t held_back = 0;

/// What torch.compile gives: runs the program that fits a call, without a frame of Python between.
struct CompiledFunction {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject *dict, *weakrefs;
  PyObject *function, *programs;  // key -> list of entries
  PyObject* owner;                // flambeau.compiled.wrapper.Compiled, for all else
  bool plain;                // the function itself is all there is to run; of modules: a method
  unsigned long module_tag;  // of its class, a module's that is called as all are; or 0
  PyObject* last;            // the entries of last_key, or null
  std::string last_key;
};

PyObject* by_owner(CompiledFunction& self, const char* method, const Arguments& args,
                   std::initializer_list<PyObject*> first) {
  Object positions = tuple_of(args.n, [&](Py_ssize_t i) { return Py_NewRef(args.values[i]); });
  Object names = dict_of(args.names, args.values + args.n);
  std::vector<PyObject*> given(first);
  given.push_back(positions.get());
  given.push_back(names.get());
  Object bound = owned(PyObject_GetAttrString(self.owner, method));
  PyObject* result = PyObject_Vectorcall(bound.get(), given.data(), given.size(), nullptr);
  if (!result) throw PythonError();
  if (!self.plain) {
    Object plain = owned(PyObject_GetAttrString(self.owner, "plain"));
    self.plain = plain.get() == Py_True;
  }
  return result;
}

Object key_of(const Arguments& args) {
  std::string& key = key_room();
  Given given;
  put_call(key, args, given);
  return owned(PyBytes_FromStringAndSize(key.data(), static_cast<Py_ssize_t>(key.size())));
}

bool has_no_hooks(PyObject* module) {
  static PyObject* const name = PyUnicode_InternFromString("_module_hooks");
  return Object::steal(PyObject_GetAttr(module, name)).get() == Py_None;
}

PyObject* call_method(PyObject* of, PyObject* name, const Arguments& args) {
  constexpr Py_ssize_t most = 8;
  PyObject* values[most + 1] = {of};
  const Py_ssize_t n = args.n + count_of(args.names);
  if (n > most) {
    Object bound = owned(PyObject_GetAttr(of, name));
    return PyObject_Vectorcall(bound.get(), args.values, static_cast<size_t>(args.n), args.names);
  }
  std::copy_n(args.values, n, values + 1);
  return PyObject_VectorcallMethod(name, values, static_cast<size_t>(args.n) + 1, args.names);
}

PyObject* run_function(CompiledFunction& self, const Arguments& args) {
  static PyObject* const name = PyUnicode_InternFromString("forward");
  if (self.module_tag && self.module_tag == Py_TYPE(self.function)->tp_version_tag) {
    if (has_no_hooks(self.function)) return call_method(self.function, name, args);
    PyErr_Clear();
  }
  return PyObject_Vectorcall(self.function, args.values, static_cast<size_t>(args.n), args.names);
}

PyObject* run_entry(CompiledFunction& self, PyObject* entry, const Given& given,
                    const Arguments& args) {
  PyObject* run = field(entry, 6);
  if (run == Py_None) return run_function(self, args);
  PyObject* result = PyObject_Vectorcall(run, given.tensors, static_cast<size_t>(given.n), nullptr);
  if (result || !PyErr_ExceptionMatches(PyExc_Exception)) return result;
  Unraised error;
  Object raised = Object::borrow(error.value());
  if (PyObject* traceback = error.traceback()) PyException_SetTraceback(raised.get(), traceback);
  return by_owner(self, "_failed", args, {key_of(args).get(), entry, raised.get()});
}

/// The entry among `entries` that fits; null: there is none.
Object fitting(PyObject* entries, const Given& given) {
  for (PyObject* item : Items(entries)) {
    Object entry = Object::borrow(item);
    if (holds(item, given)) return entry;
  }
  return {};
}

PyObject* run_fitting(CompiledFunction& self, const Arguments& args) {
  Given given;
  std::string& key = key_room();
  if (!put_call(key, args, given)) return by_owner(self, "_general", args, {});
  // Held: what is compared may run Python, which may make or forget programs.
  if (self.last && key == self.last_key) {
    Object entries = Object::borrow(self.last);
    if (Object entry = fitting(entries.get(), given))
      return run_entry(self, entry.get(), given, args);
  }
  Object bytes = key_of(args);
  Object entries = Object::borrow(PyDict_GetItemWithError(self.programs, bytes.get()));
  if (!entries && PyErr_Occurred()) throw PythonError();
  if (entries) {
    self.last_key.assign(PyBytes_AS_STRING(bytes.get()),
                         static_cast<size_t>(PyBytes_GET_SIZE(bytes.get())));
    Py_XSETREF(self.last, Py_NewRef(entries.get()));
    if (Object entry = fitting(entries.get(), given))
      return run_entry(self, entry.get(), given, args);
  }
  Object tensors = list_of(given.n, [&](Py_ssize_t i) { return Object::borrow(given.tensors[i]); });
  return by_owner(self, "_missed", args, {bytes.get(), tensors.get()});
}

PyObject* compiled_call(PyObject* o, PyObject* const* values, size_t nargsf, PyObject* names) {
  return guarded([&]() -> PyObject* {
    auto& self = as<CompiledFunction>(o);
    check<TypeError>(self.function, [] { return message("compile: the function is gone."); });
    const Arguments args{values, PyVectorcall_NARGS(nargsf), names};
    Object alive = Object::borrow(o);
    if (held_back) return by_owner(self, "_unusual", args, {});
    return self.plain ? run_function(self, args) : run_fitting(self, args);
  });
}

PyObject* compiled_get(PyObject* o, PyObject* instance, PyObject*) {
  return instance ? PyMethod_New(o, instance) : Py_NewRef(o);
}

int compiled_traverse(PyObject* o, visitproc visit, void* arg) {
  auto& self = as<CompiledFunction>(o);
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(self.dict);
  Py_VISIT(self.function);
  Py_VISIT(self.programs);
  Py_VISIT(self.owner);
  Py_VISIT(self.last);
  return 0;
}

int compiled_clear(PyObject* o) {
  auto& self = as<CompiledFunction>(o);
  Py_CLEAR(self.dict);
  Py_CLEAR(self.function);
  Py_CLEAR(self.programs);
  Py_CLEAR(self.owner);
  Py_CLEAR(self.last);
  return 0;
}

void compiled_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (as<CompiledFunction>(o).weakrefs) PyObject_ClearWeakRefs(o);
  compiled_clear(o);
  std::destroy_at(&as<CompiledFunction>(o).last_key);
  type->tp_free(o);
  Py_DECREF(type);
}

PyObject* compiled_repr(PyObject* o) {
  return PyUnicode_FromFormat("<compiled %R>", as<CompiledFunction>(o).function);
}

/// Copies are the function itself, and others find it by its name.
PyObject* compiled_reduce(PyObject* o, PyObject*) {
  return PyObject_GetAttrString(o, "__qualname__");
}

PyMemberDef compiled_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(CompiledFunction, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(CompiledFunction, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(CompiledFunction, weakrefs), READONLY, nullptr},
    {}};
PyGetSetDef compiled_attributes[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr}, {}};
PyMethodDef compiled_methods[] = {{"__reduce__", compiled_reduce, METH_NOARGS, nullptr}, {}};

PyTypeObject* compiled_type() {
  static PyTypeObject* const type =
      new_type("flambeau._core.CompiledFunction", sizeof(CompiledFunction),
               Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR |
                   Py_TPFLAGS_DISALLOW_INSTANTIATION,
               {slot(Py_tp_dealloc, compiled_dealloc), slot(Py_tp_traverse, compiled_traverse),
                slot(Py_tp_clear, compiled_clear), slot(Py_tp_call, PyVectorcall_Call),
                slot(Py_tp_descr_get, compiled_get), slot(Py_tp_repr, compiled_repr),
                slot(Py_tp_members, compiled_members), slot(Py_tp_getset, compiled_attributes),
                slot(Py_tp_methods, compiled_methods)});
  return type;
}

/// Of a module with arguments: its attribute of that name (`programs`), called with them, while it
/// has no hooks; else what is written in Python, `function`.
PyObject* module_call(PyObject* o, PyObject* const* values, size_t nargsf, PyObject* names) {
  auto& self = as<CompiledFunction>(o);
  const Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  if (n > 0 && has_no_hooks(values[0])) {
    if (self.plain)
      return PyObject_VectorcallMethod(self.programs, values, static_cast<size_t>(n), names);
    Object run = Object::steal(PyObject_GetAttr(values[0], self.programs));
    if (run && run.get() != Py_None)
      return PyObject_Vectorcall(run.get(), values + 1,
                                 static_cast<size_t>(n - 1) | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                 names);
  }
  PyErr_Clear();
  return PyObject_Vectorcall(self.function, values, static_cast<size_t>(n), names);
}

/// Whether calls of an object are its forward, with nothing of a class of its own around it.
bool is_called_as_modules(PyObject* function) {
  Object call = Object::steal(
      PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(function)), "__call__"));
  PyErr_Clear();
  if (!call || Py_TYPE(call.get()) != compiled_type()) return false;
  const auto& self = as<CompiledFunction>(call.get());
  return self.vectorcall == module_call && self.plain;
}

Object new_compiled(PyObject* function, PyObject* programs, PyObject* owner) {
  check<TypeError>(PyDict_CheckExact(programs),
                   [] { return message("CompiledFunction: programs must be a dict."); });
  Object made = owned(compiled_type()->tp_alloc(compiled_type(), 0));
  auto& self = as<CompiledFunction>(made.get());
  new (&self.last_key) std::string;
  self.vectorcall = compiled_call;
  self.function = Py_NewRef(function);
  self.programs = Py_NewRef(programs);
  self.owner = Py_NewRef(owner);
  if (is_called_as_modules(function))
    self.module_tag = tag_of(reinterpret_cast<PyObject*>(Py_TYPE(function)));
  return made;
}

Object new_module_call(PyObject* function, PyObject* attribute) {
  Object made = owned(compiled_type()->tp_alloc(compiled_type(), 0));
  auto& self = as<CompiledFunction>(made.get());
  new (&self.last_key) std::string;
  self.vectorcall = module_call;
  self.function = Py_NewRef(function);
  self.programs = Py_NewRef(attribute);
  self.plain = is_text(attribute, "forward");
  self.owner = Py_NewRef(Py_None);
  return made;
}

/// (key, [tensors]) of a call; None where it has to be looked at otherwise.
Object call_key(PyObject* args, PyObject* kwargs) {
  check<TypeError>(PyTuple_Check(args) && PyDict_Check(kwargs),
                   [] { return message("a call has a tuple and a dict of arguments."); });
  std::vector<PyObject*> values;
  for (PyObject* value : Items(args)) values.push_back(value);
  Object names = owned(PySequence_Tuple(kwargs));
  for (PyObject* name : Items(names.get())) values.push_back(PyDict_GetItem(kwargs, name));
  std::string& key = key_room();
  Given given;
  if (!put_call(key, {values.data(), PyTuple_GET_SIZE(args), names.get()}, given))
    return Object::borrow(Py_None);
  Object bytes = owned(PyBytes_FromStringAndSize(key.data(), static_cast<Py_ssize_t>(key.size())));
  Object tensors = list_of(given.n, [&](Py_ssize_t i) { return Object::borrow(given.tensors[i]); });
  return owned(PyTuple_Pack(2, bytes.get(), tensors.get()));
}

/// Calls are looked at by Python from now on for this reason, or no longer for it.
void hold_back(int64_t reason, bool on) {
  held_back = on ? held_back | reason : held_back & ~reason;
}

const NativeEntry entries[] = {
    fact(bind<call_key>("_call_key", "args, kwargs")),
    fact(bind<hold_back>("_hold_compiled_back", "reason, on")),
    fact(bind<new_compiled>("CompiledFunction", "function, programs, owner",
                            "What torch.compile gives: runs the program that fits a call.")),
    fact(bind<new_module_call>("_module_call", "function, attribute",
                               "The __call__ of modules, without a frame of Python.")),
    fact(bind<unchanged>("_unchanged", "lists")),
    fact(bind<[](PyObject* cls) { return uint64_t{tag_of(cls)}; }>("_class_tag", "cls")),
    {}};

const Functions functions(entries), typed(entries_of<layout_key_functions>.data());

}  // namespace

}  // namespace flambeau
