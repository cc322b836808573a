// A C++ function as a function of the core: the types of its parameters say how the arguments of a
// call are read, the type of its result how that is given back. Needs the GIL.
//
//   bind<unfold>("unfold", "input, dimension, size, step", "A view of all windows ...")
//   bind<raw::gather>("gather", "input, dim, index")
//
// Where a function is overloaded, or one argument needs more than its type tells, a lambda does.
#pragma once
#include <array>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "autograd/meta.h"
#include "dispatch/reduce.h"
#include "python/args.h"
#include "tensor/called.h"

namespace flambeau {

/// Reads arguments one after the other.
struct Reader {
  const Args& args;
  int at = 0;
  PyObject* next() { return args[at++]; }
  bool given() const { return args[at] != Py_None; }
  const char* op() const { return args.function(); }
  /// Of what next() has given.
  const char* name() const { return args.name(at - 1); }
  /// The next as an object of one of the core's types, which `what` names with its article.
  template <class T>
  T& object(PyTypeObject* type, const char* what) {
    PyObject* o = next();
    check<TypeError>(PyObject_TypeCheck(o, type), [&] {
      return message(op(), ": takes ", what, ", not ", Py_TYPE(o)->tp_name, ".");
    });
    return *reinterpret_cast<T*>(o);
  }
};

/// read_as(As<T>(), reader) is an argument as a T; a type that is several arguments has an Argument
/// of its own.
template <class T>
struct As {};
/// An address, or what a driver names things by.
inline void* read_as(As<void*>, Reader& r) {
  void* value = PyLong_AsVoidPtr(r.next());
  if (!value && PyErr_Occurred()) throw PythonError();
  return value;
}
template <class T>
struct Argument {
  static T read(Reader& r) {
    if constexpr (requires { read_as(As<T>(), r); })
      return read_as(As<T>(), r);
    else if constexpr (std::is_pointer_v<T> && std::is_function_v<std::remove_pointer_t<T>>)
      return reinterpret_cast<T>(read_as(As<void*>(), r));  // the address of a compiled kernel
    else                                                    // int, unsigned, an enum
      return static_cast<T>(to_integer(r.next(), r.op()));
  }
};
inline Tensor& read_as(As<Tensor&>, Reader& r) {
  PyObject* o = r.next();
  check<TypeError>(is_tensor(o), [&] {
    return message(r.op(), ": ", r.name(), " must be a Tensor, not ", Py_TYPE(o)->tp_name, ".");
  });
  return *as_tensor(o);
}
/// None is null.
inline Tensor* read_as(As<Tensor*>, Reader& r) {
  return r.given() ? &read_as(As<Tensor&>(), r) : (++r.at, nullptr);
}
inline Operator& read_as(As<Operator&>, Reader& r) {
  return r.object<Operator>(operator_type, "an operator");
}
inline Reduction& read_as(As<Reduction&>, Reader& r) {
  return r.object<Reduction>(reduction_type, "a Reduction");
}
inline Reduction* read_as(As<Reduction*>, Reader& r) {
  return r.given() ? &read_as(As<Reduction&>(), r) : (++r.at, nullptr);
}
inline int64_t read_as(As<int64_t>, Reader& r) { return to_integer(r.next(), r.op()); }
inline bool read_as(As<bool>, Reader& r) { return truth_of(r.next()); }
inline double read_as(As<double>, Reader& r) { return real_of(r.next()); }
/// The low 64 bits of an int.
inline uint64_t read_as(As<uint64_t>, Reader& r) { return low_bits_of(r.next()); }
/// A class that derives from Tensor.
inline PyTypeObject* read_as(As<PyTypeObject*>, Reader& r) {
  PyObject* o = r.next();
  auto* type = reinterpret_cast<PyTypeObject*>(o);
  check<TypeError>(PyType_Check(o) && PyType_IsSubtype(type, tensor_type),
                   [&] { return message(r.op(), ": cls must derive from Tensor."); });
  return type;
}
inline Dims read_as(As<Dims>, Reader& r) { return to_dims(r.next(), r.op()); }
inline Rest read_as(As<Rest>, Reader& r) { return r.args.rest(r.at++); }
inline SequenceDims read_as(As<SequenceDims>, Reader& r) {
  PyObject* o = r.next();
  check<TypeError>(!PyIndex_Check(o) || is_tensor(o), [&] {
    return message(r.op(), ": ", r.name(), " takes a sequence of ints, not one ",
                   Py_TYPE(o)->tp_name, ".");
  });
  return {to_dims(o, r.op())};
}
inline RestDims read_as(As<RestDims>, Reader& r) {
  const Rest rest = r.args.rest(r.at);
  if (rest.by_name) return {read_as(As<SequenceDims>(), r)};
  return ++r.at, RestDims{to_dims(rest, r.op()), rest.n > 0};
}
inline auto read_as(As<ReducedDims>, Reader& r) { return to_reduced_dims(r.next(), r.op()); }
inline auto read_as(As<std::vector<int64_t>>, Reader& r) { return to_integers(r.next(), r.op()); }
inline DType read_as(As<DType>, Reader& r) { return to_dtype_value(r.next(), r.op()); }
inline Device read_as(As<Device>, Reader& r) { return to_device_value(r.next(), r.op()); }
/// The items of a sequence, each as `value` makes it.
template <class T, class Value>
std::vector<T> items_of(PyObject* sequence, Value&& value) {
  std::vector<T> items;
  each_item(sequence, [&](PyObject* o) { items.push_back(value(o)); });
  return items;
}
inline std::vector<DType> read_as(As<std::vector<DType>>, Reader& r) {
  return items_of<DType>(r.next(), [&](PyObject* o) { return to_dtype_value(o, r.op()); });
}
inline std::vector<double> read_as(As<std::vector<double>>, Reader& r) {
  return items_of<double>(r.next(), real_of);
}
/// `unsaid` for None.
inline Format read_as(As<Format>, Reader& r) { return to_format(r.next(), r.op()); }
inline Flag read_as(As<Flag>, Reader& r) {
  PyObject* o = r.next();
  if (o == Py_False || o == Py_True) return {o == Py_True};
  check<TypeError>(is_bool(o), [&] {
    return message(r.op(), ": ", r.name(), " takes True or False, but got a ", Py_TYPE(o)->tp_name,
                   ".");
  });
  return {truth_of(o)};
}
inline const char* read_as(As<const char*>, Reader& r) { return text_of(r.next()); }
inline std::string_view read_as(As<std::string_view>, Reader& r) { return text_of(r.next()); }
inline std::string read_as(As<std::string>, Reader& r) { return text_of(r.next()); }
inline Bytes read_as(As<Bytes>, Reader& r) {
  char* bytes;
  Py_ssize_t n;
  if (PyBytes_AsStringAndSize(r.next(), &bytes, &n) < 0) throw PythonError();
  return {bytes, static_cast<size_t>(n)};
}
inline PyObject* read_as(As<PyObject*>, Reader& r) { return r.next(); }
inline auto read_as(As<std::vector<TensorRef>>, Reader& r) { return to_tensors(r.next(), r.op()); }
/// A list or tuple of tensors and None, which is null.
inline auto read_as(As<std::vector<Tensor*>>, Reader& r) {
  return tensors_or_none(r.next(), r.op());
}
/// No argument: what messages call the operator.
inline Called read_as(As<Called>, Reader& r) { return {r.op()}; }
template <class T>
struct Argument<std::optional<T>> {
  static std::optional<T> read(Reader& r) {
    if (r.given()) return Argument<T>::read(r);
    ++r.at;
    return std::nullopt;
  }
};

/// A struct whose members are arguments of their own says which they are:
///   using Arguments = std::tuple<Dims, Dims, int64_t>;
template <class T>
  requires requires { typename T::Arguments; }
struct Argument<T> {
  static constexpr int count = std::tuple_size_v<typename T::Arguments>;
  static T read(Reader& r) {
    return [&]<class... Fields>(std::tuple<Fields...>*) {
      return T{Argument<Fields>::read(r)...};
    }(static_cast<typename T::Arguments*>(nullptr));
  }
};
template <class T>
consteval int arguments_of() {
  if constexpr (std::is_same_v<T, Called>)
    return 0;
  else if constexpr (requires { Argument<T>::count; })
    return Argument<T>::count;
  else
    return 1;
}

/// A new reference, which is null where an error is set.
inline PyObject* give_back(PyObject* o) { return o; }
inline PyObject* give_back(Object o) { return o.release(); }
inline PyObject* give_back(TensorRef t) {
  return t ? as_result(std::move(t)).release_py() : Py_NewRef(Py_None);
}
inline PyObject* give_back(Tensor& t) { return Py_NewRef(t.py()); }
inline PyObject* give_back(Tensor* t) { return Py_NewRef(t ? t->py() : Py_None); }
inline PyObject* give_back(PyTypeObject* type) {
  return Py_NewRef(reinterpret_cast<PyObject*>(type));
}
inline PyObject* give_back(bool value) { return PyBool_FromLong(value); }
inline PyObject* give_back(int64_t value) { return PyLong_FromLongLong(value); }
inline PyObject* give_back(int value) { return PyLong_FromLong(value); }
inline PyObject* give_back(uint64_t value) { return PyLong_FromUnsignedLongLong(value); }
inline PyObject* give_back(void* address) { return PyLong_FromVoidPtr(address); }
inline PyObject* give_back(const std::string& text) { return PyUnicode_FromString(text.c_str()); }
inline PyObject* give_back(const char* text) { return PyUnicode_FromString(text); }
inline PyObject* give_back(Node* node) { return Py_NewRef(node ? node->py() : Py_None); }
inline PyObject* give_back(DType dtype) { return Py_NewRef(dtype_object(dtype)); }
inline PyObject* give_back(Device device) { return Py_NewRef(device_object(device)); }
inline PyObject* give_back(double value) { return PyFloat_FromDouble(value); }
inline PyObject* give_back(const std::vector<TensorRef>& tensors) { return tensor_tuple(tensors); }
/// Facts by their names, as a dict.
template <class Integer>
PyObject* give_back(const std::vector<std::pair<const char*, Integer>>& facts) {
  Object dict = owned(PyDict_New());
  for (auto [name, value] : facts)
    if (PyDict_SetItemString(dict.get(), name, owned(PyLong_FromLongLong(value)).get()) < 0)
      throw PythonError();
  return dict.release();
}
inline PyObject* give_back(const Bytes& bytes) {
  return PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size()));
}
// Of each other's kinds.
template <class T>
PyObject* give_back(const std::vector<T>& values);
template <class T>
PyObject* give_back(std::optional<T> value);
template <class A, class B>
PyObject* give_back(std::pair<A, B> values);
template <class... T>
PyObject* give_back(std::tuple<T...> values) {
  Object tuple = owned(PyTuple_New(sizeof...(T)));
  Py_ssize_t i = 0;
  auto put = [&](PyObject* o) { PyTuple_SET_ITEM(tuple.get(), i++, owned(o).release()); };
  std::apply([&](auto&... value) { (put(give_back(std::move(value))), ...); }, values);
  return tuple.release();
}
template <class A, class B>
PyObject* give_back(std::pair<A, B> values) {
  return give_back(std::tuple<A, B>(std::move(values)));
}
/// A struct that says what its fields are, as a tuple.
template <class T>
PyObject* give_back(const T& facts)
  requires requires { facts.fields(); }
{
  return give_back(facts.fields());
}
/// A list.
template <class T>
PyObject* give_back(const std::vector<T>& values) {
  return list_of(static_cast<Py_ssize_t>(values.size()),
                 [&](Py_ssize_t i) { return owned(give_back(values[static_cast<size_t>(i)])); })
      .release();
}
inline PyObject* give_back(const Dims& numbers) {
  return give_back(std::vector<int64_t>(numbers.v, numbers.v + numbers.n));
}
template <class T>
PyObject* give_back(std::optional<T> value) {
  return value ? give_back(*std::move(value)) : Py_NewRef(Py_None);
}

