#!/usr/bin/env python3
"""Copies the Zab core, and what else mutations.txt names, and sabotages the copy.

usage: make_mutants.py LIST SOURCES OUT

In the copies, such as OUT/zab of SOURCES/zab, each sabotage is switched by
`mutant`, its number in the list; OUT/mutants.h declares it and names them all.
Fails if an original text is missing or not unique, so that the list cannot rot.
"""

import pathlib
import re
import sys


def read_list(path):
    """Returns the mutations as dicts: name, file, from, to and perhaps in."""
    mutations = []
    for line in path.read_text().splitlines():
        field = re.match(r"  (in|from|to): *(.*)", line)
        if field:
            mutations[-1][field[1]] = field[2]
        elif line and not line.startswith("#"):
            name, file = line.split()
            mutations.append({"name": name, "file": file})
    names = [m["name"] for m in mutations]
    assert len(set(names)) == len(names), "two mutations of one name"
    return mutations


def path_of(mutation):
    """Its file in the sources, which is one of zab unless the list says more."""
    file = mutation["file"]
    return file if "/" in file else f"zab/{file}"


def find(text, wanted, what):
    """The only place of `wanted` in `text`, whatever blanks it has there."""
    pattern = r"\s+".join(re.escape(word) for word in wanted.split())
    places = [m.span() for m in re.finditer(pattern, text)]
    if len(places) != 1:
        sys.exit(f"{what}: {len(places)} places have: {wanted}")
    return places[0]


def place(source, mutation):
    """Where the text to replace begins and ends in `source`."""
    begin, end = 0, len(source)
    if "in" in mutation:
        begin, end = find(source, mutation["in"], mutation["name"])
    first, last = find(source[begin:end], mutation["from"], mutation["name"])
    return begin + first, begin + last


def switch(number, original, replacement):
    """Both texts, as a statement if the original is one."""
    if original[-1] in ";}":
        return (f"if (::paddock::mutant == {number}) {{ {replacement} }} "
                f"else {{ {original} }}")
    return f"(::paddock::mutant == {number} ? ({replacement}) : ({original}))"


def mutate(source, numbered):
    """`numbered` holds (begin, end, number, replacement)."""
    spans = {}
    for begin, end, number, replacement in numbered:
        spans.setdefault((begin, end), []).append((number, replacement))
    out, done = "", 0
    for (begin, end), alternatives in sorted(spans.items()):
        assert begin >= done, f"overlapping: {source[begin:end]}"
        text = source[begin:end]
        for number, replacement in alternatives:
            text = switch(number, text, replacement)
        out += source[done:begin] + text
        done = end
    return '#include "mutants.h"\n' + out + source[done:]


def main():
    path, sources, out = (pathlib.Path(arg) for arg in sys.argv[1:])
    mutations = read_list(path)
    files = {f"zab/{file.name}" for file in (sources / "zab").iterdir()}
    for file in files | {path_of(m) for m in mutations}:
        source = (sources / file).read_text()
        numbered = [(*place(source, m), number, m["to"])
                    for number, m in enumerate(mutations, 1)
                    if path_of(m) == file]
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        (out / file).write_text(mutate(source, numbered))
    names = "".join(
        f'    {{"{m["name"]}", {str("/" in m["file"]).lower()}}},\n'
        for m in mutations)
    (out / "mutants.h").write_text(
        "#pragma once\n\nnamespace paddock {\n\n"
        "extern int mutant;  // Of which sabotage is on; 0 is none\n"
        "struct Mutant {\n  const char* name;\n"
        "  bool is_of_service;  // And not of the Zab core alone\n};\n"
        "inline constexpr Mutant kMutants[] = {\n"
        f'    {{"none", false}},\n{names}}};\n\n}}  // namespace paddock\n')


if __name__ == "__main__":
    main()
