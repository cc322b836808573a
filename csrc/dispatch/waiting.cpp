// Operators are recorded into groups. See waiting.h.
#include "dispatch/waiting.h"

#include <cstdlib>
#include <cstring>

#include "autograd/door.h"
#include "dispatch/pointwise_launch.h"
#include "dispatch/touched.h"
#include "dispatch/waiting_groups.h"
#include "dispatch/waiting_kernels.h"
#include "tensor/sparse.h"

namespace flambeau::waiting {

constinit int64_t least_numel = INT64_MAX;
constinit bool foresees = true;
Foresight foresight;

namespace {

uint64_t stamps = 0;

bool can_wait(const Tensor& t) {
  const Storage& s = *t.storage;
  return s.device == on_cpu && !s.lent && !s.shared && !s.owner && !is_complex(t.dtype) &&
         !is_float8(t.dtype) && (s.data || s.waiting);
}

/// Whether t shows all of the result that its storage will hold, as the group computes it.
bool shows_result(const Tensor& t, const Group& group, const Dims& sizes) {
  return t.contiguous && t.offset == 0 && group.has_sizes(sizes) &&
         t.dtype == group.nodes[t.storage->waiting_node].dtype && sizes_of(t) == sizes;
}

/// Joins group b to a, of the same sizes; false where there is no room.
bool merge(int a, int b) {
  Group &to = groups[a], &from = groups[b];
  uint8_t input_codes[most_operands], number_codes[most_operands];
  int n_inputs = to.n_inputs, n_numbers = to.n_numbers;
  if (to.n_nodes + from.n_nodes > most_nodes) return false;
  for (int i = 0; i < from.n_inputs; ++i) {
    const Input& x = from.inputs[i];
    int k = 0;
    while (k < to.n_inputs && !(to.inputs[k].storage == x.storage &&
                                to.inputs[k].offset == x.offset && to.inputs[k].dtype == x.dtype &&
                                std::equal(x.strides, x.strides + to.ndim, to.inputs[k].strides)))
      ++k;
    input_codes[i] = static_cast<uint8_t>(k < to.n_inputs ? k : n_inputs++);
  }
  for (int i = 0; i < from.n_numbers; ++i) {
    const Number& x = from.numbers[i];
    int k = 0;
    while (k < to.n_numbers &&
           !(to.numbers[k].dtype == x.dtype && std::memcmp(to.numbers[k].bytes, x.bytes, 8) == 0))
      ++k;
    number_codes[i] = static_cast<uint8_t>(k < to.n_numbers ? k : n_numbers++);
  }
  if (n_inputs + n_numbers > (to.flat && from.flat ? most_operands - 8 : max_operands - 4))
    return false;
  for (int i = 0; i < from.n_inputs; ++i) {
    Storage* s = from.inputs[i].storage;
    if (input_codes[i] >= to.n_inputs) {
      to.inputs[input_codes[i]] = from.inputs[i];
      retain(s);
      withhold(s, a);
    }
  }
  for (int i = 0; i < from.n_numbers; ++i)
    if (number_codes[i] >= to.n_numbers) to.numbers[number_codes[i]] = from.numbers[i];
  to.n_inputs = n_inputs;
  to.n_numbers = n_numbers;
  for (int i = 0; i < from.n_nodes; ++i) {
    Node node = from.nodes[i];
    for (int k = 0; k < node.record->n_args; ++k) {
      uint8_t& code = node.operands[k];
      if (code >= first_node)
        code = static_cast<uint8_t>(code + to.n_nodes);
      else if (code >= first_number)
        code = static_cast<uint8_t>(first_number + number_codes[code - first_number]);
      else
        code = input_codes[code];
    }
    from.nodes[i] = node;
  }
  const int first = to.n_nodes;
  for (int i = 0; i < from.n_nodes; ++i) {
    Node& node = to.nodes[first + i] = from.nodes[i];
    if (Storage* s = node.storage) {
      withhold(s, a);
      s->waiting &= ~(uint32_t{1} << b);
      s->waiting_node = first + i;
      from.nodes[i].storage = nullptr;
    }
  }
  to.n_nodes += from.n_nodes;
  to.alive += from.alive;
  to.flat = to.flat && from.flat;
  to.stamp = std::min(to.stamp, from.stamp);
  from.n_nodes = 0;
  close(b);
  return true;
}

/// The input of a group that shows t, added if need be; -1 where there is no room.
int input_of(Group& group, int g, Tensor& t, const Dims& sizes) {
  Input x;
  x.storage = t.storage;
  x.offset = t.offset;
  x.dtype = t.dtype;
  Dims strides = broadcast_strides(t, sizes);
  std::copy_n(strides.v, strides.n, x.strides);
  for (int i = 0; i < group.n_inputs; ++i) {
    const Input& y = group.inputs[i];
    if (y.storage == x.storage && y.offset == x.offset && y.dtype == x.dtype &&
        std::equal(x.strides, x.strides + sizes.n, y.strides))
      return i;
  }
  const bool flat = t.contiguous && sizes_of(t) == sizes;
  if (group.room(flat) < 1) return -1;
  retain(x.storage);
  withhold(x.storage, g);
  group.flat = group.flat && flat;
  group.inputs[group.n_inputs] = x;
  return group.n_inputs++;
}

int number_of(Group& group, const Number& x) {
  for (int i = 0; i < group.n_numbers; ++i)
    if (group.numbers[i].dtype == x.dtype && std::memcmp(group.numbers[i].bytes, x.bytes, 8) == 0)
      return first_number + i;
  if (group.room(true) < 1) return -1;
  group.numbers[group.n_numbers] = x;
  return first_number + group.n_numbers++;
}

/// What a call brings, found before any group is touched.
struct Call {
  Pointwise& record;
  const Arg* args;
  const Dims& sizes;
  DType compute, dtype;
  bool history;
  uint16_t place = 0;
  Number numbers[max_args];
  bool flat = true, streamed = false;
  MapKernel kernel = nullptr;

