// What torch.cuda asks the driver for beside memory: facts of devices, streams, events, graphs. The
// index is the device's. Needs the GIL.
#pragma once
#include <array>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "runtime/cuda.h"
#include "tensor/declared.h"
#include "tensor/objects.h"

namespace flambeau::cuda {

struct Properties {
  std::string name;
  int64_t total_bytes = 0;
  Bytes uuid = Bytes(16, 0);
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

/// The same as current_device, synchronize, current_stream and record_stream for programs: raise
/// where there is no such device.
int device_in_use();
void synchronize_device(int index);
Handle stream_in_use(int index);
void note_stream(Tensor& t, Handle stream);

/// Page-locked bytes, which a capsule owns.
TensorRef pinned(int64_t nbytes);
bool is_pinned(const Tensor& t);

// Each is a fact: nobody watches it as a call.
inline constexpr std::tuple object_functions{
    fact(declare<opened>("_cuda_state", "")),
    fact(declare<was_opened>("_cuda_was_opened", "")),
    fact(declare<device_in_use>("_cuda_current_device", "")),
    fact(declare<set_current_device>("_cuda_set_device", "index")),
    fact(declare<properties>("_cuda_properties", "index")),
    fact(declare<can_access_peer>("_cuda_can_access_peer", "index, peer")),
    fact(declare<synchronize_device>("_cuda_synchronize", "index")),
    fact(declare<new_stream>("_cuda_stream_create", "index, priority")),
    fact(declare<stream_in_use>("_cuda_current_stream", "index")),
    fact(declare<set_current_stream>("_cuda_set_stream", "index, stream")),
    fact(declare<synchronize_stream>("_cuda_stream_synchronize", "index, stream")),
    fact(declare<stream_is_done>("_cuda_stream_query", "index, stream")),
    fact(declare<stream_waits>("_cuda_stream_wait", "index, stream, event")),
    fact(declare<note_stream>("_cuda_record_stream", "input, stream")),
    fact(declare<new_event>("_cuda_event_create", "index, flags")),
    fact(declare<destroy_event>("_cuda_event_destroy", "index, event")),
    fact(declare<record_event>("_cuda_event_record", "index, event, stream")),
    fact(declare<event_is_done>("_cuda_event_query", "index, event")),
    fact(declare<synchronize_event>("_cuda_event_synchronize", "index, event")),
    fact(declare<milliseconds_between>("_cuda_event_elapsed", "index, start, end")),
    fact(declare<memory_facts>("_cuda_memory_stats", "index")),
    fact(declare<reset_peak>("_cuda_reset_peak", "index")),
    fact(declare<empty_cache>("_cuda_empty_cache", "index")),
    fact(declare<memory_info>("_cuda_memory_info", "index")),
    fact(declare<exchange_memory_fraction>("_cuda_memory_fraction", "index, fraction=None")),
    fact(declare<blocks_of>("_cuda_blocks", "index")),
    fact(declare<pinned>("_pinned", "nbytes")),
    fact(declare<is_pinned>("_is_pinned", "input")),
    fact(declare<note_report>("_cuda_report", "index, name")),
    fact(declare<capture_begin>("_cuda_capture_begin", "index")),
    fact(declare<capture_end>("_cuda_capture_end", "index")),
    fact(declare<is_capturing>("_cuda_is_capturing", "index")),
    fact(declare<launch_graph>("_cuda_graph_launch", "index, graph")),
    fact(declare<destroy_graph>("_cuda_graph_destroy", "index, graph"))};

}  // namespace flambeau::cuda
