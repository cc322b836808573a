// Fused eager mode: its settings, and the way from a group of operators that wait to the Python
// that makes a kernel of it. Needs the GIL.
#define PY_SSIZE_T_CLEAN  // for lengths of bytes in calls
#include "dispatch/waiting.h"

#include "python/bind.h"
#include "tensor/objects.h"

namespace flambeau {

namespace {

/// What flambeau/compiled/eager.py is given: (key, steps, inputs, numbers, outputs, modes, now).
void ask_for_kernel(const waiting::Wanted& wanted) {
  auto named = [](const std::vector<DType>& dtypes) {
    std::vector<const char*> names(dtypes.size());
    std::transform(dtypes.begin(), dtypes.end(), names.begin(), [](DType d) { return name(d); });
    return owned(give_back(names));
  };
  Object steps = list_of(static_cast<Py_ssize_t>(wanted.steps.size()), [&](Py_ssize_t i) {
    const auto& step = wanted.steps[static_cast<size_t>(i)];
    return owned(Py_BuildValue("(Ossy#)", step.record->spec.get(), name(step.compute),
                               name(step.dtype),
                               reinterpret_cast<const char*>(step.operands.data()),
                               static_cast<Py_ssize_t>(step.operands.size())));
  });
  Object inputs = named(wanted.inputs), numbers = named(wanted.numbers),
         outputs = owned(give_back(wanted.outputs));
  owned(PyObject_CallFunction(imported<"flambeau.compiled.eager", "ask">(), "y#OOOOsO",
                              wanted.key.data(), static_cast<Py_ssize_t>(wanted.key.size()),
                              steps.get(), inputs.get(), numbers.get(), outputs.get(),
                              wanted.modes.c_str(), waiting::patience == 0 ? Py_True : Py_False));
}

void set_kernel(PyObject* key, int64_t address, int64_t calls) {
  char* bytes;
  Py_ssize_t n;
  if (PyBytes_AsStringAndSize(key, &bytes, &n) < 0) throw PythonError();
  waiting::set_kernel({bytes, static_cast<size_t>(n)}, reinterpret_cast<MapKernel>(address),
                      static_cast<int>(calls));
}

Facts counters() {
  const waiting::Counts c = waiting::counts();
  return {{"postponed", c.postponed}, {"runs", c.runs},   {"fused", c.fused},
          {"unseen", c.unseen},       {"alone", c.alone}, {"in_pieces", c.in_pieces}};
}

[[maybe_unused]] const bool told = (waiting::compile = ask_for_kernel) != nullptr;

const NativeEntry entries[] = {
    bind<waiting::set_fusion>("_set_fusion", "least_numel, patience, foresees=False"),
    bind<waiting::fusion_settings>("_fusion_settings", ""),
    bind<waiting::settle_all>("_settle", ""),
    bind<set_kernel>("_set_waiting_kernel", "key, address, calls"),
    bind<counters>("_fusion_counters", ""),
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
