// What users set on a tensor: whether it requires grad, its gradient, its data, hooks; and taking
// it out of its graph. Each raises where it cannot be. Needs the GIL.
#pragma once
#include "autograd/meta.h"
#include "tensor/declared.h"

namespace flambeau {

void set_requires_grad(Tensor& t, bool wanted);
inline Tensor& requires_grad_(Tensor& t, Flag wanted) { return set_requires_grad(t, wanted), t; }
/// t.requires_grad = wanted, which is of leaves alone.
void assign_requires_grad(Tensor& t, bool wanted);
/// Null where there is none; of a result whose gradient is not kept with a warning.
TensorRef kept_grad(Tensor& t);
bool keeps_grad(const Tensor& t);  // of a result
/// The tensor that t is a view of, or null.
TensorRef base_of(const Tensor& t);
/// `grad` may be null.
void assign_grad(Tensor& t, Tensor* grad);
/// The same memory without history and without version checks.
TensorRef data_of(Tensor& t);
/// t gets from's memory, dtype and layout, and keeps its history.
void assign_data(Tensor& t, Tensor& from);
/// Counts writes in place.
int64_t counted_writes(const Tensor& t);
/// In place; a view can't.
Tensor& detach_(Tensor& t);
/// retain_grad() of a tensor that requires grad.
void keep_grad(Tensor& t);
/// A handle that takes the hook away again.
Object add_tensor_hook(Tensor& t, PyObject* hook);
Object add_post_accumulate_hook(Tensor& t, PyObject* hook);
/// Adds a hook to a table of them, a dict, made if need be.
Object add_hook(Object& table, PyObject* hook);
/// Exchanges the table of a tensor's hooks, or drops it where `hooks` is null.
void set_tensor_hooks(Tensor& t, PyObject* hooks);

inline constexpr std::tuple assign_functions{
    fact(method(declare<requires_grad_>("requires_grad_", "input, requires_grad=True",
                                        "Sets requires_grad in place."))),
    fact(method(declare<keep_grad>("retain_grad", "input -> None",
                                   "Keep the gradient of a non-leaf in its grad."))),
    fact(method(declare<add_tensor_hook>("register_hook", "input, hook -> object",
                                         "Call hook(grad) whenever the gradient is computed."))),
    fact(method(declare<add_post_accumulate_hook>(
        "register_post_accumulate_grad_hook", "input, hook -> object",
        "Call hook(tensor) after its gradient was accumulated."))),
    method(declare<detach_>("detach_", "input", "Takes a tensor out of the graph in place."))};

}  // namespace flambeau
