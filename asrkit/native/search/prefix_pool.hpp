// The prefixes a search has met, in flat pools with 32-bit numbers; no pointers, one reset per utterance.
//
// A prefix is kept word by word. A Node is a prefix of a word, below the WordStart it grew from. A History is a
// sequence of complete words. Different histories share a WordStart when the language model cannot tell them apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "search/hotwords.hpp"
#include "search/lexicon.hpp"
#include "ngram/ngram_model.hpp"

namespace asrkit {

using NodeId = std::uint32_t;
using HistoryId = std::uint32_t;
using StartId = std::uint32_t;
using EndingId = std::uint32_t;
using RivalId = std::uint32_t;
constexpr std::uint32_t kNone = 0xFFFFFFFFu;
constexpr HistoryId kEmptyHistory = 0;
// In long utterances alternatives to a word are forgotten when they are this much less likely, in nats.
constexpr double kRivalMargin = 8.0;

// A word as far as it is spelled; equal spellings below one start are one node.
struct Node {
  NodeId parent = kNone;  // kNone at a word start
  NodeId first_child = kNone;
  NodeId next_sibling = kNone;
  StartId start = 0;
  Unit unit = kNoSymbol;            // the last one; kNoSymbol at a word start
  TrieId trie = kOutside;           // place in the lexicon
  ContextId context = 0;            // of the words before this one; with one-unit words, after this one
  ContextId spelling_context = 0;   // outside the lexicon
  HotwordState hotword_state = 0;
  std::uint32_t slot = 0;           // where the node is active, if it is
  std::uint32_t child_bits = 0;     // a bit for the unit of each child; others may share it
  EndingId ending = kNone;          // once something about the end of the word is known
};

// What is known about a word that ends in some node. Few nodes ever need it. Words that are spelled alike have one each.
struct Ending {
  WordId meaning = kNoWord;        // which word it is, where the spelling does not tell
  EndingId next = kNone;           // of the same node
  float close_factor = -1.0f;      // what the end of the word costs; negative until needed
  ContextId next_context = 0;      // after the word; valid with close_factor, as the next
  HotwordState next_hotword_state = 0;
  NodeId boundary = kNone;         // the word start after this word, when there is one
  HistoryId first_history = kNone; // histories that end in this node; the first ending has them
};

struct WordStart {
  static constexpr float kNotYet = std::numeric_limits<float>::infinity();
  NodeId node = kNone;
  float unknown_log = kNotYet;  // nats an unknown word adds here without its spelling
  ContextId unknown_next = 0;   // the context after one
  std::uint32_t open_slot = 0;  // where words that end without a space led to it in this step, if any did
};

struct History {
  HistoryId previous = kNone;
  NodeId word = kNone;                    // its last word
  WordId meaning = kNoWord;               // and which of those spelled so
  HistoryId next_with_word = kNone;       // the list of Ending::first_history
  RivalId first_rival = kNone;            // histories it met at the word start where it arrived
  std::uint32_t first_step = kNone;       // when it arrived; kNone when it never did
  std::uint32_t best_step = 0;            // when most of it arrived,
  std::uint32_t begin_step = 0;           // and when its last word then began
  double mass = 0.0;                      // that arrived, times exp(-log_offset)
  double most = 0.0;                      // of that, in one step
  double log_offset = 0.0;

  void arrive(std::uint32_t step, std::uint32_t word_begin, double arriving, double arriving_offset) {
    if (first_step == kNone) {
      first_step = step;
      log_offset = arriving_offset;
    }
    if (arriving_offset != log_offset) arriving *= std::exp(arriving_offset - log_offset);
    mass += arriving;
    if (arriving <= most) return;
    most = arriving;
    best_step = step;
    begin_step = word_begin;
  }

  double log_arrival() const { return std::log(mass) + log_offset; }
};

// Where nodes and histories went; kNone for those that are gone.
struct PoolMove {
  std::vector<NodeId> nodes;
  std::vector<HistoryId> histories;
};

// Two histories that met at a word start; the search went on with one, the other could stand in its place.
struct Rival {
  HistoryId history;
  RivalId next;
};

class PrefixPool {
 public:
  std::vector<Node> nodes;
  std::vector<float> log_factors;  // what each node's word costs so far; kept where outputs are not letters
  std::vector<Ending> endings;
  std::vector<WordStart> starts;
  std::vector<History> histories;
  std::vector<Rival> rivals;

  // Forgets everything but one empty history.
  void reset() {
    nodes.clear();
    log_factors.clear();
    endings.clear();
    starts.clear();
    rivals.clear();
    histories.assign(1, History{});
  }