/// What a call has given.
template <class R>
struct Made {
  R value;
  template <class F, class... A>
  explicit Made(F&& fn, A&&... args) : value(fn(std::forward<A>(args)...)) {}
  PyObject* give() { return give_back(std::forward<R>(value)); }
};
template <>
struct Made<void> {
  template <class F, class... A>
  explicit Made(F&& fn, A&&... args) {
    fn(std::forward<A>(args)...);
  }
  PyObject* give() { return Py_NewRef(Py_None); }
};

/// The arguments of a call by position alone of what takes [input,] *NAME and else what may be left
/// out, which is None or False then.
struct PlainReader {
  const Call& call;
  Py_ssize_t at = 0;
  template <class T>
  T read() {
    if constexpr (std::is_same_v<T, Tensor&>)
      return *as_tensor(call.args[at++]);
    else if constexpr (std::is_same_v<T, Rest>)
      return {call.n > at ? call.args + at : nullptr, call.n - at, false};
    else if constexpr (std::is_same_v<T, RestDims>)
      return {to_dims(read<Rest>(), call.function()), call.n > at};
    else if constexpr (std::is_same_v<T, Called>)
      return {call.function()};
    else if constexpr (std::is_same_v<T, PyObject*>)
      return Py_None;
    else
      return T();
  }
};

