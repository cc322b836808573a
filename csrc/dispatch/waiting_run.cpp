// Groups become kernels, and run. See waiting.h.
#include <condition_variable>
#include <mutex>

#include "dispatch/touched.h"
#include "dispatch/waiting_groups.h"
#include "dispatch/waiting_kernels.h"
#include "dispatch/waiting_plan.h"
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

void execute(Group& group, const Plan& plan) {
  ++counted.runs;
  if (!plan.kernel) return run_singly(group);
  ++counted.fused;
  counted.unseen += plan.n_nodes - plan.n_out;
  const InUse in_use(plan.user);
  run(group, plan.kernel, plan.operands, plan.streamed);
}

}  // namespace

int64_t held_alone(const Group& group) {
  int64_t nbytes = 0;
  for (int i = 0; i < group.n_inputs; ++i)
    if (group.inputs[i].storage->version.references == 1) nbytes += group.inputs[i].storage->nbytes;
  return nbytes;
}

void finish(Group& group) {
  {
    std::lock_guard lock(bell().mutex);
    group.running = false;
    ++group.finished;
  }
  bell().rung.notify_all();
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
