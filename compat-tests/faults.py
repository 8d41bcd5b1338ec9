"""A server whose disk fails or stalls and whose wall clock jumps when a test
says so; c/faults.c is its other half.
"""

import mmap
import pathlib
import struct
import subprocess

import build_c
import servers

_FIELDS = ("sync_error", "write_error", "stall", "clock_offset", "stalled")


class Control:
    """The numbers that c/faults.c looks at, as attributes."""

    def __init__(self, path):
        path = pathlib.Path(path)
        path.write_bytes(bytes(8 * len(_FIELDS)))
        with open(path, "r+b") as file:
            self.__dict__["path"] = path
            self.__dict__["_map"] = mmap.mmap(file.fileno(), 0)

    def __getattr__(self, name):
        return struct.unpack_from("q", self._map, 8 * _FIELDS.index(name))[0]

    def __setattr__(self, name, value):
        struct.pack_into("q", self._map, 8 * _FIELDS.index(name), value)


class FaultyPaddock(servers.Paddock):
    """Runs with c/faults.c, built to `library`, in front of the C library."""

    def __init__(self, library, config=None, **kw):
        super().__init__(config, **kw)
        self.library = library
        self.faults = Control(self.home / "faults")

    def command(self, config_path):
        return ["env", f"LD_PRELOAD={self.library}",
                f"PADDOCK_FAULTS={self.faults.path}",
                *super().command(config_path)]


def build_library(folder):
    """Returns the path of c/faults.c as a library."""
    library = pathlib.Path(folder) / "faults.so"
    done = subprocess.run(
        ["gcc", *build_c.FLAGS, "-shared", "-fPIC",
         str(build_c.FOLDER / "faults.c"), "-o", str(library)],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return library


class SmallDisk:
    """A file system of its own in memory, of `megabytes`, until closed."""

    def __init__(self, path, megabytes):
        self.path = pathlib.Path(path)
        self.path.mkdir()
        self._mount("-t", "tmpfs", "-o", f"size={megabytes}m", "none")

    def remount(self, mode):
        """`mode` is "ro" or "rw"."""
        self._mount("-o", f"remount,{mode}")

    def close(self):
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)

    def _mount(self, *arguments):
        done = subprocess.run(["mount", *arguments, str(self.path)],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise OSError(done.stderr.strip())
