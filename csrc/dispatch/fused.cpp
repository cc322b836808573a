#include "dispatch/fused.h"

#include <algorithm>

#include "autograd/meta.h"
#include "dispatch/basics.h"
#include "dispatch/bound.h"
#include "dispatch/pointwise_launch.h"
#include "dispatch/reduce_plan.h"
#include "dispatch/rows.h"
#include "dispatch/touched.h"
#include "runtime/threads.h"
#include "tensor/gil.h"
#include "tensor/objects.h"

namespace flambeau {

std::unique_ptr<Fusion> make_fusion(Object spec, int n_out, const std::vector<DType>& dtypes,
                                    std::string_view kinds, const std::vector<int64_t>& reads,
                                    bool row_major) {
  const int n = static_cast<int>(dtypes.size());
  check<ValueError>(
      n_out >= 1 && n_out <= n && n <= max_operands && reads.size() == static_cast<size_t>(n_out),
      [&] { return message("Fused: ", n, " operands, at most ", max_operands, "."); });
  check<ValueError>(kinds.empty() || kinds.size() == dtypes.size(),
                    [] { return message("Fused: kinds must tell of each operand."); });
  auto made = std::make_unique<Fusion>();
  made->spec = std::move(spec);
  made->n_out = n_out;
  made->n = n;
  made->rows = !kinds.empty();
  made->row_major = row_major;
  std::copy(kinds.begin(), kinds.end(), made->kinds);
  std::copy(dtypes.begin(), dtypes.end(), made->dtypes);
  std::transform(reads.begin(), reads.end(), made->reads,
                 [](int64_t mask) { return static_cast<uint32_t>(mask); });
  return made;
}

namespace {

/// Where the results lie: with the tensors among the inputs, but those of no dims on the CPU.
Device device_of(const Fusion& self, const FusedInputs& inputs) {
  for (int i = self.n_out; i < self.n; ++i)
    if (inputs.tensors[i] && inputs.tensors[i]->is_cuda()) return inputs.tensors[i]->device();
  return on_cpu;
}

Dims common_sizes(const Fusion& self, const FusedInputs& inputs) {
  Dims sizes;
  bool first = true;
  for (int i = self.n_out; i < self.n; ++i) {
    const Tensor* t = inputs.tensors[i];
    if (!t) continue;
    if (first)
      sizes = sizes_of(*t);
    else if (!(sizes_of(*t) == sizes))
      sizes = broadcast_sizes(sizes, sizes_of(*t), "fused");
    first = false;
  }
  return sizes;
}

/// Results of one kernel have one shape: where an output is made of smaller inputs than another,
/// the operators would have given others.
void check_outputs(const Fusion& self, const FusedInputs& inputs, const Dims& sizes) {
  for (int k = 0; k < self.n_out && self.n_out > 1; ++k) {
    Dims own;
    for (int i = self.n_out; i < self.n; ++i)
      if (inputs.tensors[i] && (self.reads[k] >> (i - self.n_out) & 1))
        own = broadcast_sizes(own, sizes_of(*inputs.tensors[i]), "fused");
    check(own == sizes || self.kinds[k] == 'x', [&] {
      return message("fused: output ", k, " has shape ", to_string(own), ", others ",
                     to_string(sizes), ".");
    });
  }
}

// Kernels of all Fusions.
constinit int64_t most_kernels = 1024, n_kernels = 0;
constinit uint64_t look_ups = 0;
constexpr uint64_t for_gpu = uint64_t{1} << 63;  // among modes: not counted, and kept
std::vector<Fusion*>& holders() {                // in no order
  static auto* one = new std::vector<Fusion*>;
  return *one;
}

/// What the spec counts, it unloads when nobody else holds it.
void let_go(PyObject* spec, void* function) {
  Object address = Object::steal(PyLong_FromVoidPtr(function));
  Object done =
      Object::steal(address ? PyObject_CallMethod(spec, "let_go", "O", address.get()) : nullptr);
  if (!done) PyErr_WriteUnraisable(spec);
}

struct Forgotten {
  Object spec;
  void* function;
};

/// Drops those that ran longest ago until a quarter of `most_kernels` is free.
void forget_oldest() {
  std::vector<uint64_t> times;
  for (const Fusion* one : holders())
    if (!one->running)
      for (const Fusion::Kernel& k : one->kernels)
        if (!(k.modes & for_gpu)) times.push_back(k.used);
  const auto room = static_cast<size_t>(most_kernels * 3 / 4);
  if (times.size() <= room) return;
  const auto last = times.begin() + static_cast<std::ptrdiff_t>(times.size() - room - 1);
  std::nth_element(times.begin(), last, times.end());
  std::vector<Forgotten> forgotten;
  for (Fusion* one : holders())
    if (!one->running)
      std::erase_if(one->kernels, [&](const Fusion::Kernel& k) {
        if (k.used > *last || (k.modes & for_gpu)) return false;
        forgotten.push_back({Object::borrow(one->spec.get()), k.function});
        return true;
      });
  std::erase_if(holders(), [](const Fusion* one) { return one->kernels.empty(); });
  n_kernels -= static_cast<int64_t>(forgotten.size());
  for (const Forgotten& f : forgotten) let_go(f.spec.get(), f.function);  // may run other threads
}

Fusion::Kernel* known(Fusion& self, uint64_t key) {
  for (Fusion::Kernel& k : self.kernels)
    if (k.modes == key) return &k;
  return nullptr;
}

/// for_cpu: what a GPU runs is found by the address of the CPU's form, which stays.
void* find_kernel(Fusion& self, uint64_t key, const char* modes, bool for_cpu = true) {
  static_assert(2 * max_operands < 63);
  if (!for_cpu) key |= for_gpu;
  if (Fusion::Kernel* found = known(self, key)) {
    found->used = ++look_ups;
    return found->function;
  }
  Object address =
      owned(PyObject_CallMethod(self.spec.get(), for_cpu ? "hold" : "compile", "s", modes));
  void* function = PyLong_AsVoidPtr(address.get());
  if (!function) throw PythonError();
  if (for_cpu && n_kernels >= most_kernels) forget_oldest();
  if (Fusion::Kernel* found = known(self, key)) {  // another thread was faster
    void* theirs = found->function;
    if (for_cpu) let_go(self.spec.get(), function);
    return theirs;
  }
  if (self.kernels.empty()) holders().push_back(&self);
  self.kernels.push_back({key, function, ++look_ups});
  n_kernels += for_cpu;
  return function;
}

/// A call is under way.
class Running {
 public:
  explicit Running(Fusion& one) : one_(one) { ++one_.running; }
  ~Running() { --one_.running; }
  Running(const Running&) = delete;

