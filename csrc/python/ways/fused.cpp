// Fused: several operators as one kernel, made by flambeau/compiled. A callable of tensors and
// numbers. Needs the GIL, which long runs give up.
#include "dispatch/fused.h"

#include "dispatch/numbers.h"
#include "python/attributes.h"

namespace flambeau {

namespace {

struct Fused {
  PyObject_HEAD vectorcallfunc vectorcall;
  std::unique_ptr<Fusion> fusion;
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
        FusedInputs inputs;
        take_inputs(self, args, PyVectorcall_NARGS(nargsf), inputs);
        TensorRef outputs[max_operands];
        run_fused(self, inputs, outputs);
        if (self.n_out == 1) return outputs[0].release_py();
        return tuple_of(self.n_out, [&](Py_ssize_t i) { return outputs[i].release_py(); })
            .release();
      },
      "fused");
}

int fused_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  if (as<Fused>(o).fusion) Py_VISIT(as<Fused>(o).fusion->spec.get());
  return 0;
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Fused, vectorcall), READONLY, nullptr}, {}};

/// kinds is "" for a map; reads has a mask of inputs for each output.
Object new_fused(PyObject* spec, int n_out, const std::vector<DType>& dtypes,
                 std::string_view kinds, const std::vector<int64_t>& reads) {
  static PyTypeObject* const type =
      new_type("flambeau._core.Fused", sizeof(Fused),
               Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION,
               {slot(Py_tp_dealloc, destroy_object<Fused>), slot(Py_tp_traverse, fused_traverse),
                slot(Py_tp_call, PyVectorcall_Call), slot(Py_tp_members, members)});
  Object made = owned(type->tp_alloc(type, 0));
  as<Fused>(made.get()).vectorcall = fused_call;
  as<Fused>(made.get()).fusion = make_fusion(Object::borrow(spec), n_out, dtypes, kinds, reads);
  return made;
}

const NativeEntry entries[] = {
    fact(bind<new_fused>("Fused", "spec, n_out, dtypes, kinds, reads",
                         "Several operators as one kernel: a callable of tensors and numbers.")),
    {}};
const Functions functions(entries);

}  // namespace

}  // namespace flambeau
