// The native way into an operator that is one run of a reduction. Needs the GIL.
#pragma once
#include <optional>

#include "dispatch/ways/way.h"

namespace flambeau::ways {

/// reduction(input, dim, keepdim). Keeps the input and the result (of two results the sizes of the
/// input and the places), the dims and keepdim.
class Reduce {
 public:
  static constexpr const char* takes[] = {"dim", "keepdim", "p", "ord"};
  static constexpr bool lacks = true;  // operators need not have all of these
  /// One kernel, what comes out of it and how it is differentiated. `results` has a letter each: s
  /// of the input's dtype, i int64, b bool, p of a product.
  struct Run {
    Ref<Reduction> reduction;
    std::string results;
    WayBackward backward;  // without a callable: recorded calls are not for this way
  };
  /// `whole` is of all elements, where that is another one. `accepts`: f floating only, n no bool,
  /// u no uint8, d several dims, a all of them, l the same where dim is left out, for which None
  /// will not do, w sums squares, which may overflow: the operator then takes a wider dtype, o the
  /// backward reads no result, which may be written.
  Reduce(const char* name, Reduction& reduction, const char* results, const char* accepts,
         Reduction* whole, std::optional<double> parameter, PyObject* backward,
         PyObject* whole_backward);
  Pair take(Tensor& input, const DimOrDims& dim, bool keepdim, TwoOrFro, Two);

 private:
  bool can(char letter) const { return accepts_.find(letter) != std::string::npos; }
  bool fits(const Tensor& input) const;
  bool has_degrees(const Tensor& input, const Dims& dims) const;
  bool take_dims(const Tensor& input, const DimOrDims& given, Dims& dims) const;
  Run run_;
  std::optional<Run> whole_;
  std::string accepts_;
  std::optional<double> parameter_;
};

inline constexpr std::tuple reduction_ways{
    way<Reduce, Reduction&, const char*, const char*, Reduction*, std::optional<double>, PyObject*,
        PyObject*>("_reduction_way",
                   "operation, result_type, reduction, results, accepts, whole, parameter, "
                   "backward, whole_backward")};

}  // namespace flambeau::ways
