"""Builds the programs of c/ with the C client, warnings being errors."""

import pathlib
import shutil
import subprocess

FOLDER = pathlib.Path(__file__).resolve().parent / "c"
FLAGS = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
         "-Wno-error=deprecated-declarations"]


def source(name):
    return (FOLDER / f"{name}.c").read_text()


def missing():
    """None when programs can be built here, else the reason why not."""
    if not shutil.which("gcc"):
        return "gcc is not installed"
    if not pathlib.Path("/usr/include/zookeeper/zookeeper.h").exists():
        return "libzookeeper-mt-dev is not installed"
    return None


def build(name, folder):
    """Returns the path of the built program."""
    program = folder / name
    done = subprocess.run(
        ["gcc", *FLAGS, str(FOLDER / f"{name}.c"), "-o", str(program),
         "-lzookeeper_mt", "-lpthread"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program
