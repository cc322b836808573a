// Pointwise operators: arguments into slots, one call of the compiled kernel.
#include <Python.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dispatch/numbers.h"
#include "dispatch/pointwise.h"
#include "dispatch/promotion.h"
#include "python/bind.h"
#include "python/operator.h"
#include "runtime/program.h"

namespace flambeau {

namespace {

[[noreturn]] void bad_argument(const Operator& self, int i, PyObject* got) {
  const Pointwise& record = *self.record;
  throw TypeError(message(self.inplace ? record.inplace_name : record.name, ": ",
                          PyUnicode_AsUTF8(record.arg_names[i].get()), " must be a Tensor",
                          i >= record.n_inputs ? " or a number" : "", ", not ",
                          Py_TYPE(got)->tp_name, "."));
}

/// f(input, number, tensors ...), as it was written once: the number is alpha or value, which
/// stands last now.
void take_older_order(const Operator& self, std::vector<PyObject*>& args) {
  const Pointwise& record = *self.record;
  PyObject* last = record.arg_names[record.n_inputs].get();
  bool scales = is_text(last, "value") || is_text(last, "alpha");
  if (!scales || is_tensor(args[1]) || !is_tensor(args[record.n_inputs])) return;
  std::string text =
      // The first words are what programs filter warnings by (docs/differences.md).
      message("This overload of ", record.name, self.inplace ? "_" : "",
              " is deprecated: a number before the tensors is ", PyUnicode_AsUTF8(last), ". Write ",
              PyUnicode_AsUTF8(last), "= behind them.");
  warn_once(message(record.name, self.inplace ? "_" : "", ": older order"), text);
  std::rotate(args.begin() + 1, args.begin() + 2, args.begin() + record.n_inputs + 1);
}

/// The arguments into slots; returns what out= names, or null. Out of line, so that plain calls
/// need no room for it.
[[gnu::noinline]] Tensor* bind_slots(Operator& self, PyObject* const* args, Py_ssize_t n,
                                     PyObject* keys, PyObject** slots) {
  Pointwise& record = *self.record;
  check(record.n_args <= max_args, [&] {
    return message(record.name, "() has more than ", max_args, " arguments: it runs by _map only.");
  });
  PyObject* out = Py_None;
  std::vector<PyObject*> ordered;
  if (n == record.n_inputs + 1 && n > 2 && n <= record.n_args) {
    ordered.assign(args, args + n + count_of(keys));
    take_older_order(self, ordered);
    args = ordered.data();
  }
  self.parameters->bind(reinterpret_cast<PyObject*>(&self), args, n, keys, slots,
                        self.inplace ? nullptr : &out);
  check<TypeError>(out == Py_None || is_tensor(out), [&] {
    return message(record.name, ": out must be a Tensor, not ", Py_TYPE(out)->tp_name, ".");
  });
  return out == Py_None ? nullptr : as_tensor(out);
}

TensorRef call(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  Pointwise& record = *self.record;
  PyObject* slots[max_args];
  Tensor* out = nullptr;
  bool plain = n == record.n_inputs && !keys && record.n_args <= max_args;
  if (plain) {  // the others have defaults
    for (Py_ssize_t i = 0; i < n; ++i) slots[i] = args[i];
    for (int i = record.n_inputs; i < record.n_args; ++i) slots[i] = record.defaults[i].get();
  } else {
    out = bind_slots(self, args, n, keys, slots);
  }
  Arg parsed[max_args];
  std::vector<Object> numbers;  // of parameters that are tensors
  bool any_tensor = false;
  for (int i = 0; i < record.n_args; ++i) {
    PyObject* o = slots[i];
    if (is_tensor(o)) {
      parsed[i].tensor = as_tensor(o);
      any_tensor = true;
      if (i >= record.n_inputs) take_number(record, i, parsed[i], numbers);
    } else if (is_number(o) && !(record.tensors >> i & 1)) {
      parsed[i].number = o;
    } else {
      bad_argument(self, i, o);
    }
  }
  TensorRef first;
  if (!any_tensor && record.numbers && !self.inplace) {
    first = empty(Dims(), number_dtype(slots[0]), on_cpu);
    store_number(slots[0], first->dtype, first->data());
    parsed[0] = {first.get(), nullptr};
    any_tensor = true;
  }
  if (!any_tensor || (self.inplace && !parsed[0].tensor)) bad_argument(self, 0, slots[0]);
  if (!plain) check_factors(record, parsed);
  if (self.inplace) {
    apply_inplace(record, parsed, record.inplace_name.c_str());
    return TensorRef::borrow(parsed[0].tensor);
  }
  return apply(record, parsed, out);
}

PyObject* run_pointwise(Operator& self, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  return guarded([&] { return call(self, args, n, keys).release_py(); }, self.record->name.c_str());
}

// ------------------------------------------------------------------------------------------------
// the record of a declaration

int integer_of(PyObject* spec, const char* attribute) {
  return static_cast<int>(PyLong_AsLong(attribute_of(spec, attribute).get()));
}
/// Which of the words an attribute is; the first where it is none.
template <class Enum>
Enum word_of(PyObject* spec, const char* attribute, std::initializer_list<const char*> words) {
  Object text = attribute_of(spec, attribute);
  auto at = std::find_if(words.begin(), words.end(),
                         [&](const char* word) { return is_text(text.get(), word); });
  return static_cast<Enum>(at == words.end() ? 0 : at - words.begin());
}

/// spec has name, args (names), n_inputs, defaults, keep, tensors, compute, result, differentiable,
/// uses_index, casts_out, numbers, row_major, cuts_flat, divisor,
/// unit.
Pointwise* make_record(PyObject* spec) {
  auto* record = new Pointwise;
  record->spec = Object::borrow(spec);
  record->name = text_of(attribute_of(spec, "name").get());
  record->inplace_name = record->name + "_";
  Object names = attribute_of(spec, "args"), defaults = attribute_of(spec, "defaults");
  record->n_inputs = integer_of(spec, "n_inputs");
  record->n_args = static_cast<int>(PyTuple_Size(names.get()));
  check(record->n_args < max_operands, [&] {
    return message("Pointwise: ", record->name, " has more than ", max_operands - 1, " arguments.");
  });
  for (PyObject* name : Items(names.get())) record->arg_names.push_back(Object::borrow(name));
  for (PyObject* value : Items(defaults.get()))
    record->defaults.push_back(value == Py_Ellipsis ? Object() : Object::borrow(value));
  record->keep = static_cast<uint32_t>(integer_of(spec, "keep"));
  record->tensors = static_cast<uint32_t>(integer_of(spec, "tensors"));
  record->uses_index = integer_of(spec, "uses_index") != 0;
  record->casts_out = integer_of(spec, "casts_out") != 0;
  record->numbers = integer_of(spec, "numbers") != 0;
  record->row_major =
      word_of<Pointwise::RowMajor>(spec, "row_major", {"never", "always", "of a number"});
  record->cuts_flat = integer_of(spec, "cuts_flat") != 0;
  record->divisor = integer_of(spec, "divisor");
  record->unit = integer_of(spec, "unit");
  record->compute = word_of<Pointwise::Compute>(
      spec, "compute", {"promoted", "floating", "inexact", "smooth", "counted"});
  record->result =
      word_of<Pointwise::Result>(spec, "result", {"same", "bool", "real", "int64", "complex"});
  record->differentiable = integer_of(spec, "differentiable") != 0 &&
                           record->result != Pointwise::Result::boolean &&
                           record->result != Pointwise::Result::int64;
  return record;
}

/// The operator of a declaration, or its form that writes the result over the first argument.
Object new_pointwise(PyObject* spec, PyObject* inplace_of) {
  Operator& self = new_operator(enter<run_pointwise>, run_pointwise);
  Object made = Object::steal(reinterpret_cast<PyObject*>(&self));
  self.inplace = inplace_of != Py_None;
  check<TypeError>(!self.inplace || is_pointwise(inplace_of),
                   [] { return message("_pointwise(): expected a pointwise operator."); });
  self.record = self.inplace ? &record_of(inplace_of) : make_record(spec);
  Object names = attribute_of(spec, "args"), defaults = attribute_of(spec, "defaults");
  std::string kinds(static_cast<size_t>(self.record->n_args), '*');
  self.parameters =
      new Parameters(names.get(), kinds, integer_of(spec, "positional"), defaults.get());
  set_name(self, self.inplace ? self.record->inplace_name.c_str() : self.record->name.c_str());
  return made;
}

const NativeEntry entries[] = {bind<new_pointwise>("_pointwise", "spec, inplace_of=None"), {}};
const Functions functions(entries);

}  // namespace

PyObject* spec_of(Operator& self) { return Py_NewRef(self.record->spec.get()); }

void initialize_pointwise(PyObject* module) {
  PyModule_AddIntConstant(module, "max_pointwise_args", max_args);
}

}  // namespace flambeau
