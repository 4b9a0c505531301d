"""AEDAT 4: the CIFAR10-DVS archive that tonic reads.

The magic line, a header (a size-prefixed FlatBuffer: compression, position of the index,
description of the streams as XML), packets of (stream, size, payload) and the index of the
packets. The package ``aedat`` decodes it; time stamps are absolute microseconds, x runs from the
left and y from the top.

``aedat`` (2.3.0) raises for most damage, but says nothing where the index is cut, where a
corrupt packet decodes to fewer events, and, in a recording that was never closed (without index),
where the file ends between two packets; on a description that is not text it ends the process. So
the container is checked here first: its packets must be those of the index, to the byte, and the
events of each stream as many as the index says. A recording without index is read if its last
packet is whole.
"""

from __future__ import annotations

import struct
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import InputError
from benchmarks.events.recording import Recording, checked, content, damaged

MAGIC = b"#!AER-DAT4.0\r\n"
_COMPRESSIONS = ("none", "lz4", "lz4", "zstd", "zstd")  # by their number in the header
_SLOTS = (4, 6, 8)  # where a table of the format says where its fields are, in their order
_PACKET = struct.Struct("<ii")  # stream, bytes of payload
_MALFORMED = (struct.error, TypeError)  # what flatbuffers raises for what leads out of the data
_PIECE = 1024  # bytes that zstandard gets at a time: they inflate to 32 MB at most
_MOST, _ALWAYS = 100, 2**26  # times a file's size, and bytes, that its packets may inflate to


@dataclass(frozen=True)
class Container:
    """What the structure of a file says."""

    packets: int  # of all streams
    elements: dict[int, int] | None  # stream -> events, frames ... of it; None without index


def read(path: Path) -> Recording:
    """All events of the one event stream of ``path``, with the sensor's size from its header.

    Raises InputError, with the file's name, for a file that is missing, empty, of another format,
    cut, corrupt, without or with more than one event stream, without events, out of order, or
    with an event outside the sensor, and where the extra ``events`` is not installed.
    """
    container = structure(path)
    stream, about, packets, seen = _decoded(path)
    if seen != container.packets:
        raise damaged(path, f"{seen} of its {container.packets} packets could be decoded")
    events = sum(len(packet) for packet in packets)
    said = events if container.elements is None else container.elements.get(stream, 0)
    if events != said:
        raise damaged(path, f"{events} of the {said} events that its index names were decoded")
    if not events:
        raise damaged(path, "it holds no event")
    fields = ("t", "x", "y", "on")
    t, x, y, p = (np.concatenate([packet[name] for packet in packets]) for name in fields)
    return checked(path, t, x, y, p, about["width"], about["height"])


def structure(path: Path) -> Container:
    """Check the container without decoding its packets. Raises InputError as :func:`read`."""
    data = content(path)
    if not data.startswith(MAGIC):
        raise damaged(path, f"not AEDAT 4: it does not begin with {MAGIC.strip().decode()!r}")
    try:
        compression, index, position = _header(path, data)
    except (*_MALFORMED, IndexError, UnicodeDecodeError) as error:
        raise damaged(path, f"it is cut within its header, or corrupt there ({error})") from error
    if index != -1 and not position <= index < len(data):
        raise damaged(path, f"it is cut: its index should begin at byte {index} of {len(data)}")
    packets = _packets(path, data, position, len(data) if index == -1 else index)
    _check_amount(path, data, position, packets, compression)
    if index == -1:
        return Container(len(packets), None)
    try:
        indexed = _index(path, _whole(path, data[index:], compression))
    except _MALFORMED as error:
        raise damaged(path, "its index is corrupt") from error
    if sorted(entry[:2] for entry in indexed) != sorted(packets):
        raise damaged(path, "its packets are not those that its index names")
    elements: Counter[int] = Counter()
    for stream, _, count in indexed:
        elements[stream] += count
    return Container(len(packets), dict(elements))


def _decoded(path: Path) -> tuple[int, dict[str, int], list[NDArray[np.void]], int]:
    """The event stream, what its header says, its packets, and the number of all packets."""
    try:
        import aedat
    except ImportError as error:
        raise _not_installed(path, "aedat") from error
    packets, seen = [], 0
    try:
        decoder = aedat.Decoder(path)
        streams = decoder.id_to_stream()
        chosen = [number for number, about in streams.items() if about["type"] == "events"]
        if len(chosen) != 1:
            raise damaged(path, f"it has {len(chosen)} event streams; only one is read")
        for packet in decoder:
            seen += 1
            if packet["stream_id"] == chosen[0]:
                packets.append(packet["events"])
    except BaseException as error:
        # a panic of the Rust code is no Exception, and its class cannot be imported
        if isinstance(error, RuntimeError) or type(error).__name__ == "PanicException":
            raise damaged(path, f"corrupt ({error})") from error
        raise
    return chosen[0], streams[chosen[0]], packets, seen


