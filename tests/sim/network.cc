#include "sim/network.h"

#include <algorithm>
#include <variant>

namespace paddock::sim {

void Network::Attach(ServerId id, Endpoint endpoint) {
  ++lives_[id];
  endpoints_[id] = std::move(endpoint);
}

void Network::Detach(ServerId id) {
  endpoints_.erase(id);
  ++lives_[id];
  for (auto& [link_id, link] : links_) {
    for (int end = 0; end < 2; ++end) {
      if (link.ends[end] == id) {
        link.open[end] = false;
        BreakLink(link);
      }
    }
  }
  std::erase_if(links_, [](const auto& entry) {
    return !entry.second.open[0] && !entry.second.open[1];
  });
}

Micros Network::Latency() {
  return options_.latency_min +
         static_cast<Micros>(random_.Below(static_cast<uint64_t>(
             options_.latency_max - options_.latency_min + 1)));
}

Network::Link* Network::FindLink(ServerId a, ServerId b) {
  // The newest one in which `a` still takes part.
  for (auto it = links_.rbegin(); it != links_.rend(); ++it) {
    Link& link = it->second;
    for (int end = 0; end < 2; ++end) {
      if (link.ends[end] == a && link.ends[1 - end] == b && link.open[end]) {
        return &link;
      }
    }
  }
  return nullptr;
}

void Network::Send(ServerId from, ServerId to, zab::Message message) {
  if (filter_ && filter_(from, to, message)) {
    return;
  }
  if (std::holds_alternative<zab::Notification>(message)) {
    if (IsCut(from, to)) {
      return;
    }
    Micros& last = election_arrivals_[{from, to}];
    const auto stall = stalls_.find({from, to});
    const Micros start = stall == stalls_.end()
                             ? queue_.now()
                             : std::max(queue_.now(), stall->second);
    last = std::max(last, start + Latency());
    queue_.At(last, [this, from, to, life = lives_[to],
                     m = std::move(message)]() mutable {
      if (lives_[to] == life && endpoints_.contains(to)) {
        endpoints_[to].in_turn([this, from, to, m = std::move(m)]() mutable {
          endpoints_[to].receive(from, std::move(m));
        });
      }
    });
    return;
  }
  if (std::holds_alternative<zab::FollowerInfo>(message)) {
    Open(from, to, std::move(message));
    return;
  }
  if (Link* link = FindLink(from, to); link != nullptr && !link->is_broken) {
    Transmit(*link, link->ends[0] == from ? 0 : 1, std::move(message));
  }
}

void Network::Open(ServerId from, ServerId to, zab::Message message) {
  if (Link* old = FindLink(from, to)) {
    old->open[old->ends[0] == from ? 0 : 1] = false;
    BreakLink(*old);
  }
  const uint64_t id = next_link_++;
  Link& link = links_[id];
  link.id = id;
  link.ends[0] = from;
  link.ends[1] = to;
  link.open[1] = false;  // Until it is accepted
  if (IsCut(from, to) || IsCut(to, from)) {
    link.is_broken = true;
    Notice(id, 0, options_.connect_timeout);
    return;
  }
  if (!endpoints_.contains(to)) {
    link.is_broken = true;
    Notice(id, 0, Latency());
    return;
  }
  queue_.In(Latency(), [this, id, to, life = lives_[to]] {
    const auto it = links_.find(id);
    if (it == links_.end() || it->second.is_broken) {
      return;
    }
    if (lives_[to] != life) {
      BreakLink(it->second);
      return;
    }
    endpoints_[to].in_turn([this, id] { Accept(id); });
  });
  Transmit(link, 0, std::move(message));
  // Behind the acceptance.
  link.lanes[0].last_arrival =
      std::max(link.lanes[0].last_arrival, queue_.now() + options_.latency_max);
}

void Network::Accept(uint64_t id) {
  const auto it = links_.find(id);
  if (it == links_.end()) {
    return;
  }
  // This end learns that an older link is gone before it hears the new.
  const ServerId self = it->second.ends[1];
  const ServerId other = it->second.ends[0];
  if (Link* const old = FindLink(self, other)) {
    old->open[old->ends[0] == self ? 0 : 1] = false;
    BreakLink(*old);
    endpoints_[self].link_lost(other);
  }
  links_.at(id).open[1] = true;
}

void Network::Transmit(Link& link, int from, zab::Message message) {
  Lane& lane = link.lanes[from];
  const ServerId sender = link.ends[from];
  const ServerId receiver = link.ends[1 - from];
  if (IsCut(sender, receiver) || !lane.waiting.empty()) {
    lane.waiting.push_back(std::move(message));
    return;
  }
  Micros start = queue_.now();
  if (const auto it = stalls_.find({sender, receiver}); it != stalls_.end()) {
    start = std::max(start, it->second);
  }
  lane.last_arrival =
      std::max(lane.last_arrival + 1,
               start + Latency() +
                   (std::holds_alternative<zab::FollowerInfo>(message)
                        ? options_.latency_max
                        : 0));
  queue_.At(lane.last_arrival, [this, id = link.id, to = 1 - from,
                                m = std::move(message)]() mutable {
    const auto it = links_.find(id);
    if (it == links_.end() || it->second.is_broken) {
      return;
    }
    const auto endpoint = endpoints_.find(it->second.ends[to]);
    if (endpoint != endpoints_.end()) {
      endpoint->second.in_turn([this, id, to, m = std::move(m)]() mutable {
        Deliver(id, to, std::move(m));
      });
    }
  });
}

// Nothing, if that end of the link was closed before it got to this.
void Network::Deliver(uint64_t link_id, int end, zab::Message message) {
  const auto it = links_.find(link_id);
  if (it != links_.end() && it->second.open[end]) {
    const ServerId self = it->second.ends[end];
    const ServerId other = it->second.ends[1 - end];
    endpoints_.at(self).receive(other, std::move(message));
  }
}

void Network::HangUp(ServerId from, ServerId to) {
  Link* link = FindLink(from, to);
  if (link == nullptr) {
    return;
  }
  const int end = link->ends[0] == from ? 0 : 1;
  link->open[end] = false;
  if (link->is_broken) {
    Collect(link->id);
    return;
  }
  // What was sent before arrives, then the end of the link; across a cut the
  // other end hears nothing until it is healed or tries to send.
  if (IsCut(from, to)) {
    return;
  }
  const Micros arrival =
      std::max(link->lanes[end].last_arrival + 1, queue_.now() + Latency());
  Notice(link->id, 1 - end, arrival - queue_.now());
}

void Network::Notice(uint64_t link_id, int end, Micros delay) {
  queue_.In(delay, [this, link_id, end] {
    const auto it = links_.find(link_id);
    if (it == links_.end()) {
      return;
    }
    it->second.is_broken = true;
    const auto endpoint = endpoints_.find(it->second.ends[end]);
    if (endpoint != endpoints_.end()) {
      endpoint->second.in_turn(
          [this, link_id, end] { HearOfBreak(link_id, end); });
    }
  });
}

void Network::HearOfBreak(uint64_t link_id, int end) {
  const auto it = links_.find(link_id);
  if (it == links_.end()) {
    return;
  }
  Link& link = it->second;
  const ServerId self = link.ends[end];
  const ServerId other = link.ends[1 - end];
  const bool tells = link.open[end];
  link.open[end] = false;
  Collect(link_id);
  if (tells) {
    endpoints_.at(self).link_lost(other);
  }
}

void Network::BreakLink(Link& link) {
  if (link.is_broken) {
    return;
  }
  link.is_broken = true;
  for (int end = 0; end < 2; ++end) {
    if (link.open[end]) {
      Notice(link.id, end,
             1 + static_cast<Micros>(random_.Below(
                     static_cast<uint64_t>(options_.break_notice_max))));
    }
  }
}

void Network::Break(ServerId a, ServerId b) {
  for (auto& [id, link] : links_) {
    if ((link.ends[0] == a && link.ends[1] == b) ||
        (link.ends[0] == b && link.ends[1] == a)) {
      BreakLink(link);
    }
  }
}

void Network::BreakLate(ServerId late, ServerId other) {
  for (auto& [id, link] : links_) {
    for (int end = 0; end < 2; ++end) {
      if (link.ends[end] == late && link.ends[1 - end] == other &&
          !link.is_broken) {
        link.is_broken = true;
        Notice(id, end, options_.break_notice_max);
        Notice(id, 1 - end, Latency());
      }
    }
  }
}

void Network::Collect(uint64_t id) {
  const Link& link = links_.at(id);
  if (link.is_broken && !link.open[0] && !link.open[1]) {
    links_.erase(id);
  }
}

void Network::Heal(ServerId from, ServerId to) {
  if (cuts_.erase({from, to}) == 0) {
    return;
  }
  for (auto& [id, link] : links_) {
    for (int end = 0; end < 2; ++end) {
      if (link.ends[end] != from || link.ends[1 - end] != to ||
          link.is_broken) {
        continue;
      }
      std::deque<zab::Message> waiting = std::move(link.lanes[end].waiting);
      link.lanes[end].waiting.clear();
      for (zab::Message& message : waiting) {
        Transmit(link, end, std::move(message));
      }
      if (!link.open[end]) {  // It was hung up meanwhile
        Notice(id, 1 - end,
               link.lanes[end].last_arrival + 1 > queue_.now()
                   ? link.lanes[end].last_arrival + 1 - queue_.now()
                   : Latency());
      }
    }
  }
}

void Network::HealAll() {
  const auto cuts = cuts_;
  for (const auto& [from, to] : cuts) {
    Heal(from, to);
  }
}

}  // namespace paddock::sim
