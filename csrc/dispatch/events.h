// The times of calls and of nodes, noted while somebody profiles. Needs the GIL.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace flambeau {

struct Event {
  /// Of a tensor among the arguments; anything else has none.
  struct Shape {
    std::vector<int64_t> sizes;
    DType dtype;
  };
  std::string name;
  std::vector<std::optional<Shape>> shapes;
  bool has_shapes, backward;
  int depth;  // of calls within calls
  unsigned long thread;
  int64_t start, stop;  // ns of time.monotonic_ns()
  uint64_t sequence;    // of the node that a call recorded, or that ran
};

extern constinit thread_local int depth_of_calls;
struct Deeper {
  Deeper() { ++depth_of_calls; }
  ~Deeper() { --depth_of_calls; }
};

/// Notes the time of a call from its making to done(), while watch_events is set.
class Timed {
 public:
  Timed(const char* name, PyObject* const* args, Py_ssize_t n, bool backward);
  void done(uint64_t sequence);

 private:
  bool on_;
  Event event_{};
};

void record_events(bool on, bool with_shapes);
/// What has been noted, in the order of the ends; forgets it.
std::vector<Event> take_events();
/// The number of the node that a result has been recorded by; 0 if by none.
uint64_t recorded_by(PyObject* result);

}  // namespace flambeau
