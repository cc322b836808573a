// The logarithm of running sums of exponentials.
#pragma once
#include <cstdint>

namespace flambeau {

double log_add_exp(double a, double b);

/// to[i] = log(exp(from[0]) + ... + exp(from[i])) of elements side by side; long ones in threads.
/// Any thread, no GIL.
template <class T>
void log_sums(int64_t n, const T* from, T* to);

}  // namespace flambeau
