#include "tensor/gil.h"

#include <utility>

#include "tensor/guard.h"

#if defined(__GLIBC__)
#include <unistd.h>
#include <unwind.h>
#endif

namespace flambeau {

void give_up_gil() noexcept { given_up_gil = PyEval_SaveThread(); }

void take_gil_back() noexcept { PyEval_RestoreThread(std::exchange(given_up_gil, nullptr)); }

bool interpreter_ends() noexcept {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing();
#else
  return _Py_IsFinalizing();
#endif
}

}  // namespace flambeau

#if defined(__GLIBC__)
// Whoever unwinds a stack asks this, for each frame of C++, what is to be run there. Where a thread
// is being ended (pthread_exit, by CPython alone) nothing is, and the thread stays. The linker puts
// it in the place of the runtime's own (--wrap), which answers for exceptions.
extern "C" {

_Unwind_Reason_Code __real___gxx_personality_v0(int, _Unwind_Action, _Unwind_Exception_Class,
                                                _Unwind_Exception*, _Unwind_Context*);

__attribute__((visibility("hidden"))) _Unwind_Reason_Code
__wrap___gxx_personality_v0(int version, _Unwind_Action actions, _Unwind_Exception_Class kind,
                            _Unwind_Exception* object, _Unwind_Context* context) {
  while (actions & _UA_FORCE_UNWIND) pause();
  return __real___gxx_personality_v0(version, actions, kind, object, context);
}
}
#endif
