"""Reading and writing OpenPGP packets, byte by byte; no gpg takes part."""

import bz2
import tracemalloc
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.adapters.openpgp_packets import (
    MAX_CHUNKS,
    Packet,
    Tag,
    encode_packet,
    inflated,
    literal_content,
    literal_packet,
    primary_fingerprints,
    read_packets,
)
from agent.errors import QuarantineReason, UnauthenticatedFileError

LITERAL_NEW = 0xCB


def reason_for(data: bytes) -> QuarantineReason:
    with pytest.raises(UnauthenticatedFileError) as refusal:
        list(read_packets(data))
    return refusal.value.reason


def chunked(body: bytes, *exponents: int) -> bytes:
    """A literal packet in partial lengths of these powers of two, the rest in a last definite length."""
    packet, position = bytes([LITERAL_NEW]), 0
    for exponent in exponents:
        packet += bytes([224 + exponent]) + body[position : position + (1 << exponent)]
        position += 1 << exponent
    return packet + b"\xff" + (len(body) - position).to_bytes(4, "big") + body[position:]


@given(st.lists(st.tuples(st.integers(0, 63), st.binary(max_size=600)), max_size=5))
def test_encoded_packets_read_back_are_the_same(parts: list[tuple[int, bytes]]) -> None:
    packets = [Packet(tag, body) for tag, body in parts]
    assert list(read_packets(b"".join(map(encode_packet, packets)))) == packets


@given(st.binary(max_size=300))
@example(b"\xcb\xe9")
@example(b"\x80" * 50)
@example(b"\xff\xfe" + bytes(40))
def test_any_bytes_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        total = sum(len(packet.body) for packet in read_packets(data))
    except UnauthenticatedFileError:
        return
    assert total <= len(data)


@pytest.mark.parametrize(
    ("header", "size"),
    [
        (b"\xcb\x00", 0),
        (b"\xcb\xbf", 191),
        (b"\xcb\xc0\x00", 192),
        (b"\xcb\xc0\x01", 193),
        (b"\xcb\xdf\xff", 8383),
        (b"\xcb\xff\x00\x00\x20\xc0", 8384),
        (b"\xcb\xff\x00\x00\x00\x05", 5),
        (b"\xac\xff", 255),
        (b"\xad\x01\x00", 256),
        (b"\xae\x00\x01\x11\x70", 70_000),
    ],
)
def test_every_definite_length_is_read(header: bytes, size: int) -> None:
    body = bytes(size)
    assert list(read_packets(header + body)) == [Packet(Tag.LITERAL, body)]
    assert reason_for(header + body + b"\x00") is QuarantineReason.UNEXPECTED_STRUCTURE


@pytest.mark.parametrize("exponents", [(9,), (9, 0), (9, 1, 0, 9), (13, 13), (16,)])
def test_partial_lengths_are_joined(exponents: tuple[int, ...]) -> None:
    body = bytes(range(256)) * 300
    assert list(read_packets(chunked(body, *exponents))) == [Packet(Tag.LITERAL, body)]


@pytest.mark.parametrize("exponent", range(9))
def test_first_partial_length_below_512_is_refused(exponent: int) -> None:
    assert reason_for(chunked(bytes(2000), exponent)) is QuarantineReason.UNEXPECTED_STRUCTURE


def test_endless_tiny_chunks_are_refused() -> None:
    body = bytes(512 + MAX_CHUNKS)
    assert reason_for(chunked(body, 9, *[0] * MAX_CHUNKS)) is QuarantineReason.UNEXPECTED_STRUCTURE


def test_partial_lengths_that_never_end_are_damaged() -> None:
    assert reason_for(bytes([LITERAL_NEW, 224 + 9]) + bytes(512)) is QuarantineReason.DAMAGED


def test_length_until_the_end_is_for_compressed_packets_alone() -> None:
    assert list(read_packets(b"\xa3" + b"\x01data")) == [Packet(Tag.COMPRESSED, b"\x01data")]
    assert reason_for(b"\xaf" + b"data") is QuarantineReason.UNEXPECTED_STRUCTURE


def test_every_cut_of_a_packet_is_damaged() -> None:
    for whole in (encode_packet(Packet(1, bytes(20))), chunked(bytes(1500), 9), b"\xad\x00\x05hello"):
        for end in range(1, len(whole)):
            assert reason_for(whole[:end]) is QuarantineReason.DAMAGED


