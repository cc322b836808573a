#include "dispatch/map_rows.h"

#include <cstring>
#include <vector>

#include "dispatch/basics.h"
#include "dispatch/pointwise_launch.h"
#include "kernels/index/cells.h"
#include "kernels/sparse/order.h"
#include "kernels/sparse/segments.h"
#include "runtime/threads.h"
#include "tensor/sparse.h"

namespace flambeau {

namespace {

constexpr int64_t line_bytes = 64, most_asked = 512;  // of a row that is asked for ahead

/// Where the rows lie that a sparse tensor has entries for, each once.
struct NamedRows {
  const int64_t* keys = nullptr;  // of the entries
  TensorRef indices, values;
  std::vector<int64_t> order, starts;  // empty: each entry is a row of its own
  int64_t count = 0;

  int64_t first(int64_t g) const { return order.empty() ? g : order[at(starts[at(g)])]; }
  int64_t entries(int64_t g) const { return order.empty() ? 1 : starts[at(g + 1)] - starts[at(g)]; }
  static size_t at(int64_t i) { return static_cast<size_t>(i); }
};

bool find_rows(const Tensor& sparse, NamedRows& rows) {
  const SparseParts& parts = *sparse.storage->sparse;
  if (parts.layout != Layout::sparse_coo || parts.dense_dim != sparse.ndim - 1) return false;
  const bool floating =
      parts.values->dtype == DType::float32 || parts.values->dtype == DType::float64;
  if (!floating || !parts.values->on_cpu() || !parts.indices->on_cpu() || parts.values->batched)
    return false;
  rows.indices = contiguous(*clone(*parts.indices));  // other threads may write to those
  rows.values = contiguous(*parts.values);
  const int64_t n = rows.indices->numel;
  rows.keys = rows.indices->as<int64_t>();
  rows.count = n;
  if (any_outside(rows.keys, n, sparse.sizes[0])) return false;
  if (parts.coalesced) return true;
  rows.order.resize(NamedRows::at(n));
  rows.starts.resize(NamedRows::at(n + 1));
  sparse::sort_keys(rows.keys, n, rows.order.data());
  rows.count = sparse::find_groups(rows.keys, rows.order.data(), n, rows.starts.data());
  return true;
}

/// Whether rows of t are to be written or read beside those of `sparse`.
bool is_table_for(const Tensor& t, const Tensor& sparse, DType dtype) {
  return t.on_cpu() && !is_sparse(t) && !t.batched && t.contiguous && t.dtype == dtype &&
         sizes_of(t) == sizes_of(sparse);
}

class RowMap {
 public:
  RowMap(MapKernel kernel, const NamedRows& rows, char* values, int64_t width, DType dtype)
      : kernel_(kernel),
        rows_(rows),
        values_(values),
        width_(width),
        dtype_(dtype),
        bytes_(width * itemsize(dtype)) {}

  /// Null data stands for the values.
  void add(char* data, bool is_table) {
    strides_[n_] = is_table ? itemsize(dtype_) : 0;
    is_table_[n_] = is_table;
    data_[n_++] = data;
  }

  void run() const {
    const int64_t at_once = std::max<int64_t>(1, grain / std::max<int64_t>(1, width_));
    parallel_ranges(rows_.count, at_once, [&](int64_t begin, int64_t end) {
      std::vector<char> sum;
      for (int64_t g = begin; g < end; ++g) {
        if (g + ahead < end) ask_for(g + ahead);
        run_row(g, sum);
      }
    });
  }

 private:
  static constexpr int64_t ahead = 2;

  int64_t place(int64_t g) const { return rows_.keys[rows_.first(g)]; }

  void ask_for(int64_t g) const {
    const int64_t offset = place(g) * bytes_;
    for (int i = 0; i < n_; ++i)
      if (is_table_[i] && data_[i])
        for (int64_t b = 0; b < std::min(bytes_, most_asked); b += line_bytes)
          __builtin_prefetch(data_[i] + offset + b);
  }

  void run_row(int64_t g, std::vector<char>& sum) const {
    char* row = values_ + rows_.first(g) * bytes_;
    if (const int64_t entries = rows_.entries(g); entries > 1) {
      sum.resize(NamedRows::at(bytes_));
      const int64_t bounds[] = {0, entries};
      sparse::sum_segments(dtype_, values_, width_,
                           rows_.order.data() + rows_.starts[NamedRows::at(g)], bounds, 1,
                           sum.data());
      row = sum.data();
    }
    char* at[max_operands];
    const int64_t offset = place(g) * bytes_;
    for (int i = 0; i < n_; ++i)
      at[i] = !is_table_[i] ? data_[i] : data_[i] ? data_[i] + offset : row;
    static constexpr int64_t none[max_operands] = {};
    kernel_(width_, 1, 0, at, strides_, none);
  }

  MapKernel kernel_;
  const NamedRows& rows_;
  char* values_;
  const int64_t width_;
  const DType dtype_;
  const int64_t bytes_;
  char* data_[max_operands];
  bool is_table_[max_operands];
  int64_t strides_[max_operands];
  int n_ = 0;
};

}  // namespace

bool map_rows(Called op, Pointwise& record, const std::vector<int64_t>& updates,
              const std::vector<Arg>& operands) {
  const size_t n_out = updates.size(), n = n_out + operands.size();
  check(n_out >= 1 && n <= max_operands,
        [&] { return message(op, ": ", n, " operands, at most ", max_operands, "."); });
  const Tensor* named = nullptr;
  for (const Arg& operand : operands)
    if (operand.tensor && is_sparse(*operand.tensor)) named = operand.tensor;
  NamedRows rows;
  if (!named || !find_rows(*named, rows)) return false;
  const DType dtype = rows.values->dtype;
  for (const Arg& operand : operands)
    if (operand.tensor && operand.tensor != named && !is_table_for(*operand.tensor, *named, dtype))
      return false;
  if (rows.values->numel == 0) return true;

  alignas(16) char numbers[max_operands][16];
  Mode modes[max_operands];
  DType dtypes[max_operands];
  char* data[max_operands];
  for (size_t i = 0; i < n; ++i) {
    const size_t at = i < n_out ? NamedRows::at(updates[i]) : i - n_out;
    check(at < operands.size(), [&] { return message(op, ": there is no operand ", at, "."); });
    const Arg& operand = operands[at];
    check(i >= n_out || (operand.tensor && operand.tensor != named),
          [&] { return message(op, ": operand ", at, " is no table."); });
    modes[i] = operand.tensor ? Mode::contiguous : Mode::scalar;
    dtypes[i] = operand.tensor
                    ? dtype
                    : place_number(record, static_cast<int>(at), operand.number, dtype, numbers[i]);
    data[i] = !operand.tensor           ? numbers[i]
              : operand.tensor == named ? nullptr
                                        : operand.tensor->as<char>();
  }
  const int64_t width = rows.values->numel / rows.indices->numel;
  MapKernel kernel =
      find_kernel(record, modes, dtypes, static_cast<int>(n_out), static_cast<int>(n), dtype);
  RowMap map(kernel, rows, rows.values->as<char>(), width, dtype);
  for (size_t i = 0; i < n; ++i) map.add(data[i], modes[i] == Mode::contiguous);
  {
    LongWork unlocked(rows.values->numel > grain);
    map.run();
  }
  for (int64_t at : updates) operands[NamedRows::at(at)].tensor->bump_version(record.name.c_str());
  return true;
}

}  // namespace flambeau
