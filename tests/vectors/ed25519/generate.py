"""Write refused.json: Ed25519 public keys that must be refused, from the curve equation alone.

Usage: python generate.py. The curve is -x² + y² = 1 + d·x²·y² over 2²⁵⁵ - 19 (RFC 8032 section 5.1);
nothing but integers is used, so no library can agree with itself here.
"""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).parent

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)

Point = tuple[int, int]
NEUTRAL: Point = (0, 1)


def recover_x(y: int) -> int | None:
    """Return an x such that (x, y) is on the curve, or None."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    for candidate in (x, x * SQRT_MINUS_1 % P):
        if candidate * candidate % P == square:
            return candidate
    return None


def add(a: Point, b: Point) -> Point:
    """Return the sum of two points (RFC 8032 section 5.1.4, in affine coordinates)."""
    product = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + product, -1, P) % P
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, -1, P) % P
    return x, y


def multiply(scalar: int, point: Point) -> Point:
    """Return the point taken scalar times."""
    result = NEUTRAL
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def encode(y: int, sign: int) -> str:
    """Return 255 bits of y, reduced or not, and the sign of x, as hex."""
    return (y | sign << 255).to_bytes(32, "little").hex()


def torsion() -> list[Point]:
    """Return the eight points of small order, from the first point whose L-fold has order 8."""
    y = 2
    while True:
        x = recover_x(y)
        if x is not None:
            generator = multiply(L, (x, y))
            if multiply(4, generator) != NEUTRAL:
                return [multiply(n, generator) for n in range(8)]
        y += 1


def base_point() -> Point:
    """Return the base point: y = 4/5, x even (RFC 8032 section 5.1)."""
    y = 4 * pow(5, -1, P) % P
    x = recover_x(y)
    if x is None:
        raise ArithmeticError("the base point is on the curve")
    return (x if x % 2 == 0 else P - x), y


def build() -> list[dict[str, str]]:
    """Return every key with its fault."""
    keys = []
    for x, y in torsion():
        keys.append({"key": encode(y, x & 1), "fault": "small order"})
        if x == 0:
            keys.append({"key": encode(y, 1), "fault": "small order, x is -0"})
        if y + P < 2**255:
            signs = {x & 1, 1} if x == 0 else {x & 1}
            fault = "small order, y above p"
            keys += [{"key": encode(y + P, sign), "fault": fault} for sign in signs]
    base = base_point()
    for order, point in enumerate(torsion()):
        if order:
            x, y = add(base, point)
            keys.append({"key": encode(y, x & 1), "fault": "prime order plus small order"})
    # 0 to 18 are the only values that have a second encoding in 255 bits.
    for y in range(2, 19):
        x_root = recover_x(y)
        if x_root is None:
            keys.append({"key": encode(y, 0), "fault": "not on the curve"})
        else:
            keys.append({"key": encode(y + P, x_root & 1), "fault": "y above p"})
    return sorted(keys, key=lambda key: (key["fault"], key["key"]))


def main() -> None:
    """Write the file."""
    lines = ",\n".join(json.dumps(key) for key in build())
    (HERE / "refused.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