  bool prepare() {
    DType dtypes[max_operands];
    Mode modes[max_operands];
    dtypes[0] = dtype;
    modes[0] = Mode::contiguous;
    for (int i = 0; i < record.n_args; ++i) {
      if (Tensor* t = args[i].tensor) {
        if (!can_wait(*t)) return false;
        dtypes[i + 1] = t->dtype;
        modes[i + 1] = Mode::contiguous;
        flat = flat && t->contiguous && sizes_of(*t) == sizes;
      } else {
        std::memset(numbers[i].bytes, 0, 8);
        numbers[i].dtype = dtypes[i + 1] =
            place_number(record, i, args[i].number, compute, numbers[i].bytes);
        if (itemsize(numbers[i].dtype) > 8) return false;
        modes[i + 1] = Mode::scalar;
      }
    }
    if (flat)
      streamed = sizes.product() * itemsize(dtype) >= least_past_caches &&
                 goes_past_caches(sizes.product() * itemsize(dtype), bytes_read());
    else
      set_modes(modes);
    if (streamed) modes[0] = Mode::streamed;
    // Whatever the operator refuses it refuses here, at the program's own line.
    kernel = find_kernel(record, modes, dtypes, 1, record.n_args + 1, compute);
    return true;
  }

  /// By a flat call.
  int64_t bytes_read() const {
    Touched read;
    for (int i = 0; i < record.n_args; ++i) {
      const Tensor* t = args[i].tensor;
      if (!t) continue;
      const void* memory = t->storage->data ? t->storage->data : t->storage->withheld;
      read.add(static_cast<const char*>(memory) + t->offset * itemsize(t->dtype), t->nbytes());
    }
    return read.total();
  }

