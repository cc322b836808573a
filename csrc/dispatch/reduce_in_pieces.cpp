// Sums and means of what waits, which is never stored: see waiting.h.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "dispatch/basics.h"
#include "dispatch/reduce_plan.h"
#include "dispatch/waiting.h"
#include "runtime/threads.h"

namespace flambeau {

namespace {

/// Memory of a thread for a piece of what waits, kept for the next.
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

constexpr int64_t longest_row = 2048;  // whose 64 fit into a nearer cache
// Of longer ones a chunk has so few columns that kernels begin anew more often than that they run.
constexpr int64_t longest_column = 64;

}  // namespace

bool reduce_in_pieces(Reduction& r, const Tensor& t, const Dims& dims, bool keepdim, DType out,
                      TensorRef& result) {
  Neighbours found;
  if (!find_neighbours(t, dims, found)) return false;
  const int64_t outputs = found.outputs, count = found.count;
  const bool columns = found.columns;
  const bool whole = outputs == 1 && count >= least_split;
  const int64_t longest = columns ? longest_column : longest_row;
  if (!whole && (count <= (columns ? 1 : 8) || count > longest || outputs < (columns ? 64 : 2)))
    return false;
  if (!waiting::waits_for_last_reader(t)) return false;
  const std::vector<DType> ins = {t.dtype}, outs = {out};
  const std::vector<DType> states = whole ? state_dtypes(r, ins, outs) : outs;
  ReduceKernel part = find_kernel(r, ins, states, columns ? 'o' : 'r', whole ? "partial" : "full");
  ReduceKernel combine = whole ? find_kernel(r, ins, outs, 'r', "combine") : nullptr;
  Dims sizes;
  for (int d = 0; d < t.ndim; ++d) {
    bool reduced = std::find(dims.v, dims.v + dims.n, d) != dims.v + dims.n;
    if (!reduced || keepdim) sizes.push(reduced ? 1 : t.sizes[d]);
  }
  result = empty(sizes, out);
  const int64_t size = itemsize(t.dtype);
  // Results of a chunk, its elements where there is one result; how many chunks there are.
  int64_t step = whole ? chunk_elements : std::max<int64_t>(1, chunk_elements / count);
  const int64_t all = whole ? count : outputs, depth = whole ? 1 : count;
  if (all > step) step = (step + 63) / 64 * 64;
  const int64_t chunks = (all + step - 1) / step;
  std::vector<TensorRef> memory;
  if (whole)
    for (DType d : states) memory.push_back(empty({1, chunks}, d));
  const int n_states = static_cast<int>(states.size());
  waiting::Pieces pieces(t, columns ? outputs : 0);
  if (!pieces) {
    result = {};
    return false;
  }
  LongWork unlocked(true);
  parallel_for(chunks, [&](int64_t chunk) {
    const int64_t begin = chunk * step, end = std::min(all, begin + step), n = end - begin;
    char* piece = piece_memory(step * depth * size);
    if (columns)
      pieces.compute_columns(begin, end, piece);
    else
      pieces.compute(begin * depth, end * depth, piece);
    char* streams[max_streams];
    int64_t from_row[max_streams] = {}, along[max_streams] = {};
    for (int s = 0; s < n_states; ++s) {
      streams[s] = whole ? memory[static_cast<size_t>(s)]->as<char>() + chunk * itemsize(states[s])
                         : result->as<char>() + begin * itemsize(out);
      from_row[s] = whole ? 0 : itemsize(out);
    }
    streams[n_states] = piece;
    from_row[n_states] = whole ? 0 : columns ? size : count * size;
    along[n_states] = columns ? n * size : size;
    part(whole ? 1 : n, 1, whole ? n : count, streams, from_row, none, along, whole ? begin : 0);
  });
  if (whole) {
    char* streams[max_streams] = {result->as<char>()};
    int64_t steps[max_streams] = {};
    for (int s = 0; s < n_states; ++s) {
      streams[1 + s] = memory[static_cast<size_t>(s)]->as<char>();
      steps[1 + s] = itemsize(states[s]);
    }
    combine(1, 1, chunks, streams, none, none, steps, 0);
  }
  return true;
}

}  // namespace flambeau
