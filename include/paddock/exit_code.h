// What the process `paddock` ends with, as a server and as a tool.  A failed
// CHECK, which is a bug, ends it with SIGABRT instead.

#ifndef PADDOCK_EXIT_CODE_H_
#define PADDOCK_EXIT_CODE_H_

namespace paddock {

enum class ExitCode {
  kOk = 0,              // Stopped by SIGTERM or SIGINT, or had nothing to do
  kUnexpected = 1,      // Any other error
  kUsage = 2,           // Wrong command line, or a wrong configuration
  kDataFolder = 3,      // A data folder is missing, or cannot be used
  kDataFolderBusy = 4,  // Another process uses the data folder
  kPortInUse = 5,       // The client port is taken
  kListenFailed = 6,    // The client port cannot be opened for another reason
  kDamagedLog = 7,      // The transaction log or a snapshot is damaged
  kLogWriteFailed = 8,  // The transaction log could not be written or synced
};

}  // namespace paddock

#endif  // PADDOCK_EXIT_CODE_H_
