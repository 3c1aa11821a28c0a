"""What came of a soak, and how big the process was."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
import gc
import os
from pathlib import Path
from typing import Final

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How big this process is: resident bytes, objects of the interpreter, files, tasks."""

    resident: int
    objects: int
    files: int
    tasks: int
    kinds: Counter[str]

    @classmethod
    def now(cls) -> Size:
        """Return what it is now."""
        gc.collect()
        kinds = Counter(type(each).__qualname__ for each in gc.get_objects())
        return cls(
            resident=int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE,
            objects=kinds.total(),
            kinds=kinds,
            files=len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - names are enough
            tasks=len(asyncio.all_tasks()),
        )


@dataclass(slots=True, kw_only=True)
class Report:
    """What came of it. done and failed count by who asked, faults by what failed."""

    seconds: float
    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    behind: float = 0.0
    clockless: float = 0.0
    settled: float = 0.0
    wrong: list[str] = field(default_factory=list)
    """At rest: a state, a record or a link that is not as it should be."""
    records: int = 0
    early: Size | None = None
    late: Size | None = None

    def __str__(self) -> str:
        """Return a table."""
        rows = [("lasted", f"{self.seconds:.0f} s")]
        rows += [
            (f"by {who}", f"{self.done[who]} done, {self.failed[who]} failed")
            for who in sorted(self.done | self.failed)
        ]
        rows += [(f"fault: {what}", str(count)) for what, count in sorted(self.faults.items())]
        rows += [
            ("a state behind for at most", f"{self.behind:.1f} s"),
            ("the same of a lock without its clock", f"{self.clockless:.1f} s"),
            ("all right after the last fault", f"{self.settled:.1f} s"),
            ("records, each once at the RAS", str(self.records)),
            ("wrong at rest", str(len(self.wrong))),
        ]
        if self.early and self.late:
            rows += [
                ("resident", f"{self.early.resident >> 20} -> {self.late.resident >> 20} MiB"),
                ("objects", f"{self.early.objects} -> {self.late.objects}"),
                ("open files", f"{self.early.files} -> {self.late.files}"),
                ("tasks", f"{self.early.tasks} -> {self.late.tasks}"),
                ("grew most", ", ".join(self._growth())),
            ]
        return "\n".join(f"{name:<40}{value}" for name, value in (*rows, *enumerate(self.wrong)))

    def _growth(self) -> list[str]:
        """Return the kinds of objects of which there are more than early on."""
        if self.early is None or self.late is None:
            return []
        grown = self.late.kinds - self.early.kinds
        return [f"{kind} +{count}" for kind, count in grown.most_common(6)]
