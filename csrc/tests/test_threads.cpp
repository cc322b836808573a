// The thread pool: every chunk once, nested and concurrent loops, exceptions, fork.
#include "runtime/threads.cpp"

#include <cstdio>
#include <stdexcept>

#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace {

int failures = 0;

void expect(bool ok, const char* what) {
  if (ok) return;
  std::printf("FAILED: %s\n", what);
  ++failures;
}

int64_t sum_of_chunks(int64_t n) {
  std::atomic<int64_t> sum{0};
  flambeau::parallel_for(n, [&](int64_t chunk) { sum += chunk + 1; });
  return sum;
}

void test_every_chunk_runs_once() {
  for (int threads : {1, 2, 5}) {
    flambeau::set_num_threads(threads);
    for (int64_t n : {0, 1, 2, 7, 1000})
      expect(sum_of_chunks(n) == n * (n + 1) / 2, "every chunk runs once");
  }
}

void test_ranges_cover_all_elements() {
  std::vector<int> seen(1000, 0);
  flambeau::parallel_ranges(1000, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ++seen[i];
  });
  expect(std::count(seen.begin(), seen.end(), 1) == 1000, "ranges cover all elements once");
}

void test_shares_are_equal_and_cover_all_elements() {
  for (int threads : {1, 2, 3, 16}) {
    flambeau::set_num_threads(threads);
    for (int64_t n : {0, 1, 63, 1000, 33333, 100000, 4000000})
      for (int64_t grain : {1, 100, 16384})
        for (int64_t unit : {1, 64}) {
          std::vector<uint8_t> seen(static_cast<size_t>(n), 0);
          std::atomic<int64_t> ranges{0}, longest{0};
          flambeau::parallel_shares(
              n, grain,
              [&](int64_t begin, int64_t end) {
                expect(begin % unit == 0, "shares begin with whole units");
                for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
                ++ranges;
                for (int64_t l = longest; end - begin > l;)
                  if (longest.compare_exchange_weak(l, end - begin)) break;
              },
              unit);
          expect(std::count(seen.begin(), seen.end(), 1) == n, "shares cover all elements once");
          if (n > grain * threads) expect(longest <= n / threads + unit, "no thread has more");
        }
  }
}

void test_nested_loops_run_inline() {
  std::atomic<int64_t> sum{0};
  flambeau::parallel_for(8, [&](int64_t) {
    auto here = std::this_thread::get_id();
    flambeau::parallel_for(8, [&](int64_t) { sum += std::this_thread::get_id() == here; });
  });
  expect(sum == 64, "nested loops run on their own thread");
}

void test_exceptions_reach_the_caller() {
  bool caught = false;
  try {
    flambeau::parallel_for(100, [](int64_t chunk) {
      if (chunk == 37) throw std::runtime_error("chunk 37");
    });
  } catch (const std::runtime_error& error) {
    caught = std::string(error.what()) == "chunk 37";
  }
  expect(caught, "an exception reaches the caller");
  expect(sum_of_chunks(10) == 55, "the pool works after an exception");
}

void test_callers_may_be_concurrent() {
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 500; ++repeat) sum += sum_of_chunks(10);
    });
  for (int threads : {1, 3, 2}) flambeau::set_num_threads(threads);
  for (auto& caller : callers) caller.join();
  expect(sum == 4 * 500 * 55, "loops of several threads do not disturb each other");
}

void test_forked_children_have_a_pool() {
#if !defined(_WIN32)
  flambeau::set_num_threads(2);
  sum_of_chunks(10);
  pid_t child = fork();
  if (child == 0) _exit(sum_of_chunks(10) == 55 && flambeau::get_num_threads() == 2 ? 0 : 1);
  int status = 1;
  waitpid(child, &status, 0);
  expect(status == 0, "a forked child has a pool of its own");
#endif
}

}  // namespace

int main() {
  test_every_chunk_runs_once();
  test_ranges_cover_all_elements();
  test_shares_are_equal_and_cover_all_elements();
  test_nested_loops_run_inline();
  test_exceptions_reach_the_caller();
  test_callers_may_be_concurrent();
  test_forked_children_have_a_pool();
  if (failures == 0) std::puts("threads: all well");
  return failures;
}