def _not_installed(path: Path, package: str) -> InputError:
    return InputError(
        f"{path}: reading AEDAT4 needs the package {package}; pip install 'aia-bench[events]'"
    )


def _flatbuffers(path: Path) -> ModuleType:
    try:
        import flatbuffers.number_types
        import flatbuffers.table
    except ImportError as error:
        raise _not_installed(path, "flatbuffers") from error
    package: ModuleType = flatbuffers
    return package


def _header(path: Path, data: bytes) -> tuple[str, int, int]:
    """Compression, position of the index (-1 for none) and of the first packet."""
    base = len(MAGIC) + 4
    after = base + int(struct.unpack_from("<I", data, len(MAGIC))[0])
    header = data[base:after]
    if len(header) != after - base:
        raise struct.error(f"{len(header)} of {after - base} bytes")
    package = _flatbuffers(path)
    kinds, (compression, index, description) = package.number_types, _SLOTS
    table = package.table.Table(header, *struct.unpack_from("<I", header))
    kind = _COMPRESSIONS[table.GetSlot(compression, 0, kinds.Uint32Flags)]
    if offset := table.Offset(description):
        place = table.Pos + offset
        text = table.String(place)
        text.decode()
        if len(text) != table.Get(kinds.Uint32Flags, table.Indirect(place)):
            raise struct.error("the description of the streams is longer than the header")
    return kind, int(table.GetSlot(index, -1, kinds.Int64Flags)), after


def _packets(path: Path, data: bytes, position: int, end: int) -> list[tuple[int, int]]:
    """Stream and size of each packet; the last must end at ``end``."""
    packets = []
    while position < end:
        if position + _PACKET.size > end:
            raise damaged(path, f"it is cut within the packet header at byte {position}")
        stream, size = _PACKET.unpack_from(data, position)
        if size < 0 or position + _PACKET.size + size > end:
            raise damaged(path, f"it is cut within the packet at byte {position}, or corrupt")
        packets.append((stream, size))
        position += _PACKET.size + size
    return packets


def _check_amount(
    path: Path, data: bytes, position: int, packets: list[tuple[int, int]], compression: str
) -> None:
    """Raise InputError for packets that would inflate without bound in memory."""
    left = _MOST * len(data) + _ALWAYS
    for _, size in packets if compression != "none" else ():
        position += _PACKET.size
        frame = data[position : position + size]
        with suppress(_Damaged):  # decoding it will tell
            left -= len(_inflated(path, frame, compression, left + 1)[0])
        if left < 0:
            raise damaged(
                path, f"its packets inflate to over {_MOST} times its size, as no recording's do"
            )
        position += size


class _Damaged(ValueError):
    """A frame that does not inflate."""


def _inflated(path: Path, frame: bytes, compression: str, most: int) -> tuple[bytes, bool]:
    """What a frame holds, up to about ``most`` bytes; whether that is all, and nothing follows."""
    try:
        import lz4.frame
        import zstandard
    except ImportError as error:
        raise _not_installed(path, "lz4 or zstandard") from error
    try:
        if compression == "lz4":
            decompressor = lz4.frame.LZ4FrameDecompressor()
            out = decompressor.decompress(frame, max_length=most)
            return out, decompressor.eof and not decompressor.unused_data
        inflater = zstandard.ZstdDecompressor().decompressobj()
        parts, size = [], 0
        for start in range(0, len(frame), _PIECE):
            parts.append(inflater.decompress(frame[start : start + _PIECE]))
            size += len(parts[-1])
            if inflater.eof or size >= most:
                whole = inflater.eof and not inflater.unused_data and start + _PIECE >= len(frame)
                return b"".join(parts), whole
        return b"".join(parts), False
    except (RuntimeError, zstandard.ZstdError) as error:
        raise _Damaged(str(error)) from error


def _whole(path: Path, frame: bytes, compression: str) -> bytes:
    """The decompressed index. Raises InputError if it is cut, corrupt or followed by more."""
    cut = damaged(path, "it is cut within its index, or the index is corrupt")
    if compression != "none":
        try:
            frame, ends = _inflated(path, frame, compression, _MOST * len(frame) + _ALWAYS)
        except _Damaged as error:
            raise cut from error
        if not ends:
            raise cut
    if len(frame) < 8 or struct.unpack_from("<I", frame)[0] != len(frame) - 4:
        raise cut
    return frame[4:]


def _index(path: Path, data: bytes) -> list[tuple[int, int, int]]:
    """Stream, size and number of elements of each packet."""
    package = _flatbuffers(path)
    packets, header, count = _SLOTS
    root = package.table.Table(data, *struct.unpack_from("<I", data))
    offset = root.Offset(packets)
    entries = []
    for number in range(root.VectorLen(offset) if offset else 0):
        entry = package.table.Table(data, root.Indirect(root.Vector(offset) + 4 * number))
        stream, size = _PACKET.unpack_from(data, entry.Pos + entry.Offset(header))
        elements = entry.GetSlot(count, 0, package.number_types.Int64Flags)
        entries.append((stream, size, int(elements)))
    return entries