  // Adds a place where words can start.
  NodeId add_start(ContextId context, HotwordState hotword_state, bool has_lexicon) {
    Node node;
    node.start = static_cast<StartId>(starts.size());
    node.context = context;
    node.trie = has_lexicon ? kTrieRoot : kOutside;
    node.hotword_state = hotword_state;
    nodes.push_back(node);
    WordStart start;
    start.node = static_cast<NodeId>(nodes.size() - 1);
    starts.push_back(start);
    return start.node;
  }

  // The child of a node by a unit, or kNone.
  NodeId find_child(NodeId parent, Unit unit) const {
    if ((nodes[parent].child_bits & child_bit(unit)) == 0) return kNone;
    NodeId child = nodes[parent].first_child;
    while (child != kNone && nodes[child].unit != unit) child = nodes[child].next_sibling;
    return child;
  }

  // The word start that a node grew from.
  NodeId start_of(NodeId node) const { return starts[nodes[node].start].node; }

  // Where several units lead from a node, or kNone.
  NodeId find_path(NodeId node, const std::vector<Unit>& units) const {
    for (std::size_t i = 0; i < units.size() && node != kNone; ++i) node = find_child(node, units[i]);
    return node;
  }

  // Adds a child with the words before it those of its parent; the rest is for the caller to fill in.
  NodeId add_child(NodeId parent, Unit unit) {
    const auto id = static_cast<NodeId>(nodes.size());
    Node& child = nodes.emplace_back();
    Node& above = nodes[parent];
    child.parent = parent;
    child.unit = unit;
    child.start = above.start;
    child.context = above.context;
    child.next_sibling = above.first_child;
    above.first_child = id;
    above.child_bits |= child_bit(unit);
    return id;
  }

  Ending& ending(NodeId node) {
    if (nodes[node].ending == kNone) {
      nodes[node].ending = static_cast<EndingId>(endings.size());
      endings.emplace_back();
    }
    return endings[nodes[node].ending];
  }

  // The history `previous` + `word`, or kNone.
  HistoryId find_history(HistoryId previous, NodeId word, WordId meaning) const {
    if (nodes[word].ending == kNone) return kNone;
    HistoryId id = endings[nodes[word].ending].first_history;
    while (id != kNone && (histories[id].previous != previous || histories[id].meaning != meaning)) {
      id = histories[id].next_with_word;
      // The list runs back in time, and no history is older than the one it continues.
      if (id != kNone && id <= previous) return kNone;
    }
    return id;
  }

  // The same, added when it is new.
  HistoryId extend_history(HistoryId previous, NodeId word, WordId meaning) {
    const HistoryId known = find_history(previous, word, meaning);
    if (known != kNone) return known;
    HistoryId& first = ending(word).first_history;
    const auto id = static_cast<HistoryId>(histories.size());
    History history;
    history.previous = previous;
    history.word = word;
    history.meaning = meaning;
    history.next_with_word = first;
    first = id;
    histories.push_back(history);
    return id;
  }

  // Notes that two histories met.
  void add_rivals(HistoryId a, HistoryId b) {
    bool are_known = false;
    visit_rivals(a, [&](HistoryId other) { are_known = are_known || other == b; });
    if (are_known) return;
    add_rival(a, b);
    add_rival(b, a);
  }

  // Calls visit(other) for each history that met this one.
  template <class Visit>
  void visit_rivals(HistoryId id, Visit visit) const {
    for (RivalId rival = histories[id].first_rival; rival != kNone; rival = rivals[rival].next) {
      visit(rivals[rival].history);
    }
  }

  // Drops what no active prefix and no likely alternative to its words can reach.
  PoolMove collect(const std::vector<NodeId>& active_nodes, const std::vector<HistoryId>& active_histories);

  // Appends the units of a word.
  void spell(NodeId word, std::vector<Unit>& units) const {
    const std::size_t begin = units.size();
    for (; nodes[word].parent != kNone; word = nodes[word].parent) units.push_back(nodes[word].unit);
    std::reverse(units.begin() + static_cast<std::ptrdiff_t>(begin), units.end());
  }

  static std::uint32_t child_bit(Unit unit) { return std::uint32_t{1} << (unit % 32); }

 private:
  void add_rival(HistoryId id, HistoryId other) {
    rivals.push_back({other, histories[id].first_rival});
    histories[id].first_rival = static_cast<RivalId>(rivals.size() - 1);
  }

  bool is_likely_rival(HistoryId id, HistoryId other) const {
    return histories[other].log_arrival() > histories[id].log_arrival() - kRivalMargin;
  }
  void mark_histories(std::vector<HistoryId> stack, std::vector<std::uint32_t>& live) const;
  void move_starts(const PoolMove& move, const std::vector<StartId>& start_map);
  void move_nodes(const PoolMove& move, const std::vector<StartId>& start_map);
  void move_histories(const PoolMove& move);
};

}  // namespace asrkit
