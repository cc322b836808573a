// Memory of objects that Python's garbage collector may watch: tensors and nodes.
// Every such object has room for the collector's header, but is watched only once it holds
// something a cycle could lead through: entering its lists costs nanoseconds, which a plain tensor
// saves. Needs the GIL.
#pragma once
#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace flambeau {

#ifdef Py_GIL_DISABLED
#error "Free-threaded Python lays its objects out differently."
#endif

/// The collector's header before an object. PyObject_GC_New would lay it out just so, but also
/// count the object and start a collection every 700 of them (tests/test_memory.py asks Python its
/// size).
inline constexpr size_t collector_header_bytes = 2 * sizeof(void*);

/// Memory for an object of `size` bytes, not watched yet; null when there is none.
inline void* collected_memory(size_t size) {
  auto* block = static_cast<char*>(PyObject_Malloc(collector_header_bytes + size));
  if (!block) return nullptr;
  std::memset(block, 0, collector_header_bytes);
  return block + collector_header_bytes;
}

inline bool is_watched(PyObject* o) { return reinterpret_cast<uintptr_t*>(o)[-2] != 0; }
inline void watch(PyObject* o) {
  if (!is_watched(o)) PyObject_GC_Track(o);
}
inline void unwatch(PyObject* o) {
  if (is_watched(o)) PyObject_GC_UnTrack(o);
}
/// Frees the memory of an object made by collected_memory; it is no longer watched.
inline void free_collected(PyObject* o) {
  PyObject_Free(reinterpret_cast<char*>(o) - collector_header_bytes);
}

/// Shows the collector the references that an object holds, each exactly once.
class Visitor {
 public:
  Visitor(visitproc visit, void* context) : visit_(visit), context_(context) {}

  /// Stops (returns false from then on) when the collector says so.
  template <class T>
  bool operator()(T* object) {
    if (object && !result_) result_ = visit_(reinterpret_cast<PyObject*>(object), context_);
    return !result_;
  }
  template <class Reference>
    requires requires(const Reference& r) { r.get(); }
  bool operator()(const Reference& reference) {
    return (*this)(reference.get());
  }
  int result() const { return result_; }

 private:
  visitproc visit_;
  void* context_;
  int result_ = 0;
};

}  // namespace flambeau
