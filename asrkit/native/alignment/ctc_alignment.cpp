#include "alignment/ctc_alignment.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace asrkit {

namespace {

constexpr double kSmall = 1e-100;  // sums are rescaled below it
constexpr float kImpossible = -std::numeric_limits<float>::infinity();
constexpr std::uint32_t kNone = kNoSymbol;

}  // namespace

CtcAligner::CtcAligner(const SymbolSet& symbols, bool are_chains, double negligible)
    : symbols_(symbols), negligible_(negligible), are_chains_(are_chains) {
  for (Symbol symbol = 0; symbol < symbols.size(); ++symbol) {
    if (symbols.pieces[symbol].separates) spaces_.push_back(symbol);
  }
}

void CtcAligner::build_states(const TextGraph& graph) {
  graph_ = &graph;
  states_.clear();
  first_states_.assign(1, 0);
  reach_.assign(are_chains_ ? 0 : graph.places.size(), 0);
  const auto state_of = [&](std::uint32_t place, Symbol symbol) {
    if (are_chains_ || place == kNone) return kNone;
    for (std::uint32_t s = first_states_[place]; s + 1 < first_states_[place + 1]; ++s) {
      if (states_[s].symbol == symbol) return s;
    }
    return kNone;
  };
  std::uint32_t arc = 0;
  for (std::uint32_t place = 0; place < graph.places.size(); ++place) {
    const auto reach_from = [&](std::uint32_t from) {
      if (!are_chains_ && from != kNone) reach_[from] = std::max(reach_[from], place + 1);
    };
    for (; arc < graph.arcs.size() && graph.arcs[arc].to == place; ++arc) {
      const TextGraph::Arc& a = graph.arcs[arc];
      states_.push_back({a.symbol, arc, state_of(a.from, a.symbol), state_of(a.other_from, a.symbol)});
      reach_from(a.from);
      reach_from(a.other_from);
    }
    const bool is_boundary = graph.places[place].is_between_words;
    states_.push_back({symbols_.blank, kNone, kNone, kNone, is_boundary, false});
    if (are_chains_) link_letters(place);
    first_states_.push_back(static_cast<std::uint32_t>(states_.size()));
    reach_from(place);
    reach_from(graph.places[place].word_end);
  }
  if (are_chains_) return;
  for (std::size_t place = 1; place < reach_.size(); ++place) reach_[place] = std::max(reach_[place], reach_[place - 1]);
}

// Says how the states of a place are entered from those of the place before.
void CtcAligner::link_letters(std::uint32_t place) {
  State& rest = states_.back();
  if (graph_->places[place].word_end != kNone) {
    rest.symbol = symbols_.space;  // an output, as chains are of letters
    rest.can_skip = true;
  }
  const std::size_t letter = first_states_[place];
  if (letter + 1 == states_.size() || letter < 2) return;
  // Two states before a letter is the letter before it, if there is one.
  states_[letter].can_skip = states_[letter - 2].arc != kNone && states_[letter - 2].symbol != states_[letter].symbol;
}

Alignment CtcAligner::align(const float* log_probs, std::size_t num_steps, const TextGraph& graph) {
  build_states(graph);
  Alignment alignment;
  if (!run(log_probs, num_steps, negligible_, alignment) && !run(log_probs, num_steps, 0.0, alignment)) {
    alignment.log_prob = -std::numeric_limits<double>::infinity();
  }
  return alignment;
}

// Leaves places (of chains: states) with no more than the limit out of the window, from both ends.
void CtcAligner::narrow(double limit, Window& window) {
  double* sums = sums_.data();
  float* bests = bests_.data();
  const auto forget = [&](std::uint32_t begin, std::uint32_t end) {
    for (std::uint32_t s = begin; s < end; ++s) {
      sums[s] = 0.0;
      bests[s] = kImpossible;
    }
  };
  if (are_chains_) {
    std::uint32_t begin = window.begin, end = window.end;
    while (begin + 1 < end && sums[begin] <= limit) ++begin;
    while (begin + 1 < end && sums[end - 1] <= limit) --end;
    forget(window.begin, begin);
    forget(end, window.end);
    window.begin = begin;
    window.end = end;
    return;
  }
  const auto is_below = [&](std::uint32_t place) {
    return std::all_of(sums_.begin() + first_states_[place], sums_.begin() + first_states_[place + 1],
                       [&](double sum) { return sum <= limit; });
  };
  while (first_place_ + 1 < end_place_ && is_below(first_place_)) ++first_place_;
  while (first_place_ + 1 < end_place_ && is_below(end_place_ - 1)) --end_place_;
  forget(window.begin, first_states_[first_place_]);
  forget(first_states_[end_place_], window.end);
  window.begin = first_states_[first_place_];
  window.end = first_states_[end_place_];
}

