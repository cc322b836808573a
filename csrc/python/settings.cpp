// Promotion of dtypes, the default dtype, threads and memory, and the names the core knows.
#include "dispatch/bound.h"
#include "dispatch/promotion.h"
#include "kernels/attention/attention.h"
#include "kernels/elements/dropout.h"
#include "python/bind.h"
#include "runtime/program.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

/// The dtype of any number of tensors and numbers.
DType result_type(Rest operands) {
  Promotion p;
  for (Py_ssize_t i = 0; i < operands.n; ++i) {
    PyObject* o = operands.items[i];
    if (is_tensor(o))
      p.tensor(*as_tensor(o));
    else
      check<TypeError>(p.number(o), [&] {
        return message("result_type: takes Tensors and numbers, not ", Py_TYPE(o)->tp_name, ".");
      });
  }
  return p.result();
}

int64_t dropout_kernel() { return reinterpret_cast<int64_t>(dropout_kernels().run); }

const NativeEntry entries[] = {
    fact(function(bind<result_type>("result_type", "*tensors -> dtype",
                                    "The dtype an operator of these operands computes in."))),
    bind<bind_operator>("_bind", "name, callable", "Names an operator for the core."),
    bind<to_dim>("_wrap_dim", "dim, ndim, operator",
                 "dim counted from the front: negative ones count from behind."),
    bind<to_wrapped_dims>(
        "_wrap_dims", "dims, ndim, operator",
        "A list of distinct dims from None (all of them), an int, or a sequence of ints."),
    bind<[](PyObject* dims, int ndim, const char* op) {
      return to_reduced_dims(dims, op).of(ndim, op);
    }>("_reduced_dims", "dims, ndim, operator", "The same of a reduction, where () is all."),
    bind<check_room>("_check_room", "nbytes"),
    bind<dropout_kernel>("_dropout_kernel", " -> int",
                         "The address of this machine's kernel of dropout."),
    fact(bind<attends_bfloat16>("_attends_bfloat16", " -> bool",
                                "Whether attention of bfloat16 has loops of its own here.")),
    fact(function(
        bind<request_threads>("set_num_threads", "n -> None", "Sets the number of threads."))),
    fact(function(bind<get_num_threads>("get_num_threads", " -> int", "The number of threads."))),
    bind<warn>("_warn", "message, category=None",
               "Warns at the program's line: the first frame outside of the package."),
    bind<warn_once>("_warn_once", "occasion, message",
                    "_warn, but for the first time of an occasion alone; see set_warn_always()."),
    bind<set_warn_always>("_set_warn_always", "on"),
    bind<is_warn_always_enabled>("_is_warn_always_enabled", " -> bool"),
    fact(function(
        bind<memory_facts>("memory_stats", " -> dict", "Counters of the allocator, in bytes."))),
    fact(function(
        bind<reset_peak_memory>("reset_peak_memory_stats", " -> None", "Starts the peak anew."))),
    {}};

const Functions functions(entries), declared(entries_of<dtype_functions>.data());

}  // namespace

}  // namespace flambeau
