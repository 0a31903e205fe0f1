"""Trees of known leaves, and proofs in them, right and wrong."""

from __future__ import annotations

from domain.ledger.hashing import leaf_hash
from domain.ledger.merkle import Node, fold
from tests.domain.ledger.reference import Tree, Uniform, number

EVERY = 70
"""Up to this size, every tree is tried."""
MANY = 3000
HUGE = 2**60
TREE, UNIFORM = Tree(), Uniform()
LEAVES = [number(index) for index in range(MANY)]

# The leaves and roots of the test of the reference implementation of RFC 6962.
KNOWN_LEAVES = [
    leaf_hash(bytes.fromhex(data))
    for data in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
KNOWN_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def root(size: int) -> bytes:
    return TREE.mth(0, size)


def hashes(nodes: list[Node], tree: Tree = TREE) -> list[bytes]:
    return [tree.mth(index << level, (index + 1) << level) for level, index in nodes]


def folded(path: list[list[Node]], tree: Tree = TREE) -> list[bytes]:
    """A proof, from the complete nodes alone."""
    return [fold(hashes(nodes, tree)) for nodes in path]


def spoiled(proof: list[bytes]) -> list[list[bytes]]:
    """The proof with any hash changed, cut or lengthened, one more, one fewer, two swapped."""
    flipped = [bytes([one[0] ^ 1]) + one[1:] for one in proof]
    return [
        *([*proof[:at], flipped[at], *proof[at + 1 :]] for at in range(len(proof))),
        *([*proof[:at], *proof[at + 1 :]] for at in range(len(proof))),
        *([*proof[:at], number(0), *proof[at:]] for at in range(len(proof) + 1)),
        *([*proof[:at], one[:-1], *proof[at + 1 :]] for at, one in enumerate(proof)),
        *([*proof[:at], one + b"\0", *proof[at + 1 :]] for at, one in enumerate(proof)),
        *([proof[1], proof[0], *proof[2:]] for _ in proof[1:2]),
    ]