bool CtcAligner::run(const float* log_probs, std::size_t num_steps, double negligible, Alignment& alignment) {
  sums_.assign(states_.size(), 0.0);
  bests_.assign(states_.size(), kImpossible);
  if (!are_chains_) {
    next_sums_.assign(states_.size(), 0.0);
    next_bests_.assign(states_.size(), kImpossible);
    arrived_.assign(graph_->places.size(), {});
  }
  emission_cache_.assign(symbols_.size(), 0.0);
  cache_step_.assign(symbols_.size(), 0);
  windows_.clear();
  num_moves_ = 0;
  step_ = 0;
  sums_[first_states_[1] - 1] = 1.0;
  bests_[first_states_[1] - 1] = 0.0f;
  Window window{0, first_states_[1], 0};
  first_place_ = 0;
  end_place_ = 1;
  double log_scale = 0.0;
  for (std::size_t step = 0; step < num_steps; ++step) {
    ++step_;
    const float* row = log_probs + step * symbols_.size();
    start_step(row, window);
    double most = are_chains_ ? advance_letters(row, window) : advance(row, window);
    if (most == 0.0) return false;
    if (most < kSmall) {
      for (std::uint32_t s = window.begin; s < window.end; ++s) sums_[s] /= most;
      log_scale += std::log(most);
      most = 1.0;
    }
    narrow(negligible * most, window);
  }
  // The text may end in its last output, a blank after it, or spaces.
  const auto last = static_cast<std::uint32_t>(graph_->places.size() - 1);
  double total = 0.0;
  std::uint32_t best = kNone;
  for (const std::uint32_t place : {graph_->places[last].word_end, last}) {
    if (place == kNone) continue;
    for (std::uint32_t s = first_states_[place]; s < first_states_[place + 1]; ++s) {
      total += sums_[s];
      if (bests_[s] > (best == kNone ? kImpossible : bests_[best])) best = s;
    }
  }
  if (total == 0.0 || best == kNone) return false;
  alignment.log_prob = log_scale + std::log(total);
  trace_back(num_steps, best, alignment);
  return true;
}

// Sums up a place as it was before the step.
inline void CtcAligner::gather(std::uint32_t place) {
  Arrived& arrived = arrived_[place];
  const std::uint32_t rest = first_states_[place + 1] - 1;
  arrived.sum = sums_[rest];
  arrived.best = rest;
  for (std::uint32_t s = first_states_[place]; s < rest; ++s) {
    arrived.sum += sums_[s];
    if (bests_[s] > bests_[arrived.best]) arrived.best = s;
  }
}

// Adds what comes from a place, but for what ended in the symbol of the state `same`.
inline void CtcAligner::enter(std::uint32_t place, std::uint32_t same, double& sum, float& best,
                              std::uint32_t& move) const {
  const Arrived& arrived = arrived_[place];
  std::uint32_t from = arrived.best;
  if (same == kNone) {
    sum += arrived.sum;
  } else {
    from = first_states_[place + 1] - 1;
    for (std::uint32_t s = first_states_[place]; s < first_states_[place + 1]; ++s) {
      if (states_[s].symbol == states_[same].symbol) continue;
      sum += sums_[s];
      if (bests_[s] > bests_[from]) from = s;
    }
  }
  if (bests_[from] > best) {
    best = bests_[from];
    move = from;
  }
}

// The window grows by what one step reaches.
void CtcAligner::start_step(const float* row, Window& window) {
  space_ = 0.0;
  log_space_ = kImpossible;
  for (const Symbol symbol : spaces_) {
    space_ += emission(row, symbol);
    log_space_ = std::max(log_space_, row[symbol]);
  }
  if (are_chains_) {
    window.end = std::min(window.end + 2, static_cast<std::uint32_t>(states_.size()));
  } else {
    end_place_ = reach_[end_place_ - 1];
    window.end = first_states_[end_place_];
  }
  window.moves = num_moves_;
  windows_.push_back(window);
  num_moves_ += window.end - window.begin;
  if (moves_.size() < num_moves_) moves_.resize(2 * num_moves_);
}

