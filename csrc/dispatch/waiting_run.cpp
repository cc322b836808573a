// Groups become kernels, and run. See waiting.h.
#include <condition_variable>
#include <mutex>

#include "dispatch/touched.h"
#include "dispatch/waiting_groups.h"
#include "dispatch/waiting_kernels.h"
#include "runtime/cpu.h"
#include "runtime/threads.h"

namespace flambeau::waiting {

Group groups[group_count];
Counts counted{};

namespace {

/// Wakes threads that came for bytes while another thread was computing them.
struct Bell {
  std::mutex mutex;
  std::condition_variable rung;
};
Bell& bell() {
  static Bell* one = new Bell;
  return *one;
}

/// The result of a node is there, or lost: what reads it from now on reads the storage.
void detach(int g, Node& node) {
  Storage* s = std::exchange(node.storage, nullptr);
  s->waiting_node = -1;
  give_back(s, g);
  --groups[g].alive;
}

}  // namespace

void close(int g) {
  Group& group = groups[g];
  if (group.n_nodes == 1) foresight.alone(group.nodes[0].place);
  for (int i = 0; i < group.n_nodes; ++i)
    if (group.nodes[i].storage) detach(g, group.nodes[i]);
  Input inputs[most_operands];
  int n = group.n_inputs;
  std::copy_n(group.inputs, n, inputs);
  group.n_nodes = group.n_inputs = group.n_numbers = group.alive = 0;
  group.open = false;
  for (int i = 0; i < n; ++i) {
    give_back(inputs[i].storage, g);
    release(inputs[i].storage);
  }
}

namespace {

/// Outputs first.
struct Operands {
  int n = 0;
  char* data[most_operands];
  int64_t itemsizes[most_operands];
  const int64_t* strides[most_operands];  // null: contiguous
  bool number[most_operands];