/// What a function, or a lambda, takes and gives.
template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class R, class... P>
struct Signature<R (*)(P...)> {
  using Parameters = std::tuple<P...>;
  /// Parameters as they are kept during a call: references to objects, values of the others.
  template <class T>
  using Kept =
      std::conditional_t<std::is_same_v<std::remove_cvref_t<T>, Tensor>, Tensor&,
                         std::conditional_t<std::is_lvalue_reference_v<T> &&
                                                !std::is_const_v<std::remove_reference_t<T>>,
                                            T, std::remove_cvref_t<T>>>;
  /// fn of what it takes, read from left to right: arguments in braces are.
  template <class F>
  static Made<R> call(F&& fn, const Args& args) {
    [[maybe_unused]] Reader reader{args};
    return Made<R>{fn, Argument<Kept<P>>::read(reader)...};
  }
  template <class F>
  static Made<R> call_plain(F&& fn, PlainReader reader) {
    return Made<R>{fn, reader.read<Kept<P>>()...};
  }
  using AsKept = std::tuple<Kept<P>...>;
  static constexpr int count = (arguments_of<Kept<P>>() + ... + 0);
};
template <class R, class C, class... P>
struct Signature<R (C::*)(P...) const> : Signature<R (*)(P...)> {};

template <auto function>
PyObject* call_bound_function(const Call& call) {
  return Signature<decltype(function)>::call(function, Args(call)).give();
}

