// Vectors of vector_bytes, which the including file sets inside its own namespace. No include
// guard: each instruction set compiles its own copy.

template <class T>
struct Vec {
  static constexpr int lanes = vector_bytes / sizeof(T);
  typedef T type __attribute__((vector_size(vector_bytes)));
  typedef T unaligned __attribute__((vector_size(vector_bytes), aligned(sizeof(T)), may_alias));
};

template <class T>
inline __attribute__((always_inline)) typename Vec<T>::type load(const T* from) {
  return *reinterpret_cast<const typename Vec<T>::unaligned*>(from);
}

template <class T>
inline __attribute__((always_inline)) void store(T* to, typename Vec<T>::type value) {
  *reinterpret_cast<typename Vec<T>::unaligned*>(to) = value;
}

/// The same value in every lane; value - 0 is value itself, -0 and NaN too, and costs nothing.
template <class T>
inline __attribute__((always_inline)) typename Vec<T>::type splat(T value) {
  return value - typename Vec<T>::type{};
}
