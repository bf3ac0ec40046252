// Vectors in large pages of memory. A table that is read at random places spends less time on finding its pages.
#pragma once

#include <cstdlib>
#include <new>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace asrkit {

template <class T>
class HugePageAllocator {
 public:
  using value_type = T;

  HugePageAllocator() = default;
  template <class Other>
  HugePageAllocator(const HugePageAllocator<Other>&) {}

  T* allocate(std::size_t count) {
    const std::size_t size = count * sizeof(T);
    if (!is_large(size)) return static_cast<T*>(::operator new(size));
#ifdef __linux__
    const std::size_t whole = (size + kPage - 1) / kPage * kPage;
    void* memory = std::aligned_alloc(kPage, whole);
    if (memory == nullptr) throw std::bad_alloc();
    madvise(memory, whole, MADV_HUGEPAGE);  // only advice: it may fail
    return static_cast<T*>(memory);
#endif
  }

  void deallocate(T* memory, std::size_t count) {
    if (is_large(count * sizeof(T))) {
      std::free(memory);
    } else {
      ::operator delete(memory);
    }
  }

  friend bool operator==(const HugePageAllocator&, const HugePageAllocator&) { return true; }
  friend bool operator!=(const HugePageAllocator&, const HugePageAllocator&) { return false; }

 private:
  static constexpr std::size_t kPage = std::size_t{1} << 21;
#ifdef __linux__
  static bool is_large(std::size_t size) { return size >= kPage; }
#else
  static bool is_large(std::size_t) { return false; }
#endif
};

template <class T>
using HugeVector = std::vector<T, HugePageAllocator<T>>;

}  // namespace asrkit
