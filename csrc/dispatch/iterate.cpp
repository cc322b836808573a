#include "dispatch/iterate.h"

#include <algorithm>
#include <cstring>

#include "dispatch/touched.h"
#include "runtime/threads.h"
#include "runtime/workspace.h"

namespace flambeau {

Loop::Loop(const Dims& sizes, const Operand* operands, int n, bool keep_order)
    : n_(n), numel_(sizes.product()) {
  int order[max_long_dims], nd = 0;
  for (int d = sizes.n - 1; d >= 0 && numel_ > 0; --d)
    if (sizes[d] != 1) order[nd++] = d;
  if (!keep_order) {
    // Innermost is where the outputs, then the inputs, move least.
    auto before = [&](int a, int b) {
      for (int i = 0; i < n; ++i) {
        int64_t x = std::abs(operands[i].strides[a]), y = std::abs(operands[i].strides[b]);
        if (x == 0 || y == 0) continue;
        if (x != y) return x < y;
      }
      return false;
    };
    for (int i = 1; i < nd; ++i)
      for (int j = i; j > 0 && before(order[j], order[j - 1]); --j)
        std::swap(order[j], order[j - 1]);
  }
  ndim_ = 0;
  for (int k = 0; k < nd; ++k) {
    int d = order[k];
    bool merge = ndim_ > 0;
    for (int i = 0; i < n && merge; ++i)
      merge = operands[i].strides[d] * operands[i].itemsize ==
              strides_[ndim_ - 1][i] * sizes_[ndim_ - 1];
    if (merge) {
      sizes_[ndim_ - 1] *= sizes[d];
      continue;
    }
    sizes_[ndim_] = sizes[d];
    for (int i = 0; i < n; ++i) strides_[ndim_][i] = operands[i].strides[d] * operands[i].itemsize;
    ++ndim_;
  }
  if (ndim_ == 0) {
    sizes_[0] = 1;
    for (int i = 0; i < n; ++i) strides_[0][i] = operands[i].itemsize;
    ndim_ = 1;
  }
  for (int i = 0; i < n; ++i) {
    data_[i] = static_cast<char*>(operands[i].data);
    itemsizes_[i] = operands[i].itemsize;
    modes_[i] = strides_[0][i] == operands[i].itemsize ? Mode::contiguous
                : strides_[0][i] == 0                  ? Mode::scalar
                                                       : Mode::general;
  }
}

namespace {

/// Blocks that turned operands are read in. A few of them stay in the second-level cache.
constexpr int64_t turned_rows = 64, turned_columns = 256;
constexpr int turned_slot = 7;

DType item_of(int64_t itemsize) {
  switch (itemsize) {
    case 1: return DType::uint8;
    case 2: return DType::int16;
    case 4: return DType::float32;
    case 8: return DType::float64;
    default: return DType::complex128;
  }
}

/// What is left at an edge where it is one row or one column, of which there is nothing to turn.
void copy_line(char* to, const char* from, int64_t rows, int64_t columns, int64_t step,
               int64_t item) {
  if (columns == 1) {
    std::memcpy(to, from, rows * item);
    return;
  }
  for (int64_t c = 0; c < columns; ++c) std::memcpy(to + c * item, from + c * step, item);
}

}  // namespace

void Loop::turn_inputs(int n_out) {
  if (ndim_ < 2 || sizes_[0] < 16 || sizes_[1] < 16 || numel_ < grain) return;
  for (int i = n_out; i < n_; ++i) {
    const int64_t item = strides_[1][i], step = strides_[0][i];
    if (item != itemsizes_[i] || step < 64 || step % item != 0) continue;
    turned_ |= 1u << i;
    modes_[i] = Mode::contiguous;
  }
}

/// `batch` rows from `at` on, block by block.
void Loop::run_turned(MapKernel kernel, int64_t batch, char* const* at) const {
  int64_t inner[max_operands], outer[max_operands];
  std::copy_n(strides_[0], n_, inner);
  std::copy_n(strides_[1], n_, outer);
  char* blocks[max_operands];
  int n_turned = 0;
  for (int k = 0; k < n_; ++k) n_turned += turned_ >> k & 1;
  char* memory = Workspace::get<char>(turned_slot, n_turned * turned_rows * turned_columns * 16);
  for (int k = 0; k < n_; ++k) {
    if (!(turned_ >> k & 1)) continue;
    blocks[k] = memory;
    memory += turned_rows * turned_columns * 16;
    inner[k] = itemsizes_[k];
  }
  for (int64_t r = 0; r < batch; r += turned_rows)
    for (int64_t c = 0; c < sizes_[0]; c += turned_columns) {
      const int64_t rows = std::min(turned_rows, batch - r),
                    columns = std::min(turned_columns, sizes_[0] - c);
      char* ptrs[max_operands];
      for (int k = 0; k < n_; ++k) {
        ptrs[k] = at[k] + r * strides_[1][k] + c * strides_[0][k];
        if (!(turned_ >> k & 1)) continue;
        const int64_t item = itemsizes_[k];
        const int64_t sizes[] = {rows, columns}, to[] = {columns, 1},
                      from[] = {1, strides_[0][k] / item};
        const DType dtype = item_of(item);
        if (!copy_turned({blocks[k], dtype, 2, sizes, to}, {ptrs[k], dtype, 2, sizes, from}))
          copy_line(blocks[k], ptrs[k], rows, columns, strides_[0][k], item);
        ptrs[k] = blocks[k];
        outer[k] = columns * item;
      }
      kernel(columns, rows, 0, ptrs, inner, outer);
    }
}

/// Where row `row` of each operand begins.
void Loop::find_row(int64_t row, char** at) const {
  std::copy(data_, data_ + n_, at);
  for (int d = 1; d < ndim_; ++d) {
    const int64_t i = row % sizes_[d];
    row /= sizes_[d];
    for (int k = 0; k < n_; ++k) at[k] += i * strides_[d][k];
  }
}

/// Rows are runs of the inner dimension, counted over all others.
void Loop::run_rows(MapKernel kernel, int64_t first, int64_t last) const {
  static constexpr int64_t none[max_operands] = {};
  char* at[max_operands];
  int64_t inner = sizes_[0];
  while (first < last) {
    int64_t batch = 1;
    find_row(first, at);
    if (ndim_ > 1) batch = std::min(sizes_[1] - first % sizes_[1], last - first);
    if (turned_)
      run_turned(kernel, batch, at);
    else
      kernel(inner, batch, first * inner, at, strides_[0], ndim_ > 1 ? strides_[1] : none);
    first += batch;
  }
}

void run_elements(MapKernel kernel, int64_t numel, char* const* data, const int64_t* strides, int n,
                  int64_t grain) {
  static constexpr int64_t none[max_operands] = {};
  LongWork unlocked(numel > 2 * grain);
  if (numel <= 2 * grain || runs_serially()) {
    kernel(numel, 1, 0, data, strides, none);
    return;
  }
  auto run = [&](int64_t begin, int64_t end) {
    char* at[max_operands];
    for (int k = 0; k < n; ++k) at[k] = data[k] + begin * strides[k];
    kernel(end - begin, 1, begin, at, strides, none);
  };
  constexpr int64_t unit = 256;  // whole lines, of bytes too
  parallel_shares(numel, grain, run, unit);
}

int64_t Loop::bytes_of(int operand) const {
  int64_t bytes = itemsizes_[operand];
  for (int d = 0; d < ndim_; ++d)
    if (strides_[d][operand] != 0) bytes *= sizes_[d];
  return bytes;
}

bool Loop::is_streamed() const {
  if (modes_[0] != Mode::contiguous || turned_) return false;
  for (int d = 1; d < ndim_; ++d)
    if (strides_[d][0] % 64 != 0) return false;
  if (numel_ * itemsizes_[0] < least_past_caches) return false;
  Touched read;
  for (int k = 1; k < n_; ++k) {
    int64_t last = 0;  // where the last element begins
    for (int d = 0; d < ndim_; ++d) last += strides_[d][k] * (sizes_[d] - 1);
    // Of elements that lie apart whole lines are read.
    const int64_t part = std::clamp<int64_t>(strides_[0][k], itemsizes_[k], 64);
    const int64_t span = last + itemsizes_[k];
    read.add(data_[k], span, std::min(span, bytes_of(k) / itemsizes_[k] * part));
  }
  return goes_past_caches(bytes_of(0), read.total());
}

/// Rows longer than a chunk, in pieces of it, of which threads share more than there are rows.
void Loop::run_pieces(MapKernel kernel, int64_t chunk) const {
  static constexpr int64_t none[max_operands] = {};
  const int64_t inner = sizes_[0], n_pieces = (inner + chunk - 1) / chunk;
  const int64_t length = ((inner + n_pieces - 1) / n_pieces + 63) / 64 * 64;  // whole lines
  parallel_shares(numel_ / inner * n_pieces, 1, [&](int64_t first, int64_t last) {
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t row = unit / n_pieces, begin = unit % n_pieces * length;
      const int64_t n = std::min(length, inner - begin);
      if (n <= 0) continue;
      char* at[max_operands];
      find_row(row, at);
      for (int k = 0; k < n_; ++k) at[k] += begin * strides_[0][k];
      kernel(n, 1, row * inner + begin, at, strides_[0], none);
    }
  });
}

void Loop::run(MapKernel kernel, int64_t chunk) const {
  if (numel_ == 0) return;
  if (ndim_ == 1) {
    run_elements(kernel, numel_, data_, strides_[0], n_, chunk);
    return;
  }
  LongWork unlocked(numel_ >= grain);
  int64_t rows = numel_ / sizes_[0];
  if (numel_ <= 2 * grain || runs_serially()) {
    run_rows(kernel, 0, rows);
    return;
  }
  if (sizes_[0] > chunk && !turned_) return run_pieces(kernel, chunk);
  const int64_t unit = turned_ ? turned_rows : 1;
  parallel_shares(
      rows, std::max(unit, chunk / sizes_[0]),
      [&](int64_t begin, int64_t end) { run_rows(kernel, begin, end); }, unit);
}

}  // namespace flambeau
