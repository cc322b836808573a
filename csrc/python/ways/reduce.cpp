// Reductions that Python declares, as objects of the core.
#include "dispatch/reduce.h"

#include "dispatch/join.h"
#include "dispatch/out.h"
#include "python/attributes.h"

namespace flambeau {

PyTypeObject* reduction_type = nullptr;

namespace {

Object new_reduction(PyObject* spec, bool ordered) {
  if (!reduction_type)
    reduction_type =
        new_type("flambeau._core.Reduction", sizeof(Reduction), Py_TPFLAGS_DISALLOW_INSTANTIATION,
                 {slot(Py_tp_dealloc, destroy_object<Reduction>)});
  Object made = owned(reduction_type->tp_alloc(reduction_type, 0));
  auto& self = as<Reduction>(made.get());
  self.spec = Py_NewRef(spec);
  self.ordered = ordered;
  self.kernels = new std::vector<Reduction::Kernel>;
  self.states = new std::vector<Reduction::States>;
  return made;
}

const NativeEntry entries[] = {fact(bind<new_reduction>("Reduction", "spec, ordered=False")), {}};
const Functions functions(entries),
    typed(entries_of<reduction_functions, join_functions, out_functions>.data());

}  // namespace

}  // namespace flambeau
