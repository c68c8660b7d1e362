"""EIP-712: how Ethereum's wallets hash what they sign."""

from collections.abc import Mapping
from typing import Any

from freqtrade_balance_guard.sandbox.signatures.keccak import keccak256


Fields = tuple[tuple[str, str], ...]  # type and name of each field, in the order of the struct
Types = Mapping[str, Fields]

_DOMAIN_FIELDS = (
    ("string", "name"),
    ("string", "version"),
    ("uint256", "chainId"),
    ("address", "verifyingContract"),
)


def digest(domain: Mapping[str, Any], types: Types, primary: str, message: Any) -> bytes:
    """The 32 bytes that are signed. Raises ValueError or KeyError for what is no such message."""
    head = domain_separator(domain)
    return keccak256(b"\x19\x01" + head + struct_hash(types, primary, message))


def domain_separator(domain: Mapping[str, Any]) -> bytes:
    """The hash of a domain, of those fields that it has."""
    fields = tuple(field for field in _DOMAIN_FIELDS if field[1] in domain)
    return struct_hash({"EIP712Domain": fields}, "EIP712Domain", domain)


def struct_hash(types: Types, name: str, value: Any) -> bytes:
    parts = [keccak256(type_text(types, name).encode())]
    parts += [_encoded(types, kind, value[field]) for kind, field in types[name]]
    return keccak256(b"".join(parts))


def type_text(types: Types, name: str) -> str:
    """The struct as text, followed by the structs that it contains."""
    inner = sorted({kind for kind, _ in types[name] if kind in types})
    return "".join(_own_text(types, each) for each in [name, *inner])


def _own_text(types: Types, name: str) -> str:
    return f"{name}({','.join(f'{kind} {field}' for kind, field in types[name])})"


def _encoded(types: Types, kind: str, value: Any) -> bytes:
    if kind in types:
        return struct_hash(types, kind, value)
    if kind == "string":
        return keccak256(str(value).encode())
    if kind == "bytes32":
        return bytes.fromhex(str(value).removeprefix("0x")).rjust(32, b"\0")
    if kind == "address":
        return int(str(value), 16).to_bytes(32, "big")
    return int(value).to_bytes(32, "big")
