"""What a real broker needs from this machine: a Java, and Kafka's jars out of Maven.

Rule.  The jars are fetched once, into ``.cache/kafka-libs``, and again only when ``pom.xml``
changes; two test runs at once wait for one another.  A program that is not there raises
:class:`SystemPackageError`, which says how to get it; everything else that goes wrong is a failure.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
CACHE: Final = HERE.parents[1] / ".cache"
POM: Final = HERE / "pom.xml"
JAVA_AT_LEAST: Final = 17
FETCH_SECONDS: Final = 150
PROGRAMS: Final = f"Java {JAVA_AT_LEAST} or newer and Maven"
HOW_TO_GET: Final = "apt-get install default-jre-headless maven"


class SystemPackageError(RuntimeError):
    """A program is not installed: ``package`` names it, ``how_to_get`` the command that helps."""

    def __init__(self, package: str, how_to_get: str) -> None:
        super().__init__(f"needs {package} (get it: {how_to_get})")
        self.package = package
        self.how_to_get = how_to_get


def java() -> str:
    """The path of a Java that can run the broker; SystemPackageError when there is none."""
    path = shutil.which("java")
    if path is None:
        raise SystemPackageError(PROGRAMS, HOW_TO_GET)
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < JAVA_AT_LEAST:
        raise SystemPackageError(PROGRAMS, HOW_TO_GET)
    return path


def kafka_libraries(cache: Path = CACHE) -> Path:
    """The directory with the broker's jars, fetched by Maven unless they are there already.

    Raises SystemPackageError when they are not there and neither is Maven, RuntimeError with
    Maven's words when it fails.
    """
    cache.mkdir(parents=True, exist_ok=True)
    wanted = hashlib.sha256(POM.read_bytes()).hexdigest()
    libraries, stamp = cache / "kafka-libs", cache / "kafka-libs" / "pom.sha256"
    with (cache / "kafka-libs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text() == wanted:
            return libraries
        shutil.rmtree(libraries, ignore_errors=True)
        _fetch(libraries)
        stamp.write_text(wanted)
    return libraries


def _fetch(libraries: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise SystemPackageError(PROGRAMS, HOW_TO_GET)
    result = subprocess.run(
        [
            *(maven, "--quiet", "--batch-mode", "--file", str(POM), "dependency:copy-dependencies"),
            *("-DincludeScope=runtime", f"-DoutputDirectory={libraries}"),
        ],
        capture_output=True,
        text=True,
        timeout=FETCH_SECONDS,
        check=False,
    )
    if result.returncode != 0:
        raise RuntimeError(f"Maven could not fetch Kafka's jars:\n{result.stdout[-2000:]}")
