// Streams, events and graphs of the simulated driver: queues that run when somebody waits for them.
#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/cuda_simulated.h"
#include "runtime/cuda_simulated_parts.h"

namespace flambeau::cuda::simulated {

Stream& stream_of(Handle handle) {
  return handle ? *static_cast<Stream*>(handle) : *machine().streams[static_cast<size_t>(current)];
}

void run_until(Stream& s, uint64_t target) {
  while (s.ran < target && !s.queue.empty()) {
    Op op = std::move(s.queue.front());
    s.queue.pop_front();
    ++s.ran;
    op();
  }
}

void run_all(Stream& s) { run_until(s, s.added); }

void push(Handle handle, Op op) {
  Stream& s = stream_of(handle);
  if (s.capture) {
    s.capture->push_back(std::move(op));
    return;
  }
  s.queue.push_back(std::move(op));
  ++s.added;
  if (s.queue.size() > 4096) run_all(s);
}

namespace {

struct Graph {
  std::vector<Op> ops;
};

Result stream_create(Handle* stream, unsigned, int) {
  Locked locked;
  machine().streams.push_back(std::make_unique<Stream>());
  machine().streams.back()->device = current;
  *stream = machine().streams.back().get();
  return result::success;
}
Result stream_destroy(Handle stream) {
  Locked locked;
  run_all(stream_of(stream));
  auto& all = machine().streams;
  all.erase(std::find_if(all.begin(), all.end(), [&](auto& s) { return s.get() == stream; }));
  return result::success;
}
Result stream_synchronize(Handle stream) {
  Locked locked;
  run_all(stream_of(stream));
  return outcome();
}
Result stream_query(Handle stream) {
  Locked locked;
  return stream_of(stream).queue.empty() ? result::success : result::not_ready;
}
Result stream_wait(Handle stream, Handle event, unsigned) {
  Locked locked;
  auto* e = static_cast<Event*>(event);
  if (!e->stream) return result::success;
  push(stream, [other = e->stream, target = e->target] { run_until(*other, target); });
  return result::success;
}
Result event_create(Handle* event, unsigned) {
  *event = new Event;
  return result::success;
}
Result event_destroy(Handle event) {
  Locked locked;
  auto* e = static_cast<Event*>(event);
  if (e->stream) run_until(*e->stream, e->target);
  delete e;
  return result::success;
}
int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}
Result event_record(Handle event, Handle stream) {
  Locked locked;
  auto* e = static_cast<Event*>(event);
  push(stream, [e] { e->time_ns = now_ns(); });
  e->stream = &stream_of(stream);
  e->target = e->stream->added;
  return result::success;
}
Result event_synchronize(Handle event) {
  Locked locked;
  auto* e = static_cast<Event*>(event);
  if (e->stream) run_until(*e->stream, e->target);
  return outcome();
}
Result event_query(Handle event) {
  Locked locked;
  auto* e = static_cast<Event*>(event);
  return !e->stream || e->stream->ran >= e->target ? result::success : result::not_ready;
}
Result event_elapsed(float* ms, Handle start, Handle end) {
  Locked locked;
  auto *a = static_cast<Event*>(start), *b = static_cast<Event*>(end);
  if (!a->time_ns || !b->time_ns) return result::not_ready;
  *ms = static_cast<float>(static_cast<double>(b->time_ns - a->time_ns) / 1e6);
  return result::success;
}

Result capture_begin(Handle stream, int) {
  Locked locked;
  Stream& s = stream_of(stream);
  if (s.capture) return result::invalid_value;
  s.capture = new std::vector<Op>;
  return result::success;
}
Result capture_end(Handle stream, Handle* graph) {
  Locked locked;
  Stream& s = stream_of(stream);
  if (!s.capture) return result::invalid_value;
  std::unique_ptr<std::vector<Op>> ops(std::exchange(s.capture, nullptr));
  *graph = new Graph{std::move(*ops)};
  return result::success;
}
Result is_capturing(Handle stream, int* status) {
  Locked locked;
  *status = stream_of(stream).capture != nullptr;
  return result::success;
}
Result instantiate(Handle* executable, Handle graph, uint64_t) {
  *executable = new Graph(*static_cast<Graph*>(graph));
  return result::success;
}
Result graph_launch(Handle executable, Handle stream) {
  Locked locked;
  for (Op& op : static_cast<Graph*>(executable)->ops) push(stream, op);
  return result::success;
}
Result graph_destroy(Handle graph) {
  Locked locked;
  delete static_cast<Graph*>(graph);
  return result::success;
}

}  // namespace

void fill_streams(Driver& d) {
  d.stream_create = stream_create;
  d.stream_destroy = stream_destroy;
  d.stream_synchronize = stream_synchronize;
  d.stream_query = stream_query;
  d.stream_wait = stream_wait;
  d.event_create = event_create;
  d.event_destroy = event_destroy;
  d.event_record = event_record;
  d.event_synchronize = event_synchronize;
  d.event_query = event_query;
  d.event_elapsed = event_elapsed;
  d.capture_begin = capture_begin;
  d.capture_end = capture_end;
  d.is_capturing = is_capturing;
  d.graph_instantiate = instantiate;
  d.graph_launch = graph_launch;
  d.graph_destroy = graph_destroy;
  d.executable_destroy = graph_destroy;
}

}  // namespace flambeau::cuda::simulated

namespace flambeau::cuda {

StandInEntries stand_in_entries() {
  return {[](Handle stream, void (*run)(void*), void* what) {
            simulated::Locked locked;
            simulated::push(stream, [=] { run(what); });
          },
          [](Address address, size_t nbytes) {
            return static_cast<void*>(simulated::host_of(address, nbytes));
          }};
}

}  // namespace flambeau::cuda
