// Empty tables, for a processor that knows the including file's instruction set by name only.

extern const ConvKernels<float> float_kernels = {};
extern const ConvKernels<double> double_kernels = {};
extern const PoolKernels<float> float_pool = {};
extern const PoolKernels<double> double_pool = {};
extern const AttentionKernels<float> float_attention = {};
extern const AttentionKernels<double> double_attention = {};
extern const DropoutKernels float_dropout = {};
extern const FourierKernels<float> float_fourier = {};
extern const FourierKernels<double> double_fourier = {};
extern const SparseKernels<float> float_sparse = {};
extern const SparseKernels<double> double_sparse = {};
extern const ColumnKernels<float> float_columns = {};
extern const ColumnKernels<double> double_columns = {};
extern const CtcKernels<float> float_ctc = {};
extern const CtcKernels<double> double_ctc = {};
extern const LogSumKernels log_sums = {};
extern const NormKernels<float> float_norm = {};
extern const NormKernels<double> double_norm = {};
extern const LstmKernels<float> float_lstm = {};
extern const LstmKernels<double> double_lstm = {};
extern const GruKernels<float> float_gru = {};
extern const GruKernels<double> double_gru = {};
extern const ResizeTable resize = {};
extern const GridKernels<float> float_grid = {};
extern const GridKernels<double> double_grid = {};
