// Empty tables, for a processor that knows the including file's instruction set by name only.

extern const GemmKernels<float> float_kernels = {};
extern const GemmKernels<double> double_kernels = {};
extern const IntegerKernels integer_kernels = {};
extern const Bfloat16Loops bfloat16_loops = {};
