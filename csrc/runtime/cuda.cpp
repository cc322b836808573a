#include "runtime/cuda.h"

#include <Python.h>

#include <array>
#include <deque>

#include "runtime/program.h"
#include "tensor/error.h"
#include "tensor/ref.h"
#include "tensor/tensor.h"

namespace flambeau::cuda {
namespace {

constexpr int max_devices = 64;
constexpr size_t call_count = 4096;  // calls whose place is remembered for reports

/// Where a kernel that checks indices was launched from.
struct Place {
  std::string name;
  Object code;
  int line = 0;
};

struct DeviceState {
  Handle context = nullptr;
  Address report = 0;  // bound, index, size, number of the call, two spare
  bool reporting = false;
  int64_t calls = 0;
  std::vector<Place> places;
};

std::array<DeviceState, max_devices>& states() {
  static auto* all = new std::array<DeviceState, max_devices>;
  return *all;
}

thread_local int current = 0, entered = -1;
thread_local std::array<Handle, max_devices> streams{};

}  // namespace

int device_count() { return opened().devices; }
int current_device() { return current; }

void need_device(int index, const char* what) {
  int count = (driver(), device_count());
  check<NoSuchDevice>(index >= 0 && index < count && index < max_devices, [&] {
    return message(what, ": there is no device cuda:", index, "; ", count,
                   count == 1 ? " device is" : " devices are", " here, numbered from 0.");
  });
}

void set_current_device(int index) {
  need_device(index, "cuda.set_device");
  current = index;
}

const Driver& enter(int index) {
  const Driver& d = driver();
  if (entered == index) return d;
  DeviceState& state = states()[static_cast<size_t>(index)];
  if (!state.context) {
    DeviceNumber number;
    checked(d.device_get(&number, index), "cuDeviceGet");
    checked(d.context_retain(&state.context, number), "cuDevicePrimaryCtxRetain");
  }
  checked(d.context_set(state.context), "cuCtxSetCurrent");
  entered = index;
  return d;
}

Handle current_stream(int index) { return streams[static_cast<size_t>(index)]; }
void set_current_stream(int index, Handle stream) { streams[static_cast<size_t>(index)] = stream; }

void synchronize_stream(int index, Handle stream) {
  const Driver& d = enter(index);
  checked(waiting([&] { return d.stream_synchronize(stream); }), "waiting for a stream");
  check_reports(index, stream);
}

void synchronize(int index) {
  const Driver& d = enter(index);
  checked(waiting([&] { return d.context_synchronize(); }), "waiting for the device");
  check_reports(index, nullptr);
}

// ------------------------------------------------------------------------------------- reports

static constexpr size_t report_bytes = 6 * sizeof(int64_t);

Address report_of(int index) {
  DeviceState& state = states()[static_cast<size_t>(index)];
  if (!state.report) {
    const Driver& d = enter(index);
    checked(d.allocate(&state.report, report_bytes), "cuMemAlloc");
    if (d.note) d.note(state.report, report_bytes, true, nullptr);
    checked(d.fill_bytes(state.report, 0, report_bytes, nullptr), "cuMemsetD8Async");
    checked(d.stream_synchronize(nullptr), "cuStreamSynchronize");
  }
  return state.report;
}

int64_t note_call(int index, const char* operator_name) {
  DeviceState& state = states()[static_cast<size_t>(index)];
  if (state.places.empty()) state.places.resize(call_count);
  Place& place = state.places[static_cast<size_t>(state.calls) % call_count];
  ProgramLine at = program_line();
  place = Place{operator_name, at.code, at.line};
  state.reporting = true;
  return ++state.calls;
}
std::pair<Address, int64_t> note_report(int index, const char* operator_name) {
  const int64_t number = note_call(index, operator_name);
  return {report_of(index), number};
}

void check_reports(int index, Handle stream) {
  DeviceState& state = states()[static_cast<size_t>(index)];
  if (!state.reporting || !state.report) return;
  const Driver& d = enter(index);
  int64_t report[6];
  checked(d.copy_to_host(report, state.report, report_bytes, stream), "cuMemcpyDtoHAsync");
  checked(d.stream_synchronize(stream), "cuStreamSynchronize");
  state.reporting = false;
  if (!report[0]) return;
  checked(d.fill_bytes(state.report, 0, report_bytes, stream), "cuMemsetD8Async");
  const Place& place = state.places[static_cast<size_t>(report[3] - 1) % call_count];
  std::string where;
  if (place.code && state.calls - report[3] < static_cast<int64_t>(call_count)) {
    Object file = Object::steal(PyObject_GetAttrString(place.code.get(), "co_filename"));
    const char* text = file ? PyUnicode_AsUTF8(file.get()) : nullptr;
    if (text) where = message(" Called in ", text, ", line ", place.line, ".");
  }
  throw IndexError(message(place.name, ": index ", report[1], " is out of range for ", report[2],
                           " on cuda:", index, ".", where));
}

// ------------------------------------------------------------------------------------- copies

void to_device(Address to, int index, const void* from, int64_t nbytes) {
  if (nbytes == 0) return;
  const Driver& d = enter(index);
  checked(d.copy_to_device(to, from, static_cast<size_t>(nbytes), current_stream(index)),
          "a copy to the device");
}

void to_host(void* to, Address from, int index, int64_t nbytes, bool waits) {
  if (nbytes == 0) return;
  const Driver& d = enter(index);
  Handle stream = current_stream(index);
  checked(d.copy_to_host(to, from, static_cast<size_t>(nbytes), stream), "a copy to the host");
  if (waits) synchronize_stream(index, stream);
}

void on_device(Address to, Address from, int index, int64_t nbytes) {
  if (nbytes == 0) return;
  const Driver& d = enter(index);
  checked(d.copy_on_device(to, from, static_cast<size_t>(nbytes), current_stream(index)),
          "a copy on the device");
}

void between(Address to, int to_index, Address from, int from_index, int64_t nbytes) {
  if (nbytes == 0) return;
  // In the order of both streams: the source is complete, and may be written after the copy.
  synchronize_stream(from_index, current_stream(from_index));
  synchronize_stream(to_index, current_stream(to_index));
  const Driver& d = enter(from_index);
  Handle stream = current_stream(from_index);
  checked(d.copy_to_peer(to, states()[static_cast<size_t>(to_index)].context, from,
                         states()[static_cast<size_t>(from_index)].context,
                         static_cast<size_t>(nbytes), stream),
          "a copy between devices");
  synchronize_stream(from_index, stream);
}

void fill(Address to, int index, unsigned char value, int64_t nbytes) {
  if (nbytes == 0) return;
  const Driver& d = enter(index);
  checked(d.fill_bytes(to, value, static_cast<size_t>(nbytes), current_stream(index)),
          "filling memory");
}

}  // namespace flambeau::cuda
