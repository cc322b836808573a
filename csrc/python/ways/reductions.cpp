// Native ways into reductions, and into operators that have a raw function.
#include "autograd/way_node.h"
#include "dispatch/reduce.h"
#include "python/ways/plain.h"

namespace flambeau {

namespace {

// ------------------------------------------------------------------------------------------------
// one run of a reduction

struct ReduceWay : Way {
  Object names;               // of the arguments, in their order
  Object reduction, whole;    // of one dim or several; of all elements, where that is another one
  PyTypeObject* result_type;  // of two results
  std::string results;  // a letter each: s of the input's dtype, i int64, b bool, p of a product
  std::string accepts;  // f floating only, n no bool, u no uint8, d several dims, a all of them,
                        // w sums squares, which may overflow: the operator then takes a wider dtype
  bool has_parameter;
  double parameter;
  WayBackward backward, whole_backward;  // without a callable: recorded calls are not for this way

  PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) override;

 private:
  struct Request {
    PyObject *dim = nullptr, *keepdim = nullptr;
    Dims dims;
  };
  bool parse(PyObject* const* args, Py_ssize_t n, PyObject* keys, Request& request) const;
  bool take_dims(const Tensor& input, Request& request) const;
  bool can(char letter) const { return accepts.find(letter) != std::string::npos; }
};

bool is_two(PyObject* o) {
  int overflow;
  if (PyLong_CheckExact(o)) return PyLong_AsLongAndOverflow(o, &overflow) == 2;
  if (PyFloat_CheckExact(o)) return PyFloat_AS_DOUBLE(o) == 2;
  return PyUnicode_Check(o) && is_text(o, "fro");
}

/// The arguments by name; false if there are others.
bool ReduceWay::parse(PyObject* const* args, Py_ssize_t n, PyObject* keys, Request& request) const {
  Py_ssize_t n_keys = count_of(keys);
  if (n < 1 || n > PyTuple_GET_SIZE(names.get()) || !is_ready(args[0])) return false;
  for (Py_ssize_t i = 1; i < n + n_keys; ++i) {
    PyObject* key = i < n ? PyTuple_GET_ITEM(names.get(), i) : PyTuple_GET_ITEM(keys, i - n);
    auto is = [&](const char* name) { return PyUnicode_CompareWithASCIIString(key, name) == 0; };
    if (is("dim") && !request.dim)
      request.dim = args[i];
    else if (is("keepdim") && !request.keepdim)
      request.keepdim = args[i];
    else if (i >= n || !(is("p") || (is("ord") && !PyUnicode_Check(args[i]))) || !is_two(args[i]))
      return false;
  }
  return !request.keepdim || request.keepdim == Py_True || request.keepdim == Py_False;
}

bool ReduceWay::take_dims(const Tensor& input, Request& request) const {
  auto add = [&](PyObject* o) {
    int d = plain_dim(o, input.ndim);
    for (int i = 0; i < request.dims.n; ++i)
      if (request.dims[i] == d) return false;
    if (d >= 0) request.dims.push(d);
    return d >= 0;
  };
  if (!request.dim || request.dim == Py_None) {
    for (int d = 0; d < input.ndim; ++d) request.dims.push(d);
    return can('a');
  }
  if (!can('d') || !PyTuple_CheckExact(request.dim)) return add(request.dim);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(request.dim); ++i)
    if (!add(PyTuple_GET_ITEM(request.dim, i))) return false;
  return request.dims.n > 0;
}

DType result_dtype(char letter, DType input) {
  switch (letter) {
    case 'i': return DType::int64;
    case 'b': return DType::bool_;
    case 'p': return is_floating(input) ? input : DType::int64;
    default: return input;
  }
}

