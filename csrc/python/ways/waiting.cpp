// The way from a group of operators that wait (fused eager mode) to the Python that makes a kernel
// of it. Needs the GIL.
#include "dispatch/waiting.h"

#include "python/bind.h"

namespace flambeau {

static void ask_for_kernel(const waiting::Wanted& wanted) {
  owned(PyObject_CallObject(imported<"flambeau.compiled.eager", "ask">(),
                            owned(give_back(wanted)).get()));
}

[[maybe_unused]] static const bool told = (waiting::compile = ask_for_kernel) != nullptr;

static const Functions functions(entries_of<waiting::functions>.data());

}  // namespace flambeau
