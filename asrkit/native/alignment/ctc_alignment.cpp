#include "alignment/ctc_alignment.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace asrkit {

namespace {

constexpr double kSmall = 1e-100;  // sums are rescaled below it
constexpr float kImpossible = -std::numeric_limits<float>::infinity();

}  // namespace

void CtcAligner::build_states(const std::vector<std::vector<Symbol>>& words) {
  states_.assign(1, {symbols_.blank, true, false});
  first_states_.clear();
  last_states_.clear();
  Symbol previous = kNoSymbol;  // the letter that may be followed without a blank
  for (const std::vector<Symbol>& word : words) {
    first_states_.push_back(static_cast<std::uint32_t>(states_.size()));
    for (const Symbol symbol : word) {
      states_.push_back({symbol, false, previous != kNoSymbol && symbol != previous});
      states_.push_back({symbols_.blank, false, false});
      previous = symbol;
    }
    last_states_.push_back(static_cast<std::uint32_t>(states_.size() - 2));
    if (symbols_.has_space()) {
      states_.push_back({symbols_.space, true, true});
      previous = kNoSymbol;
    }
  }
}

Alignment CtcAligner::align(const float* log_probs, std::size_t num_steps,
                            const std::vector<std::vector<Symbol>>& words) {
  build_states(words);
  Alignment alignment;
  if (!run(log_probs, num_steps, negligible_, alignment) && !run(log_probs, num_steps, 0.0, alignment)) {
    alignment.log_prob = -std::numeric_limits<double>::infinity();
    alignment.words.assign(words.size(), {});
  }
  return alignment;
}

bool CtcAligner::run(const float* log_probs, std::size_t num_steps, double negligible, Alignment& alignment) {
  const auto num_states = static_cast<std::uint32_t>(states_.size());
  sums_.assign(num_states, 0.0);
  next_sums_.assign(num_states, 0.0);
  bests_.assign(num_states, kImpossible);
  next_bests_.assign(num_states, kImpossible);
  emission_cache_.assign(symbols_.size(), 0.0);
  cache_step_.assign(symbols_.size(), 0);
  windows_.clear();
  moves_.clear();
  step_ = 0;
  sums_[0] = 1.0;
  bests_[0] = 0.0f;
  Window window{0, 1, 0};
  double log_scale = 0.0;
  for (std::size_t step = 0; step < num_steps; ++step) {
    ++step_;
    advance(log_probs + step * symbols_.size(), window);
    double most = 0.0;
    for (std::uint32_t s = window.begin; s < window.end; ++s) most = std::max(most, sums_[s]);
    if (most == 0.0) return false;
    if (most < kSmall) {
      for (std::uint32_t s = window.begin; s < window.end; ++s) sums_[s] /= most;
      log_scale += std::log(most);
      most = 1.0;
    }
    while (window.begin + 1 < window.end && sums_[window.begin] <= negligible * most) {
      sums_[window.begin] = 0.0;
      bests_[window.begin++] = kImpossible;
    }
    while (window.begin + 1 < window.end && sums_[window.end - 1] <= negligible * most) {
      sums_[--window.end] = 0.0;
      bests_[window.end] = kImpossible;
    }
  }
  // The text may end in its last letter, a blank after it, or spaces.
  const std::uint32_t num_final = num_states == 1 ? 1 : symbols_.has_space() ? 3 : 2;
  double total = 0.0;
  float best = kImpossible;
  for (std::uint32_t s = num_states - num_final; s < num_states; ++s) {
    total += sums_[s];
    if (bests_[s] > best) {
      best = bests_[s];
      final_state_ = s;
    }
  }
  if (total == 0.0 || best == kImpossible) return false;
  alignment.log_prob = log_scale + std::log(total);
  trace_back(num_steps, alignment);
  return true;
}

// Moves all states of the window, which may grow by two, one step on.
void CtcAligner::advance(const float* row, Window& window) {
  const auto emission = [&](Symbol symbol) {
    if (cache_step_[symbol] != step_) {
      cache_step_[symbol] = step_;
      emission_cache_[symbol] = static_cast<double>(std::exp(row[symbol]));
    }
    return emission_cache_[symbol];
  };
  const double blank = emission(symbols_.blank);
  const double blank_or_space = blank + (symbols_.has_space() ? emission(symbols_.space) : 0.0);
  const float best_blank_or_space =
      symbols_.has_space() ? std::max(row[symbols_.blank], row[symbols_.space]) : row[symbols_.blank];

  window.end = std::min(window.end + 2, static_cast<std::uint32_t>(states_.size()));
  window.moves = moves_.size();
  windows_.push_back(window);
  for (std::uint32_t s = window.begin; s < window.end; ++s) {
    const State& state = states_[s];
    double entering = s > window.begin ? sums_[s - 1] : 0.0;
    float best_entering = s > window.begin ? bests_[s - 1] : kImpossible;
    std::uint8_t move = 1;
    if (state.can_skip && s > window.begin + 1) {
      entering += sums_[s - 2];
      if (bests_[s - 2] > best_entering) {
        best_entering = bests_[s - 2];
        move = 2;
      }
    }
    const double enter = emission(state.symbol);
    const float log_enter = row[state.symbol];
    const double stay = state.is_boundary ? blank_or_space : enter;
    const float log_stay = state.is_boundary ? best_blank_or_space : log_enter;
    next_sums_[s] = sums_[s] * stay + entering * enter;
    const float stayed = bests_[s] + log_stay, entered = best_entering + log_enter;
    next_bests_[s] = std::max(stayed, entered);
    moves_.push_back(stayed >= entered ? 0 : move);
  }
  for (std::uint32_t s = window.begin; s < window.end; ++s) {
    sums_[s] = next_sums_[s];
    bests_[s] = next_bests_[s];
  }
}

void CtcAligner::trace_back(std::size_t num_steps, Alignment& alignment) const {
  std::vector<StepRange> visits(states_.size());  // steps spent in each state
  std::uint32_t state = final_state_;
  for (std::size_t step = num_steps; step-- > 0;) {
    StepRange& visit = visits[state];
    if (visit.end == 0) visit.end = static_cast<std::uint32_t>(step + 1);
    visit.begin = static_cast<std::uint32_t>(step);
    state -= moves_[windows_[step].moves + (state - windows_[step].begin)];
  }
  alignment.words.clear();
  for (std::size_t i = 0; i < first_states_.size(); ++i) {
    alignment.words.push_back({visits[first_states_[i]].begin, visits[last_states_[i]].end});
  }
}

}  // namespace asrkit
