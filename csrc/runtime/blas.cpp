#include "runtime/blas.h"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "tensor/error.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace flambeau {
namespace {

/// The opened library and the routines found in it; lives until the process ends.
class Library {
 public:
  explicit Library(const std::string& path) {
    // Read once when OpenBLAS starts: without it the library makes a thread for every core.
    const char* name = "OPENBLAS_NUM_THREADS";
    const char* old = std::getenv(name);
    std::string saved = old ? old : "";
#if defined(_WIN32)
    _putenv_s(name, "1");
    handle_ = reinterpret_cast<void*>(LoadLibraryA(path.c_str()));
    _putenv_s(name, saved.c_str());
    check(handle_ != nullptr, [&] { return message("blas_load: cannot open ", path); });
#else
    setenv(name, "1", 1);
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (old)
      setenv(name, saved.c_str(), 1);
    else
      unsetenv(name);
    check(handle_ != nullptr,
          [&] { return message("blas_load: cannot open ", path, ": ", dlerror()); });
#endif
    if (void* limit = find("openblas_set_num_threads")) reinterpret_cast<void (*)(int)>(limit)(1);
    c = reinterpret_cast<GemmRoutine<complex64>>(find("cblas_cgemm"));
    z = reinterpret_cast<GemmRoutine<complex128>>(find("cblas_zgemm"));
    check(c && z, [&] {
      return message("blas_load: ", path, " has no cblas_cgemm; expected an OpenBLAS with CBLAS.");
    });
  }

  void* find(const std::string& name) const {
    for (const char* prefix : {"scipy_", ""}) {
      std::string symbol = prefix + name;
#if defined(_WIN32)
      void* address =
          reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(handle_), symbol.c_str()));
#else
      void* address = dlsym(handle_, symbol.c_str());
#endif
      if (address) return address;
    }
    return nullptr;
  }

  GemmRoutine<complex64> c = nullptr;
  GemmRoutine<complex128> z = nullptr;

 private:
  void* handle_ = nullptr;
};

std::atomic<const Library*> library{nullptr};

}  // namespace

void blas_load(const std::string& path) {
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  if (library.load()) return;
  library.store(std::make_unique<const Library>(path).release(), std::memory_order_release);
}

bool blas_loaded() { return library.load(std::memory_order_acquire) != nullptr; }

void* lapack_symbol(const char* name) {
  const Library* lib = library.load(std::memory_order_acquire);
  return lib ? lib->find(name) : nullptr;
}

template <class T>
GemmRoutine<T> gemm_routine() {
  const Library* lib = library.load(std::memory_order_acquire);
  if (!lib) return nullptr;
  if constexpr (std::is_same_v<T, complex64>)
    return lib->c;
  else
    return lib->z;
}
template GemmRoutine<complex64> gemm_routine();
template GemmRoutine<complex128> gemm_routine();

}  // namespace flambeau
