import pytest

from deploy.local.clickhouse.compression import choose_encoding, compressor, decompressor
from deploy.local.clickhouse.errors import QueryError

_DATA = b"".join(b"row %d\n" % number for number in range(20_000))
_ENCODINGS = [name for name in ("gzip", "deflate", "lz4", "zstd") if choose_encoding(name)]


@pytest.mark.parametrize("encoding", ["", *_ENCODINGS])
@pytest.mark.parametrize("size", [1, 1000, 1_000_000])
def test_what_is_compressed_in_pieces_is_decompressed_in_pieces(encoding: str, size: int) -> None:
    data = _DATA[:5000] if size == 1 else _DATA
    pack, unpack = compressor(encoding), decompressor(encoding)
    packed = b"".join(pack.compress(data[start : start + size]) for start in range(0, len(data), size))
    packed += pack.flush()
    plain = b"".join(unpack.decompress(packed[start : start + size]) for start in range(0, len(packed), size))
    unpack.finish()
    assert plain == data


@pytest.mark.parametrize("encoding", _ENCODINGS)
def test_frames_one_after_another_are_one_body(encoding: str) -> None:
    frames = b""
    for part in (b"one ", b"two ", b"three"):
        pack = compressor(encoding)
        frames += pack.compress(part) + pack.flush()
    unpack = decompressor(encoding)
    assert unpack.decompress(frames) == b"one two three"
    unpack.finish()


@pytest.mark.parametrize("encoding", _ENCODINGS)
def test_a_body_that_is_cut_or_broken_is_an_error(encoding: str) -> None:
    pack = compressor(encoding)
    packed = pack.compress(_DATA) + pack.flush()
    cut = decompressor(encoding)
    cut.decompress(packed[:-5])
    with pytest.raises(QueryError, match="CANNOT_DECOMPRESS"):
        cut.finish()
    with pytest.raises(QueryError, match=f"'{encoding}'"):
        decompressor(encoding).decompress(b"this is no compressed text at all")


def test_an_unknown_encoding_names_the_known() -> None:
    with pytest.raises(QueryError, match="gzip") as caught:
        decompressor("morse")
    assert caught.value.code == 89


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("gzip", "gzip"),
        ("morse, deflate", "deflate"),
        ("gzip;q=0, deflate;q=0.5", "deflate"),
        ("", ""),
        ("*", ""),
    ],
)
def test_the_first_encoding_we_have_is_chosen(accepted: str, chosen: str) -> None:
    assert choose_encoding(accepted) == chosen
