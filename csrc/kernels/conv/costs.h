// What the general ways of a convolution take, estimated: by these the quickest is chosen. Plain
// arithmetic, any thread.
#pragma once
#include "kernels/conv/correlation.h"

namespace flambeau {

/// Whether correlate_panels or else correlate_direct is the quicker.
/// T: float, double.
template <class T>
bool panels_are_quicker(const Correlation& c);

/// Whether correlate_direct is the quicker with a copy of the rows for each column tap.
template <class T>
bool taps_apart_are_quicker(const Correlation& c);

/// Whether outer_panels or else outer_direct is the quicker.
template <class T>
bool outer_panels_are_quicker(const Correlation& c);

/// Whether to spread pixels (conv/spread.h) one by one or by rows is quicker than the phases one
/// after the other, by Winograd's method if `saves_products`.
enum class Spreading { none, pixels, rows };
template <class T>
Spreading quicker_spreading(const ConvShape& shape, const std::vector<Correlation>& phases,
                            bool saves_products);

/// How many times as long as correlate_pairs the ways of float32 take, with what is converted for
/// them.
double pairs_saving(const ConvShape& shape, const std::vector<Correlation>& phases, bool backward,
                    bool saves_products);

}  // namespace flambeau
