// One client's socket: bytes in to frames, replies to bytes out.
//
// Frames are handed on as they lie in a buffer that all connections share; only
// what is left of the input is kept here.  A request that may
// not pass yet is held: it and all behind it stay in the buffer, in order,
// while the buffer is read on to a bound.  Pings among them are handed on at
// once, so that heartbeats are answered whatever else waits; when the buffer
// is full, the socket is not read any more and the client feels the pressure.
//
// How it ends: (a) the client closes: every complete frame is handled and
// answered first, for the client may have closed only its sending side.
// (b) Append(close) or CloseGently(): the output is flushed, our side is shut
// down, and what still arrives is thrown away until the client has closed too,
// as closing at once would reset the connection and lose the last bytes.
// (c) Close(): at once, for errors and violations.
//
// Not thread-safe.

#ifndef PADDOCK_NET_CLIENT_CONNECTION_H_
#define PADDOCK_NET_CLIENT_CONNECTION_H_

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "base/ids.h"
#include "net/client_events.h"
#include "net/descriptor.h"
#include "net/event_loop.h"
#include "net/frame.h"
#include "net/input_buffer.h"

namespace paddock::net {

class ClientConnections;

// Shared, for those who still have to write to it or to read must find it alive
// even when it was closed meanwhile.
class ClientConnection final
    : public std::enable_shared_from_this<ClientConnection>,
      private EventLoop::Target {
 public:
  // `socket` never blocks.  `all` outlives the connection.
  ClientConnection(ClientConnections* all, ConnectionId id, Descriptor socket,
                   const boost::asio::ip::tcp::endpoint& remote);

  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  void Start();

  // Reads once, where there is something and it may.
  void Read();

  // Adds to the output; Flush() sends it.
  void Append(std::string bytes);

  // No more frames are handed on; closes once the output is flushed.
  void CloseGently();

  // Sends what the socket takes; the rest goes when it takes more.
  void Flush();

  // Lets a held connection go on, for at most `frames_max` requests.  Returns
  // whether a frame was handed on.
  bool TakeTurn(int frames_max);

  // Closes a connection whose client has closed its sending side and has had
  // all its answers.
  void CloseIfAnswered();

  void Close();

  ConnectionId id() const { return id_; }
  const boost::asio::ip::tcp::endpoint& remote() const { return remote_; }
  bool is_open() const { return state_ != State::kClosed; }
  // Whether it is neither closed nor on the way there.
  bool is_accepting() const { return state_ == State::kOpen; }
  size_t memory_bytes() const;
  size_t unsent_bytes() const { return output_.size() - sent_; }
  absl::Duration last_io() const { return last_io_; }
  // Whether the client has taken some of its output since `time`, or has all.
  bool HasTakenOutputSince(absl::Duration time) const {
    return unsent_bytes() == 0 || last_send_ >= time;
  }

 private:
  enum class State {
    kOpen,
    kFlushing,   // Will be shut down once the output is sent
    kLingering,  // Is shut down; waits for the client to close
    kClosed,
  };

  // EventLoop::Target:
  void OnReady(Readiness readiness) override;

  void OnRead(size_t count);
  void OnEndOfInput();
  void ReadSoon();
  size_t InputBytesMax() const;
  void CountInputMemory();

  // Hands on frames; returns whether there was one.
  bool Process(int frames_max);
  // Tells which are next; returns how many bytes they are.
  size_t LookAhead() const;
  bool AnswerFourLetterWord();
  bool AdmitLargeRequest(size_t bytes);
  bool AdmitHandshake(std::string_view frame);
  Turn NextTurn(absl::Duration waited) const;
  void Hold(Turn turn);
  // The bytes read and not yet noted have arrived now.
  void NoteArrival();
  // For how long the frame at the front, of so many bytes, has been here.
  absl::Duration WaitOf(size_t bytes) const;
  void AnswerHeldPings();
  void Consume(size_t bytes);
  void ReleaseInput();
  void HangUp(std::string_view why);

  void MarkDirty();
  void Send();
  void Linger();

  ClientConnections* const all_;
  const ConnectionId id_;
  const boost::asio::ip::tcp::endpoint remote_;
  Descriptor socket_;
  State state_ = State::kOpen;

  InputBuffer input_;
  size_t frame_bytes_wanted_ = 0;    // Of the frame at the front, if known
  size_t pings_answered_bytes_ = 0;  // From the front; at a frame's end
  int64_t large_request_bytes_ = 0;  // Counted for the frame at the front
  size_t input_bytes_counted_ = 0;   // In the total
  bool can_read_ = false;            // As far as we know
  bool has_ended_ = false;           // There is an end of input to be read
  bool will_read_ = false;           // Is in ClientConnections::to_read_
  bool end_of_input_ = false;        // It has been read
  bool handshake_begun_ = false;     // The first frame has been handed on
  bool held_ = false;

  // When the input of a held connection arrived: up to `end` bytes from the
  // front, since the entry before.  Empty when it is not held.
  struct Arrival {
    size_t end;
    absl::Duration time;
  };
  std::vector<Arrival> arrivals_;

  std::string output_;
  size_t sent_ = 0;  // Of output_
  bool dirty_ = false;
  bool waiting_to_write_ = false;

  absl::Duration last_io_;    // Last progress either way
  absl::Duration last_send_;  // Likewise of output
};

}  // namespace paddock::net

#endif  // PADDOCK_NET_CLIENT_CONNECTION_H_
