#include "base/check.h"

#include <cstdlib>
#include <iostream>

namespace paddock::base {

CheckFailure::CheckFailure(const char* file, int line,
                           const std::string& what) {
  stream_ << file << ":" << line << ": CHECK failed: " << what << " ";
}

CheckFailure::~CheckFailure() {
  std::cerr << stream_.str() << std::endl;
  std::abort();
}

}  // namespace paddock::base
