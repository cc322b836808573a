// What waits, read as it is computed. See waiting.h.
#include "dispatch/waiting_plan.h"

namespace flambeau::waiting {

bool waits_for_last_reader(const Tensor& t) {
  const Storage& s = *t.storage;
  if (t.numel < least_numel || s.version.references != 1 || !t.contiguous) return false;
  if (foresees && !s.waiting) foresight.read(&s);
  return s.waiting_node >= 0 && Py_REFCNT(const_cast<Tensor&>(t).py()) == 1;
}

Pieces::Pieces(const Tensor& t, int64_t width, const char* total) {
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
    plan.total = total;
    plan.width = width;
  } while (!make_plan(groups[g], s, plan));
  if (!plan.kernel && !plan.totals) return;
  const Group& group = groups[g];
  kernel_ = plan.kernel;
  totals_ = plan.totals;
  n_ = plan.operands.n;
  itemsize_ = itemsize(t.dtype);
  std::copy_n(plan.operands.data, n_, data_);
  // Rows of norms and the like: backward reads them too, and would compute the functions again.
  if (!group.flat && plan.calls > 0) return;
  if (!totals_ && !lay_out_rows(group, plan)) return;
  width_ = plan.width;
  rows_ = t.numel / width_;
  std::copy_n(plan.steps, n_, steps_);
  std::copy_n(plan.row_steps, n_, row_steps_);
  ++counted.runs, ++counted.fused, ++counted.in_pieces;
  groups[g].running = true;
  group_ = g;
  in_use_ = plan.user;
  ++in_use_->users;
}

void Pieces::totals(int64_t begin, int64_t end, char* to) const {
  char* at[most_operands];
  at[0] = to;
  for (int k = 1; k < n_; ++k) at[k] = data_[k] + begin * row_steps_[k];
  totals_(end - begin, width_, at, row_steps_, begin);
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

}  // namespace flambeau::waiting
