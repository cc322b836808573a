// What torch.cuda asks the driver for beside memory: facts of devices, streams, events, graphs. The
// index is the device's. Needs the GIL.
#pragma once
#include <array>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "runtime/cuda.h"
#include "tensor/objects.h"

namespace flambeau::cuda {

struct Properties {
  std::string name;
  int64_t total_bytes = 0;
  std::array<unsigned char, 16> uuid{};
  std::vector<std::pair<const char*, int>> attributes;  // by the names that PyTorch gives them
  auto fields() const { return std::tie(name, total_bytes, uuid, attributes); }
};
Properties properties(int index);
bool can_access_peer(int from, int to);
/// (free, all) of a device's bytes.
std::pair<int64_t, int64_t> memory_info(int index);

Handle new_stream(int index, int priority);
bool stream_is_done(int index, Handle stream);
void stream_waits(int index, Handle stream, Handle event);

Handle new_event(int index, unsigned flags);
void destroy_event(int index, Handle event);
void record_event(int index, Handle event, Handle stream);
bool event_is_done(int index, Handle event);
void synchronize_event(int index, Handle event);
double milliseconds_between(int index, Handle start, Handle end);

/// Records what is launched on the current stream, up to the graph that can be run again.
void capture_begin(int index);
Handle capture_end(int index);
bool is_capturing(int index);
void launch_graph(int index, Handle graph);
void destroy_graph(int index, Handle graph);

/// Page-locked bytes, which a capsule owns.
TensorRef pinned(int64_t nbytes);
bool is_pinned(const Tensor& t);

}  // namespace flambeau::cuda
