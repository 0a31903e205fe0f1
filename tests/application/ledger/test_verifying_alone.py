"""The offline verifier runs where nothing is installed but `cryptography`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.application.ledger.bundling import events, write_bundle
from tests.domain.ledger.signing import LOG, LOG_PQ

ROOT = Path(__file__).parents[3]

ALONE = """
import sys

OURS = ("domain.ledger", "application.ledger")
PACKAGES = {"domain", "application", *OURS}

class Nothing:
    '''Finds every other module, to say that it is not there.'''
    @staticmethod
    def find_spec(name, path=None, target=None):
        top = name.partition(".")[0]
        # `_cffi_backend`: a part of cryptography that lies beside it.
        if top in sys.stdlib_module_names or top in {"cryptography", "_cffi_backend", "cffi"}:
            return None
        if name in PACKAGES or name.startswith(tuple(one + "." for one in OURS)):
            return None
        raise ModuleNotFoundError(f"not installed: {name}", name=name)

sys.meta_path.insert(0, Nothing)
for blocked in ("msgspec", "click", "rfc8785", "domain.errors", "domain.orders.events"):
    try:
        __import__(blocked)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{blocked} could be imported")

from pathlib import Path
from application.ledger.verifying import read_keys, verify_bundle
keys = [key for value in sys.argv[2:] for key in read_keys(value)]
print(verify_bundle(Path(sys.argv[1]), keys).checkpoint.size)
"""


def test_it_verifies_a_bundle(tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle", events(300))
    said = subprocess.run(
        [sys.executable, "-S", "-c", ALONE, tmp_path / "bundle", str(LOG.key), str(LOG_PQ.key)],
        env={"PYTHONPATH": f"{ROOT}:{_site_packages()}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (said.returncode, said.stdout, said.stderr) == (0, "300\n", "")


def _site_packages() -> Path:
    """Where `cryptography` lies. Without `site` (-S) no .pth file there brings anything along."""
    import cryptography  # noqa: PLC0415  # only to be found

    return Path(cryptography.__file__).parents[1]
