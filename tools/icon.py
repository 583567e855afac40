"""Draw the icon: a round meter with a flash in it, as SVG and as PNG. `python tools/icon.py` rewrites both.

Drawn here and not by a program, so that it can be changed by whoever can read this file.
"""

import struct
import zlib
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "mcpb"
SIZE = 512  # of the drawing and of the PNG, in pixels
FINE = 3  # samples per pixel and direction, for smooth edges

GROUND, RING, FACE, FLASH = (16, 42, 67), (72, 187, 154), (245, 249, 247), (247, 178, 50)
CORNER = 112  # radius of the ground's corners
RING_RADIUS, FACE_RADIUS = 192, 160
POINTS = ((280, 120), (176, 280), (248, 280), (224, 396), (336, 224), (264, 224))


def colour(x: float, y: float) -> tuple[int, int, int, int]:
    """Return red, green, blue and opacity at a point of the drawing."""
    outside = [max(CORNER - at, at - (SIZE - CORNER), 0) for at in (x, y)]
    if outside[0] ** 2 + outside[1] ** 2 > CORNER**2:
        return (*GROUND, 0)
    from_middle = (x - SIZE / 2) ** 2 + (y - SIZE / 2) ** 2
    if from_middle > RING_RADIUS**2:
        return (*GROUND, 255)
    if from_middle > FACE_RADIUS**2:
        return (*RING, 255)
    return (*(FLASH if in_flash(x, y) else FACE), 255)


def in_flash(x: float, y: float) -> bool:
    """Whether a point is inside the flash: a ray from it crosses the outline an odd number of times."""
    crossings = 0
    for (x1, y1), (x2, y2) in zip(POINTS, (*POINTS[1:], POINTS[0]), strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            crossings += 1
    return crossings % 2 == 1


def pixel(column: int, row: int) -> bytes:
    """Return one pixel, the mean of its samples."""
    steps = [(2 * step + 1) / (2 * FINE) for step in range(FINE)]
    samples = [colour(column + right, row + down) for down in steps for right in steps]
    return bytes(round(sum(channel) / len(samples)) for channel in zip(*samples, strict=True))


def png() -> bytes:
    """Return the drawing as PNG: 8 bits a channel, with opacity."""
    rows = (b"\0" + b"".join(pixel(column, row) for column in range(SIZE)) for row in range(SIZE))
    head = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def svg() -> str:
    """Return the drawing as SVG."""
    middle = SIZE // 2
    points = " ".join(f"{x},{y}" for x, y in POINTS)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}">\n'
        f'  <rect width="{SIZE}" height="{SIZE}" rx="{CORNER}" fill="rgb{GROUND}"/>\n'
        f'  <circle cx="{middle}" cy="{middle}" r="{RING_RADIUS}" fill="rgb{RING}"/>\n'
        f'  <circle cx="{middle}" cy="{middle}" r="{FACE_RADIUS}" fill="rgb{FACE}"/>\n'
        f'  <polygon points="{points}" fill="rgb{FLASH}"/>\n'
        "</svg>\n"
    )


if __name__ == "__main__":
    (FOLDER / "icon.png").write_bytes(png())
    (FOLDER / "icon.svg").write_text(svg(), encoding="utf-8")
