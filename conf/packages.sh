# Sourced by conf/quickstart.sh and tests/run.sh.

# What the build needs.
build_packages="cmake ninja-build g++ libboost1.81-dev libabsl-dev
  libsqlite3-dev libspdlog-dev libfmt-dev libssl-dev libsnappy-dev
  zlib1g-dev libdeflate-dev libgoogle-perftools-dev"

# install_packages NAME...: installs those Debian packages that are missing, as
# root or with sudo; with neither it says what is missing and ends the script.
install_packages() {
  local missing=() name as_root=()
  command -v dpkg-query >/dev/null || return 0  # Not Debian: cmake will tell
  for name in "$@"; do
    [[ $(dpkg-query -W -f '${Status}' "$name" 2>/dev/null) == *" installed" ]] ||
      missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      echo "Missing packages, and neither root nor sudo to install them." >&2
      echo "Ask for: apt-get install ${missing[*]}" >&2
      exit 1
    fi
    as_root=(sudo)
  fi
  echo "Installing ${missing[*]}"
  "${as_root[@]}" apt-get -qq update
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
    install --no-install-recommends "${missing[@]}" >/dev/null
}
