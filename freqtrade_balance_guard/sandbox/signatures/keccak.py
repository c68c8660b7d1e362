"""Keccak-256 as Ethereum uses it: SHA-3 before its padding was changed, which hashlib lacks."""

_RATE = 136  # bytes that each block takes in
_MASK = (1 << 64) - 1
_ROUNDS = 24


def _round_constants() -> list[int]:
    """The 24 constants from the linear feedback register of the standard."""
    constants, register = [], 1
    for _ in range(_ROUNDS):
        constant = 0
        for exponent in range(7):
            if register & 1:
                constant |= 1 << ((1 << exponent) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return constants


def _rotations() -> list[tuple[int, int]]:
    """Where each lane moves to in turn, and by how many bits it is turned."""
    steps, x, y = [], 1, 0
    for number in range(_ROUNDS):
        x, y = y, (2 * x + 3 * y) % 5
        steps.append((x + 5 * y, (number + 1) * (number + 2) // 2 % 64))
    return steps


_CONSTANTS = _round_constants()
_STEPS = _rotations()


def keccak256(data: bytes) -> bytes:
    """The 32 bytes of the hash."""
    padded = bytearray(data)
    padded.append(0x01)
    padded.extend(bytes(-len(padded) % _RATE))
    padded[-1] |= 0x80
    lanes = [0] * 25
    for start in range(0, len(padded), _RATE):
        for index in range(_RATE // 8):
            at = start + 8 * index
            lanes[index] ^= int.from_bytes(padded[at : at + 8], "little")
        lanes = _permuted(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def _permuted(lanes: list[int]) -> list[int]:
    for constant in _CONSTANTS:
        columns = [
            lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20]
            for x in range(5)
        ]
        for x in range(5):
            mixed = columns[(x + 4) % 5] ^ _turned(columns[(x + 1) % 5], 1)
            for y in range(0, 25, 5):
                lanes[x + y] ^= mixed
        carried = lanes[1]
        for place, bits in _STEPS:
            lanes[place], carried = _turned(carried, bits), lanes[place]
        for y in range(0, 25, 5):
            row = lanes[y : y + 5]
            for x in range(5):
                lanes[x + y] = row[x] ^ (~row[(x + 1) % 5] & _MASK & row[(x + 2) % 5])
        lanes[0] ^= constant
    return lanes


def _turned(lane: int, bits: int) -> int:
    return ((lane << bits) | (lane >> (64 - bits))) & _MASK if bits else lane
