"""What the benchmark sees of a process that it looks at."""

import subprocess
import sys
from pathlib import Path

from loadtests.bench.sampling import as_table, by_function, by_package, sample

BUSY = """
import threading
import hashlib

def hash_again_and_again():
    while True:
        hashlib.sha256(bytes(100_000)).digest()

threading.Thread(target=threading.Event().wait, args=[30], daemon=True).start()
print("busy", flush=True)
hash_again_and_again()
"""


def test_a_busy_function_is_found_and_waiting_threads_are_not(tmp_path: Path) -> None:
    program = tmp_path / "busy.py"
    program.write_text(BUSY, encoding="utf-8")
    process = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        stacks = sample(process.pid, seconds=1, directory=tmp_path)
    finally:
        process.kill()
        process.communicate()

    assert [*by_function(stacks)] == ["`hash_again_and_again` in busy.py"]
    assert [*by_package(stacks)] == ["busy"]


def test_functions_stand_with_their_shares() -> None:
    stacks = ["<module> (main.py:1);run (asyncio/runners.py:7)"] * 3 + ["<module> (main.py:1);load (json/decoder.py:9)"]

    table = as_table("function", by_function(stacks))

    assert "| `run` in asyncio/runners.py | 75.0 % |\n| `load` in json/decoder.py | 25.0 % |" in table
