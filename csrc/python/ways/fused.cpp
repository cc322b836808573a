// Fused: several operators as one kernel, made by flambeau/compiled. A callable of tensors and
// numbers. Needs the GIL, which long runs give up.
#include "dispatch/fused.h"

#include "autograd/order.h"
#include "dispatch/bound.h"
#include "dispatch/fused_history.h"
#include "dispatch/numbers.h"
#include "python/attributes.h"

namespace flambeau {

namespace {

struct Fused {
  PyObject_HEAD vectorcallfunc vectorcall;
  std::unique_ptr<Fusion> fusion;
  std::unique_ptr<FusedHistory> history;  // null: calls are not recorded
};

void take_inputs(const Fusion& self, PyObject* const* args, Py_ssize_t n, FusedInputs& inputs) {
  check<TypeError>(n == self.n - self.n_out, [&] {
    return message("fused: takes ", self.n - self.n_out, " operands, not ", n, ".");
  });
  for (int i = self.n_out; i < self.n; ++i) {
    PyObject* o = args[i - self.n_out];
    inputs.tensors[i] = is_tensor(o) ? as_tensor(o) : nullptr;
    if (!inputs.tensors[i])
      store_number(o, self.dtypes[i], inputs.numbers[i]);
    else
      check(inputs.tensors[i]->dtype == self.dtypes[i], [&] {
        return message("fused: operand ", i - self.n_out, " is ", name(as_tensor(o)->dtype),
                       ", but it was ", name(self.dtypes[i]), " when the kernel was made.");
      });
  }
}

PyObject* fused_call(PyObject* o, PyObject* const* args, size_t nargsf, PyObject*) {
  return guarded(
      [&]() -> PyObject* {
        Fusion& self = *as<Fused>(o).fusion;
        const FusedHistory* history = as<Fused>(o).history.get();
        FusedInputs inputs;
        take_inputs(self, args, PyVectorcall_NARGS(nargsf), inputs);
        TensorRef outputs[max_operands];
        run_fused(self, inputs, outputs);
        if (history) record_fused(*history, self, inputs, outputs);
        const int n = history ? history->n_shown : self.n_out;
        if (n == 1) return outputs[0].release_py();
        return tuple_of(n, [&](Py_ssize_t i) { return outputs[i].release_py(); }).release();
      },
      "fused");
}

int fused_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  if (as<Fused>(o).fusion) Py_VISIT(as<Fused>(o).fusion->spec.get());
  if (const FusedHistory* history = as<Fused>(o).history.get()) {
    Py_VISIT(history->kernel.get());
    Py_VISIT(history->otherwise.get());
  }
  return 0;
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Fused, vectorcall), READONLY, nullptr}, {}};

PyTypeObject* fused_type() {
  static PyTypeObject* const type =
      new_type("flambeau._core.Fused", sizeof(Fused),
               Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION,
               {slot(Py_tp_dealloc, destroy_object<Fused>), slot(Py_tp_traverse, fused_traverse),
                slot(Py_tp_call, PyVectorcall_Call), slot(Py_tp_members, members)});
  return type;
}

/// kinds is "" for a map; reads has a mask of inputs for each output.
Object new_fused(PyObject* spec, int n_out, const std::vector<DType>& dtypes,
                 std::string_view kinds, const std::vector<int64_t>& reads, bool row_major) {
  Object made = owned(fused_type()->tp_alloc(fused_type(), 0));
  as<Fused>(made.get()).vectorcall = fused_call;
  as<Fused>(made.get()).fusion =
      make_fusion(Object::borrow(spec), n_out, dtypes, kinds, reads, row_major);
  return made;
}

/// From now on `fused`, a map, gives the sum or the mean of its first output in place of it.
void reduce_output(PyObject* fused, bool averages) {
  check<TypeError>(Py_TYPE(fused) == fused_type() && !as<Fused>(fused).fusion->rows, [] {
    return message("_reduce_fused(): takes a Fused that is no kernel of rows.");
  });
  Fusion& fusion = *as<Fused>(fused).fusion;
  fusion.total =
      reinterpret_cast<Reduction*>(bound_operator(averages ? "mean_reduction" : "sum_reduction"));
  fusion.averages = averages;
}

