// Pointwise operators: declared in Python, called natively.
// A record holds what one declaration says; kernels are compiled by Python at their first use and
// found here afterwards. Needs the GIL; records live as long as the process.
#pragma once
#include <optional>
#include <vector>

#include "autograd/node.h"
#include "dispatch/iterate.h"
#include "dispatch/operator.h"
#include "tensor/called.h"

namespace flambeau {

inline constexpr int max_args = 8;  // of a call; more inputs run by run_map only

struct Pointwise {
  /// Which dtype an operator computes in and returns, beyond promotion.
  /// inexact, smooth: integers are refused, as a division or altogether; counted: bool is computed
  /// in int64.
  enum class Compute : uint8_t { promoted, floating, inexact, smooth, counted };
  enum class Result : uint8_t { same, boolean, real, int64, complex };
  /// Whether the result is contiguous however the inputs lie.
  enum class RowMajor : uint8_t { never, always, of_number };

  struct Derivative {
    enum class State : uint8_t { unknown, zero, identity, kernel, chain } state = State::unknown;
    Pointwise* record = nullptr;
    Object chain;           // a Python callable, where one record would have too many arguments
    std::vector<int> uses;  // argument numbers, -1: the result
    bool scales = false;    // the gradient times the number that it uses
  };
  struct Kernel {
    uint64_t key, more;  // dtype and mode of each operand, a byte
    MapKernel function;
    DType compute;
  };

  std::string name, inplace_name;
  int n_inputs = 0;  // tensors or numbers
  int n_args = 0;    // inputs and scalar parameters
  std::vector<Object> arg_names, defaults;
  uint32_t keep = 0;     // inputs that stay out of promotion (a condition)
  uint32_t tensors = 0;  // inputs for which a number is refused
  Compute compute = Compute::promoted;
  Result result = Result::same;
  bool differentiable = true;
  bool uses_index = false;
  int unit = -1;          // the first scalar parameter that is 1 if not given
  int divisor = -1;       // the input by which integers are divided, which has no zeros then
  bool casts_out = true;  // out= may have another dtype than the result
  bool numbers = false;   // whether all inputs may be numbers
  RowMajor row_major = RowMajor::never;
  bool cuts_flat = false;  // no history towards inputs whose derivative is zero everywhere
  Object spec;             // Python: compile(...), derivative(i)
  std::vector<Kernel> kernels;
  size_t last_kernel = 0;
  Derivative derivatives[max_args];
  PyTypeObject* node_type = nullptr;
};

/// A tensor or a Python number (one of the two).
struct Arg {
  Tensor* tensor = nullptr;
  PyObject* number = nullptr;
};

/// Whether a Python number is an int or float of value 1.
inline bool is_one(PyObject* number) {
  if (PyFloat_CheckExact(number)) return PyFloat_AS_DOUBLE(number) == 1;
  int overflow = 0;
  return PyLong_CheckExact(number) && PyLong_AsLongAndOverflow(number, &overflow) == 1;
}

/// The number in a tensor that stands for a scalar parameter: nothing broadcasts there. On the meta
/// device there is none, and the tensor stays.
void take_number(const Pointwise& record, int i, Arg& arg, std::vector<Object>& numbers);
/// Raises for a factor `alpha` with a fraction, which would be cut to an int where all tensors are
/// whole numbers, and for True of two operands that are numbers.
void check_factors(const Pointwise& record, const Arg* args);
/// record(args...); out: null, or the tensor to fill (resized if need be); spare: null, or an
/// operand that nobody reads any more, whose memory the result may have.
TensorRef apply(Pointwise& record, const Arg* args, Tensor* out = nullptr, Tensor* spare = nullptr);
/// args[0] = record(args...).
void apply_inplace(Pointwise& record, const Arg* args, const char* operator_name);
/// Raises where outputs differ in shape or hold an element twice, or an input does not broadcast to
/// them: what run_map takes for granted.
void check_map(const Pointwise& record, Tensor* const* outputs, int n_outputs, const Arg* inputs,
               int n_inputs);
/// Raw and without history: outputs and inputs of one broadcast shape, dtypes as they are.
void run_map(Pointwise& record, Tensor* const* outputs, int n_outputs, const Arg* inputs,
             int n_inputs, DType compute);
/// run_map for `count` tuples laid one after another, whose numbers are the same; checks shapes.
void run_map_lists(Pointwise& record, Tensor* const* outputs, int n_outputs, const Arg* inputs,
                   int n_inputs, int64_t count);

/// The same of as many as there are, with checks; computes in the dtype of the first output where
/// none is given. Counts as a write.
void map_into(Called op, Pointwise& record, const std::vector<TensorRef>& outputs,
              const std::vector<Arg>& inputs, std::optional<DType> compute);
/// An operand of maps side by side: one for each of them, in a list, or what all share.
struct Column {
  std::vector<Arg> items;
  bool is_list;
};
/// The same of lists of one length; outputs are tensors.
void map_lists(Called op, Pointwise& record, const std::vector<Column>& outputs,
               const std::vector<Column>& inputs);
/// Whether out can be filled at once: no history, no vmap, nobody who watches, and on the CPU.
bool fills_at_once(Tensor& out);
/// Fills such a tensor with the map of inputs, as the operator `name`, which writes in place.
void fill_by_map(Called op, Pointwise& record, Tensor& out, const std::vector<Arg>& inputs,
                 std::optional<DType> compute, const char* name);

void check_castable(DType from, DType to, const char* operator_name);

inline constexpr std::tuple map_functions{
    declare<map_into>("_map", "pointwise, outputs, inputs, dtype=None"),
    declare<map_lists>("_map_lists", "pointwise, outputs, inputs"),
    declare<fills_at_once>("_fills_at_once", "out"),
    declare<fill_by_map>("_fill_by_map", "pointwise, out, inputs, compute, name")};

}  // namespace flambeau
