"""Copying and merging JSON in which personal values are sealed placeholders, `{"_sd": digest}`.

A placeholder is whole wherever it stands: nothing is merged into it or out of it.
"""

from __future__ import annotations

from typing import Any


def is_sealed(value: object) -> bool:
    """Whether the value is a placeholder for a personal one."""
    return type(value) is dict and "_sd" in value


def copied(value: Any) -> Any:
    """The same JSON, sharing no container with it."""
    if type(value) is dict:
        return {name: copied(inner) for name, inner in value.items()}
    return [copied(inner) for inner in value] if type(value) is list else value


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: the target as the patch makes it; both are left as they are."""
    if type(patch) is not dict or is_sealed(patch):
        return copied(patch)
    merged = {} if type(target) is not dict or is_sealed(target) else copied(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged
