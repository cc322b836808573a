#include "dispatch/pointwise_launch.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "dispatch/basics.h"
#include "dispatch/cuda_launch.h"
#include "dispatch/promotion.h"
#include "dispatch/touched.h"
#include "kernels/index/nonzero.h"
#include "tensor/objects.h"

namespace flambeau {
namespace {

Object dtype_names(const DType* dtypes, int n) {
  Object tuple = Object::steal(PyTuple_New(n));
  for (int i = 0; i < n; ++i)
    PyTuple_SET_ITEM(tuple.get(), i, PyUnicode_FromString(name(dtypes[i])));
  return tuple;
}

/// The dtypes in which a kernel computes with inputs of `dtypes`.
Object computed_names(const Pointwise& record, const DType* dtypes, int n, DType compute) {
  DType as[max_operands];
  for (int i = 0; i < n; ++i) as[i] = record.keep >> i & 1 ? dtypes[i] : compute;
  return dtype_names(as, n);
}

/// Dtype and mode of each operand, a byte; the dtype computed in.
struct Key {
  uint64_t key = 0, more = 0;
  DType compute;

  template <class ModeOf>
  Key(const DType* dtypes, int n, DType compute, ModeOf&& mode_of) : compute{compute} {
    static_assert(dtype_bits == 6 && max_operands <= 8 + 8);
    auto byte_of = [&](int i) {
      return static_cast<uint64_t>(dtypes[i]) << 2 | static_cast<uint64_t>(mode_of(i));
    };
    for (int i = 0; i < std::min(n, 8); ++i) key = key << 8 | byte_of(i);
    for (int i = 8; i < n; ++i) more = more << 8 | byte_of(i);
  }
  bool operator==(const Pointwise::Kernel& k) const {
    return k.key == key && k.more == more && k.compute == compute;
  }
};

}  // namespace

MapKernel find_kernel(Pointwise& record, const Mode* modes, const DType* dtypes, int n_out, int n,
                      DType compute) {
  const Key wanted(dtypes, n, compute, [&](int i) { return modes[i]; });
  auto& kernels = record.kernels;
  if (record.last_kernel < kernels.size()) {
    auto& k = kernels[record.last_kernel];
    if (wanted == k) return k.function;
  }
  for (size_t i = 0; i < kernels.size(); ++i)
    if (wanted == kernels[i]) {
      record.last_kernel = i;
      return kernels[i].function;
    }
  char letters[max_operands + 1] = {};
  for (int i = 0; i < n; ++i) letters[i] = mode_letters[static_cast<int>(modes[i])];
  Object ins = dtype_names(dtypes + n_out, n - n_out), outs = dtype_names(dtypes, n_out),
         casts = computed_names(record, dtypes + n_out, n - n_out, compute);
  Object address = owned(PyObject_CallMethod(record.spec.get(), "compile", "OOOs", ins.get(),
                                             casts.get(), outs.get(), letters));
  auto function = reinterpret_cast<MapKernel>(PyLong_AsVoidPtr(address.get()));
  if (!function) throw PythonError();
  kernels.push_back({wanted.key, wanted.more, function, compute});
  record.last_kernel = kernels.size() - 1;
  return function;
}

namespace {

/// The dtype in which a number joins a computation: half precision is computed in float32.
DType scalar_dtype(DType compute) {
  if (compute == DType::complex32) return DType::complex64;
  return is_half(compute) || is_float8(compute) ? DType::float32 : compute;
}

struct Scalars {
  alignas(16) char bytes[max_operands][16];
};

}  // namespace

DType place_number(const Pointwise& record, int i, PyObject* number, DType compute, char* to) {
  DType d = record.keep >> i & 1 ? number_dtype(number) : scalar_dtype(compute);
  store_number(number, d, to);
  return d;
}

namespace {

/// What is left of a launch on the meta device: dtypes that the operator does not take are refused
/// as everywhere, numbers that do not fit too.
void launch_nothing(Pointwise& record, Tensor* const* outputs, int n_out, const Arg* args,
                    int n_args, DType compute) {
  DType dtypes[max_operands];
  alignas(16) char number[16];
  for (int i = 0; i < n_out; ++i) dtypes[i] = outputs[i]->dtype;
  for (int i = 0; i < n_args; ++i)
    dtypes[n_out + i] = args[i].tensor ? args[i].tensor->dtype
                                       : place_number(record, i, args[i].number, compute, number);
  // No input of a kernel has this mode.
  const Key wanted(dtypes, n_out + n_args, compute, [](int) { return Mode::streamed; });
  for (auto& known : record.kernels)
    if (wanted == known) return;
  Object ins = dtype_names(dtypes + n_out, n_args), outs = dtype_names(dtypes, n_out),
         casts = computed_names(record, dtypes + n_out, n_args, compute);
  Object done = owned(
      PyObject_CallMethod(record.spec.get(), "check", "OOO", ins.get(), casts.get(), outs.get()));
  record.kernels.push_back({wanted.key, wanted.more, nullptr, compute});
}

/// One call of run_map_lists over flat memory; false where a tensor is not contiguous or of another
/// shape. `scalars` holds the numbers, as dtypes of n_out + i tell.
bool run_flat(Pointwise& record, Tensor* const* outputs, int n_out, const Arg* inputs, int n_in,
              DType compute, Scalars& scalars, DType* dtypes) {
  const Tensor& first = *outputs[0];
  if (!first.on_cpu()) return false;
  Mode modes[max_operands];
  char* data[max_operands];
  int64_t strides[max_operands];
  for (int i = 0; i < n_out + n_in; ++i) {
    Tensor* t = i < n_out ? outputs[i] : inputs[i - n_out].tensor;
    if (!t) {
      modes[i] = Mode::scalar;
      data[i] = scalars.bytes[i];
      strides[i] = 0;
      continue;
    }
    if (!t->contiguous || !(sizes_of(*t) == sizes_of(first))) return false;
    dtypes[i] = t->dtype;
    modes[i] = Mode::contiguous;
    data[i] = t->as<char>();
    strides[i] = itemsize(t->dtype);
  }
  if (first.numel == 0) return true;
  int n = n_out + n_in;
  MapKernel kernel = find_kernel(record, modes, dtypes, n_out, n, compute);
  run_elements(kernel, first.numel, data, strides, n, grain);
  return true;
}

/// Integers have no quotient by zero, and no value to stand for it.
void check_divisor(const Pointwise& record, const Arg* args) {
  const Arg& divisor = args[record.divisor];
  bool zero = divisor.tensor
                  ? count_nonzero(divisor.tensor->strided()).total() < divisor.tensor->numel
                  : PyObject_Not(divisor.number) == 1;
  check(!zero, [&] {
    return message(record.name,
                   ": division of integers by zero. Give a floating tensor for infinities and NaN, "
                   "or replace the zeros.");
  });
}

/// What integers, bools and complex numbers need looked at; false if there are no elements.
bool check_elements(const Pointwise& record, const Arg* args, int64_t numel, DType compute) {
  if (numel != 0 && record.divisor >= 0 && !is_complex(compute)) check_divisor(record, args);
  return numel != 0;
}

/// The kernel on a GPU, over anything that is broadcast to `sizes`. Numbers, and tensors of no dims
/// on the CPU, travel with the launch.
void launch_on_device(Pointwise& record, Tensor* const* outputs, int n_out, const Arg* args,
                      int n_args, const Dims& sizes, DType compute) {
  DeviceOperands operands(outputs[0]->device().index, sizes);
  DType dtypes[max_operands];
  Mode modes[max_operands];
  const int n = n_out + n_args;
  for (int k = 0; k < n; ++k) {
    Tensor* t = k < n_out ? outputs[k] : args[k - n_out].tensor;
    modes[k] = t ? Mode::contiguous : Mode::scalar;
    if (t) {
      dtypes[k] = t->dtype;
      operands.add(*t, k < n_out ? strides_of(*t) : broadcast_strides(*t, sizes));
    } else {
      alignas(16) char bytes[16] = {};
      dtypes[k] = place_number(record, k - n_out, args[k - n_out].number, compute, bytes);
      operands.add_number(bytes, itemsize(dtypes[k]));
    }
  }
  MapKernel kernel = find_kernel(record, modes, dtypes, n_out, n, compute);
  if (sizes.product() == 0) return;
  if (record.divisor >= 0 && !args[record.divisor].tensor && !is_floating(compute) &&
      !is_complex(compute))
    check_divisor(record, args);
  Loop loop(sizes, operands.operands, n, record.uses_index);
  operands.run(kernel, loop, record.name.c_str());
}

}  // namespace

void DeviceOperands::add(Tensor& t, const Dims& strides) {
  if (t.on_cpu()) return add_number(t.data(), itemsize(t.dtype));
  operands[n] = {nullptr, itemsize(t.dtype), strides};
  words_[n++][0] = t.address();
}

void DeviceOperands::add_number(const void* value, int64_t itemsize) {
  operands[n] = {nullptr, itemsize, {}};
  operands[n].strides.n = sizes_.n;
  std::fill_n(operands[n].strides.v, sizes_.n, 0);
  values_[n] = true;
  std::memcpy(words_[n++], value, static_cast<size_t>(itemsize));
}

int64_t DeviceOperands::lanes(const Loop& loop, bool flat) const {
  int64_t widest = 1;
  for (int k = 0; k < n; ++k)
    if (!values_[k]) widest = std::max(widest, operands[k].itemsize);
  const int64_t most = 16 / widest;
  if (flat ? loop.numel() < 1024 : loop.size(0) % most != 0) return 1;
  for (int k = 0; k < n; ++k) {
    if (values_[k]) continue;
    const Mode mode = loop.modes()[k];
    if (mode == Mode::general) return 1;
    if (mode == Mode::scalar) continue;
    const int64_t nbytes = most * operands[k].itemsize;
    if (words_[k][0] % static_cast<uint64_t>(nbytes)) return 1;
    for (int d = 1; d < loop.ndim(); ++d)
      if (loop.stride(d, k) % nbytes) return 1;
  }
  return most;
}

void DeviceOperands::run(MapKernel kernel, Loop& loop, const char* name) {
  char letters[24];
  int ndim = loop.ndim();
  bool flat = ndim == 1;
  for (int k = 0; k < n; ++k) {
    letters[k] = values_[k] ? 'v' : mode_letters[static_cast<int>(loop.modes()[k])];
    flat &= letters[k] != 'g';
  }
  const int64_t numel = loop.numel(), at_once = lanes(loop, flat);
  const bool narrow = ndim > 1 && numel < int64_t{1} << 31;
  std::snprintf(letters + n, sizeof(letters) - static_cast<size_t>(n), "%s%s%d",
                at_once > 1 ? "V" : "", narrow ? "N" : "", flat ? 0 : ndim);
  std::vector<int64_t> dims;
  for (int d = 0; d < ndim && !flat; ++d) {
    dims.push_back(loop.size(d));
    for (int k = 0; k < n; ++k) dims.push_back(loop.stride(d, k));
  }
  check((dims.size() + 2 * static_cast<size_t>(n) + 1) * 8 <= 4096, [&] {
    return message(name, ": operands of ", ndim,
                   " dims that can't be merged are too many for a launch. Make them contiguous.");
  });
  int64_t count = numel;
  void* parameters[] = {&count, words_, dims.data()};
  constexpr unsigned threads = 256;
  cuda::launch(cuda::kernel_of(reinterpret_cast<const void*>(kernel), letters, index_), index_,
               {cuda::blocks_for(numel / at_once, threads, index_), 1, threads, 0}, parameters,
               name);
}

void launch_flat(Pointwise& record, Tensor& out, const Arg* args, DType compute) {
  if (!out.on_cpu()) [[unlikely]] {
    Tensor* outputs[] = {&out};
    return launch(record, outputs, 1, args, record.n_args, sizes_of(out), compute);
  }
  Scalars scalars;
  DType dtypes[max_operands];
  Mode modes[max_operands];
  char* data[max_operands];
  int64_t strides[max_operands];
  int n = 1;
  dtypes[0] = out.dtype;
  modes[0] = Mode::contiguous;
  data[0] = out.as<char>();
  strides[0] = itemsize(out.dtype);
  for (int i = 0; i < record.n_args; ++i, ++n) {
    if (Tensor* t = args[i].tensor) {
      dtypes[n] = t->dtype;
      modes[n] = Mode::contiguous;
      data[n] = t->as<char>();
      strides[n] = itemsize(t->dtype);
    } else {
      dtypes[n] = place_number(record, i, args[i].number, compute, scalars.bytes[n]);
      modes[n] = Mode::scalar;
      data[n] = scalars.bytes[n];
      strides[n] = 0;
    }
  }
  if (out.numel == 0 && is_floating(compute)) return;
  if (out.nbytes() >= least_past_caches && reinterpret_cast<uintptr_t>(data[0]) % 64 == 0) {
    Touched read;
    bool in_place = false;
    for (int i = 1; i < n; ++i) {
      in_place |= data[i] == data[0];
      read.add(data[i], out.numel * strides[i]);
    }
    if (!in_place && goes_past_caches(out.nbytes(), read.total())) modes[0] = Mode::streamed;
  }
  // Without elements too: a dtype that the operator does not take is refused whatever the sizes
  // are.
  MapKernel kernel = find_kernel(record, modes, dtypes, 1, n, compute);
  if (!is_floating(compute) && !check_elements(record, args, out.numel, compute)) return;
  run_elements(kernel, out.numel, data, strides, n,
               modes[0] == Mode::streamed ? streamed_grain : grain);
}

void launch(Pointwise& record, Tensor* const* outputs, int n_out, const Arg* args, int n_args,
            const Dims& sizes, DType compute) {
  if (!outputs[0]->on_cpu()) [[unlikely]]
    return outputs[0]->is_meta()
               ? launch_nothing(record, outputs, n_out, args, n_args, compute)
               : launch_on_device(record, outputs, n_out, args, n_args, sizes, compute);
  Scalars scalars;
  Operand operands[max_operands];
  DType dtypes[max_operands];
  int n = 0;
  for (int i = 0; i < n_out; ++i, ++n) {
    dtypes[n] = outputs[i]->dtype;
    operands[n] = {outputs[i]->data(), itemsize(outputs[i]->dtype), strides_of(*outputs[i])};
  }
  for (int i = 0; i < n_args; ++i, ++n) {
    if (Tensor* t = args[i].tensor) {
      dtypes[n] = t->dtype;
      operands[n] = {t->data(), itemsize(t->dtype), broadcast_strides(*t, sizes)};
      continue;
    }
    dtypes[n] = place_number(record, i, args[i].number, compute, scalars.bytes[n]);
    operands[n].data = scalars.bytes[n];
    operands[n].itemsize = itemsize(dtypes[n]);
    operands[n].strides.n = sizes.n;
    std::fill_n(operands[n].strides.v, sizes.n, 0);
  }
  Loop loop(sizes, operands, n, record.uses_index);
  if (loop.numel() == 0 && is_floating(compute)) return;
  if (!record.uses_index) loop.turn_inputs(n_out);
  Mode modes[max_operands];
  std::copy_n(loop.modes(), n, modes);
  bool streamed = n_out == 1 && reinterpret_cast<uintptr_t>(operands[0].data) % 64 == 0;
  for (int i = 1; i < n; ++i) streamed &= operands[i].data != operands[0].data;
  streamed = streamed && loop.is_streamed();
  if (streamed) modes[0] = Mode::streamed;
  MapKernel kernel = find_kernel(record, modes, dtypes, n_out, n, compute);
  if (!is_floating(compute) && !check_elements(record, args, loop.numel(), compute)) return;
  loop.run(kernel, streamed ? streamed_grain : grain);
}

void run_map(Pointwise& record, Tensor* const* outputs, int n_out, const Arg* inputs, int n_in,
             DType compute) {
  launch(record, outputs, n_out, inputs, n_in, sizes_of(*outputs[0]), compute);
}

void check_map(const Pointwise& record, Tensor* const* outputs, int n_out, const Arg* inputs,
               int n_in) {
  const Tensor& first = *outputs[0];
  for (int i = 0; i < n_out + n_in; ++i) {
    const Tensor* t = i < n_out ? outputs[i] : inputs[i - n_out].tensor;
    if (!t) continue;
    if (i < n_out) check_written_once(*t, record.name.c_str());
    int shift = first.ndim - t->ndim;
    bool fits = i < n_out ? sizes_of(*t) == sizes_of(first) : shift >= 0;
    for (int d = 0; fits && d < t->ndim; ++d)
      fits = t->sizes[d] == first.sizes[d + shift] || (i >= n_out && t->sizes[d] == 1);
    check(fits, [&] {
      return message(record.name, ": a tensor of shape ", shape(*t), " does not fit ", shape(first),
                     ", the shape of the tensor that is updated with it.");
    });
  }
}

namespace {

/// Calls of run_map_lists on a GPU, as many as a launch takes: a row of blocks for each. Their
/// tensors are contiguous, of one shape within a call and of the same dtypes in all.
class ListLaunch {
 public:
  ListLaunch(Pointwise& record, int n_out, int n_in)
      : record_(record), n_out_(n_out), n_(n_out + n_in) {}

  /// Whether the call can be one of a list at all.
  bool takes(Tensor* const* outputs, const Arg* inputs) const {
    const Tensor& first = *outputs[0];
    for (int i = 0; i < n_; ++i) {
      const Tensor* t = i < n_out_ ? outputs[i] : inputs[i - n_out_].tensor;
      if (t && (!t->is_cuda() || t->device() != first.device() || !t->contiguous ||
                !(sizes_of(*t) == sizes_of(first))))
        return false;
    }
    return first.numel > 0;
  }

  /// Adds one that does; those before run first where it is of other dtypes, or they fill a launch.
  void add(Tensor* const* outputs, const Arg* inputs) {
    auto tensor = [&](int i) { return i < n_out_ ? outputs[i] : inputs[i - n_out_].tensor; };
    bool same =
        !numels_.empty() && numels_.size() < capacity_ && index_ == outputs[0]->device().index;
    for (int i = 0; same && i < n_; ++i) same = !tensor(i) || tensor(i)->dtype == dtypes_[i];
    if (!same) {
      run();
      begin(outputs, inputs);
    }
    numels_.push_back(outputs[0]->numel);
    for (int i = 0; i < n_; ++i)
      if (tensor(i)) pointers_.push_back(tensor(i)->address());
  }

  void run() {
    if (numels_.empty()) return;
    MapKernel kernel = find_kernel(record_, modes_, dtypes_, n_out_, n_, compute_);
    const int64_t longest = *std::max_element(numels_.begin(), numels_.end());
    const auto count = static_cast<int64_t>(numels_.size());
    numels_.resize(capacity_);
    pointers_.resize(capacity_ * n_tensors_);
    void* parameters[] = {numels_.data(), pointers_.data(), values_.data()};
    constexpr unsigned threads = 256;
    cuda::launch(cuda::kernel_of(reinterpret_cast<const void*>(kernel), letters_, index_), index_,
                 {cuda::blocks_for(longest, threads, index_), count, threads, 0}, parameters,
                 record_.name.c_str());
    numels_.clear();
    pointers_.clear();
  }

