// The Python face of the C++ core: one call per concept, conversions and nothing else.
#include <nanobind/nanobind.h>

void bind_estimation(nanobind::module_& module);
void bind_language_model(nanobind::module_& module);

NB_MODULE(_native, module) {
  module.doc() = "Beam search, n-gram queries and n-gram estimation in C++.";
  bind_estimation(module);
  bind_language_model(module);
}