PyObject* ReduceWay::take(PyObject* const* args, Py_ssize_t n, PyObject* keys) {
  Request request;
  if (!parse(args, n, keys, request)) return nullptr;
  Tensor& input = *as_tensor(args[0]);
  if (input.ndim == 0 || input.ndim > most_reducible_dims || input.numel == 0 ||
      is_complex(input.dtype) || !take_dims(input, request) ||
      (can('f') && !is_floating(input.dtype)) || (can('n') && input.dtype == DType::bool_) ||
      (can('u') && input.dtype == DType::uint8))
    return nullptr;
  auto* chosen = reinterpret_cast<Reduction*>(reduction.get());
  std::string_view letters = results;
  bool over_all = !request.dim || request.dim == Py_None;
  if (over_all && whole) {
    if (request.keepdim) return nullptr;
    chosen = reinterpret_cast<Reduction*>(whole.get());
    letters = "s";
  }
  bool keepdim = request.keepdim == Py_True;
  WayBackward& how = over_all && whole ? whole_backward : backward;
  bool record = records(input) && is_differentiable(result_dtype(letters[0], input.dtype));
  if (record && !how.callable) return nullptr;
  // A position among all elements is one in row-major order.
  if (over_all && chosen->ordered && (!input.contiguous || keepdim)) return nullptr;
  DType dtypes[2];
  TensorRef made[2];
  int count = static_cast<int>(letters.size());
  for (int i = 0; i < count; ++i) dtypes[i] = result_dtype(letters[i], input.dtype);
  reduce_one(*chosen, input, request.dims, keepdim, dtypes, count,
             has_parameter ? &parameter : nullptr, made);
  if (can('w') && !all_finite(*made[0])) return nullptr;
  if (record) {
    Ref<WayNode> node = make_way_node(how, {&input});
    set_history(*made[0], &node->node);
    node->keep(input);
    if (count == 1)
      node->keep_result(*made[0]);
    else
      node->keep(*made[1]);
    Object dims = Object::steal(PyTuple_New(request.dims.n));
    for (int i = 0; i < request.dims.n; ++i)
      PyTuple_SET_ITEM(dims.get(), i, PyLong_FromLongLong(request.dims[i]));
    node->keep(std::move(dims));
    node->keep(Object::borrow(keepdim ? Py_True : Py_False));
  }
  if (count == 1) return made[0].release_py();
  PyObject* pair = result_type->tp_alloc(result_type, 2);
  if (!pair) throw PythonError();
  for (int i = 0; i < 2; ++i) PyTuple_SET_ITEM(pair, i, made[i].release_py());
  return pair;
}

void set_backward(WayBackward& how, PyObject* callable, const char* name, const char* result) {
  if (!callable || callable == Py_None) return;
  how.callable = Object::borrow(callable);
  how.names = {"self", result, "dim", "keepdim"};
  how.type = node_subtype(backward_name(name));
}

/// _reduction_way(operation, names, reduction, results, accepts, whole, result_type, parameter,
/// backward, whole_backward): backward(grad, input, the result or the indices, dims, keepdim).
PyObject* py_reduction_way(const Call& call) {
  Args a(call);
  check<TypeError>(PyTuple_Check(a[1]) && Py_TYPE(a[2]) == reduction_type, [] {
    return message("_reduction_way(): expected a tuple of names and a Reduction.");
  });
  auto way = std::make_unique<ReduceWay>();
  way->names = Object::borrow(a[1]);
  way->reduction = Object::borrow(a[2]);
  way->results = text_of(a[3]);
  way->accepts = text_of(a[4]);
  if (a.given(5)) way->whole = Object::borrow(a[5]);
  way->result_type = a.given(6) ? reinterpret_cast<PyTypeObject*>(Py_NewRef(a[6])) : nullptr;
  way->has_parameter = a.given(7);
  way->parameter = way->has_parameter ? PyFloat_AsDouble(a[7]) : 0;
  if (PyErr_Occurred()) throw PythonError();
  const char* name = name_of(as_operator(a[0]));
  set_backward(way->backward, a[8], name, way->results.size() > 1 ? "indices" : "result");
  set_backward(way->whole_backward, a[9], name, "result");
  add_way(a[0], way.release());
  Py_RETURN_NONE;
}

// ------------------------------------------------------------------------------------------------
// a native function of a tensor, with indices and ints

struct RawWay : Way {
  Object raw;
  Py_ssize_t least, count;
  bool tuples;  // are arguments, too
  WayBackward backward;

  PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) override {
    if (n < least || n > count || keys || !is_ready(args[0])) return nullptr;
    for (Py_ssize_t i = 1; i < n; ++i)
      if (!is_plain(args[i]) && !PyLong_CheckExact(args[i]) && !(tuples && is_plain_tuple(args[i])))
        return nullptr;
    PyObject* made = PyObject_Vectorcall(raw.get(), args, static_cast<size_t>(n), nullptr);
    Tensor& input = *as_tensor(args[0]);
    if (!made || (made != Py_NotImplemented && !records(input))) return made;
    Object result = Object::steal(made);
    if (made == Py_NotImplemented) return nullptr;
    Ref<WayNode> node = make_way_node(backward, {&input});
    node->keep(Object::steal(make_size(input.sizes, input.ndim)));
    for (Py_ssize_t i = 1; i < n; ++i) {
      if (is_tensor(args[i])) {
        node->keep(*as_tensor(args[i]));
      } else if (i == n - 1 && is_tuple_of_tensors(args[i])) {
        for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(args[i]); ++k) {
          PyObject* item = PyTuple_GET_ITEM(args[i], k);
          if (is_tensor(item))
            node->keep(*as_tensor(item));
          else
            node->keep(Object::borrow(Py_None));
        }
      } else {
        node->keep(Object::borrow(args[i]));
      }
    }
    set_history(*as_tensor(made), &node->node);
    return result.release();
  }

 private:
  /// A tuple of ints, or of tensors and whole dims as many as a node keeps one by one.
  bool is_plain_tuple(PyObject* o) const {
    if (!PyTuple_CheckExact(o)) return false;
    const Py_ssize_t size = PyTuple_GET_SIZE(o);
    if (is_tuple_of_tensors(o)) {
      for (Py_ssize_t i = 0; i < size; ++i)
        if (!is_plain(PyTuple_GET_ITEM(o, i)) && !is_whole_slice(PyTuple_GET_ITEM(o, i)))
          return false;
      return count + size <= most_kept;
    }
    for (Py_ssize_t i = 0; i < size; ++i)
      if (!PyLong_CheckExact(PyTuple_GET_ITEM(o, i))) return false;
    return true;
  }
  static bool is_tuple_of_tensors(PyObject* o) {
    if (!PyTuple_CheckExact(o)) return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i)
      if (is_tensor(PyTuple_GET_ITEM(o, i))) return true;
    return false;
  }
};

/// An operator whose result is (values, indices) and whose arguments are ints and truth values; it
/// takes calls that record nothing.
struct PairWay : Way {
  Operator* self;
  Object raw;
  PyTypeObject* result_type;
  std::string kinds;  // of raw's arguments behind the tensor: i an int, f True or False

  PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) override {
    PyObject *bound[most_kept + 2], *given[most_kept + 1];
    if (n < 1 || !is_plain(args[0]) || as_tensor(args[0])->dtype == DType::bool_ ||
        n + (keys ? PyTuple_GET_SIZE(keys) : 0) > self->parameters->count())
      return nullptr;
    for (Py_ssize_t k = 0; keys && k < PyTuple_GET_SIZE(keys); ++k)
      if (self->parameters->place(PyTuple_GET_ITEM(keys, k)) < 0) return nullptr;
    self->parameters->bind(reinterpret_cast<PyObject*>(self), args, n, keys, bound);
    given[0] = bound[0];
    const Py_ssize_t count = static_cast<Py_ssize_t>(kinds.size());
    for (Py_ssize_t i = 1; i < self->parameters->count(); ++i) {
      const bool truth = i > count || kinds[static_cast<size_t>(i - 1)] == 'f';
      if (truth ? bound[i] != Py_True && bound[i] != Py_False : !PyLong_CheckExact(bound[i]))
        return nullptr;
      if (i <= count) given[i] = bound[i];  // what else there is changes nothing
    }
    Object pair = Object::steal(
        PyObject_Vectorcall(raw.get(), given, static_cast<size_t>(1 + count), nullptr));
    if (!pair) return nullptr;
    PyObject* named = result_type->tp_alloc(result_type, 2);
    if (!named) throw PythonError();
    for (int i = 0; i < 2; ++i)
      PyTuple_SET_ITEM(named, i, Py_NewRef(PyTuple_GET_ITEM(pair.get(), i)));
    return named;
  }
};

/// _pair_way(operation, raw, kinds, result_type)
PyObject* py_pair_way(const Call& call) {
  Args a(call);
  auto way = std::make_unique<PairWay>();
  way->self = &as_operator(a[0]);
  way->raw = Object::borrow(a[1]);
  way->kinds = text_of(a[2]);
  way->result_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(a[3]));
  check<ValueError>(way->self->parameters->count() <= most_kept + 2 &&
                        static_cast<Py_ssize_t>(way->kinds.size()) <= most_kept,
                    [] { return message("_pair_way(): too many arguments."); });
  way->mixing = Mixing::all;  // raw asks itself
  add_way(a[0], way.release());
  Py_RETURN_NONE;
}

