#include "runtime/program.h"

#include <Python.h>
#include <dlfcn.h>

#include <set>
#include <string_view>

#include "tensor/error.h"

namespace flambeau {
namespace {

/// The folder of this package, with a slash at its end: the core lies in it. A folder of the
/// program may be named flambeau, too, so that the name alone tells nothing.
const std::string& package() {
  static const std::string folder = [] {
    Dl_info info;
    std::string path = dladdr(reinterpret_cast<void*>(&program_line), &info) ? info.dli_fname : "";
    return path.substr(0, path.rfind('/') + 1);
  }();
  return folder;
}

bool is_ours(PyCodeObject* code) {
  const char* file = PyUnicode_AsUTF8(code->co_filename);
  if (!file) PyErr_Clear();
  return file && !package().empty() && std::string_view(file).starts_with(package());
}

bool always = false;

}  // namespace

ProgramLine program_line() {
  ProgramLine found;
  Object frame = Object::borrow(reinterpret_cast<PyObject*>(PyEval_GetFrame()));
  while (frame) {
    auto* f = reinterpret_cast<PyFrameObject*>(frame.get());
    Object code = Object::steal(reinterpret_cast<PyObject*>(PyFrame_GetCode(f)));
    if (!is_ours(reinterpret_cast<PyCodeObject*>(code.get()))) {
      found.code = code;
      found.line = PyFrame_GetLineNumber(f);
      return found;
    }
    ++found.depth;
    frame = Object::steal(reinterpret_cast<PyObject*>(PyFrame_GetBack(f)));
  }
  return found;
}

void warn(const std::string& text, PyObject* category) {
  if (!category || category == Py_None) category = PyExc_UserWarning;
  ProgramLine at = program_line();
  if (PyErr_WarnEx(category, text.c_str(), at.code ? at.depth + 1 : 1) < 0) throw PythonError();
}

void warn_once(std::string_view occasion, const std::string& text) {
  static auto* told = new std::set<std::string, std::less<>>;
  // Noted before it is told: where warnings are errors, the second call goes through as well.
  if (told->emplace(occasion).second || always) warn(text);
}

void set_warn_always(bool on) { always = on; }

bool is_warn_always_enabled() { return always; }

}  // namespace flambeau