// Moves all states of the window one step on, where each is entered from those before it: in place, from the last to the
// first. Returns the largest sum.
double CtcAligner::advance_letters(const float* row, const Window& window) {
  const double blank_or_space = emission(row, symbols_.blank) + space_;
  const float best_blank_or_space = std::max(row[symbols_.blank], log_space_);
  const std::uint32_t begin = window.begin, end = window.end;
  std::uint16_t* moves = moves_.data() + window.moves;
  const State* states = states_.data();
  double* sums = sums_.data();
  float* bests = bests_.data();
  double most = 0.0;
  // States outside the window hold nothing, so that but for the first two all are entered alike.
  const auto enter = [&](std::uint32_t s, std::uint32_t num_before) {
    const State& state = states[s];
    double entering = num_before > 0 ? sums[s - 1] : 0.0;
    float best_entering = num_before > 0 ? bests[s - 1] : kImpossible;
    std::uint16_t move = 1;
    if (state.can_skip && num_before > 1) {
      entering += sums[s - 2];
      if (bests[s - 2] > best_entering) {
        best_entering = bests[s - 2];
        move = 2;
      }
    }
    const double enter = emission(row, state.symbol);
    const float log_enter = row[state.symbol];
    const double stay = state.is_boundary ? blank_or_space : enter;
    const float log_stay = state.is_boundary ? best_blank_or_space : log_enter;
    sums[s] = sums[s] * stay + entering * enter;
    most = std::max(most, sums[s]);
    const float stayed = bests[s] + log_stay, entered = best_entering + log_enter;
    bests[s] = std::max(stayed, entered);
    moves[s - begin] = stayed >= entered ? 0 : move;
  };
  for (std::uint32_t s = end; s-- > std::max(begin, 2u);) enter(s, 2);
  for (std::uint32_t s = std::min(end, 2u); s-- > begin;) enter(s, s);
  return most;
}

// The same where any place may be entered from several.
double CtcAligner::advance(const float* row, const Window& window) {
  const double blank = emission(row, symbols_.blank);
  const float log_blank = row[symbols_.blank];
  std::uint16_t* moves = moves_.data() + window.moves;
  for (std::uint32_t place = first_place_; place < end_place_; ++place) {
    gather(place);
    const std::uint32_t rest = first_states_[place + 1] - 1;
    for (std::uint32_t s = first_states_[place]; s < rest; ++s) {
      const State& state = states_[s];
      const TextGraph::Arc& arc = graph_->arcs[state.arc];
      double entering = 0.0;
      float best = kImpossible;
      std::uint32_t move = s;
      if (arc.from >= first_place_) enter(arc.from, state.same, entering, best, move);
      if (arc.other_from != kNone && arc.other_from >= first_place_) {
        enter(arc.other_from, state.other_same, entering, best, move);
      }
      if (bests_[s] >= best) {
        best = bests_[s];
        move = s;
      }
      next_sums_[s] = (sums_[s] + entering) * emission(row, state.symbol);
      next_bests_[s] = best + row[state.symbol];
      *moves++ = static_cast<std::uint16_t>(s - move);
    }
    const TextGraph::Place& here = graph_->places[place];
    double sum = arrived_[place].sum * (here.is_between_words ? blank + space_ : blank);
    float best = bests_[arrived_[place].best] + (here.is_between_words ? std::max(log_blank, log_space_) : log_blank);
    std::uint32_t move = arrived_[place].best;
    if (here.word_end != kNone && here.word_end >= first_place_) {
      const Arrived& ended = arrived_[here.word_end];
      sum += ended.sum * space_;
      if (bests_[ended.best] + log_space_ > best) {
        best = bests_[ended.best] + log_space_;
        move = ended.best;
      }
    }
    next_sums_[rest] = sum;
    next_bests_[rest] = best;
    *moves++ = static_cast<std::uint16_t>(rest - move);
  }
  double most = 0.0;
  for (std::uint32_t s = window.begin; s < window.end; ++s) {
    sums_[s] = next_sums_[s];
    bests_[s] = next_bests_[s];
    most = std::max(most, sums_[s]);
  }
  return most;
}

void CtcAligner::trace_back(std::size_t num_steps, std::uint32_t state, Alignment& alignment) const {
  alignment.symbols.clear();
  std::uint32_t later = kNone;  // the state a step on
  for (std::size_t step = num_steps; step-- > 0;) {
    if (states_[state].arc != kNone) {
      if (state != later) alignment.symbols.push_back({states_[state].arc, {0, static_cast<std::uint32_t>(step + 1)}});
      alignment.symbols.back().steps.begin = static_cast<std::uint32_t>(step);
    }
    later = state;
    state -= moves_[windows_[step].moves + (state - windows_[step].begin)];
  }
  std::reverse(alignment.symbols.begin(), alignment.symbols.end());
}

}  // namespace asrkit
