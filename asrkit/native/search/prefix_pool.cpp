#include "search/prefix_pool.hpp"

namespace asrkit {

namespace {

constexpr std::uint32_t kLive = 0;  // marks in a map before the new numbers are given

std::uint32_t moved(const std::vector<std::uint32_t>& map, std::uint32_t id) { return id == kNone ? kNone : map[id]; }

// Replaces the marks by consecutive numbers; returns how many there are.
std::uint32_t number(std::vector<std::uint32_t>& map) {
  std::uint32_t count = 0;
  for (std::uint32_t& entry : map) {
    if (entry != kNone) entry = count++;
  }
  return count;
}

}  // namespace

void PrefixPool::mark_histories(std::vector<HistoryId> stack, std::vector<std::uint32_t>& live) const {
  while (!stack.empty()) {
    const HistoryId id = stack.back();
    stack.pop_back();
    if (live[id] != kNone) continue;
    live[id] = kLive;
    const History& history = histories[id];
    if (history.previous != kNone) stack.push_back(history.previous);
    visit_rivals(id, [&](HistoryId other) {
      if (is_likely_rival(id, other)) stack.push_back(other);
    });
  }
}

PoolMove PrefixPool::collect(const std::vector<NodeId>& active_nodes, const std::vector<HistoryId>& active_histories) {
  PoolMove move;
  move.histories.assign(histories.size(), kNone);
  mark_histories(active_histories, move.histories);
  move.histories[kEmptyHistory] = kLive;

  move.nodes.assign(nodes.size(), kNone);
  std::vector<StartId> start_map(starts.size(), kNone);
  const auto mark = [&](NodeId node) {
    for (; node != kNone && move.nodes[node] == kNone; node = nodes[node].parent) {
      move.nodes[node] = kLive;
      start_map[nodes[node].start] = kLive;
    }
  };
  for (const NodeId node : active_nodes) mark(node);
  for (HistoryId id = 0; id < histories.size(); ++id) {
    if (move.histories[id] != kNone) mark(histories[id].word);
  }

  number(move.histories);
  number(move.nodes);
  number(start_map);
  move_starts(move, start_map);
  move_nodes(move, start_map);
  move_histories(move);
  return move;
}

void PrefixPool::move_starts(const PoolMove& move, const std::vector<StartId>& start_map) {
  for (StartId id = 0; id < start_map.size(); ++id) {
    if (start_map[id] == kNone) continue;
    WordStart start = starts[id];
    start.node = moved(move.nodes, start.node);
    starts[start_map[id]] = start;  // new numbers are never larger
  }
  starts.resize(static_cast<std::size_t>(start_map.size() - std::count(start_map.begin(), start_map.end(), kNone)));
}

void PrefixPool::move_nodes(const PoolMove& move, const std::vector<StartId>& start_map) {
  std::vector<Node> new_nodes;
  std::vector<Ending> new_endings;
  for (NodeId id = 0; id < nodes.size(); ++id) {
    if (move.nodes[id] == kNone) continue;
    Node node = nodes[id];
    node.parent = moved(move.nodes, node.parent);
    node.start = start_map[node.start];
    node.first_child = node.next_sibling = kNone;
    node.child_bits = 0;
    EndingId* link = &node.ending;
    for (EndingId old = node.ending; old != kNone; old = endings[old].next) {
      *link = static_cast<EndingId>(new_endings.size());
      new_endings.push_back(endings[old]);
      new_endings.back().boundary = moved(move.nodes, new_endings.back().boundary);
      new_endings.back().first_history = kNone;
      link = &new_endings.back().next;
    }
    const auto new_id = static_cast<NodeId>(new_nodes.size());
    if (id < log_factors.size()) log_factors[new_id] = log_factors[id];  // new numbers are never larger
    if (node.parent != kNone) {
      node.next_sibling = new_nodes[node.parent].first_child;
      new_nodes[node.parent].first_child = new_id;
      new_nodes[node.parent].child_bits |= child_bit(node.unit);
    }
    new_nodes.push_back(node);
  }
  nodes.swap(new_nodes);
  if (log_factors.size() > nodes.size()) log_factors.resize(nodes.size());
  endings.swap(new_endings);
}

void PrefixPool::move_histories(const PoolMove& move) {
  std::vector<History> new_histories;
  std::vector<Rival> new_rivals;
  for (HistoryId id = 0; id < histories.size(); ++id) {
    if (move.histories[id] == kNone) continue;
    History history = histories[id];
    const auto new_id = static_cast<HistoryId>(new_histories.size());
    history.previous = moved(move.histories, history.previous);
    history.word = moved(move.nodes, history.word);
    if (history.word != kNone) {
      history.next_with_word = ending(history.word).first_history;
      ending(history.word).first_history = new_id;
    }
    RivalId last = kNone;
    history.first_rival = kNone;
    visit_rivals(id, [&](HistoryId other) {
      if (!is_likely_rival(id, other)) return;
      new_rivals.push_back({move.histories[other], kNone});
      const auto rival = static_cast<RivalId>(new_rivals.size() - 1);
      (last == kNone ? history.first_rival : new_rivals[last].next) = rival;
      last = rival;
    });
    new_histories.push_back(history);
  }
  histories.swap(new_histories);
  rivals.swap(new_rivals);
}

}  // namespace asrkit