template <class S, class T>
inline constexpr bool takes = false;
template <class T, class... P>
inline constexpr bool takes<std::tuple<P...>, T> = (std::is_same_v<P, T> || ...);
/// Nearly all calls of such are plain: the parser would cost them a tenth of a view.
template <auto function>
PyObject* call_of_rest(const Call& call) {
  using S = Signature<decltype(function)>;
  if (call.names || (takes<typename S::AsKept, Tensor&> && !(call.n && is_tensor(call.args[0]))))
    return call_bound_function<function>(call);
  return S::call_plain(function, PlainReader{call}).give();
}
constexpr bool leaves_out_all_but_rest(const char* text) {
  const char* c = text;
  for (; *c && *c != '*'; ++c)
    if (*c == '=') return false;
  for (; *c; ++c)
    if (*c == '=' && c[1] != 'N' && c[1] != 'F') return false;
  return true;
}

/// How many parameters the text of a signature has. Read by hand: with sanitizers, searches in a
/// string_view are no constants.
constexpr int parameters_in(const char* text) {
  int count = 0;
  for (const char* c = text; *c && !(c[0] == ' ' && c[1] == '-'); ++c) {
    if (c == text) count = 1;
    if (c[0] == ',') ++count;
    if (c[0] == '*' && c[1] == ',') --count;
  }
  return count;
}

/// The operator's entry of a function, which stands in a table (tensor/declared.h) or is bound
/// where it is written.
template <auto fn>
constexpr NativeEntry bound(const Declared<fn>& declared) {
  if (parameters_in(declared.signature) != Signature<decltype(fn)>::count)
    throw "the signature has other parameters than the function";
  using Kept = typename Signature<decltype(fn)>::AsKept;
  if constexpr (takes<Kept, Rest> || takes<Kept, RestDims>)
    if (leaves_out_all_but_rest(declared.signature)) return {declared, call_of_rest<fn>};
  return {declared, call_bound_function<fn>};
}
template <auto fn>
consteval NativeEntry bind(const char* name, const char* signature, const char* doc = nullptr,
                           Mixing mixing = Mixing::numbers) {
  return bound(declare<fn>(name, signature, doc, mixing));
}
/// The entries of tables: `const Functions functions(entries_of<raw::index_functions>.data())`.
template <const auto&... tables>
inline constexpr auto entries_of = std::apply(
    [](const auto&... declared) { return std::array{bound(declared)..., NativeEntry()}; },
    std::tuple_cat(tables...));

}  // namespace flambeau
