// Where the program is: its innermost Python frame outside of this package. The GIL is held.
#pragma once
#include <string>
#include <string_view>

#include "tensor/ref.h"

namespace flambeau {

/// A line of the program; `code` is null where no frame is the program's.
struct ProgramLine {
  Object code;
  int line = 0;
  int depth = 0;  // frames of this package that lie further in
};
ProgramLine program_line();

/// A warning, a UserWarning unless `category` says more, that shows the program's line, not one of
/// ours. Throws where warnings are errors.
void warn(const std::string& text, PyObject* category = nullptr);

/// A UserWarning of an old name or a default: the first of its occasion in a process, or each where
/// set_warn_always(true) asks for them.
void warn_once(std::string_view occasion, const std::string& text);
void set_warn_always(bool on);
bool is_warn_always_enabled();

}  // namespace flambeau