/// embedding(indices, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse) without
/// max_norm and scale_grad_by_freq.
struct EmbeddingWay : Way {
  Object raw;
  WayBackward backward, sparse_backward;

  PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) override {
    if (n < 2 || n > 7 || keys || !is_plain(args[0]) || !is_ready(args[1])) return nullptr;
    PyObject* padding = n > 2 ? args[2] : Py_None;
    Tensor& weight = *as_tensor(args[1]);
    if (weight.ndim != 2 || (n > 3 && args[3] != Py_None) || (n > 5 && args[5] != Py_False))
      return nullptr;
    if (padding != Py_None) {
      int overflow = 0;
      if (!PyLong_CheckExact(padding)) return nullptr;
      int64_t row = PyLong_AsLongLongAndOverflow(padding, &overflow);
      if (overflow || row < 0 || row >= weight.sizes[0]) return nullptr;
    }
    PyObject* swapped[] = {args[1], args[0]};
    Object result = Object::steal(PyObject_Vectorcall(raw.get(), swapped, 2, nullptr));
    if (!result || !records(weight)) return result.release();
    if (n > 6 && args[6] != Py_False && args[6] != Py_True) return nullptr;
    WayBackward& how = n > 6 && args[6] == Py_True ? sparse_backward : backward;
    Ref<WayNode> node = make_way_node(how, {&weight});
    node->keep(Object::steal(make_size(weight.sizes, weight.ndim)));
    node->keep(*as_tensor(args[0]));
    node->keep(padding == Py_None ? Object::steal(PyLong_FromLong(-1)) : Object::borrow(padding));
    set_history(*as_tensor(result.get()), &node->node);
    return result.release();
  }
};

/// _embedding_way(operation, raw, backward, sparse_backward)
PyObject* py_embedding_way(const Call& call) {
  Args a(call);
  auto way = std::make_unique<EmbeddingWay>();
  way->raw = Object::borrow(a[1]);
  for (auto [how, i] : {std::pair{&way->backward, 2}, {&way->sparse_backward, 3}}) {
    how->callable = Object::borrow(a[i]);
    how->names = {"shape", "indices", "padding_idx"};
    how->type = node_subtype(backward_name("embedding"));
  }
  add_way(a[0], way.release());
  Py_RETURN_NONE;
}

/// _raw_way(operation, raw, count, backward, least=count): calls of `least` to `count` arguments,
/// all of them tensors, ints or (with least) tuples of those, of which only the first may require
/// grad, go to raw. backward(grad, the sizes of the first argument, *the others) gives its
/// gradient.
PyObject* py_raw_way(const Call& call) {
  Args a(call);
  auto way = std::make_unique<RawWay>();
  way->raw = Object::borrow(a[1]);
  way->count = a.integer(2);
  way->tuples = a.given(4);
  way->least = way->tuples ? a.integer(4) : way->count;
  check<ValueError>(way->count <= most_kept,
                    [] { return message("_raw_way(): too many arguments."); });
  way->mixing = Mixing::all;  // raw asks itself
  Operator& self = as_operator(a[0]);
  way->backward.callable = Object::borrow(a[3]);
  way->backward.names = {"shape"};
  PyObject* names = self.parameters->names();
  // The last name stands for all that come one by one.
  for (Py_ssize_t i = 1; i < (way->tuples ? most_kept : way->count); ++i)
    way->backward.names.push_back(
        text_of(PyTuple_GET_ITEM(names, std::min(i, PyTuple_GET_SIZE(names) - 1))));
  way->backward.type = node_subtype(backward_name(name_of(self)));
  add_way(a[0], way.release());
  Py_RETURN_NONE;
}

const NativeEntry entries[] = {
    {"_embedding_way", "operation, raw, backward, sparse_backward", py_embedding_way,
     "A native way into embedding."},
    {"_pair_way", "operation, raw, kinds, result_type", py_pair_way,
     "A native way into an operator of values and their places."},
    {"_raw_way", "operation, raw, count, backward, least=None", py_raw_way,
     "A native way into an operator that has a raw function."},
    {"_reduction_way",
     "operation, names, reduction, results, accepts, whole, "
     "result_type, parameter, backward=None, whole_backward=None",
     py_reduction_way, "A native way into a reduction."},
    {}};

const Functions functions(entries);

}  // namespace

}  // namespace flambeau