using Places = std::vector<int64_t>;

/// From now on calls of `fused` are recorded. kernel: the Fused of the gradients, or None;
/// the rest as in FusedHistory.
void record_calls(PyObject* fused, PyObject* kernel, PyObject* otherwise, const Places& read,
                  const Places& saved_inputs, const Places& saved_outputs, const Places& wanted,
                  const Places& recorded, const Places& passed, int n_shown, int n_joined,
                  PyObject* numbers) {
  const bool none = kernel == Py_None;
  check<TypeError>(Py_TYPE(fused) == fused_type() && (none || Py_TYPE(kernel) == fused_type()) &&
                       PyTuple_Check(numbers),
                   [] { return message("_record_fused(): takes two Fused, places and a tuple."); });
  const Fusion& fusion = *as<Fused>(fused).fusion;
  auto check_places = [&](const Places& places, int n) {
    for (int64_t k : places)
      check<ValueError>(k >= 0 && k < n,
                        [&] { return message("_record_fused(): there is no operand ", k, "."); });
  };
  for (const Places* of_inputs : {&saved_inputs, &wanted})
    check_places(*of_inputs, fusion.n - fusion.n_out);
  for (const Places* of_outputs : {&read, &saved_outputs, &recorded})
    check_places(*of_outputs, fusion.n_out);
  for (size_t i = 0; i < passed.size(); ++i)
    check_places({passed[i]}, i % 2 ? fusion.n_out : fusion.n - fusion.n_out);
  check<ValueError>(passed.size() % 2 == 0,
                    [] { return message("_record_fused(): passed takes pairs."); });
  check<ValueError>(n_shown > 0 && n_shown <= fusion.n_out,
                    [] { return message("_record_fused(): no output is shown."); });
  auto history = std::make_unique<FusedHistory>();
  history->owner = fused;
  history->passed = passed;
  for (int64_t k : wanted) {
    bool is_passed = false;
    for (size_t i = 0; i < passed.size(); i += 2) is_passed |= passed[i] == k;
    if (!is_passed) history->computed.push_back(k);
  }
  if (!none) {
    history->kernel = Object::borrow(kernel);
    history->derivative = as<Fused>(kernel).fusion.get();
    const Fusion& derivative = *history->derivative;
    const size_t n = read.size() + saved_inputs.size() + saved_outputs.size();
    check<ValueError>(
        static_cast<Py_ssize_t>(n) + PyTuple_GET_SIZE(numbers) == derivative.n - derivative.n_out &&
            static_cast<int>(history->computed.size()) == derivative.n_out,
        [] { return message("_record_fused(): the derivative has other operands."); });
  }
  history->otherwise = Object::borrow(otherwise);
  history->read = read;
  history->saved_inputs = saved_inputs;
  history->saved_outputs = saved_outputs;
  history->wanted = wanted;
  history->recorded = recorded;
  history->n_shown = n_shown;
  history->n_joined = n_joined;
  for (PyObject* number : Items(numbers)) history->numbers.push_back(Object::borrow(number));
  as<Fused>(fused).history = std::move(history);
}

const NativeEntry entries[] = {
    fact(bind<record_calls>("_record_fused",
                            "fused, kernel, otherwise, read, saved_inputs, "
                            "saved_outputs, wanted, recorded, passed, n_shown, n_joined, numbers")),
    fact(bind<set_next_sequence>("_set_next_sequence", "next")),
    fact(bind<reduce_output>("_reduce_fused", "fused, averages")),
    fact(bind<new_fused>("Fused", "spec, n_out, dtypes, kinds, reads, row_major=False",
                         "Several operators as one kernel: a callable of tensors and numbers.")),
    {}};
const Functions functions(entries), bounds(entries_of<fused_functions>.data());

}  // namespace

}  // namespace flambeau
