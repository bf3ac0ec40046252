// The Python face of the C++ core: one call per concept, conversions and nothing else.
#include <nanobind/nanobind.h>

NB_MODULE(_native, module) {
  module.doc() = "Beam search, n-gram queries and n-gram estimation in C++.";
}
