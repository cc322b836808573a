// Free memory of large blocks: cut where a smaller block is wanted, joined again with its
// neighbours. Guarded by the GIL, as the allocator is.
#pragma once
#include <cstdint>
#include <map>

namespace flambeau {

class FreeRanges {
 public:
  /// Memory of at least nbytes, of the shortest range that has them; null where none does. Of a
  /// longer one the rest stays here unless it is a crumb; `taken` says what went.
  char* take(int64_t nbytes, int64_t& taken) {
    auto found = by_length_.lower_bound(nbytes);
    if (found == by_length_.end()) return nullptr;
    char* begin = found->second;
    taken = found->first;
    by_length_.erase(found);
    by_address_.erase(begin);
    if (taken - nbytes > nbytes / 16) {
      add(begin + nbytes, taken - nbytes);
      taken = nbytes;
    }
    return begin;
  }

  void put(char* begin, int64_t nbytes) {
    auto after = by_address_.lower_bound(begin);
    if (after != by_address_.end() && after->first == begin + nbytes) {
      nbytes += after->second->first;
      after = remove(after);
    }
    if (after != by_address_.begin()) {
      auto before = std::prev(after);
      if (before->first + before->second->first == begin) {
        begin = before->first;
        nbytes += before->second->first;
        remove(before);
      }
    }
    add(begin, nbytes);
  }

  /// Hands ranges to give(begin, nbytes), the longest first, until so many bytes have gone.
  template <class Give>
  int64_t drop(int64_t nbytes, Give&& give) {
    int64_t gone = 0;
    while (gone < nbytes && !by_length_.empty()) {
      auto longest = std::prev(by_length_.end());
      char* begin = longest->second;
      const int64_t length = longest->first;
      remove(by_address_.find(begin));
      give(begin, length);
      gone += length;
    }
    return gone;
  }

 private:
  using ByLength = std::multimap<int64_t, char*>;
  using ByAddress = std::map<char*, ByLength::iterator>;

  void add(char* begin, int64_t nbytes) { by_address_[begin] = by_length_.emplace(nbytes, begin); }
  ByAddress::iterator remove(ByAddress::iterator range) {
    by_length_.erase(range->second);
    return by_address_.erase(range);
  }

  ByLength by_length_;
  ByAddress by_address_;
};

}  // namespace flambeau