  void add(char* at, DType dtype, const int64_t* over, bool is_number = false) {
    data[n] = at;
    itemsizes[n] = itemsize(dtype);
    strides[n] = over;
    number[n++] = is_number;
  }
};

void add_input(Operands& operands, const Group& group, const Input& input) {
  operands.add(static_cast<char*>(input.storage->withheld) + input.offset * itemsize(input.dtype),
               input.dtype, group.flat ? nullptr : input.strides);
}

void add_number(Operands& operands, Number& number) {
  operands.add(number.bytes, number.dtype, nullptr, true);
}

Loop loop_over(const Group& group, const Operands& operands) {
  Operand all[max_operands];
  Dims sizes(group.sizes, group.ndim), packed = contiguous_strides(sizes);
  for (int k = 0; k < operands.n; ++k) {
    all[k].data = operands.data[k];
    all[k].itemsize = operands.itemsizes[k];
    if (operands.number[k]) {
      all[k].strides.n = group.ndim;
      std::fill_n(all[k].strides.v, group.ndim, 0);
    } else {
      all[k].strides = operands.strides[k] ? Dims(operands.strides[k], group.ndim) : packed;
    }
  }
  return Loop(sizes, all, operands.n);
}

void run_flat(const Group& group, MapKernel kernel, const Operands& operands, bool streamed) {
  static constexpr int64_t none[most_operands] = {};
  int64_t strides[most_operands];
  const int n = operands.n;
  for (int k = 0; k < n; ++k) strides[k] = operands.number[k] ? 0 : operands.itemsizes[k];
  if (n <= max_operands)
    return run_elements(kernel, group.numel, operands.data, strides, n,
                        streamed ? streamed_grain : grain);
  LongWork unlocked(group.numel > 2 * grain);
  auto run = [&](int64_t begin, int64_t end) {
    char* at[most_operands];
    for (int k = 0; k < n; ++k) at[k] = operands.data[k] + begin * strides[k];
    kernel(end - begin, 1, begin, at, strides, none);
  };
  parallel_shares(group.numel, streamed ? streamed_grain : grain, run, /*unit=*/256);
}

void run(const Group& group, MapKernel kernel, const Operands& operands, bool streamed) {
  if (group.flat)
    run_flat(group, kernel, operands, streamed);
  else
    loop_over(group, operands).run(kernel, streamed ? streamed_grain : grain);
}

/// Bytes that nobody outside a group sees.
struct Scratch {
  Storage* storage = nullptr;
  ~Scratch() { drop(); }
  void drop() {
    if (storage) release(std::exchange(storage, nullptr));
  }
};

/// Which results, stored later, lend their bytes to what nobody outside a group sees: so a chain
/// needs no more memory than its end. hosts[i]: a node, or -1. last: who reads a result last.
void find_hosts(const Group& group, const int* last, int* hosts) {
  int lent_until[most_nodes];
  std::fill_n(lent_until, group.n_nodes, -1);
  std::fill_n(hosts, group.n_nodes, -1);
  const int overlap = group.flat ? 0 : 1;  // element by element it may be read as it is written
  for (int i = 0; i < group.n_nodes; ++i) {
    if (last[i] < 0 || group.nodes[i].storage) continue;
    for (int j = std::max(i + 1, last[i] + overlap); j < group.n_nodes; ++j)
      if (group.nodes[j].storage && lent_until[j] + overlap <= i &&
          itemsize(group.nodes[j].dtype) == itemsize(group.nodes[i].dtype)) {
        hosts[i] = j;
        lent_until[j] = last[i];
        break;
      }
  }
}

/// Operator by operator, as if nothing had waited.
void run_singly(Group& group) {
  Scratch scratch[most_nodes];
  int hosts[most_nodes], last[most_nodes];  // last: reads a result last; -1: nobody wants it
  std::fill_n(last, group.n_nodes, -1);
  for (int i = group.n_nodes - 1; i >= 0; --i) {
    const Node& node = group.nodes[i];
    if (node.storage) last[i] = std::max(last[i], i);
    if (last[i] < 0) continue;
    for (int k = 0; k < node.record->n_args; ++k)
      if (node.operands[k] >= first_node) {
        int read = node.operands[k] - first_node;
        last[read] = std::max(last[read], i);
      }
  }
  find_hosts(group, last, hosts);
  for (int i = 0; i < group.n_nodes; ++i) {
    if (last[i] < 0) continue;
    Node& node = group.nodes[i];
    auto bytes_of = [&](int k) {
      Storage* s = group.nodes[hosts[k] < 0 ? k : hosts[k]].storage;
      return static_cast<char*>(s ? s->withheld : scratch[k].storage->data);
    };
    if (!node.storage && hosts[i] < 0)
      scratch[i].storage = allocate_storage(group.numel * itemsize(node.dtype));
    Operands operands;
    operands.add(bytes_of(i), node.dtype, nullptr);
    for (int k = 0; k < node.record->n_args; ++k) {
      int code = node.operands[k];
      if (code >= first_node)
        operands.add(bytes_of(code - first_node), group.nodes[code - first_node].dtype, nullptr);
      else if (code >= first_number)
        add_number(operands, group.numbers[code - first_number]);
      else
        add_input(operands, group, group.inputs[code]);
    }
    run(group, node.kernel, operands, node.streamed);
    for (int k = 0; k <= i; ++k)
      if (last[k] == i) scratch[k].drop();
  }
}

/// Bytes of inputs that nobody but a group keeps.
int64_t held_alone(const Group& group) {
  int64_t nbytes = 0;
  for (int i = 0; i < group.n_inputs; ++i)
    if (group.inputs[i].storage->version.references == 1) nbytes += group.inputs[i].storage->nbytes;
  return nbytes;
}

/// How a group is to run: as one kernel over what its outputs are made of.
struct Plan {
  bool in_pieces = false;      // of one result, which is not stored
  MapKernel kernel = nullptr;  // null: operator by operator, and all that somebody holds is stored
  Compiled* user = nullptr;    // whose kernel that is; told while it runs
  bool stored[most_nodes] = {};
  Operands operands;
  int n_nodes = 0, n_out = 0, calls = 0;  // calls: of maths functions, in the kernel
  bool streamed = false;
  char modes[most_operands + 1] = {};
  // Places of the group's inputs, numbers and nodes among those of the kernel, -1: not part of it.
  int8_t inputs[most_operands], numbers[most_operands], nodes[most_nodes];
};

/// Which results are stored when `wanted` is asked for (null: all that somebody holds). What other
/// operators of the group read and a node of backward may keep is computed again when backward,
/// whose operators join the group, reads it.
void choose(const Group& group, const Storage* wanted, Plan& plan) {
  bool keeps =
      wanted && held_alone(group) == 0 &&
      std::count_if(groups, groups + group_count, [](auto& g) { return g.open; }) <= most_kept;
  bool used[most_nodes] = {};
  std::fill_n(plan.inputs, most_operands, int8_t{-1});
  std::fill_n(plan.numbers, most_operands, int8_t{-1});
  // Results for which a kernel has no room wait for the next run.
  int room = (group.flat ? most_operands : max_operands) - group.n_inputs - group.n_numbers;
  for (int i = group.n_nodes - 1; i >= 0; --i) {
    const Node& node = group.nodes[i];
    const bool asked = node.storage && node.storage == wanted;
    plan.stored[i] = asked || (node.storage && !plan.in_pieces && room > (wanted ? 1 : 0) &&
                               !(keeps && node.history && node.read));
    room -= plan.stored[i];
    used[i] |= plan.stored[i];
    if (!used[i]) continue;
    for (int k = 0; k < node.record->n_args; ++k) {
      int code = node.operands[k];
      if (code >= first_node)
        used[code - first_node] = true;
      else
        (code >= first_number ? plan.numbers[code - first_number] : plan.inputs[code]) = 0;
    }
  }
  for (int i = 0; i < group.n_nodes; ++i)
    plan.nodes[i] = static_cast<int8_t>(used[i] ? plan.n_nodes++ : -1);
  int n = 0;
  for (int i = 0; i < group.n_inputs; ++i)
    if (plan.inputs[i] == 0) plan.inputs[i] = static_cast<int8_t>(n++);
  n = 0;
  for (int i = 0; i < group.n_numbers; ++i)
    if (plan.numbers[i] == 0) plan.numbers[i] = static_cast<int8_t>(n++);
}

/// A node's operands in the numbering of the kernel.
std::vector<uint8_t> operands_of(const Plan& plan, const Node& node) {
  std::vector<uint8_t> codes(static_cast<size_t>(node.record->n_args));
  for (size_t k = 0; k < codes.size(); ++k) {
    int code = node.operands[k];
    codes[k] = static_cast<uint8_t>(code >= first_node ? first_node + plan.nodes[code - first_node]
                                    : code >= first_number
                                        ? first_number + plan.numbers[code - first_number]
                                        : plan.inputs[code]);
  }
  return codes;
}

std::string key_of(const Group& group, const Plan& plan) {
  std::string key(plan.modes);
  for (int i = 0; i < group.n_inputs; ++i)
    if (plan.inputs[i] >= 0) key.push_back(static_cast<char>(group.inputs[i].dtype));
  for (int i = 0; i < group.n_numbers; ++i)
    if (plan.numbers[i] >= 0) key.push_back(static_cast<char>(group.numbers[i].dtype));
  for (int i = 0; i < group.n_nodes; ++i) {
    if (plan.nodes[i] < 0) continue;
    const Node& node = group.nodes[i];
    key.append(reinterpret_cast<const char*>(&node.record), sizeof node.record);
    key.push_back(static_cast<char>(node.compute));
    key.push_back(static_cast<char>(node.dtype));
    key.push_back(plan.stored[i] ? 'y' : 'n');
    for (uint8_t code : operands_of(plan, node)) key.push_back(static_cast<char>(code));
  }
  return key;
}

Wanted describe(const Group& group, const Plan& plan, const std::string& key) {
  Wanted w;
  w.key = key;
  w.modes = plan.modes;
  for (int i = 0; i < group.n_nodes; ++i) {
    if (plan.nodes[i] < 0) continue;
    const Node& node = group.nodes[i];
    if (plan.stored[i]) w.outputs.push_back(static_cast<int>(w.steps.size()));
    w.steps.push_back({node.record, node.compute, node.dtype, operands_of(plan, node)});
  }
  for (int i = 0; i < group.n_inputs; ++i)
    if (plan.inputs[i] >= 0) w.inputs.push_back(group.inputs[i].dtype);
  for (int i = 0; i < group.n_numbers; ++i)
    if (plan.numbers[i] >= 0) w.numbers.push_back(group.numbers[i].dtype);
  return w;
}

/// Lays out the operands of a plan.
void lay_out(Group& group, Plan& plan) {
  Operands& operands = plan.operands;
  int64_t least = INT64_MAX;
  Touched touched;
  for (int i = 0; i < group.n_nodes; ++i)
    if (plan.stored[i]) {
      const Node& node = group.nodes[i];
      operands.add(static_cast<char*>(node.storage->withheld), node.dtype, nullptr);
      least = std::min(least, group.numel * itemsize(node.dtype));
    }
  plan.n_out = operands.n;
  for (int i = 0; i < group.n_inputs; ++i)
    if (plan.inputs[i] >= 0) add_input(operands, group, group.inputs[i]);
  for (int i = 0; i < group.n_numbers; ++i)
    if (plan.numbers[i] >= 0) add_number(operands, group.numbers[i]);
  for (int k = 0; k < operands.n; ++k)
    if (!operands.number[k]) touched.add(operands.data[k], group.numel * operands.itemsizes[k]);
  plan.streamed = group.flat && !plan.in_pieces && goes_past_caches(least, touched.total() - least);
  if (!group.flat) {
    Loop loop = loop_over(group, operands);
    for (int k = 0; k < operands.n; ++k)
      plan.modes[k] = mode_letters[static_cast<int>(loop.modes()[k])];
    return;
  }
  for (int k = 0; k < operands.n; ++k) {
    Mode mode = operands.number[k]                ? Mode::scalar
                : plan.streamed && k < plan.n_out ? Mode::streamed
                                                  : Mode::contiguous;
    plan.modes[k] = mode_letters[static_cast<int>(mode)];
  }
}

/// Whether a kernel is quicker than its operators. A function that waits for another's result in
/// the same kernel takes half as long again as one alone, whose latency its neighbours hide; a
/// result that is not stored spares less than that while the caches hold it.
bool pays(const Group& group, const Plan& plan, int calls) {
  return 5 * (calls - 1) < 2 * (plan.n_nodes - plan.n_out) ||
         group.numel * itemsize(group.nodes[0].dtype) > last_cache_bytes() / 8;
}

/// False where Python had to be asked, so that everything is looked at anew.
bool make_plan(Group& group, const Storage* wanted_result, Plan& plan) {
  choose(group, wanted_result, plan);
  if (plan.n_nodes > 1 || plan.in_pieces) {
    lay_out(group, plan);
    std::string key = key_of(group, plan);
    Compiled& known = kernel_of(key);
    if (known.kernel && (patience == 0 || pays(group, plan, known.calls))) {
      plan.kernel = known.kernel;
      plan.user = &known;
    }
    plan.calls = known.calls;
    if (!known.kernel && !known.asked && ++known.seen > patience) {
      known.asked = true;
      if (patience == 0) {
        compile(describe(group, plan, key));  // gives it before it returns
        return false;
      }
      wanted().push_back(describe(group, plan, key));
    }
  }
  if (!plan.kernel)
    for (int i = 0; i < group.n_nodes; ++i) plan.stored[i] = group.nodes[i].storage != nullptr;
  return true;
}

void execute(Group& group, const Plan& plan) {
  ++counted.runs;
  if (!plan.kernel) return run_singly(group);
  ++counted.fused;
  counted.unseen += plan.n_nodes - plan.n_out;
  const InUse in_use(plan.user);
  run(group, plan.kernel, plan.operands, plan.streamed);
}

/// A group has run: whoever waits for that looks again.
void finish(Group& group) {
  {
    std::lock_guard lock(bell().mutex);
    group.running = false;
    ++group.finished;
  }
  bell().rung.notify_all();
}

}  // namespace

bool waits_for_last_reader(const Tensor& t) {
  const Storage& s = *t.storage;
  if (t.numel < least_numel || s.version.references != 1 || !t.contiguous) return false;
  if (foresees && !s.waiting) foresight.read(&s);
  return s.waiting_node >= 0 && Py_REFCNT(const_cast<Tensor&>(t).py()) == 1;
}

Pieces::Pieces(const Tensor& t, int64_t width) {
  Storage* s = t.storage;
  Plan plan;
  int g;
  do {
    if (s->waiting_node < 0) return;
    g = bit(s->waiting);
    const Group& group = groups[g];
    if (group.running || group.numel != t.numel || t.offset ||
        t.dtype != group.nodes[s->waiting_node].dtype)
      return;
    foresight.joined(group.nodes[0].place);
    plan = {};
    plan.in_pieces = true;
  } while (!make_plan(groups[g], s, plan));
  if (!plan.kernel) return;
  kernel_ = plan.kernel;
  n_ = plan.operands.n;
  itemsize_ = itemsize(t.dtype);
  width_ = width ? width : t.numel;
  rows_ = t.numel / width_;
  for (int k = 0; k < n_; ++k) {
    data_[k] = plan.operands.data[k];
    steps_[k] = plan.operands.number[k] ? 0 : plan.operands.itemsizes[k];
    row_steps_[k] = steps_[k] * width_;
  }
  // Rows of norms and the like: backward reads them too, and would compute the functions again.
  if (!groups[g].flat && (plan.calls > 0 || !lay_out(loop_over(groups[g], plan.operands), width)))
    return;
  ++counted.runs, ++counted.fused, ++counted.in_pieces;
  groups[g].running = true;
  group_ = g;
  in_use_ = plan.user;
  ++in_use_->users;
}

/// False where the loop is not one over rows, of this width if it is given.
bool Pieces::lay_out(const Loop& loop, int64_t width) {
  const bool rows = loop.ndim() == 2;
  if (loop.ndim() > 2 || loop.stride(0, 0) != itemsize_ || (rows && width && loop.size(0) != width))
    return false;
  if (rows) width_ = loop.size(0), rows_ = loop.size(1);
  for (int k = 0; k < n_; ++k) {
    steps_[k] = loop.stride(0, k);
    row_steps_[k] = rows ? loop.stride(1, k) : steps_[k] * width_;
  }
  return true;
}

Pieces::~Pieces() {
  if (group_ < 0) return;
  --in_use_->users;
  Group& group = groups[group_];
  finish(group);
  if (group.open && group.alive == 0) close(group_);
}

void Pieces::compute(int64_t begin, int64_t end, char* to) const {
  while (begin < end) {
    const int64_t row = begin / width_, column = begin % width_;
    const int64_t rows = column ? 0 : (end - begin) / width_;
    const int64_t columns = rows ? width_ : std::min(width_ - column, end - begin);
    compute_block(row, std::max<int64_t>(rows, 1), column, columns, to);
    const int64_t done = std::max<int64_t>(rows, 1) * columns;
    begin += done;
    to += done * itemsize_;
  }
}

void Pieces::compute_columns(int64_t begin, int64_t end, char* to) const {
  compute_block(0, rows_, begin, end - begin, to);
}

void Pieces::compute_block(int64_t row, int64_t rows, int64_t column, int64_t columns,
                           char* to) const {
  char* at[most_operands];
  int64_t row_steps[most_operands];
  at[0] = to;
  row_steps[0] = columns * itemsize_;
  for (int k = 1; k < n_; ++k) {
    at[k] = data_[k] + row * row_steps_[k] + column * steps_[k];
    row_steps[k] = row_steps_[k];
  }
  kernel_(columns, rows, row * width_ + column, at, steps_, row_steps);
}

void run_group(int g, const Storage* wanted_result) {
  Group& group = groups[g];
  if (group.running && interpreter_ends()) {
    // Whoever computes it never comes back to say so: the same is written again.
    finish(group);
  } else if (group.running) {
    // Another thread computes it, and has given up the GIL meanwhile.
    LongWork unlocked(true);
    std::unique_lock lock(bell().mutex);
    const uint64_t seen = group.finished;
    bell().rung.wait(lock, [&] { return !group.running || group.finished != seen; });
    return;
  }
  Plan plan;
  if (!make_plan(group, wanted_result, plan)) return;
  Storage* results[most_nodes];
  int n = 0;
  for (int i = 0; i < group.n_nodes; ++i)
    if (plan.stored[i]) retain(results[n++] = group.nodes[i].storage);
  group.running = true;
  auto end = [&] {
    finish(group);
    for (int i = 0; i < n; ++i) release(results[i]);
    if (group.open && group.alive == 0 && !group.running) close(g);
  };
  try {
    execute(group, plan);
  } catch (...) {
    end();
    throw;
  }
  for (int i = 0; i < group.n_nodes; ++i)
    if (plan.stored[i]) detach(g, group.nodes[i]);
  end();
}

namespace {

/// Before an allocation that would set a new peak: what waits keeps inputs alive, which may not
/// make a program's peak higher.
void relieve(int64_t /*nbytes*/) {
  for (int g = 0; g < group_count; ++g)
    while (groups[g].open && !groups[g].running && held_alone(groups[g]) > 0) run_group(g);
}

}  // namespace

void settle_storage(Storage* s) {
  while (s->waiting) run_group(bit(s->waiting), s->waiting_node >= 0 ? s : nullptr);
}

namespace {

void forget(Storage* s) {
  // An input is retained by its group: this is a result.
  int g = bit(s->waiting);
  Group& group = groups[g];
  group.nodes[s->waiting_node].storage = nullptr;
  s->waiting = 0;
  s->waiting_node = -1;
  s->data = s->withheld;
  if (--group.alive == 0 && !group.running) close(g);
}

}  // namespace

void settle_all() {
  for (int g = 0; g < group_count; ++g)
    while (groups[g].open) run_group(g);
}

Facts counters() {
  return {{"postponed", counted.postponed}, {"runs", counted.runs},
          {"fused", counted.fused},         {"unseen", counted.unseen},
          {"alone", counted.alone},         {"in_pieces", counted.in_pieces},
          {"groups", known_groups()},       {"kernels", known_kernels()}};
}

namespace {
/// In a forked child nobody goes on with what another thread of the parent was running.
[[maybe_unused]] const bool installed = [] {
  settle_waiting = settle_storage;
  forget_waiting = forget;
  relieve_waiting = relieve;
  pthread_atfork(nullptr, nullptr, [] {
    new (&bell()) Bell;
    for (Group& group : groups) group.running = false;
  });
  return true;
}();
}  // namespace

}  // namespace flambeau::waiting
