// Native ways (csrc/dispatch/ways) behind the door: arguments by the C++ types that a way takes.
// What does not read is left to the implementation. Needs the GIL.
#pragma once
#include <bit>

#include "dispatch/autocast.h"
#include "dispatch/raw/class_losses.h"
#include "dispatch/ways/way.h"
#include "python/bind.h"
#include "python/operator.h"
#include "python/overrides.h"

namespace flambeau {

/// An ordinary tensor. A Parameter is one: operators ask nothing of its class.
inline bool is_ready(PyObject* o) {
  return (is_tensor_exact(o) || (is_tensor(o) && override_of(Py_TYPE(o)) == Override::none)) &&
         !as_tensor(o)->batched && !autocast.on;
}
/// An ordinary tensor whose operators record nothing now.
inline bool is_plain(PyObject* o) { return is_ready(o) && !needs_record(*as_tensor(o)); }

/// Whether o reads as a T, into `to`. Null is a parameter that an operator lacks: False, 2, no dim.
bool reads(PyObject* o, Tensor*& to);  // or None, which is null
bool reads(PyObject* o, ways::Plain& to);
bool reads(PyObject* o, int64_t& to);
bool reads(PyObject* o, double& to);
bool reads(PyObject* o, bool& to);
bool reads(PyObject* o, Dims& to);  // a list or tuple
bool reads(PyObject* o, Reducing& to);
bool reads(PyObject* o, ways::DimOrDims& to);
bool reads(PyObject* o, ways::Indices& to);
bool reads(PyObject* o, ways::Two&);
bool reads(PyObject* o, ways::TwoOrFro&);
inline bool reads(PyObject*, ways::Any&) { return true; }
template <class T>
bool reads(PyObject* o, std::optional<T>& to) {
  return o == Py_None || reads(o, to.emplace());
}
/// Of a call's arguments, whose names are `keys`, or null.
bool reads_factors(PyObject* const* args, Py_ssize_t n, PyObject* keys, ways::Factors& to);
/// Not None.
struct Given {
  Tensor* tensor = nullptr;
};
inline bool reads(PyObject* o, Given& to) { return o != Py_None && reads(o, to.tensor); }

template <class T>
struct Softly {
  using Kept = std::remove_cvref_t<T>;
  static Kept& give(Kept& kept) { return kept; }
};
template <>
struct Softly<Tensor&> {
  using Kept = Given;
  static Tensor& give(Given& kept) { return *kept.tensor; }
};

/// Whether the tensors among the arguments, also in lists, lie on one device.
bool share_device(PyObject* const* args, Py_ssize_t n);

template <class W>
class NativeWay : public Way {
 public:
  template <class... Parts>
  NativeWay(Operator& self, PyObject* result_type, Parts&&... parts)
      : parameters_(*self.parameters),
        result_type_(Object::borrow(result_type)),
        way_(std::forward<Parts>(parts)...) {
    if (mixes) mixing = Mixing::all;
    for (const char* name : W::takes) {
      const Py_ssize_t at = parameters_.place(owned(PyUnicode_FromString(name)).get());
      check<ValueError>(
          at >= 0 || rest || requires { W::lacks; },
          [&] {
            return message(name_of(self), ": has no argument '", name, "', which its way takes.");
          });
      places_[n_places_++] = at;
      if (at >= 0) others_ &= ~(uint32_t{1} << at);
    }
  }

  PyObject* take(PyObject* const* args, Py_ssize_t n, PyObject* keys) override {
    if (mixes && other_devices && !share_device(args, n + count_of(keys))) return nullptr;
    return call(&W::take, args, n, keys);
  }

 private:
  static constexpr bool mixes = requires { W::mixes; };
  static constexpr bool rest = std::string_view(W::takes[0]) == "*";
  static constexpr size_t n_taken = 1 + std::size(W::takes);

  template <class R, class... P>
  PyObject* call(R (W::*run)(P...), PyObject* const* args, Py_ssize_t n, PyObject* keys) {
    static_assert(sizeof...(P) == n_taken);
    std::tuple<typename Softly<P>::Kept...> values;
    if (!read(values, args, n, keys)) return nullptr;
    try {
      return give(
          std::apply([&](auto&... kept) { return (way_.*run)(Softly<P>::give(kept)...); }, values));
    } catch (const std::runtime_error&) {
      return nullptr;  // the implementation says what is wrong
    }
  }

  template <class Values>
  bool read(Values& values, PyObject* const* args, Py_ssize_t n, PyObject* keys) {
    if constexpr (rest) {
      if (n < 2 || !reads(args[0], std::get<0>(values))) return false;
      if constexpr (std::is_same_v<std::tuple_element_t<1, Values>, ways::Factors>) {
        return reads_factors(args + 1, n - 1, keys, std::get<1>(values));
      } else {
        const bool is_tuple = n == 2 && PyTuple_CheckExact(args[1]);
        return !keys &&
               reads(is_tuple ? args[1] : tuple_of(args + 1, n - 1).get(), std::get<1>(values));
      }
    } else {
      PyObject* slots[few_parameters];
      uint32_t given;
      if (!parameters_.lay_out(args, n, keys, slots, given)) return false;
      for (uint32_t left = given & others_; left; left &= left - 1) {
        const auto i = static_cast<size_t>(std::countr_zero(left));
        if (slots[i] != parameters_.default_at(i)) return false;
      }
      return [&]<size_t... i>(std::index_sequence<i...>) {
        return reads(slots[0], std::get<0>(values)) &&
               (reads_at(places_[i], slots, given, std::get<i + 1>(values)) && ...);
      }(std::make_index_sequence<n_taken - 1>());
    }
  }

  template <class Value>
  bool reads_at(Py_ssize_t place, PyObject* const* slots, uint32_t given, Value& to) {
    if (!reads(place < 0 ? nullptr : slots[place], to)) return false;
    if constexpr (std::is_same_v<Value, ways::DimOrDims>)  // said, or another argument was
      to.none = to.none && (given & (place < 0 ? others_ : others_ | uint32_t{1} << place));
    return true;
  }

  PyObject* give(TensorRef made) { return as_result(std::move(made)).release_py(); }
  PyObject* give(ways::Pair made) {
    if (!made[1]) return give(std::move(made[0]));
    auto* type = reinterpret_cast<PyTypeObject*>(result_type_.get());
    PyObject* pair = type->tp_alloc(type, 2);
    if (!pair) throw PythonError();
    for (int i = 0; i < 2; ++i)
      PyTuple_SET_ITEM(pair, i, give(std::move(made[static_cast<size_t>(i)])));
    return pair;
  }

  const Parameters& parameters_;
  Object result_type_;              // of two results
  uint32_t others_ = ~uint32_t{1};  // parameters that must be left out, a bit each
  Py_ssize_t places_[n_taken];      // of what the way takes among the parameters; -1: not there
  int n_places_ = 0;
  W way_;
};

}  // namespace flambeau
