// One pool of threads for the whole process: loops over independent chunks of work.
// Any thread may call; the GIL is never touched (a caller that holds it should release it first).
//
// Each thread begins with its share of the chunks and then helps the others, so which thread runs
// which chunk varies, but what a chunk is must depend on the size of the work alone, never on the
// number of threads: then results do not either. Only work whose result does not show where it was
// cut may be cut by the number of threads (parallel_shares). A nested parallel_for, and one that
// finds the pool busy, runs on the calling thread. The pool starts with its first use and after
// fork() a child starts a fresh one.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace flambeau {

/// The number of threads that parallel_for uses, the caller included. At first
/// FLAMBEAU_NUM_THREADS, else OMP_NUM_THREADS, else the smaller of the CPU affinity and the cgroup
/// quota.
int get_num_threads();

/// Sets that number (at least 1); waits for a loop that another thread is running.
void set_num_threads(int n_threads);
/// The same of any number; raises for less than 1.
void request_threads(int64_t n);

/// True inside a chunk: a parallel_for from here would run inline.
bool in_parallel_region();

/// Whether a parallel_for from here would run on the calling thread alone. Work whose result does
/// not show where it was cut may then stay in one piece.
inline bool runs_serially() { return in_parallel_region() || get_num_threads() == 1; }

namespace threads_detail {
using Body = void (*)(void* context, int64_t chunk);
void run(int64_t n_chunks, Body body, void* context);
}  // namespace threads_detail

/// Calls fn(chunk) once for each chunk in [0, n_chunks), in any order, on any thread of the pool
/// and on the caller. Returns when all have returned. An exception stops further chunks from
/// starting and is thrown again here.
template <class F>
void parallel_for(int64_t n_chunks, F&& fn) {
  if (n_chunks <= 0) return;
  if (n_chunks == 1) {
    fn(int64_t{0});
    return;
  }
  using Fn = std::remove_reference_t<F>;
  threads_detail::run(
      n_chunks, [](void* context, int64_t chunk) { (*static_cast<Fn*>(context))(chunk); },
      const_cast<void*>(static_cast<const void*>(std::addressof(fn))));
}

/// Calls fn(begin, end) over consecutive ranges of [0, n) of `grain` elements (the last may be
/// shorter).
template <class F>
void parallel_ranges(int64_t n, int64_t grain, F&& fn) {
  if (n <= 0) return;
  if (n <= grain) {
    fn(int64_t{0}, n);
    return;
  }
  parallel_for((n + grain - 1) / grain, [&](int64_t chunk) {
    int64_t begin = chunk * grain;
    fn(begin, std::min(n, begin + grain));
  });
}

/// How long the ranges of parallel_shares are.
int64_t share_length(int64_t n, int64_t grain, int64_t unit);

/// Calls fn(begin, end) over consecutive ranges of [0, n), equally long and equally many for each
/// thread: a few each, so that all are done at once and one that is kept from work is helped. They
/// are about as long as `grain` or longer, and begin with whole units. For results that do not show
/// where they were cut.
template <class F>
void parallel_shares(int64_t n, int64_t grain, F&& fn, int64_t unit = 1) {
  parallel_ranges(n, n <= grain || runs_serially() ? n : share_length(n, grain, unit), fn);
}

}  // namespace flambeau
