// The four-letter words (client-protocol.md chapter 9).

#ifndef PADDOCK_REPLICA_ADMIN_H_
#define PADDOCK_REPLICA_ADMIN_H_

#include <string_view>

namespace paddock::replica {

// Whether a connection that begins with these four bytes asks for one of the
// words, allowed or not, rather than for a session.
bool IsFourLetterWord(std::string_view word);

// The number of bytes behind the word that belong to it (stmk has a mask).
size_t FourLetterWordArgumentBytes(std::string_view word);

}  // namespace paddock::replica

#endif  // PADDOCK_REPLICA_ADMIN_H_
