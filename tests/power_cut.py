"""A disk that forgets at a power cut what nobody waited for.

A program runs with ``power_cut.c`` loaded, which writes down what it does to the files below a folder. Each moment of
that is one at which the power may fail. The disk is as careless as ext4 with delayed allocation and its like may be:

- Names (files made, renamed, removed, folders) get there in their order, but late: as of any moment since a folder was
  last waited for. That a file was waited for says nothing about its name.
- Bytes of a file get there in their order, but late: as of any moment since that file was last waited for, up to the
  one that the names are of. So a file that has its name may be empty, and one that was cut may be as it was before.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import struct
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE / "power_cut.c"
_HEADER = struct.Struct("<3Q 2H c3x")
Names = dict[str, "Node"]
Files = dict[str, bytes]


@dataclass(eq=False)
class Node:
    """A file with all that was ever in it, a folder, or a link."""

    contents: list[tuple[int, bytes]] = field(default_factory=list)  # each since a moment
    waited_for: list[int] = field(default_factory=list)
    is_folder: bool = False
    leads_to: str | None = None

    def at(self, moment: int) -> int:
        """The place in ``contents`` of what was in it."""
        return max(bisect_right(self.contents, moment, key=lambda content: content[0]) - 1, 0)


@dataclass
class Disk:
    """A folder, and all that a program did to it.

    Attributes:
        num_moments: How many there are: moment 0 is before the first change, the last one after all.
    """

    names: list[tuple[int, Names]]  # each since a moment
    folders_waited_for: list[int] = field(default_factory=lambda: [0])
    num_moments: int = 1

    def left_at(self, moment: int, draw: random.Random) -> Names:
        """Return what a power cut at a moment may leave; each file is one with a single content."""
        safe = self.folders_waited_for[bisect_right(self.folders_waited_for, moment) - 1]
        since = draw.choice([safe, moment, draw.randint(safe, moment)])
        return {name: self._left(node, moment, since, draw) for name, node in self._names_at(since).items()}

    def _left(self, node: Node, moment: int, since: int, draw: random.Random) -> Node:
        if not node.contents:
            return node
        waited_for = [place for place in node.waited_for if place <= moment]
        first = node.at(waited_for[-1]) if waited_for else 0
        last = max(first, node.at(since))
        place = draw.choice([first, last, draw.randint(first, last)])
        return Node([(0, node.contents[place][1])])

    def now(self) -> Files:
        """Return what is in all files while the power lasts."""
        return {name: node.contents[-1][1] for name, node in self._names_at(self.num_moments).items() if node.contents}

    def _names_at(self, moment: int) -> Names:
        return self.names[bisect_right(self.names, moment, key=lambda names: names[0]) - 1][1]

    def every_cut(self, draws: int = 5) -> Iterator[tuple[int, Names]]:
        """Yield what some power cuts at each moment leave."""
        for moment, seed in itertools.product(range(self.num_moments), range(draws)):
            yield moment, self.left_at(moment, random.Random(f"{moment} {seed}"))


def restored(left: Names, folder: Path) -> Path:
    """Write what a power cut left into a folder, as it is found afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, node in left.items():
        path = folder / name
        if node.is_folder:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if node.leads_to is None:
            path.write_bytes(node.contents[-1][1])
        else:
            path.symlink_to(node.leads_to)
    return folder


def watched(shim: Path, folder: Path, command: list[str], **variables: str) -> Disk:
    """Run a Python command that writes below a folder, whose files have been on the disk for long, and watch it."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    nodes: dict[int, Node] = {}
    names: Names = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            names[name] = Node(leads_to=str(path.readlink()))
        elif path.is_dir():
            names[name] = Node(is_folder=True)
        else:
            names[name] = nodes[path.stat().st_ino] = Node([(0, path.read_bytes())], [0])
    journal = folder.with_name(f"{folder.name}.journal")
    watch = {"LD_PRELOAD": str(shim), "POWER_CUT_FOLDER": str(folder), "POWER_CUT_JOURNAL": str(journal)}
    environment = os.environ | watch | {"PYTHONPATH": str(HERE)} | variables
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    disk = Disk([(0, names)])
    for record in _records(journal.read_bytes() if journal.exists() else b""):
        _follow(disk, nodes, *record)
    links = {name for name, node in disk.names[-1][1].items() if node.leads_to is not None}
    paths = (path for path in folder.rglob("*") if path.is_file() and str(path.relative_to(folder)) not in links)
    found, seen = {str(path.relative_to(folder)): path.read_bytes() for path in paths}, disk.now()
    unseen = [name for name in sorted(found | seen) if found.get(name) != seen.get(name)]
    assert not unseen  # these were written in a way that nothing here watches
    return disk


def _records(data: bytes) -> Iterator[tuple[str, int, int, str, str, bytes]]:
    at = 0
    while at < len(data):
        inode, place, num_bytes, path_bytes, other_bytes, kind = _HEADER.unpack_from(data, at)
        ends = list(itertools.accumulate([at + _HEADER.size, path_bytes, other_bytes, num_bytes]))
        path, other, content = (data[begin:end] for begin, end in itertools.pairwise(ends))
        yield kind.decode(), inode, place, os.fsdecode(path), os.fsdecode(other), content
        at = ends[-1]


def _follow(
    disk: Disk, nodes: dict[int, Node], kind: str, inode: int, place: int, path: str, other: str, data: bytes
) -> None:
    """Take one record of the journal."""
    moment = disk.num_moments
    disk.num_moments += 1
    names = disk.names[-1][1]
    if kind == "S":
        disk.folders_waited_for.append(moment)
    elif kind == "s":
        nodes[inode].waited_for.append(moment)
    elif kind in "wt":
        before = nodes[inode].contents[-1][1]
        after = before[:place].ljust(place, b"\0") + data + (before[place + len(data) :] if kind == "w" else b"")
        nodes[inode].contents.append((moment, after))
    else:
        if kind == "c":
            nodes[inode] = Node([(moment, b"")])
            names = names | {path: nodes[inode]}
        elif kind == "d":
            names = names | {path: Node(is_folder=True)}
        elif kind == "l":
            names = names | {path: Node(leads_to=other)}
        elif kind == "u":
            names = {name: node for name, node in names.items() if name != path}
        else:
            inside = f"{path}/"
            moved = {other + name[len(path) :]: node for name, node in names.items() if f"{name}/".startswith(inside)}
            names = {name: node for name, node in names.items() if not f"{name}/".startswith(inside)} | moved
        disk.names.append((moment, names))
