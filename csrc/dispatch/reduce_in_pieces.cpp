// Sums and means of what waits, which is never stored: see waiting.h.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "dispatch/basics.h"
#include "dispatch/reduce_plan.h"
#include "dispatch/waiting.h"
#include "runtime/threads.h"

namespace flambeau {

char* piece_memory(int64_t nbytes) {
  struct Free {
    void operator()(char* p) const { std::free(p); }
  };
  static thread_local std::unique_ptr<char, Free> memory;
  static thread_local int64_t size = 0;
  if (size < nbytes) {
    size = (nbytes + 4095) / 4096 * 4096;
    memory.reset(static_cast<char*>(std::aligned_alloc(64, static_cast<size_t>(size))));
    if (!memory) {
      size = 0;
      throw std::bad_alloc();
    }
  }
  return memory.get();
}

namespace {

/// How a contiguous tensor is reduced: rows of `count` elements to `outputs` results, or the
/// columns of so many rows.
struct Neighbours {
  int64_t outputs = 1, count = 1;
  bool columns = false;
};

/// False where neither the last dims are reduced nor the first ones.
bool find_neighbours(const Tensor& t, const Dims& dims, Neighbours& found) {
  bool reduced[max_ndim] = {}, any = false, turned = false;
  for (int i = 0; i < dims.n; ++i) reduced[dims[i]] = true;
  for (int d = t.ndim - 1; d >= 0; --d) {
    if (t.sizes[d] == 1) continue;
    if (!any) found.columns = !reduced[d];
    any = true;
    if (reduced[d] != found.columns && turned) return false;
    turned = turned || reduced[d] == found.columns;
    (reduced[d] ? found.count : found.outputs) *= t.sizes[d];
  }
  return true;
}

constexpr int64_t shortest_total = 128;  // by a kernel of rows; shorter ones gain nothing
constexpr int64_t longest_row = 2048;    // whose 64 fit into a nearer cache
// Elements of rows that are computed and added up at a time: they stay in the nearest cache beside
// what is read.
constexpr int64_t row_piece = 2048, shortest_piece = 512;

}  // namespace

WholeReduction whole_reduction(Reduction& r, DType in, DType out) {
  const std::vector<DType> ins = {in}, outs = {out};
  std::vector<DType> states = state_dtypes(r, ins, outs);
  const ReduceKernel part = find_kernel(r, ins, states, 'r', "partial");
  return {in, out, std::move(states), part, find_kernel(r, ins, outs, 'r', "combine")};
}

TensorRef reduce_whole(const WholeReduction& how, int64_t count, const Dims& sizes,
                       const Compute& compute) {
  TensorRef result = empty(sizes, how.out);
  const int64_t size = itemsize(how.in), chunks = (count + chunk_elements - 1) / chunk_elements;
  const size_t n = how.states.size();
  std::vector<TensorRef> memory;
  for (DType d : how.states) memory.push_back(empty({1, chunks}, d));
  LongWork unlocked(true);
  parallel_for(chunks, [&](int64_t chunk) {
    const int64_t begin = chunk * chunk_elements, end = std::min(count, begin + chunk_elements);
    char* piece = piece_memory(chunk_elements * size);
    compute(begin, end, piece);
    char* streams[max_streams];
    int64_t along[max_streams] = {};
    for (size_t s = 0; s < n; ++s)
      streams[s] = memory[s]->as<char>() + chunk * itemsize(how.states[s]);
    streams[n] = piece;
    along[n] = size;
    how.part(1, 1, end - begin, streams, none, none, along, begin);
  });
  char* streams[max_streams] = {result->as<char>()};
  int64_t steps[max_streams] = {};
  for (size_t s = 0; s < n; ++s) {
    streams[1 + s] = memory[s]->as<char>();
    steps[1 + s] = itemsize(how.states[s]);
  }
  how.combine(1, 1, chunks, streams, none, none, steps, 0);
  return result;
}

bool reduce_in_pieces(Reduction& r, const char* total, const Tensor& t, const Dims& dims,
                      bool keepdim, DType out, TensorRef& result) {
  Neighbours found;
  if (!find_neighbours(t, dims, found)) return false;
  const int64_t outputs = found.outputs, count = found.count;
  const bool columns = found.columns;
  const bool whole = outputs == 1 && count >= least_split;
  const int64_t longest = columns ? longest_column : longest_row;
  if (!whole && (count <= (columns ? 1 : 8) || count > longest || outputs < (columns ? 64 : 2)))
    return false;
  if (!waiting::waits_for_last_reader(t)) return false;
  Dims sizes;
  for (int d = 0; d < t.ndim; ++d) {
    bool reduced = std::find(dims.v, dims.v + dims.n, d) != dims.v + dims.n;
    if (!reduced || keepdim) sizes.push(reduced ? 1 : t.sizes[d]);
  }
  if (whole) {
    const WholeReduction how = whole_reduction(r, t.dtype, out);
    waiting::Pieces pieces(t);
    if (!pieces) return false;
    result = reduce_whole(how, count, sizes, [&](int64_t begin, int64_t end, char* to) {
      pieces.compute(begin, end, to);
    });
    return true;
  }
  ReduceKernel kernel = find_kernel(r, {t.dtype}, {out}, columns ? 'o' : 'r', "full");
  result = empty(sizes, out);
  const int64_t size = itemsize(t.dtype), out_size = itemsize(out);
  int64_t step = std::max<int64_t>(1, chunk_elements / count);  // results of a chunk
  if (outputs > step) step = (step + 63) / 64 * 64;
  const int64_t chunks = (outputs + step - 1) / step;
  const bool totals = !columns && count >= shortest_total && t.dtype == out &&
                      (out == DType::float32 || out == DType::float64);
  waiting::Pieces pieces(t, columns ? outputs : totals ? count : 0, totals ? total : nullptr);
  if (!pieces) {
    result = {};
    return false;
  }
  // Of columns as many as make rows that a kernel is worth beginning for.
  const int64_t together =
      std::min(step, columns ? std::max<int64_t>(row_piece / count, shortest_piece) / 64 * 64
                             : std::max<int64_t>(row_piece / count, 1));
  LongWork unlocked(true);
  parallel_for(chunks, [&](int64_t chunk) {
    const int64_t last = std::min(outputs, (chunk + 1) * step);
    if (pieces.gives_totals())
      return pieces.totals(chunk * step, last, result->as<char>() + chunk * step * out_size);
    char* piece = piece_memory(together * count * size);
    for (int64_t begin = chunk * step; begin < last; begin += together) {
      const int64_t end = std::min(last, begin + together), n = end - begin;
      if (columns)
        pieces.compute_columns(begin, end, piece);
      else
        pieces.compute(begin * count, end * count, piece);
      char* streams[max_streams] = {result->as<char>() + begin * out_size, piece};
      const int64_t from_row[max_streams] = {out_size, columns ? size : count * size};
      const int64_t along[max_streams] = {0, columns ? n * size : size};
      kernel(n, 1, count, streams, from_row, none, along, 0);
    }
  });
  return true;
}

}  // namespace flambeau