 private:
  /// dtypes, numbers and the form of the kernel, as of this call.
  void begin(Tensor* const* outputs, const Arg* inputs) {
    compute_ = outputs[0]->dtype;
    index_ = outputs[0]->device().index;
    letters_.clear();
    values_.assign(2, 0);  // of no numbers one stands for none
    n_tensors_ = 0;
    size_t numbers = 0;
    for (int i = 0; i < n_; ++i) {
      const Tensor* t = i < n_out_ ? outputs[i] : inputs[i - n_out_].tensor;
      modes_[i] = t ? Mode::contiguous : Mode::scalar;
      letters_ += t ? 'c' : 'v';
      if (t) {
        dtypes_[i] = t->dtype;
        ++n_tensors_;
        continue;
      }
      values_.resize(2 * ++numbers);
      alignas(16) char bytes[16] = {};
      dtypes_[i] = place_number(record_, i - n_out_, inputs[i - n_out_].number, compute_, bytes);
      std::memcpy(&values_[2 * (numbers - 1)], bytes, 16);
    }
    constexpr size_t most = 4000 / 8;  // words of parameters that a launch takes
    capacity_ = std::min<size_t>((most - values_.size()) / (1 + n_tensors_), 99);
    letters_ += 'L' + std::to_string(capacity_);
  }

