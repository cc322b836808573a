// How what waits is to run, as running (waiting_run.cpp) and reading in pieces (waiting_pieces.cpp)
// see it. Needs the GIL.
#pragma once
#include "dispatch/waiting_groups.h"
#include "dispatch/waiting_kernels.h"

namespace flambeau::waiting {

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

void add_input(Operands& operands, const Group& group, const Input& input);
void add_number(Operands& operands, Number& number);
/// Of at most max_operands.
Loop loop_over(const Group& group, const Operands& operands);

/// How a group is to run: as one kernel over what its outputs are made of.
struct Plan {
  bool in_pieces = false;       // of one result, which is not stored
  const char* total = nullptr;  // in pieces: its rows are added up, "rsum" or "rmean"
  int64_t width = 0;            // of these rows
  MapKernel kernel = nullptr;   // null: operator by operator, and all that somebody holds is stored
  Compiled* user = nullptr;     // whose kernel that is; told while it runs
  bool stored[most_nodes] = {};
  Operands operands;
  int n_nodes = 0, n_out = 0, calls = 0;  // calls: of maths functions, in the kernel
  bool streamed = false;
  RowsKernel totals = nullptr;  // in place of `kernel`: gives the totals of rows
  // Bytes from one element to the next, and from one row, where the result is read by rows.
  int64_t steps[most_operands], row_steps[most_operands];
  char modes[most_operands + 1] = {};
  // Places of the group's inputs, numbers and nodes among those of the kernel, -1: not part of it.
  int8_t inputs[most_operands], numbers[most_operands], nodes[most_nodes];
};

/// The steps of a plan's operands where its result is read by rows of plan.width elements (0: of
/// whatever length they have). False where the loop is not one over rows.
bool lay_out_rows(const Group& group, Plan& plan);

/// False where Python had to be asked, so that everything is looked at anew. wanted_result: as of
/// `run_group`.
bool make_plan(Group& group, const Storage* wanted_result, Plan& plan);

/// Bytes of inputs that nobody but a group keeps.
int64_t held_alone(const Group& group);

/// A group has run: whoever waits for that looks again.
void finish(Group& group);

}  // namespace flambeau::waiting