  void set_modes(Mode* modes) {
    Operand all[max_operands];
    all[0] = {nullptr, itemsize(dtype), contiguous_strides(sizes)};
    for (int i = 0; i < record.n_args; ++i) {
      if (Tensor* t = args[i].tensor) {
        all[i + 1] = {nullptr, itemsize(t->dtype), broadcast_strides(*t, sizes)};
        continue;
      }
      all[i + 1].data = nullptr;
      all[i + 1].itemsize = itemsize(numbers[i].dtype);
      all[i + 1].strides.n = sizes.n;
      std::fill_n(all[i + 1].strides.v, sizes.n, 0);
    }
    Loop loop(sizes, all, record.n_args + 1);
    std::copy_n(loop.modes(), record.n_args + 1, modes);
    streamed = loop.is_streamed();
  }
};

/// The group that the results among the arguments wait in, or -1; false where something had to run
/// first, so that the question stands anew.
bool find_holder(const Call& call, int& chosen) {
  chosen = -1;
  for (int i = 0; i < call.record.n_args; ++i) {
    Tensor* t = call.args[i].tensor;
    if (!t || t->storage->waiting_node < 0) continue;
    int g = bit(t->storage->waiting);
    if (groups[g].running || !shows_result(*t, groups[g], call.sizes) ||
        (chosen >= 0 && chosen != g && !merge(chosen, g))) {
      settle_storage(t->storage);
      return false;
    }
    if (chosen < 0) chosen = g;
  }
  return true;
}

/// An open group of the call's sizes that reads one of its inputs, or -1.
int find_neighbour(const Call& call) {
  uint32_t readers = 0;
  for (int i = 0; i < call.record.n_args; ++i)
    if (call.args[i].tensor) readers |= call.args[i].tensor->storage->waiting;
  for (; readers; readers &= readers - 1) {
    const Group& group = groups[bit(readers)];
    if (!group.running && group.has_sizes(call.sizes) && group.n_nodes < most_nodes &&
        group.room(call.flat) >= call.record.n_args)
      return bit(readers);
  }
  return -1;
}

/// A fresh group; -1 where one had to run first.
int open_group(const Dims& sizes) {
  int oldest = -1;
  for (int g = 0; g < group_count; ++g) {
    Group& group = groups[g];
    if (group.running) continue;
    if (!group.open) {
      group.open = true;
      group.flat = true;
      group.stamp = ++stamps;
      group.ndim = sizes.n;
      std::copy_n(sizes.v, sizes.n, group.sizes);
      group.numel = sizes.product();
      return g;
    }
    if (oldest < 0 || group.stamp < groups[oldest].stamp) oldest = g;
  }
  run_group(oldest < 0 ? 0 : oldest);
  return -1;
}

/// Adds the call to group g; false where there is no room.
bool append(const Call& call, int g, Storage* result) {
  Group& group = groups[g];
  if (group.n_nodes == most_nodes) return false;
  Node node{&call.record,  call.kernel,  result, call.compute, call.dtype,
            call.streamed, call.history, false,  call.place,   {}};
  for (int i = 0; i < call.record.n_args; ++i) {
    Tensor* t = call.args[i].tensor;
    int code = !t                              ? number_of(group, call.numbers[i])
               : t->storage->waiting_node >= 0 ? first_node + t->storage->waiting_node
                                               : input_of(group, g, *t, call.sizes);
    if (code < 0) return false;  // what has been added is read by nobody, which does no harm
    node.operands[i] = static_cast<uint8_t>(code);
  }
  for (int i = 0; i < call.record.n_args; ++i)
    if (node.operands[i] >= first_node) group.nodes[node.operands[i] - first_node].read = true;
  if (result->waiting_node >= 0) {  // written in place: its value so far is a step on the way
    group.nodes[result->waiting_node].storage = nullptr;
    --group.alive;
  }
  withhold(result, g);
  result->waiting_node = group.n_nodes;
  if (group.n_nodes == 1) foresight.joined(group.nodes[0].place);
  group.nodes[group.n_nodes++] = node;
  ++group.alive;
  return true;
}

bool may_wait(const Pointwise& record, const Arg* args, const Dims& sizes, DType compute,
              DType dtype) {
  constexpr uint32_t elsewhere = watch_devices | watch_layouts;
  if (watchers & ~(watch_classes | elsewhere)) return false;
  if (watchers & elsewhere)  // there are others somewhere, which need not be here
    for (int i = 0; i < record.n_args; ++i)
      if (Tensor* t = args[i].tensor; t && (!t->on_cpu() || is_sparse(*t))) return false;
  return is_floating(compute) && !is_float8(compute) && !is_complex(dtype) && !record.uses_index &&
         sizes.n <= inline_ndim;
}

/// Whether nothing among the operands waits, or is waited for.
bool all_there(const Pointwise& record, const Arg* args) {
  for (int i = 0; i < record.n_args; ++i)
    if (args[i].tensor && args[i].tensor->storage->waiting) return false;
  return true;
}

TensorRef compute_now(Pointwise& record, const Arg* args, const Dims& sizes, DType compute,
                      DType dtype, bool flat, Tensor* spare) {
  TensorRef result = spare && flat && spare->dtype == dtype ? TensorRef::borrow(spare)
                                                            : empty(sizes, dtype, on_cpu);
  Tensor* outputs[] = {result.get()};
  flat ? launch_flat(record, *result, args, compute)
       : launch(record, outputs, 1, args, record.n_args, sizes, compute);
  return result;
}

/// But while the interpreter ends: no thread would make them.
void ask_for_kernels() {
  if (!wanted().empty() && interpreter_ends()) wanted().clear();
  while (!wanted().empty()) {
    Wanted next = std::move(wanted().back());
    wanted().pop_back();
    compile(next);
  }
}

}  // namespace

TensorRef postpone(Pointwise& record, const Arg* args, const Dims& sizes, DType compute,
                   DType dtype, bool history, bool flat, Tensor* spare) {
  if (!may_wait(record, args, sizes, compute, dtype)) return {};
  const uint16_t place = foresees ? foresight.arrive(record, args, sizes) : 0;
  if (foresees && foresight.is_alone(place) && all_there(record, args)) {
    TensorRef result = compute_now(record, args, sizes, compute, dtype, flat, spare);
    foresight.computed(place, result->storage);
    ++counted.alone;
    return result;
  }
  ask_for_kernels();
  Call call{record, args, sizes, compute, dtype, history, place, {}};
  if (!call.prepare()) return {};
  TensorRef result = empty(sizes, dtype, on_cpu);
  // From here on nothing runs Python, unless a group is run: then all is looked at again.
  for (;;) {
    int g;
    if (!find_holder(call, g)) continue;
    if (g < 0) g = find_neighbour(call);
    if (g < 0 && (g = open_group(sizes)) < 0) continue;
    if (append(call, g, result->storage)) break;
    run_group(g);
  }
  ++counted.postponed;
  return result;
}

bool postpone_inplace(Pointwise& record, const Arg* args, Tensor& self, DType compute) {
  const Dims sizes = sizes_of(self);
  if (!may_wait(record, args, sizes, compute, self.dtype)) return false;
  ask_for_kernels();
  Call call{record, args, sizes, compute, self.dtype, false, 0, {}};
  if (!call.prepare()) return false;
  int g = -1;
  do {
    // Whatever has run may have been self.
    if (self.storage->waiting_node < 0) return false;
  } while (!find_holder(call, g));
  if (!append(call, g, self.storage)) return false;
  ++counted.postponed;
  return true;
}

// --------------------------------------------------------------------------------------- settings

namespace {

constexpr int64_t usual_least_numel = 16384;

/// FLAMBEAU_FUSION: 1, as without it; 0; or 1:FROM:RUNS for tests.
[[maybe_unused]] const bool set_up = [] {
  const char* asked = std::getenv("FLAMBEAU_FUSION");
  if (asked && std::strcmp(asked, "0") == 0) return false;
  least_numel = usual_least_numel;
  if (const char* from = asked ? std::strchr(asked, ':') : nullptr) {
    foresees = false;
    least_numel = std::max<int64_t>(1, std::atoll(from + 1));
    if (const char* runs = std::strchr(from + 1, ':')) patience = std::atoi(runs + 1);
  }
  return true;
}();

}  // namespace

void set_fusion(int64_t least, int64_t runs, bool foresee) {
  settle_all();
  foresees = foresee;
  least_numel = least <= 0 ? INT64_MAX : least;
  patience = static_cast<int>(runs);
}

std::tuple<int64_t, int64_t, bool> fusion_settings() {
  return {least_numel == INT64_MAX ? 0 : least_numel, patience, foresees};
}

}  // namespace flambeau::waiting
