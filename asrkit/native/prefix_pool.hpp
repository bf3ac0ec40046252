// The prefixes a search has met, in flat pools with 32-bit numbers; no pointers, one reset per utterance.
//
// A prefix is kept word by word. A Node is a prefix of a word, below the WordStart it grew from. A History is a
// sequence of complete words. Different histories share a WordStart when the language model cannot tell them apart.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "hotwords.hpp"
#include "lexicon.hpp"
#include "ngram_model.hpp"

namespace asrkit {

using NodeId = std::uint32_t;
using HistoryId = std::uint32_t;
using StartId = std::uint32_t;
using EndingId = std::uint32_t;
constexpr std::uint32_t kNone = 0xFFFFFFFFu;
constexpr HistoryId kEmptyHistory = 0;

// A word as far as it is spelled; equal spellings below one start are one node.
struct Node {
  NodeId parent = kNone;  // kNone at a word start
  NodeId first_child = kNone;
  NodeId next_sibling = kNone;
  StartId start = 0;
  Symbol symbol = kNoSymbol;        // the last one; kNoSymbol at a word start
  TrieId trie = kOutside;           // place in the lexicon
  ContextId context = 0;            // of the words before this one; with one-symbol words, after this one
  ContextId spelling_context = 0;   // outside the lexicon
  HotwordState hotword_state = 0;
  std::uint32_t slot = 0;           // where the node is active, if it is
  EndingId ending = kNone;          // once something about the end of the word is known
};

// What is known about a word that ends in some node, or leaves the lexicon there. Few nodes ever need it.
struct Ending {
  float spelling_log = std::numeric_limits<float>::quiet_NaN();  // ln P(spelling so far); NaN until needed
  ContextId spelling_context = 0;
  float leave_factor = -1.0f;      // what leaving the lexicon costs, as a probability; negative until needed
  float close_factor = -1.0f;      // what the end of the word costs; negative until needed
  ContextId next_context = 0;      // after the word; valid with close_factor, as the next
  HotwordState next_hotword_state = 0;
  NodeId boundary = kNone;         // the word start after this word, when there is one
  HistoryId first_history = kNone; // histories that end with this word
};

struct WordStart {
  NodeId node = kNone;
  float unknown_factor = -1.0f;  // what an unknown word costs here without its spelling; negative until needed
  ContextId unknown_next = 0;    // the context after one
  HistoryId last_arrival = kNone;  // histories that arrived here, the newest first
};

struct History {
  HistoryId previous = kNone;
  NodeId word = kNone;                    // its last word
  HistoryId next_with_word = kNone;       // the list of Ending::first_history
  HistoryId older_arrival = kNone;        // the list of WordStart::last_arrival, both ways
  HistoryId newer_arrival = kNone;
  StartId start = kNone;                  // where it arrived
  std::uint32_t first_step = 0, last_step = 0;  // when it arrived
  double mass = 0.0;                      // that arrived, times exp(-log_offset)
  double log_offset = 0.0;
};

// Where nodes and histories went; kNone for those that are gone.
struct PoolMove {
  std::vector<NodeId> nodes;
  std::vector<HistoryId> histories;
};

class PrefixPool {
 public:
  // Steps between the first arrivals of two histories beyond which they are not each other's alternatives.
  static constexpr std::uint32_t kMaxDelay = 50;

  std::vector<Node> nodes;
  std::vector<Ending> endings;
  std::vector<WordStart> starts;
  std::vector<History> histories;

  // Forgets everything but one empty history.
  void reset() {
    nodes.clear();
    endings.clear();
    starts.clear();
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

  // The child of a node by a symbol, or kNone.
  NodeId find_child(NodeId parent, Symbol symbol) const {
    NodeId child = nodes[parent].first_child;
    while (child != kNone && nodes[child].symbol != symbol) child = nodes[child].next_sibling;
    return child;
  }

  NodeId add_child(NodeId parent, Node child) {
    const auto id = static_cast<NodeId>(nodes.size());
    child.parent = parent;
    child.start = nodes[parent].start;
    child.next_sibling = nodes[parent].first_child;
    nodes[parent].first_child = id;
    nodes.push_back(child);
    return id;
  }

  Ending& ending(NodeId node) {
    if (nodes[node].ending == kNone) {
      nodes[node].ending = static_cast<EndingId>(endings.size());
      endings.emplace_back();
    }
    return endings[nodes[node].ending];
  }

  // The history `previous` + `word`, added when it is new.
  HistoryId extend_history(HistoryId previous, NodeId word) {
    HistoryId& first = ending(word).first_history;
    for (HistoryId id = first; id != kNone; id = histories[id].next_with_word) {
      if (histories[id].previous == previous) return id;
    }
    const auto id = static_cast<HistoryId>(histories.size());
    History history;
    history.previous = previous;
    history.word = word;
    history.next_with_word = first;
    first = id;
    histories.push_back(history);
    return id;
  }

  // Notes that a history arrives at a word start for the first time.
  void add_arrival(StartId start, HistoryId id) {
    History& history = histories[id];
    history.start = start;
    history.older_arrival = starts[start].last_arrival;
    if (history.older_arrival != kNone) histories[history.older_arrival].newer_arrival = id;
    starts[start].last_arrival = id;
  }

  // Calls visit(other) for each history that arrived at the same word start about when `winner` did, and so could
  // stand in its place.
  template <class Visit>
  void visit_alternatives(HistoryId winner, Visit visit) const {
    const History& history = histories[winner];
    for (HistoryId id = history.older_arrival; id != kNone; id = histories[id].older_arrival) {
      if (histories[id].first_step + kMaxDelay < history.first_step) break;
      if (histories[id].last_step >= history.first_step) visit(id);
    }
    for (HistoryId id = history.newer_arrival; id != kNone; id = histories[id].newer_arrival) {
      if (histories[id].first_step > std::min(history.last_step, history.first_step + kMaxDelay)) break;
      visit(id);
    }
  }

  // Drops what no active prefix and no alternative to its words can reach.
  PoolMove collect(const std::vector<NodeId>& active_nodes, const std::vector<HistoryId>& active_histories);

  // Appends the symbols of a word.
  void spell(NodeId word, std::vector<Symbol>& symbols) const {
    const std::size_t begin = symbols.size();
    for (; nodes[word].parent != kNone; word = nodes[word].parent) symbols.push_back(nodes[word].symbol);
    std::reverse(symbols.begin() + static_cast<std::ptrdiff_t>(begin), symbols.end());
  }

 private:
  void mark_histories(std::vector<HistoryId> stack, std::vector<std::uint32_t>& live) const;
  void move_starts(const PoolMove& move, const std::vector<StartId>& start_map);
  void move_nodes(const PoolMove& move, const std::vector<StartId>& start_map);
  void move_histories(const PoolMove& move, const std::vector<StartId>& start_map);
};

}  // namespace asrkit
