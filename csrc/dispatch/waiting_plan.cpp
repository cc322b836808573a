// What of a group runs, by which kernel, over what. See waiting_plan.h.
#include "dispatch/waiting_plan.h"

#include <cstring>

#include "dispatch/touched.h"
#include "runtime/cpu.h"

namespace flambeau::waiting {

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

namespace {

/// Whether operand k of a node is the 1 that is there if not given.
bool is_unit(const Group& group, const Node& node, int k) {
  const int code = node.operands[k];
  if (k != node.record->unit || code < first_number || code >= first_node) return false;
  const Number& x = group.numbers[code - first_number];
  float single;
  double twice;
  std::memcpy(&single, x.bytes, sizeof single);
  std::memcpy(&twice, x.bytes, sizeof twice);
  return (x.dtype == DType::float32 && single == 1) || (x.dtype == DType::float64 && twice == 1);
}

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
      else if (!is_unit(group, node, k))
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
std::vector<uint8_t> operands_of(const Group& group, const Plan& plan, const Node& node) {
  std::vector<uint8_t> codes(static_cast<size_t>(node.record->n_args));
  for (size_t k = 0; k < codes.size(); ++k) {
    int code = node.operands[k];
    codes[k] = static_cast<uint8_t>(code >= first_node ? first_node + plan.nodes[code - first_node]
                                    : is_unit(group, node, static_cast<int>(k)) ? unit_number
                                    : code >= first_number
                                        ? first_number + plan.numbers[code - first_number]
                                        : plan.inputs[code]);
  }
  return codes;
}

std::string key_of(const Group& group, const Plan& plan) {
  std::string key(plan.total ? plan.total : "");
  key += plan.modes;
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
    for (uint8_t code : operands_of(group, plan, node)) key.push_back(static_cast<char>(code));
  }
  return key;
}

Wanted describe(const Group& group, const Plan& plan, const std::string& key) {
  Wanted w;
  w.key = key;
  w.modes = plan.modes;
  if (plan.total) w.total = plan.total;
  for (int i = 0; i < group.n_nodes; ++i) {
    if (plan.nodes[i] < 0) continue;
    const Node& node = group.nodes[i];
    if (plan.stored[i]) w.outputs.push_back(static_cast<int>(w.steps.size()));
    w.steps.push_back({node.record, node.compute, node.dtype, operands_of(group, plan, node)});
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
}

/// The letters of the operands' layouts.
void set_modes(const Group& group, Plan& plan) {
  const Operands& operands = plan.operands;
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

/// What is known of the group, after asking for its kernel where it has been seen often enough;
/// null where Python has made that just now.
Compiled* find(const Group& group, Plan& plan) {
  std::string key = key_of(group, plan);
  Compiled& known = kernel_of(key);
  plan.calls = known.calls;
  if (known.kernel || known.asked || ++known.seen <= patience) return &known;
  known.asked = true;
  if (patience == 0) {
    compile(describe(group, plan, key));  // gives it before it returns
    return nullptr;
  }
  wanted().push_back(describe(group, plan, key));
  return &known;
}

/// Writes the kinds of a kernel of rows to the modes; false where there can be none.
bool lay_out_totals(const Group& group, Plan& plan) {
  Operands& operands = plan.operands;
  if (operands.n > max_operands || !lay_out_rows(group, plan)) return false;
  plan.modes[0] = 'x';
  plan.row_steps[0] = operands.itemsizes[0];
  for (int k = 1; k < operands.n; ++k) {
    if (plan.steps[k] != 0 && plan.steps[k] != operands.itemsizes[k]) return false;
    plan.modes[k] = plan.steps[k] ? 'v' : 'x';
  }
  return true;
}

}  // namespace

bool lay_out_rows(const Group& group, Plan& plan) {
  const Operands& operands = plan.operands;
  if (group.flat) {
    if (plan.width == 0) plan.width = group.numel;
    for (int k = 0; k < operands.n; ++k) {
      plan.steps[k] = operands.number[k] ? 0 : operands.itemsizes[k];
      plan.row_steps[k] = plan.steps[k] * plan.width;
    }
    return true;
  }
  Loop loop = loop_over(group, operands);
  const bool rows = loop.ndim() == 2;
  if (loop.ndim() > 2 || loop.stride(0, 0) != operands.itemsizes[0] ||
      (rows && plan.width && loop.size(0) != plan.width))
    return false;
  if (rows || plan.width == 0) plan.width = loop.size(0);
  for (int k = 0; k < operands.n; ++k) {
    plan.steps[k] = loop.stride(0, k);
    plan.row_steps[k] = rows ? loop.stride(1, k) : plan.steps[k] * plan.width;
  }
  return true;
}

bool make_plan(Group& group, const Storage* wanted_result, Plan& plan) {
  choose(group, wanted_result, plan);
  if (plan.n_nodes > 1 || plan.in_pieces) {
    lay_out(group, plan);
    Compiled* known = nullptr;
    if (plan.total && lay_out_totals(group, plan)) {
      known = find(group, plan);
      if (!known) return false;
      plan.totals = reinterpret_cast<RowsKernel>(known->kernel);
    }
    if (!known || known->refused) {
      if (plan.total) plan.width = 0;
      plan.total = nullptr;
      set_modes(group, plan);
      known = find(group, plan);
      if (!known) return false;
      if (known->kernel && (patience == 0 || pays(group, plan, known->calls)))
        plan.kernel = reinterpret_cast<MapKernel>(known->kernel);
    }
    if (plan.kernel || plan.totals) plan.user = known;
  }
  if (!plan.kernel)
    for (int i = 0; i < group.n_nodes; ++i) plan.stored[i] = group.nodes[i].storage != nullptr;
  return true;
}

}  // namespace flambeau::waiting
