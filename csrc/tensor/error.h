// Errors of the core: a C++ exception for each Python exception type, composed only when a check
// fails. Thrown anywhere, any thread of the caller; the bindings translate them.
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

namespace flambeau {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};  // RuntimeError
struct TypeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct ValueError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct IndexError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct NotImplementedError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct DeviceError : Error {
  using Error::Error;
};  // flambeau.DeviceError, a RuntimeError and a TypeError
/// Nothing is computed in a dtype; the bindings put the operator's name before the text.
struct UncomputedDType : NotImplementedError {
  using NotImplementedError::NotImplementedError;
};
struct NoSuchDevice : NotImplementedError {
  using NotImplementedError::NotImplementedError;
};  // flambeau.types.NoSuchDevice, an AssertionError too
struct OutOfMemoryError : Error {
  using Error::Error;
};  // flambeau.OutOfMemoryError
struct PythonError : std::exception {};  // the Python error indicator is already set

template <class... Parts>
std::string message(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// check(ok, [&] { return message("matmul: ...", n); }) throws E with the composed text.
template <class E = Error, class Compose>
inline void check(bool ok, Compose&& compose) {
  if (!ok) [[unlikely]]
    throw E(compose());
}

}  // namespace flambeau
