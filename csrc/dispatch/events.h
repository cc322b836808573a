// The times of calls and of nodes, noted while somebody profiles. Needs the GIL.
#pragma once
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau {

struct Event {
  using Shape = std::pair<std::vector<int64_t>, DType>;
  std::string name;
  bool backward;
  int depth;  // of calls within calls
  uint64_t thread;
  int64_t start, stop;  // ns of time.monotonic_ns()
  uint64_t sequence;    // of the node that a call recorded, or that ran
  /// Of the tensors among the arguments, nothing of others, where somebody asked for them.
  std::optional<std::vector<std::optional<Shape>>> shapes;

  /// As Python has it.
  auto fields() const {
    return std::tie(name, backward, depth, thread, start, stop, sequence, shapes);
  }
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
inline constexpr std::tuple event_functions{
    declare<record_events>("_record_events", "on, shapes=False"),
    declare<take_events>("_take_events", "")};

/// The number of the node that a result has been recorded by; 0 if by none.
uint64_t recorded_by(PyObject* result);

}  // namespace flambeau
