// Tells a Python function of the calls that Python makes, but for those by code that it has called
// quiet: what sys.setprofile gives, without a Python call for each event of our own code. Needs the
// GIL.
#include <unordered_set>

#include "python/bind.h"

namespace flambeau {

namespace {

/// Code that nothing is told of, kept alive: code of the package, so there is an end to it.
std::unordered_set<PyObject*>& quiet_codes() {
  static auto* const codes = new std::unordered_set<PyObject*>;
  return *codes;
}

int on_event(PyObject* told, PyFrameObject* frame, int what, PyObject* argument) {
  if (what != PyTrace_CALL && what != PyTrace_C_CALL) return 0;
  Object code = Object::steal(reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)));
  if (quiet_codes().contains(code.get())) return 0;
  Object event = Object::steal(PyUnicode_FromString(what == PyTrace_CALL ? "call" : "c_call"));
  if (!event) return -1;
  Object answer = Object::steal(
      PyObject_CallFunctionObjArgs(told, reinterpret_cast<PyObject*>(frame), event.get(),
                                   argument ? argument : Py_None, nullptr));
  if (!answer) return -1;
  if (answer.get() == Py_True && quiet_codes().insert(code.get()).second) code.release();
  return 0;
}

/// told(frame, "call" or "c_call", what is called) from now on in this thread; it gives True for
/// code that is quiet.
void watch_calls(PyObject* told) { PyEval_SetProfile(on_event, told); }

const NativeEntry entries[] = {fact(bind<watch_calls>("_watch_calls", "told")), {}};
const Functions functions(entries);

}  // namespace

}  // namespace flambeau
