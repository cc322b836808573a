// Fused eager mode: its settings, and the way from a group of operators that wait to the Python
// that makes a kernel of it. Needs the GIL.
#define PY_SSIZE_T_CLEAN  // for lengths of bytes in calls
#include "dispatch/waiting.h"

#include <cstdlib>
#include <cstring>

#include "python/bind.h"
#include "tensor/objects.h"

namespace flambeau {

namespace {

/// What flambeau/compiled/eager.py is given: (key, steps, inputs, numbers, outputs, modes, now).
void ask_for_kernel(const waiting::Wanted& wanted) {
  auto listed = [](const auto& values, auto&& item) {
    return list_of(static_cast<Py_ssize_t>(values.size()),
                   [&](Py_ssize_t i) { return item(values[static_cast<size_t>(i)]); });
  };
  auto named = [](DType d) { return owned(PyUnicode_FromString(name(d))); };
  Object steps = listed(wanted.steps, [](const auto& step) {
    return owned(Py_BuildValue("(Ossy#)", step.record->spec.get(), name(step.compute),
                               name(step.dtype),
                               reinterpret_cast<const char*>(step.operands.data()),
                               static_cast<Py_ssize_t>(step.operands.size())));
  });
  Object inputs = listed(wanted.inputs, named), numbers = listed(wanted.numbers, named);
  Object outputs = listed(wanted.outputs, [](int k) { return owned(PyLong_FromLong(k)); });
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

PyObject* counters() {
  waiting::Counts c = waiting::counts();
  return Py_BuildValue("{s:L,s:L,s:L,s:L,s:L,s:L}", "postponed", c.postponed, "runs", c.runs,
                       "fused", c.fused, "unseen", c.unseen, "alone", c.alone, "in_pieces",
                       c.in_pieces);
}

PyObject* fusion_settings() {
  return Py_BuildValue("(LLN)", waiting::least_numel == INT64_MAX ? 0 : waiting::least_numel,
                       static_cast<long long>(waiting::patience),
                       PyBool_FromLong(waiting::foresees));
}

/// 0: nothing waits.
void set_fusion(int64_t least_numel, int64_t patience, bool foresees) {
  waiting::settle_all();
  waiting::foresees = foresees;
  waiting::least_numel = least_numel <= 0 ? INT64_MAX : least_numel;
  waiting::patience = static_cast<int>(patience);
}

constexpr int64_t usual_least_numel = 16384;

/// FLAMBEAU_FUSION: 1, as without it; 0; or 1:FROM:RUNS for tests.
[[maybe_unused]] const bool set_up = [] {
  waiting::compile = ask_for_kernel;
  const char* asked = std::getenv("FLAMBEAU_FUSION");
  if (asked && std::strcmp(asked, "0") == 0) return false;
  waiting::least_numel = usual_least_numel;
  if (const char* from = asked ? std::strchr(asked, ':') : nullptr) {
    waiting::foresees = false;
    waiting::least_numel = std::max<int64_t>(1, std::atoll(from + 1));
    if (const char* runs = std::strchr(from + 1, ':')) waiting::patience = std::atoi(runs + 1);
  }
  return true;
}();

const NativeEntry entries[] = {
    bind<set_fusion>(
        "_set_fusion", "least_numel, patience, foresees=False",
        "From how many elements on pointwise operators wait, how often a group of "
        "them is run singly, whether those that nothing joins are computed at once; 0: "
        "nothing waits."),
    bind<fusion_settings>("_fusion_settings", "", "What _set_fusion was given last."),
    bind<[] { waiting::settle_all(); }>("_settle", "", "Runs all operators that wait."),
    bind<set_kernel>("_set_waiting_kernel", "key, address, calls",
                     "The kernel of a group, 0: none; how many maths functions it computes."),
    bind<counters>("_fusion_counters", "", "What has been postponed, run and fused."),
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
