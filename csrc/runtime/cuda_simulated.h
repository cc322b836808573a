// A driver that computes on the CPU, for tests: FLAMBEAU_CUDA=simulated makes it device 0
// (simulated:2 devices 0 and 1), and nothing else does. Slow and strict: device memory is a range
// of addresses that the host cannot touch, streams are queues that run when somebody waits for
// them, kernels are interpreted from their PTX (flambeau/kernels/interpret/ptx). Takes the GIL
// itself.
#pragma once
#include "runtime/cuda_driver.h"

namespace flambeau::cuda {

/// The table of a simulated driver with `devices` devices.
Driver simulated_driver(int devices);

/// For libraries that stand in for NVIDIA's in tests: `push` puts run(what) into a stream's queue,
/// `host_of` gives the memory at a device address, or null where it is none.
struct StandInEntries {
  void (*push)(Handle stream, void (*run)(void*), void* what);
  void* (*host_of)(Address address, size_t nbytes);
  auto fields() const {
    return std::pair(reinterpret_cast<void*>(push), reinterpret_cast<void*>(host_of));
  }
};
StandInEntries stand_in_entries();

}  // namespace flambeau::cuda
