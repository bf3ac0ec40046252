// The Python face of the C++ core: one call per concept, conversions and nothing else.
#include <nanobind/nanobind.h>

void bind_alignment(nanobind::module_& module);
void bind_estimation(nanobind::module_& module);
void bind_decoder(nanobind::module_& module);
void bind_emissions(nanobind::module_& module);
void bind_language_model(nanobind::module_& module);
void bind_recurrence(nanobind::module_& module);
void bind_text(nanobind::module_& module);

NB_MODULE(_native, module) {
  module.doc() = "Beam search, n-gram queries and estimation, alignments, plain text, emissions and recurrences in C++.";
  bind_alignment(module);
  bind_estimation(module);
  bind_language_model(module);
  bind_decoder(module);
  bind_text(module);
  bind_emissions(module);
#ifndef _MSC_VER
  bind_recurrence(module);
#endif
}
