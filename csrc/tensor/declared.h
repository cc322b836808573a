// Functions of the core as programs know them: a name, a signature in Python's words, what it does.
// A table of them stands beside the functions; python/bind.h makes operators of it by their types.
#pragma once
#include <algorithm>
#include <array>
#include <string>
#include <tuple>

#include "tensor/called.h"
#include "tensor/device_scope.h"

namespace flambeau {

/// Whether watchers of calls see a function: not if it only tells facts.
enum class Shown : bool { no, yes };

struct Declaration {
  const char* name = nullptr;
  const char* signature = nullptr;  // as Python writes it
  const char* doc = nullptr;        // of a private one what it does stands beside its function
  Mixing mixing = Mixing::numbers;  // of devices, among its arguments
  Shown shown = Shown::yes;
  bool is_function = false, is_method = false;  // public as torch.NAME, as Tensor.NAME
};
template <class D>
constexpr D function(D declared) {
  return declared.is_function = true, declared;
}
template <class D>
constexpr D method(D declared) {
  return declared.is_method = true, declared;
}
template <class D>
constexpr D both(D declared) {
  return function(method(declared));
}
/// It tells something about tensors of any devices, which is no call to watch.
template <class D>
constexpr D fact(D declared) {
  return declared.mixing = Mixing::all, declared.shown = Shown::no, declared;
}

// Parameters that their types alone would not tell.

/// Sizes given as f(2, 3), f((2, 3)) or f(NAME=(2, 3)), where the signature says *NAME.
struct RestDims : Dims {
  bool given = true;
};
/// Sizes given as one sequence, where other forms of an operator take ints by position too.
struct SequenceDims : Dims {};
/// True or False, and nothing that merely counts as such.
struct Flag {
  bool value = false;
  operator bool() const { return value; }
};

/// Bytes, where a std::string is text.
struct Bytes : std::string {
  using std::string::string;
  Bytes(std::string bytes) : std::string(std::move(bytes)) {}
};

/// Text as a template argument.
template <size_t n>
struct Name {
  char text[n];
  constexpr Name(const char (&literal)[n]) { std::copy(literal, literal + n, text); }
};
/// Several as one, of what several signatures share.
template <Name... parts>
inline constexpr auto joined = [] {
  std::array<char, (sizeof(parts.text) + ...)> all{};
  size_t at = 0;
  auto add = [&](const auto& part) {
    for (const char* c = part.text; *c; ++c) all[at++] = *c;
  };
  (add(parts), ...);
  return all;
}();

template <auto fn>
struct Declared : Declaration {};
/// A line of a table, which is a std::tuple:
///   inline constexpr std::tuple index_functions{
///       declare<gather>("gather", "input, dim, index", "Elements of input at index along dim."),
///       ...};
template <auto fn>
consteval Declared<fn> declare(const char* name, const char* signature, const char* doc = nullptr,
                               Mixing mixing = Mixing::numbers) {
  return {{name, signature, doc, mixing}};
}

}  // namespace flambeau
