#include "dispatch/events.h"

#include <ctime>
#include <utility>

#include "autograd/door.h"
#include "autograd/meta.h"
#include "tensor/objects.h"

namespace flambeau {

constinit thread_local int depth_of_calls = 0;

static std::vector<Event> events;
static bool events_have_shapes = false;

static int64_t now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

Timed::Timed(const char* name, PyObject* const* args, Py_ssize_t n, bool backward)
    : on_(watchers & watch_events) {
  if (!on_) return;
  event_.name = name;
  if (events_have_shapes) event_.shapes.emplace();
  for (Py_ssize_t i = 0; events_have_shapes && i < n; ++i) {
    auto& shape = event_.shapes->emplace_back();
    if (!is_tensor(args[i])) continue;
    const Tensor& t = *as_tensor(args[i]);
    shape.emplace(std::vector<int64_t>(t.sizes, t.sizes + t.ndim), t.dtype);
  }
  event_.backward = backward;
  event_.start = now();
}

void Timed::done(uint64_t sequence) {
  if (!on_) return;
  event_.stop = now();
  event_.depth = depth_of_calls;
  event_.thread = PyThread_get_thread_ident();
  event_.sequence = sequence;
  events.push_back(std::move(event_));
}

void record_events(bool on, bool with_shapes) {
  set_watcher(watch_events, on);
  events_have_shapes = with_shapes;
}

std::vector<Event> take_events() { return std::exchange(events, {}); }

uint64_t recorded_by(PyObject* result) {
  uint64_t sequence = 0;
  each_tensor(result, [&](Tensor& t) {
    if (t.autograd && t.autograd->grad_fn) sequence = t.autograd->grad_fn->sequence;
  });
  return sequence;
}

}  // namespace flambeau
