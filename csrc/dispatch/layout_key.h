// What a compiled program depends on in its arguments, as bytes to be compared.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tensor/declared.h"
#include "tensor/tensor.h"

namespace flambeau {

template <class T>
void put(std::string& key, const T& value) {
  key.append(reinterpret_cast<const char*>(&value), sizeof value);
}
/// Type, dtype, number of dims, modes of a tensor, and which sizes are 1; with `exact` (or gaps)
/// all sizes and strides. False for one that no program takes: without elements, off the CPU,
/// batched.
bool put_layout(std::string& key, const Tensor& t, bool exact);
/// The modes that programs depend on; false in those in which calls are to be looked at otherwise.
bool put_modes(std::string& key);

/// The layouts of all; none where one is such that no program takes it.
std::optional<Bytes> describe_layouts(const std::vector<TensorRef>& tensors, bool exact);

inline constexpr std::tuple layout_key_functions{
    fact(declare<describe_layouts>("_describe_layouts", "tensors, exact"))};

}  // namespace flambeau
