// Fused eager mode: pointwise operators on large tensors wait, and run as one kernel when somebody
// comes for bytes that they read or are to write. Meanwhile those storages withhold their bytes, so
// that nobody passes the gate (Tensor::data) unseen: a reader finds what it would have found, and a
// writer writes after those who were to read what was there before. Everything else about a result
// (sizes, dtype, version, history) is as if it had been computed. Needs the GIL, which long runs
// give up.
#pragma once
#include <string>
#include <tuple>
#include <vector>

#include "dispatch/pointwise.h"
#include "dispatch/reduce.h"

namespace flambeau {

namespace waiting {

/// Results of fewer elements are computed at once; INT64_MAX: all are.
extern constinit int64_t least_numel;

/// Whether operators that nothing joined the last times they stood here are computed at once.
extern constinit bool foresees;

/// How many operands a kernel has at most (max_operands where they are not all contiguous), how
/// many operators a group.
inline constexpr int most_operands = 32, most_nodes = 120;
/// The operand of a node: an input of its group, or the number or the node of that index. Of a step
/// of a kernel also the 1 that its factor is if not given, which no kernel reads.
inline constexpr uint8_t first_number = 64, unit_number = 127, first_node = 128;

/// A group that has been seen often enough to be worth a kernel of its own.
struct Wanted {
  struct Step {
    Pointwise* record;
    DType compute, dtype;
    std::vector<uint8_t> operands;
  };
  std::string key;
  std::vector<Step> steps;
  std::vector<DType> inputs, numbers;
  std::vector<int> outputs;  // the steps whose results are stored
  std::string modes;         // or the kinds of a kernel of rows
  std::string total;  // which adds up the rows of the one output: "rsum", "rmean"; else empty

  /// What flambeau/compiled/eager.py is given: (key, [(spec, dtype computed in, dtype, operands)],
  /// inputs, numbers, outputs, modes, total, whether all wait for it).
  using Names = std::vector<const char*>;
  using Fields = std::tuple<Bytes, std::vector<std::tuple<Object, const char*, const char*, Bytes>>,
                            Names, Names, std::vector<int>, std::string, std::string, bool>;
  Fields fields() const;
};
/// Asked for the kernel of a group, before the next operator waits: gives it to `set_kernel` when
/// it is there. The floor above fills it in.
extern void (*compile)(const Wanted& wanted);
/// The kernel of a key, null: there will be none; how many maths functions it computes. Gives those
/// that nothing uses any more, as many as are too many: the least used, and who made them frees
/// them.
std::vector<int64_t> set_kernel(const Bytes& key, MapKernel kernel, int calls);
/// How many kernels are kept, and of how many groups without one it is known how often they ran.
void bound_kernels(int64_t kernels, int64_t groups);
/// After how many runs of a group a kernel of its own is wanted; 0: all wait for it.
extern constinit int patience;

/// The result of record(args...), contiguous and of these sizes, which will be computed later, or
/// has been where nothing is expected to join it; null where neither can be.
/// history: it will have a node, which may keep it for backward; flat: all tensors are contiguous
/// and of these sizes; spare: null, or an operand whose memory what is computed now may have.
TensorRef postpone(Pointwise& record, const Arg* args, const Dims& sizes, DType compute,
                   DType dtype, bool history, bool flat, Tensor* spare = nullptr);

/// self = record(self, ...) where self shows a result that waits: the place of its node goes to
/// another. False where that cannot be.
bool postpone_inplace(Pointwise& record, const Arg* args, Tensor& self, DType compute);

/// Whether a large tensor is read for the last time, as only the caller of an operator holds it,
/// and waits.
bool waits_for_last_reader(const Tensor& t);

struct Compiled;  // waiting_kernels.h

/// Such a tensor, computed piece by piece into memory of a piece's size, as it is read: it is never
/// stored, and waits on. Others who come for what its group holds wait for the end.
class Pieces {
 public:
  /// False as a condition where the tensor has to be stored. width: of its rows, where columns will
  /// be asked for, or the totals of rows; total: "rsum" or "rmean", if they may be.
  explicit Pieces(const Tensor& t, int64_t width = 0, const char* total = nullptr);
  ~Pieces();
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;
  explicit operator bool() const { return group_ >= 0; }
  /// Elements [begin, end) to `to`. Any thread, without the GIL.
  void compute(int64_t begin, int64_t end, char* to) const;
  /// Columns [begin, end) of all rows to `to`, one row behind the other.
  void compute_columns(int64_t begin, int64_t end, char* to) const;
  /// Whether rows are added up as they are computed: then nothing else may be asked for.
  bool gives_totals() const { return totals_ != nullptr; }
  /// The totals of rows [begin, end) to `to`.
  void totals(int64_t begin, int64_t end, char* to) const;

 private:
  void compute_block(int64_t row, int64_t rows, int64_t column, int64_t columns, char* to) const;
  int group_ = -1, n_ = 0;
  Compiled* in_use_ = nullptr;
  MapKernel kernel_ = nullptr;
  RowsKernel totals_ = nullptr;
  int64_t itemsize_ = 0, rows_ = 1, width_ = 0;
  char* data_[most_operands];
  // Bytes from one element to the next, and from one row.
  int64_t steps_[most_operands], row_steps_[most_operands];
};

/// Runs all that wait.
void settle_all();

struct Counts {
  int64_t postponed, runs, fused;  // operators, groups, groups by one kernel
  // Results never stored, operators computed at once, results that were read as they were computed.
  int64_t unseen, alone, in_pieces;
};
Facts counters();

/// From how many elements on operators wait, 0: none does; how often a group of them is run singly;
/// whether those that nothing joins are computed at once.
void set_fusion(int64_t least_numel, int64_t patience, bool foresees);
std::tuple<int64_t, int64_t, bool> fusion_settings();

/// Whether operators on t and others of its sizes wait, and it has at least `numel` elements.
inline bool would_wait(const Tensor& t, int64_t numel) {
  return t.numel >= least_numel && t.numel >= numel && t.contiguous;
}

inline constexpr std::tuple functions{
    fact(declare<would_wait>("_would_wait", "input, numel")),
    declare<set_fusion>("_set_fusion", "least_numel, patience, foresees=False"),
    declare<fusion_settings>("_fusion_settings", ""),
    declare<settle_all>("_settle", ""),
    declare<set_kernel>("_set_waiting_kernel", "key, address, calls"),
    declare<bound_kernels>("_bound_waiting_kernels", "kernels, groups"),
    declare<counters>("_fusion_counters", "")};

}  // namespace waiting

}  // namespace flambeau
