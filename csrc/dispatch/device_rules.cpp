#include "dispatch/device_rules.h"

#include "tensor/error.h"
#include "tensor/objects.h"

namespace flambeau {

static PyObject* rule(const char* name) {
  static PyObject* table = nullptr;
  if (!table) {
    Object module = owned(PyImport_ImportModule("flambeau.ops.cuda"));
    table = PyObject_GetAttrString(module.get(), "RULES");
    if (!table) throw PythonError();
  }
  return PyDict_GetItemString(table, name);
}

bool has_device_rule(const char* name) { return rule(name) != nullptr; }

void call_device_rule(const char* name, std::initializer_list<PyObject*> args) {
  PyObject* callable = rule(name);
  check<NotImplementedError>(callable != nullptr, [&] {
    return message(name_of_call(), ": has no kernel ", name, " on ",
                   to_string(device_of_call.device), ".");
  });
  Object done = owned(PyObject_Vectorcall(callable, args.begin(), args.size(), nullptr));
}

}  // namespace flambeau