 private:
  Fusion& one_;
};

MapKernel find_map(Fusion& self, const Mode* modes, bool for_cpu = true) {
  char letters[max_operands + 1] = {};
  uint64_t key = 0;
  for (int i = 0; i < self.n; ++i) {
    letters[i] = mode_letters[static_cast<int>(modes[i])];
    key = key << 2 | static_cast<uint64_t>(modes[i]);
  }
  return reinterpret_cast<MapKernel>(find_kernel(self, key, letters, for_cpu));
}

/// The first output's sum or mean, which is read as it is computed; the others are stored.
TensorRef run_and_reduce(Fusion& self, const Mode* modes, char* const* data, const int64_t* strides,
                         int64_t numel) {
  const WholeReduction how = whole_reduction(*self.total, self.dtypes[0], self.dtypes[0]);
  const MapKernel kernel = find_map(self, modes);
  return reduce_whole(how, numel, {}, [&](int64_t begin, int64_t end, char* to) {
    static constexpr int64_t none[max_operands] = {};
    char* at[max_operands] = {to};
    for (int k = 1; k < self.n; ++k) at[k] = data[k] + begin * strides[k];
    kernel(end - begin, 1, begin, at, strides, none);
  });
}

/// All tensors contiguous and of one shape: no loop over dimensions.
bool run_flat(Fusion& self, const FusedInputs& inputs, const Dims& sizes, TensorRef* outputs) {
  for (int i = self.n_out; i < self.n; ++i) {
    const Tensor* t = inputs.tensors[i];
    if (t && (!t->contiguous || !(sizes_of(*t) == sizes))) return false;
  }
  Mode modes[max_operands];
  char* data[max_operands];
  int64_t strides[max_operands];
  const int64_t numel = sizes.product();
  const bool in_pieces = self.total && numel >= least_split;
  bool streamed = !in_pieces;
  int64_t least = INT64_MAX;
  Touched touched;
  for (int i = 0; i < self.n; ++i) {
    modes[i] = Mode::contiguous;
    strides[i] = itemsize(self.dtypes[i]);
    if (i == 0 && in_pieces) {
      data[i] = nullptr;
    } else if (i < self.n_out) {
      outputs[i] = empty(sizes, self.dtypes[i], on_cpu);
      data[i] = outputs[i]->as<char>();
      least = std::min(least, outputs[i]->nbytes());
      touched.add(data[i], outputs[i]->nbytes());
      streamed = streamed && reinterpret_cast<uintptr_t>(data[i]) % 64 == 0;
    } else if (inputs.tensors[i]) {
      data[i] = inputs.tensors[i]->as<char>();
      touched.add(data[i], inputs.tensors[i]->nbytes());
    } else {
      modes[i] = Mode::scalar;
      data[i] = const_cast<char*>(inputs.numbers[i]);
      strides[i] = 0;
    }
  }
  if (numel == 0) return true;
  if (in_pieces) {
    outputs[0] = run_and_reduce(self, modes, data, strides, numel);
    return true;
  }
  streamed = streamed && goes_past_caches(least, touched.total() - least);
  if (streamed) std::fill_n(modes, self.n_out, Mode::streamed);
  run_elements(find_map(self, modes), numel, data, strides, self.n,
               streamed ? streamed_grain : grain);
  return true;
}

/// As those of a pointwise operator's result.
Dims result_strides(const Fusion& self, const FusedInputs& inputs, const Dims& sizes) {
  if (self.row_major) return contiguous_strides(sizes);
  const Tensor* tensors[max_operands];
  int n = 0;
  bool plain = true, alike = true;
  for (int i = self.n_out; i < self.n; ++i) {
    const Tensor* t = inputs.tensors[i];
    if (!t) continue;
    tensors[n++] = t;
    plain = plain && t->contiguous;
    alike = alike && sizes_of(*t) == sizes && strides_of(*t) == strides_of(*tensors[0]);
  }
  if (plain) return contiguous_strides(sizes);
  if (alike && is_dense(*tensors[0])) return strides_of(*tensors[0]);
  return dense_strides(tensors, n, sizes);
}

void run_on_device(Fusion& self, FusedInputs& inputs, const Dims& sizes, Device device,
                   TensorRef* outputs) {
  const Dims strides = result_strides(self, inputs, sizes);
  DeviceOperands operands(device.index, sizes);
  for (int i = 0; i < self.n; ++i) {
    Tensor* t = inputs.tensors[i];
    if (i < self.n_out) {
      outputs[i] = empty_strided(sizes, strides, self.dtypes[i], device);
      operands.add(*outputs[i], strides);
    } else if (t) {
      operands.add(*t, broadcast_strides(*t, sizes));
    } else {
      operands.add_number(inputs.numbers[i], itemsize(self.dtypes[i]));
    }
  }
  if (outputs[0]->numel == 0) return;
  Loop loop(sizes, operands.operands, self.n);
  operands.run(find_map(self, loop.modes(), false), loop, "fused");
}

/// Over how many first rows of `sizes` a result of sizes `to` is a sum; 0: it is not one of these.
int64_t rows_summed(const Dims& sizes, const Dims& to) {
  const int more = sizes.n - to.n;
  if (more < 0 || sizes == to) return 0;
  int d = sizes.n;
  while (d > more && to[d - 1 - more] == sizes[d - 1]) --d;
  int64_t rows = 1;
  for (int i = 0; i < d; ++i) {
    if (i >= more && to[i - more] != 1) return 0;
    rows *= sizes[i];
  }
  return rows > 1 && rows <= longest_column ? rows : 0;
}

/// The operands of a map as `columns` elements of some first rows.
struct Columns {
  uint32_t summed = 0;  // bits of the outputs that are summed over the rows
  int64_t rows = 0, columns = 0;
  char* data[max_operands];
  int64_t steps[max_operands], row_steps[max_operands];
  Mode modes[max_operands];
};

constexpr int64_t piece_columns = 2048;  // which the nearer caches hold, some rows of them

/// False where no output is to be summed, or what is computed has no such rows.
bool lay_out_columns(const Fusion& self, const FusedInputs& inputs, const Dims& sizes,
                     Columns& found) {
  for (int k = 0; inputs.summed && k < self.n_out; ++k) {
    const int64_t rows = rows_summed(sizes, inputs.summed[k]);
    const bool plain = self.dtypes[k] == DType::float32 || self.dtypes[k] == DType::float64;
    if (rows == 0 || !plain || (found.rows && rows != found.rows)) continue;
    found.rows = rows;
    found.summed |= uint32_t{1} << k;
  }
  if (!found.summed) return false;
  found.columns = sizes.product() / found.rows;
  if (found.columns < piece_columns) return false;
  Operand operands[max_operands];
  const Dims packed = contiguous_strides(sizes);
  for (int i = 0; i < self.n; ++i) {
    operands[i].itemsize = itemsize(self.dtypes[i]);
    const Tensor* t = i < self.n_out ? nullptr : inputs.tensors[i];
    operands[i].data = i < self.n_out ? nullptr
                       : t            ? t->data()
                                      : const_cast<char*>(inputs.numbers[i]);
    operands[i].strides = i < self.n_out ? packed : t ? broadcast_strides(*t, sizes) : Dims();
    if (i >= self.n_out && !t) {
      operands[i].strides.n = sizes.n;
      std::fill_n(operands[i].strides.v, sizes.n, 0);
    }
  }
  Loop loop(sizes, operands, self.n);
  if (loop.ndim() != 2 || loop.size(0) != found.columns) return false;
  for (int i = 0; i < self.n; ++i) {
    found.data[i] = loop.data(i);
    found.steps[i] = loop.stride(0, i);
    found.row_steps[i] = loop.stride(1, i);
    found.modes[i] = loop.modes()[i];
    if (found.modes[i] == Mode::general) return false;
  }
  return true;
}

/// Outputs that a reader sums over first rows are computed into memory of a piece, and never
/// stored.
bool run_columns(Fusion& self, FusedInputs& inputs, const Dims& sizes, TensorRef* outputs) {
  Columns c;
  if (!lay_out_columns(self, inputs, sizes, c)) return false;
  auto& sum = *reinterpret_cast<Reduction*>(bound_operator("sum_reduction"));
  ReduceKernel totals[max_operands];
  int64_t room = 0, places[max_operands];
  for (int k = 0; k < self.n_out; ++k) {
    const bool summed = c.summed >> k & 1;
    outputs[k] = empty(summed ? inputs.summed[k] : sizes, self.dtypes[k], on_cpu);
    c.data[k] = outputs[k]->as<char>();
    places[k] = room;
    if (summed) {
      totals[k] = find_kernel(sum, {self.dtypes[k]}, {self.dtypes[k]}, 'o', "full");
      room += (piece_columns + 64) * c.rows * c.steps[k];
    }
  }
  const MapKernel kernel = find_map(self, c.modes);
  LongWork unlocked(c.rows * c.columns > 2 * grain);
  parallel_for((c.columns + piece_columns - 1) / piece_columns, [&](int64_t chunk) {
    const int64_t first = chunk * piece_columns, n = std::min(piece_columns, c.columns - first);
    char *piece = piece_memory(room), *at[max_operands];
    int64_t row_steps[max_operands];
    for (int i = 0; i < self.n; ++i) {
      const bool summed = i < self.n_out && (c.summed >> i & 1);
      at[i] = summed ? piece + places[i] : c.data[i] + first * c.steps[i];
      row_steps[i] = summed ? n * c.steps[i] : c.row_steps[i];
    }
    kernel(n, c.rows, first, at, c.steps, row_steps);
    for (int k = 0; k < self.n_out; ++k) {
      if (!(c.summed >> k & 1)) continue;
      const int64_t size = c.steps[k];
      char* streams[max_streams] = {c.data[k] + first * size, at[k]};
      const int64_t from_row[max_streams] = {size, size}, along[max_streams] = {0, n * size};
      totals[k](n, 1, c.rows, streams, from_row, none, along, 0);
    }
  });
  return true;
}

void run_map(Fusion& self, FusedInputs& inputs, TensorRef* outputs) {
  Dims sizes = common_sizes(self, inputs);
  inputs.sizes = sizes;
  if (const Device device = device_of(self, inputs); device != on_cpu) [[unlikely]] {
    check_outputs(self, inputs, sizes);
    return run_on_device(self, inputs, sizes, device, outputs);
  }
  if (run_flat(self, inputs, sizes, outputs)) return;
  check_outputs(self, inputs, sizes);
  Dims strides = result_strides(self, inputs, sizes);
  if (strides == contiguous_strides(sizes) && run_columns(self, inputs, sizes, outputs)) return;
  Operand operands[max_operands];
  for (int i = 0; i < self.n; ++i) {
    operands[i].itemsize = itemsize(self.dtypes[i]);
    if (i < self.n_out) {
      outputs[i] = empty_strided(sizes, strides, self.dtypes[i], on_cpu);
      operands[i].data = outputs[i]->data();
      operands[i].strides = strides;
    } else if (Tensor* t = inputs.tensors[i]) {
      operands[i].data = t->data();
      operands[i].strides = broadcast_strides(*t, sizes);
    } else {
      operands[i].data = inputs.numbers[i];
      operands[i].strides.n = sizes.n;
      std::fill_n(operands[i].strides.v, sizes.n, 0);
    }
  }
  if (outputs[0]->numel == 0) return;
  Loop loop(sizes, operands, self.n);
  loop.run(find_map(self, loop.modes()));
}

/// Where rows of a tensor begin, and bytes from one to the next; a copy where they do not follow
/// each other.
void add_rows(FusedInputs& inputs, int i, bool wide, const Dims& sizes, RowOperands& operands) {
  Tensor* t = inputs.tensors[i];
  Dims shown = sizes;
  if (!wide) shown[shown.n - 1] = 1;
  int64_t width = wide ? sizes[sizes.n - 1] : 1;
  bool shared = t->numel == width && (t->ndim == 0 || t->sizes[t->ndim - 1] == width);
  if (!t->contiguous || !(shared || sizes_of(*t) == shown)) {
    GradModeGuard off(false);
    inputs.copies[i] = contiguous(*expand(*t, shown));
    t = inputs.copies[i].get();
    shared = false;
  }
  operands.add(*t, shared ? 0 : width * itemsize(t->dtype));
}

void run_row_kernel(Fusion& self, FusedInputs& inputs, TensorRef* outputs) {
  Dims sizes = common_sizes(self, inputs), shown = sizes;
  check(sizes.n > 0 && sizes.product() > 0,
        [] { return message("fused: a row needs elements, and there are none."); });
  check_outputs(self, inputs, sizes);
  inputs.sizes = sizes;
  int64_t length = sizes[sizes.n - 1], n_rows = sizes.product() / length;
  shown[shown.n - 1] = 1;
  RowOperands operands;
  const Device device = device_of(self, inputs);
  for (int i = 0; i < self.n; ++i) {
    bool wide = self.kinds[i] == 'v';
    if (i < self.n_out) {
      outputs[i] = empty(wide ? sizes : shown, self.dtypes[i], device);
      operands.add(*outputs[i], (wide ? length : 1) * itemsize(self.dtypes[i]));
    } else if (inputs.tensors[i]) {
      add_rows(inputs, i, wide, sizes, operands);
    } else {
      operands.add_number(inputs.numbers[i]);
    }
  }
  run_rows(reinterpret_cast<RowsKernel>(find_kernel(self, 0, self.kinds, device == on_cpu)),
           operands, n_rows, length);
}

}  // namespace

Fusion::~Fusion() {
  if (kernels.empty()) return;
  std::erase(holders(), this);
  std::erase_if(kernels, [](const Kernel& k) { return (k.modes & for_gpu) != 0; });
  n_kernels -= static_cast<int64_t>(kernels.size());
  if (interpreter_ends()) return;
  Unraised error;
  for (const Kernel& k : kernels) let_go(spec.get(), k.function);
  if (error) error.raise();
}

void bound_fused_kernels(int64_t most) { most_kernels = most; }
int64_t fused_kernels() { return n_kernels; }

void run_fused(Fusion& self, FusedInputs& inputs, TensorRef* outputs) {
  Running one(self);
  if (self.rows) return run_row_kernel(self, inputs, outputs);
  run_map(self, inputs, outputs);
  if (!self.total || (outputs[0]->ndim == 0 && inputs.sizes.n > 0)) return;
  Dims all;
  for (int d = 0; d < inputs.sizes.n; ++d) all.push(d);
  TensorRef stored = std::move(outputs[0]);
  reduce_one(*self.total, *stored, all, false, self.dtypes, 1, nullptr, outputs);
}

}  // namespace flambeau
