// The name that messages give an operator whose function serves several.
#pragma once
#include <ostream>

namespace flambeau {

struct Called {
  const char* name;
  operator const char*() const { return name; }
};
inline std::ostream& operator<<(std::ostream& out, Called called) { return out << called.name; }

}  // namespace flambeau
