#include "recurrence/gru.hpp"

#include <algorithm>
#include <atomic>
#include <vector>

#include "machine/worker_threads.hpp"

namespace asrkit {
namespace {

// Fewer rows than this leave a core's registers half empty.
constexpr std::size_t kLeastRows = 8;

std::vector<GruTask> tasks_for(const GruShape& shape, std::size_t threads) {
  const std::size_t most = std::max<std::size_t>(1, shape.batch / kLeastRows);
  const std::size_t parts = std::clamp<std::size_t>(threads / shape.directions, 1, most);
  std::vector<GruTask> tasks;
  for (std::size_t direction = 0; direction < shape.directions; ++direction)
    for (std::size_t part = 0; part < parts; ++part) {
      const std::size_t first = shape.batch * part / parts;
      tasks.push_back({direction, first, shape.batch * (part + 1) / parts - first});
    }
  return tasks;
}

template <typename Run>
void run_all(const GruShape& shape, const GruKernels& kernels, std::size_t threads, Run run) {
  const std::vector<GruTask> tasks = tasks_for(shape, threads);
  std::atomic<std::size_t> next{0};
  work_on_threads(std::min(threads, tasks.size()), [&] {
    for (std::size_t index = next++; index < tasks.size(); index = next++) {
      std::vector<float> scratch(kernels.scratch_size(shape, tasks[index]));
      run(tasks[index], scratch.data());
    }
  });
}

}  // namespace

std::vector<const GruKernels*> gru_kernels() {
  std::vector<const GruKernels*> usable;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) usable.push_back(&kGruAvx512);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) usable.push_back(&kGruAvx2);
#endif
  usable.push_back(&kGruBaseline);
#if defined(ASRKIT_AMX)
  static const bool amx = has_amx();
  if (amx) usable.push_back(&kGruAmx);
#endif
  return usable;
}

void gru_forward(const GruShape& shape, const GruForward& arrays, const GruKernels& kernels, std::size_t threads) {
  run_all(shape, kernels, threads,
          [&](const GruTask& task, float* scratch) { kernels.forward(shape, arrays, task, scratch); });
}

void gru_backward(const GruShape& shape, const GruBackward& arrays, const GruKernels& kernels, std::size_t threads) {
  run_all(shape, kernels, threads,
          [&](const GruTask& task, float* scratch) { kernels.backward(shape, arrays, task, scratch); });
}

}  // namespace asrkit
