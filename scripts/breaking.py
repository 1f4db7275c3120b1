"""Compare the API in the working tree with the version before it: `buf breaking` with a base chosen from history.

Which version is "before":

1. On a branch (HEAD is ahead of main, or has left it): the merge base with main. All that the branch adds
   is judged as one change.
2. On main with uncommitted changes under proto/: HEAD.
3. On main otherwise: the parent (first-parent line) of the newest commit that changed proto/. So each version of the API is
   compared with the one before it for as long as it is the newest, however many other commits follow. HEAD~1 would forget a
   breaking change with the next commit.

buf's FILE rules carry over from step to step, so that checking each step checks the whole way. Where history holds no earlier
proto/ (the first version, or a shallow clone that ends here), there is nothing to compare with: the script says so and passes.
A break that is meant is written down where reviewers see it: `breaking.ignore_only` in buf.yaml.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

MAIN_REFS = ("refs/heads/main", "refs/remotes/origin/main")


def run_git(root: Path, *arguments: str) -> bytes:
    """What git prints; raises subprocess.CalledProcessError when it fails."""
    # A checkout may belong to another user than the one who checks it, as in a container. Code of it runs anyway.
    command = ["git", "-c", f"safe.directory={root}", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


def _git(root: Path, *arguments: str) -> str:
    return run_git(root, *arguments).decode().strip()


def _commit(root: Path, *arguments: str) -> str | None:
    """The commit that a query prints, or None where this clone has none (git says so by exit status 1)."""
    try:
        return _git(root, *arguments) or None
    except subprocess.CalledProcessError as error:
        if error.returncode == 1:
            return None
        raise


def _resolve(root: Path, revision: str) -> str | None:
    return _commit(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")


def _merge_base(root: Path, head: str) -> str | None:
    mains = (_resolve(root, ref) for ref in MAIN_REFS)
    main = next((commit for commit in mains if commit is not None), None)
    return None if main is None else _commit(root, "merge-base", head, main)


def choose_base(root: Path) -> tuple[str | None, str]:
    """Choose the commit to compare the working tree with, by the rules of this module.

    Returns:
        The commit, or None where there is no earlier version; and the reason in words.

    Raises:
        subprocess.CalledProcessError: git itself failed, so that nothing is known.
    """
    head = _resolve(root, "HEAD")
    if head is None:
        return None, "nothing is committed yet"
    base, reason = _merge_base(root, head), "where this branch left main"
    if base is None or base == head:
        if _git(root, "status", "--porcelain", "--", "proto"):
            base, reason = head, "the last commit, as proto/ has uncommitted changes"
        else:
            last = _git(root, "log", "--first-parent", "-1", "--format=%H", "--", "proto")
            base = _resolve(root, f"{last}^1") if last else None
            reason = "the version before the newest change of proto/"
    if base is None or not _git(root, "ls-tree", "--name-only", base, "proto"):
        shallow = _git(root, "rev-parse", "--is-shallow-repository") == "true"
        return None, "this clone is shallow" if shallow else "this is the first version of proto/"
    return base, reason


def extract_protos(root: Path, commit: str, folder: Path) -> None:
    """Write proto/ as it is in a commit below ``folder``."""
    archive = run_git(root, "archive", "--format=tar", commit, "proto")
    # Not extractall: its safe filter came with Python 3.11.4. A git tree holds no path that leads outside.
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is not None:
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())


def check(root: Path) -> int:
    """Compare; print what was compared and what breaks; return an exit status."""
    if not (root / ".git").exists() or shutil.which("git") is None:
        print("buf breaking: NOT COMPARED, there is no git history here")
        return 0
    base, reason = choose_base(root)
    if base is None:
        print(f"buf breaking: NOT COMPARED, {reason}: there is no earlier version to break")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        extract_protos(root, base, Path(folder))
        # The rules of today judge both sides, so that a change of buf.yaml takes effect at once.
        (Path(folder) / "buf.yaml").write_bytes((root / "buf.yaml").read_bytes())
        print(f"buf breaking: against {base[:12]} ({reason})", flush=True)
        buf = Path(sys.executable).with_name("buf")
        return subprocess.run(
            [buf, "breaking", "--against", folder], check=False, cwd=root
        ).returncode


if __name__ == "__main__":
    try:
        sys.exit(check(Path(__file__).resolve().parent.parent))
    except subprocess.CalledProcessError as error:
        sys.exit(f"buf breaking: git failed: {error.stderr.decode(errors='replace').strip()}")