  Pointwise& record_;
  const int n_out_, n_;
  DType compute_{};
  int index_ = 0;
  DType dtypes_[max_operands];
  Mode modes_[max_operands];
  std::string letters_;
  size_t capacity_ = 0, n_tensors_ = 0;
  std::vector<int64_t> numels_;
  std::vector<uint64_t> pointers_, values_;
};

}  // namespace

void run_map_lists(Pointwise& record, Tensor* const* outputs, int n_out, const Arg* inputs,
                   int n_in, int64_t count) {
  ListLaunch on_device(record, n_out, n_in);
  Scalars scalars;
  DType dtypes[max_operands];
  DType placed{};  // the dtype the numbers were converted for
  bool any = false;
  for (int64_t k = 0; k < count; ++k, outputs += n_out, inputs += n_in) {
    DType compute = outputs[0]->dtype;
    if (outputs[0]->is_cuda() && on_device.takes(outputs, inputs)) {
      on_device.add(outputs, inputs);
      continue;
    }
    if (!any || placed != compute) {
      for (int i = 0; i < n_in; ++i)
        if (!inputs[i].tensor)
          dtypes[n_out + i] =
              place_number(record, i, inputs[i].number, compute, scalars.bytes[n_out + i]);
      placed = compute;
      any = true;
    }
    if (run_flat(record, outputs, n_out, inputs, n_in, compute, scalars, dtypes)) continue;
    check_map(record, outputs, n_out, inputs, n_in);
    run_map(record, outputs, n_out, inputs, n_in, compute);
  }
  on_device.run();
}

}  // namespace flambeau
