#include "runtime/threads.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <limits>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "tensor/error.h"
#include "tensor/gil.h"

#if defined(__linux__)
#include <sched.h>
#endif
#if !defined(_WIN32)
#include <pthread.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace flambeau {
namespace {

thread_local bool inside_chunk = false;

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// The CPUs that this process may run on.
int allowed_cpus() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

/// The CPU that this thread is on, or -1.
int current_cpu() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

/// Moves this thread to another CPU, where it may stay as long as the system likes. A thread that
/// is woken while all CPUs are busy is often put behind the one that woke it, and would sleep
/// through its share of the loop.
void leave_cpu(int cpu) {
#if defined(__linux__)
  cpu_set_t allowed;
  if (cpu < 0 || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  cpu_set_t others = allowed;
  CPU_CLR(cpu, &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) return;
  sched_setaffinity(0, sizeof allowed, &allowed);
#else
  (void)cpu;
#endif
}

/// Polls ready() for a time; true as soon as it holds.
template <class Ready>
bool spin_until(std::chrono::microseconds time, Ready&& ready) {
  auto deadline = std::chrono::steady_clock::now() + time;
  do {
    for (int i = 0; i < 16; ++i) {
      if (ready()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return ready();
}

/// Worker threads that join one open region of chunks at a time.
///
/// state_ holds all that must change together:
///
///     31          13   12   11        0
///     [ generation ][open][  active   ]
///
/// A worker joins by active + 1 while open is set and leaves by active - 1. The caller clears open
/// when no chunk is left and waits for active to be 0: it never waits for a worker that slept
/// through.
///
/// Each thread begins with a share of its own, neighbouring chunks and the same ones in every loop
/// of that many, so that it finds in its caches what it wrote there; then it helps the others.
class Pool {
 public:
  explicit Pool(int n_workers)
      : has_own_cpus_(n_workers < allowed_cpus()),
        polling_(std::chrono::microseconds(has_own_cpus_ ? 200 : 5)),
        shares_(std::make_unique<Share[]>(n_workers + 1)) {
    workers_.reserve(n_workers);
    try {
      for (int i = 1; i <= n_workers; ++i) workers_.emplace_back([this, i] { work(i); });
    } catch (const std::system_error&) {
      // The system allows no more: those that started, and the caller, do all the work.
    }
  }

  ~Pool() {
    stop_.store(true);
    state_.fetch_add(one_generation);
    state_.notify_all();
    for (auto& worker : workers_) worker.join();
  }

  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void run(int64_t n_chunks, threads_detail::Body body, void* context) {
    body_ = body;
    context_ = context;
    error_ = nullptr;
    cpu_.store(current_cpu(), std::memory_order_relaxed);
    n_shares_ = static_cast<int>(std::min<int64_t>(workers_.size() + 1, n_chunks));
    const int64_t length = n_chunks / n_shares_, longer = n_chunks % n_shares_;
    for (int64_t i = 0, begin = 0; i < n_shares_; ++i) {
      shares_[i].next.store(begin, std::memory_order_relaxed);
      shares_[i].end = begin += length + (i < longer);
    }
    state_.fetch_add(one_generation + open, std::memory_order_release);
    int64_t wanted = n_chunks - 1;
    if (wanted < static_cast<int64_t>(workers_.size())) {
      for (int64_t i = 0; i < wanted; ++i) state_.notify_one();
    } else {
      state_.notify_all();
    }

    claim_chunks(0);

    uint32_t left = state_.fetch_sub(open, std::memory_order_acq_rel) & active_mask;
    auto drained = [&] { return (state_.load(std::memory_order_acquire) & active_mask) == 0; };
    if (left != 0 && !spin_until(polling_, drained)) {
      for (;;) {
        uint32_t seen = drained_.load(std::memory_order_acquire);
        if (drained()) break;
        drained_.wait(seen, std::memory_order_acquire);
      }
    }
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  static constexpr uint32_t active_mask = 0xfff;
  static constexpr uint32_t open = 0x1000;
  static constexpr uint32_t one_generation = 0x2000;

  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  /// Runs the chunks of share `own`, then what is left of the others.
  void claim_chunks(int own) {
    inside_chunk = true;
    for (int i = 0; i < n_shares_; ++i) {
      Share& share = shares_[(own + i) % n_shares_];
      for (;;) {
        int64_t chunk = share.next.fetch_add(1, std::memory_order_relaxed);
        if (chunk >= share.end) break;
        try {
          body_(context_, chunk);
        } catch (...) {
          for (int k = 0; k < n_shares_; ++k)
            shares_[k].next.store(shares_[k].end, std::memory_order_relaxed);
          std::lock_guard lock(error_mutex_);
          if (!error_) error_ = std::current_exception();
        }
      }
    }
    inside_chunk = false;
  }

  void work(int own) {
    never_has_gil = true;
    uint32_t seen = 0;  // the generation this worker has dealt with
    for (;;) {
      auto fresh = [&] {
        return (state_.load(std::memory_order_relaxed) & ~(active_mask | open)) != seen;
      };
      if (!spin_until(polling_, fresh)) {
        while (!fresh()) {
          uint32_t state = state_.load(std::memory_order_relaxed);
          if ((state & ~(active_mask | open)) == seen)
            state_.wait(state, std::memory_order_relaxed);
        }
        if (has_own_cpus_ && current_cpu() == cpu_.load(std::memory_order_relaxed))
          leave_cpu(current_cpu());
      }
      if (stop_.load()) return;
      uint32_t state = state_.load(std::memory_order_relaxed);
      bool joined = false;
      while ((state & open) && !joined)
        joined = state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire);
      seen = state & ~(active_mask | open);
      if (!joined) continue;
      claim_chunks(own);
      uint32_t before = state_.fetch_sub(1, std::memory_order_acq_rel);
      if ((before & active_mask) == 1 && !(before & open)) {
        drained_.fetch_add(1, std::memory_order_release);
        drained_.notify_one();
      }
    }
  }

  alignas(64) std::atomic<uint32_t> state_{0};
  alignas(64) std::atomic<uint32_t> drained_{0};
  std::atomic<bool> stop_{false};
  threads_detail::Body body_ = nullptr;
  void* context_ = nullptr;
  int n_shares_ = 0;
  std::atomic<int> cpu_{-1};  // of the caller
  const bool has_own_cpus_;
  // How long a thread polls before it sleeps. To wake one takes some 50 us on a virtual machine;
  // four times that is longer than the gap between two operators of a running program and shorter
  // than anyone would notice. Where there are more threads than CPUs, polling only keeps others
  // from work.
  const std::chrono::microseconds polling_;
  const std::unique_ptr<Share[]> shares_;
  std::mutex error_mutex_;
  std::exception_ptr error_;
  std::vector<std::thread> workers_;
};

/// CPUs that cgroup quotas of this process allow, rounded up; a large number when there is no
/// quota.
int cgroup_cpus() {
  double limit = 1 << 12;
  auto apply = [&](double quota_us, double period_us) {
    if (quota_us > 0 && period_us > 0) limit = std::min(limit, quota_us / period_us);
  };
  std::ifstream membership("/proc/self/cgroup");
  for (std::string line; std::getline(membership, line);) {
    size_t colon = line.find(':');
    size_t second = line.find(':', colon + 1);
    if (colon == std::string::npos || second == std::string::npos) continue;
    std::string controllers = line.substr(colon + 1, second - colon - 1);
    std::string path = line.substr(second + 1);
    bool unified = controllers.empty();
    if (!unified && (',' + controllers + ',').find(",cpu,") == std::string::npos) continue;
    std::string root = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu";
    for (;; path.resize(path.rfind('/'))) {  // a quota of any ancestor binds too
      if (path == "/") path.clear();
      if (unified) {
        std::ifstream file(root + path + "/cpu.max");
        std::string quota;
        double period = 0;
        if (file >> quota >> period && quota != "max") apply(std::atof(quota.c_str()), period);
      } else {
        double quota = 0, period = 0;
        std::ifstream(root + path + "/cpu.cfs_quota_us") >> quota;
        std::ifstream(root + path + "/cpu.cfs_period_us") >> period;
        apply(quota, period);
      }
      if (path.empty() || path.rfind('/') == std::string::npos) break;
    }
  }
  return static_cast<int>(std::ceil(limit));
}

int default_num_threads() {
  for (const char* name : {"FLAMBEAU_NUM_THREADS", "OMP_NUM_THREADS"})
    if (const char* text = std::getenv(name))
      if (int n = std::atoi(text); n > 0) return n;
  return std::max(1, std::min(allowed_cpus(), cgroup_cpus()));
}

/// The pool and who may use it. Never destroyed: workers may still wait in it while the process
/// exits.
struct Runtime {
  std::mutex mutex;  // held for one parallel region, or to replace the pool
  std::unique_ptr<Pool> pool;
  std::atomic<int> n_threads{default_num_threads()};
};

std::atomic<Runtime*> current_runtime{nullptr};
std::mutex* creation_mutex() {
  static std::mutex mutex;
  return &mutex;
}

Runtime& runtime() {
  if (Runtime* ready = current_runtime.load(std::memory_order_acquire)) [[likely]]
    return *ready;
  std::lock_guard lock(*creation_mutex());
  if (Runtime* ready = current_runtime.load()) return *ready;
  auto made = std::make_unique<Runtime>();
#if !defined(_WIN32)
  // The threads of the parent do not exist in the child, and its locks may be held by one of them:
  // the child keeps only the number of threads and lets the old pool lie.
  pthread_atfork(nullptr, nullptr, [] {
    inside_chunk = false;
    if (Runtime* old = current_runtime.load()) {
      auto fresh = std::make_unique<Runtime>();
      fresh->n_threads = old->n_threads.load();
      current_runtime.store(fresh.release());
    }
  });
#endif
  current_runtime.store(made.get(), std::memory_order_release);
  return *made.release();
}

}  // namespace

int get_num_threads() { return runtime().n_threads.load(std::memory_order_relaxed); }

void set_num_threads(int n_threads) {
  Runtime& rt = runtime();
  std::lock_guard lock(rt.mutex);
  n_threads = std::clamp(n_threads, 1, 4000);  // Pool counts its active workers in 12 bits
  if (n_threads == rt.n_threads.load()) return;
  rt.pool.reset();
  rt.n_threads = n_threads;
}

bool in_parallel_region() { return inside_chunk; }

void threads_detail::run(int64_t n_chunks, Body body, void* context) {
  if (!inside_chunk) {
    Runtime& rt = runtime();
    if (rt.n_threads.load(std::memory_order_relaxed) > 1) {
      std::unique_lock lock(rt.mutex, std::try_to_lock);
      if (lock.owns_lock()) {
        if (!rt.pool) rt.pool = std::make_unique<Pool>(rt.n_threads.load() - 1);
        rt.pool->run(n_chunks, body, context);
        return;
      }
    }
  }
  for (int64_t chunk = 0; chunk < n_chunks; ++chunk) body(context, chunk);
}

int64_t share_length(int64_t n, int64_t grain, int64_t unit) {
  // Of three ranges each two threads end together as often as of one, and of ten less often.
  constexpr int64_t most_each = 3, longest_grains = 32;
  auto quotient = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  const int64_t threads = get_num_threads(), units = quotient(n, unit), ranges = quotient(n, grain);
  if (ranges <= threads) return quotient(units, ranges) * unit;
  int64_t each =
      std::min(ranges / threads, std::max(most_each, quotient(ranges, threads * longest_grains)));
  // As few units as the thread with most can have: of five in ranges of two it had four.
  const int64_t least = quotient(units, threads);
  auto most = [&](int64_t length) { return quotient(quotient(units, length), threads) * length; };
  while (each > 1 && most(quotient(units, threads * each)) > least + least / 32) --each;
  return quotient(units, threads * each) * unit;
}

void request_threads(int64_t n) {
  check(n > 0, [&] { return message("set_num_threads: n is ", n, "; it must be 1 or more."); });
  set_num_threads(static_cast<int>(std::min<int64_t>(n, std::numeric_limits<int>::max())));
}

}  // namespace flambeau
