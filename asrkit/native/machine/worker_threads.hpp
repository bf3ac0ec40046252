// Work shared by threads.
#pragma once

#include <cstddef>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace asrkit {

// Calls work() on this thread and on up to num_workers - 1 others, waits for all, and throws what one of them threw.
// The calls must share the work among them: where the system refuses threads, those there are do all of it.
template <class Work>
void work_on_threads(std::size_t num_workers, const Work& work) {
  std::exception_ptr error;
  std::mutex error_mutex;
  const auto guarded = [&] {
    try {
      work();
    } catch (...) {
      const std::lock_guard<std::mutex> lock(error_mutex);
      error = std::current_exception();
    }
  };
  std::vector<std::thread> others;
  others.reserve(num_workers);
  try {
    while (others.size() + 1 < num_workers) others.emplace_back(guarded);
  } catch (const std::system_error&) {
  }
  guarded();
  for (std::thread& other : others) other.join();
  if (error) std::rethrow_exception(error);
}

}  // namespace asrkit
