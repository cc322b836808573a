// Native ways: how their arguments are read, and the functions that give operators theirs
// (flambeau/ops/core/ways.py).
#include "python/ways/native.h"

#include "dispatch/ways/attention.h"
#include "dispatch/ways/convolutions.h"
#include "dispatch/ways/indexing.h"
#include "dispatch/ways/losses.h"
#include "dispatch/ways/pools.h"
#include "dispatch/ways/reductions.h"
#include "dispatch/ways/rows.h"

namespace flambeau {

bool reads(PyObject* o, Tensor*& to) {
  if (o == Py_None) return true;
  if (!is_ready(o)) return false;
  to = as_tensor(o);
  return true;
}
bool reads(PyObject* o, ways::Plain& to) {
  to.tensor = as_tensor(o);
  return is_plain(o);
}
bool reads(PyObject* o, int64_t& to) {
  int overflow = 0;
  if (!PyLong_CheckExact(o)) return false;
  to = PyLong_AsLongLongAndOverflow(o, &overflow);
  return overflow == 0;
}
bool reads(PyObject* o, double& to) {
  if (!PyFloat_CheckExact(o)) return false;
  to = PyFloat_AS_DOUBLE(o);
  return true;
}
bool reads(PyObject* o, bool& to) {
  to = o == Py_True;
  return to || o == Py_False || !o;
}
bool reads(PyObject* o, Dims& to) {
  if (!is_list(o) || PySequence_Fast_GET_SIZE(o) > max_ndim) return false;
  for (PyObject* item : Items(o))
    if (int64_t value; reads(item, value))
      to.push(value);
    else
      return false;
  return true;
}
bool reads(PyObject* o, Reducing& to) {
  static PyObject* const mean = PyUnicode_InternFromString("mean");
  to = Reducing::mean;
  if (o == mean) return true;  // as defaults and programs have it; to compare texts costs more
  to = is_text(o, "none") ? Reducing::none : is_text(o, "sum") ? Reducing::sum : Reducing::mean;
  return to != Reducing::mean || is_text(o, "mean");
}
bool reads(PyObject* o, ways::DimOrDims& to) {
  to.none = o == Py_None;
  to.given = o && !to.none;
  to.several = to.given && PyTuple_CheckExact(o);
  if (!to.given || to.several) return !to.given || reads(o, to.dims);
  int64_t dim;
  return reads(o, dim) && (to.dims.push(dim), true);
}
/// The slice that stands for all of a dim.
static bool is_whole_slice(PyObject* o) {
  if (!PySlice_Check(o)) return false;
  auto* slice = reinterpret_cast<PySliceObject*>(o);
  return slice->start == Py_None && slice->stop == Py_None && slice->step == Py_None;
}
bool reads(PyObject* o, ways::Indices& to) {
  auto add = [&](PyObject* item) {
    const bool whole = is_whole_slice(item);
    to.items.push_back(whole ? nullptr : as_tensor(item));
    return whole || is_plain(item);
  };
  to.alone = is_tensor(o);
  if (to.alone || !PyTuple_CheckExact(o)) return to.alone && add(o);
  for (PyObject* item : Items(o))
    if (!add(item)) return false;
  return true;
}
bool reads_factors(PyObject* const* args, Py_ssize_t n, PyObject* keys, ways::Factors& to) {
  if (n != 2 || !is_plain(args[0]) || !is_plain(args[1])) return false;
  to.left = as_tensor(args[0]), to.right = as_tensor(args[1]);
  for (Py_ssize_t i = 0; i < count_of(keys); ++i) {
    PyObject* name = PyTuple_GET_ITEM(keys, i);
    const bool is_beta = is_text(name, "beta");
    if (!is_beta && !is_text(name, "alpha")) return false;
    double& factor = is_beta ? to.beta : to.alpha;
    if (int64_t whole; reads(args[n + i], whole))
      factor = static_cast<double>(whole);
    else if (!reads(args[n + i], factor))
      return false;
  }
  return true;
}
bool reads(PyObject* o, ways::Two&) {
  int64_t value;
  if (!o) return true;
  return reads(o, value) ? value == 2 : PyFloat_CheckExact(o) && PyFloat_AS_DOUBLE(o) == 2;
}
bool reads(PyObject* o, ways::TwoOrFro&) {
  ways::Two two;
  return (o && is_text(o, "fro")) || reads(o, two);
}

bool share_device(PyObject* const* args, Py_ssize_t n) {
  const Tensor* first = nullptr;
  bool same = true;
  for (Py_ssize_t i = 0; i < n; ++i)
    each_tensor(args[i], [&](const Tensor& t) {
      if (!first) first = &t;
      same &= t.device() == first->device();
    });
  return same;
}

namespace {

/// Gives the operator a way W, made of its name and the parts; of two results it gives that type.
template <class W, class... Parts>
void lead(Operator& self, PyObject* result_type, Parts... parts) {
  add_way(self, new NativeWay<W>(self, result_type, name_of(self), parts...));
}
template <class W, class... Parts>
constexpr NativeEntry bound_way(const ways::DeclaredWay<W, Parts...>& way) {
  return bound(Declared<lead<W, Parts...>>{way});
}

constexpr auto entries = std::apply(
    [](const auto&... way) { return std::array{bound_way(way)..., NativeEntry()}; },
    std::tuple_cat(ways::row_ways, ways::loss_ways, ways::moving_ways, ways::reduction_ways,
                   ways::convolution_ways, ways::pool_ways, ways::attention_ways));
const Functions functions(entries.data());

}  // namespace

}  // namespace flambeau