@pytest.mark.parametrize("data", [b"-----BEGIN PGP MESSAGE-----", b"{}", b"\x00", b"\n\x85"])
def test_bytes_that_begin_no_packet_are_not_openpgp(data: bytes) -> None:
    assert reason_for(data) is QuarantineReason.NOT_OPENPGP


def test_bytes_between_packets_are_refused() -> None:
    packet = encode_packet(Packet(Tag.LITERAL, b"x"))
    assert reason_for(packet + b"\n" + packet) is QuarantineReason.UNEXPECTED_STRUCTURE


DATA = b"the same line again and again\n" * 100


def deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


STREAMS = {
    "zip": b"\x01" + deflated(DATA),
    "zlib": b"\x02" + zlib.compress(DATA),
    "bzip2": b"\x03" + bz2.compress(DATA),
}


def refusal_of(stream: bytes, max_bytes: int = len(DATA)) -> QuarantineReason:
    with pytest.raises(UnauthenticatedFileError) as refusal:
        inflated(Packet(Tag.COMPRESSED, stream), max_bytes)
    return refusal.value.reason


@pytest.mark.parametrize("method", STREAMS)
def test_compressed_packet_up_to_the_limit_is_inflated_and_one_byte_more_is_a_bomb(method: str) -> None:
    assert inflated(Packet(Tag.COMPRESSED, STREAMS[method]), len(DATA)) == DATA
    assert refusal_of(STREAMS[method], len(DATA) - 1) is QuarantineReason.BOMB


@pytest.mark.parametrize(
    "stream", [b"\x02" + zlib.compress(bytes(64 << 20), 1), b"\x01" + deflated(bytes(64 << 20))]
)
def test_bomb_never_takes_more_memory_than_the_limit(stream: bytes) -> None:
    tracemalloc.start()
    assert refusal_of(stream, 1 << 20) is QuarantineReason.BOMB
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize("method", STREAMS)
def test_every_cut_of_a_compressed_stream_is_refused(method: str) -> None:
    for end in range(1, len(STREAMS[method])):
        assert refusal_of(STREAMS[method][:end]) in (QuarantineReason.DAMAGED, QuarantineReason.BOMB)


@pytest.mark.parametrize("method", STREAMS)
def test_bytes_behind_a_compressed_stream_are_refused(method: str) -> None:
    assert refusal_of(STREAMS[method] + b"\x00") is QuarantineReason.UNEXPECTED_STRUCTURE


@pytest.mark.parametrize("stream", [b"", b"\x00data", b"\x04data", b"\xffdata"])
def test_unknown_compression_is_refused(stream: bytes) -> None:
    assert refusal_of(stream) is QuarantineReason.UNEXPECTED_STRUCTURE


def test_literal_packet_gives_back_its_content_without_name_and_date() -> None:
    body = b"u" + b"\x05a.txt" + b"\x12\x34\x56\x78" + b"content"
    assert literal_content(Packet(Tag.LITERAL, body)) == b"content"
    assert literal_content(literal_packet(b"content")) == b"content"


@pytest.mark.parametrize("body", [b"", b"b", b"b\x05a.tx", b"b\x00\x00\x00\x00"])
def test_cut_literal_header_is_damaged(body: bytes) -> None:
    with pytest.raises(UnauthenticatedFileError, match="damaged"):
        literal_content(Packet(Tag.LITERAL, body))


def test_fingerprint_of_a_known_key_is_computed_as_the_standard_says() -> None:
    # The sample v4 Ed25519 key of draft-ietf-openpgp-crypto-refresh (RFC 9580, A.1).
    body = bytes.fromhex(
        "0453f35f0b16092b06010401da470f010107403f098994bdd916ed4053197934e4a87c80733a1280d62f8010992e43ee3b2406"
    )
    ring = encode_packet(Packet(Tag.PUBLIC_KEY, body)) + encode_packet(Packet(13, b"somebody"))
    assert primary_fingerprints(ring) == ("C959BDBAFA32A2F89A153B678CFDE12197965A9A",)
    assert primary_fingerprints(encode_packet(Packet(Tag.PUBLIC_KEY, b"\x06" + body[1:]))) == ()
