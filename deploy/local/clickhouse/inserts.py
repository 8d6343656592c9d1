"""INSERTs whose data comes with the request, and tables that do."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile

from deploy.local.clickhouse.connection import EngineConnection, Tally
from deploy.local.clickhouse.errors import QueryError
from deploy.local.clickhouse.quoting import identifier, literal
from deploy.local.clickhouse.statement import Insert
from deploy.local.clickhouse.threads import EngineThreads


class Insertion:
    """An INSERT under way: `append` its data, then `finish` it.

    The data goes through a file. chDB can be fed as well, but what then fails while it writes (a constraint,
    a full disk) is told to nobody, and the rows are gone.
    """

    def __init__(self, connection: EngineConnection, asked: Insert, scratch: Path) -> None:
        self._connection = connection
        self._asked = asked
        self._data = NamedTemporaryFile(dir=scratch)  # noqa: SIM115 - it lives as long as this does

    def append(self, data: bytes) -> None:
        """Take data; rows may be cut anywhere."""
        self._data.write(data)

    def finish(self, tally: Tally) -> None:
        """Write all of it; what it returned from is there after the process was killed.

        Raises:
            QueryError: the engine refuses the statement or the data.
        """
        with self._data:
            self._data.flush()
            source = literal(self._data.name.encode())
            self._connection.run(self._asked.reading(source), tally)

    def cancel(self) -> None:
        """Drop it: nothing of it was written."""
        self._data.close()


async def insert(
    threads: EngineThreads,
    connection: EngineConnection,
    asked: Insert,
    data: AsyncIterator[bytes],
    scratch: Path,
) -> Tally:
    """Insert the data once all of it is there; when this returns, it is stored.

    Raises:
        QueryError: the engine refuses the statement or the data.
    """
    tally = Tally()
    insertion = Insertion(connection, asked, scratch)
    try:
        async for piece in data:
            await threads.run(insertion.append, piece)
    except BaseException:
        # Also where the client went away in the middle: half a body is not what it meant to store.
        insertion.cancel()
        raise
    await threads.run(insertion.finish, tally)
    return tally


def insert_at_once(connection: EngineConnection, asked: Insert, text: bytes, scratch: Path) -> Tally:
    """An INSERT chDB cannot be fed: VALUES with parameters, or a SELECT over its data by `input(...)`."""
    tally = Tally()
    if asked.input_at is None:
        connection.run(text, tally)
        return tally
    # chDB has no input(): the data goes into a file, which file() reads with the same structure.
    with NamedTemporaryFile(dir=scratch) as data:
        data.write(text[asked.data_start :])
        data.flush()
        source = b", ".join(literal(part) for part in (data.name.encode(), asked.data_format.encode()))
        structure = asked.statement.index(b"(", asked.input_at) + 1
        called = b"file(" + source + b", " + asked.statement[structure:]
        connection.run(asked.statement[: asked.input_at] + called, tally)
    return tally


def load_table(
    connection: EngineConnection, name: str, content: bytes, form: Mapping[str, str], scratch: Path
) -> None:
    """Make a file of the request's form a table of this request (ClickHouse's external data).

    Raises:
        QueryError: the form says nothing of its columns, or the engine refuses it.
    """
    structure = form.get(f"{name}_structure")
    if structure is None:
        types = form.get(f"{name}_types")
        if types is None:
            raise QueryError(
                36, "BAD_ARGUMENTS", f"The form's file {name} needs {name}_structure or {name}_types"
            )
        structure = ", ".join(f"_{number} {kind}" for number, kind in enumerate(types.split(","), 1))
    columns = structure.encode("utf-8", "surrogateescape")
    connection.run(
        b"CREATE TEMPORARY TABLE " + identifier(name) + b" (" + columns + b") ENGINE = Memory", Tally()
    )
    asked = Insert(b"INSERT INTO " + identifier(name), form.get(f"{name}_format", "TabSeparated"), 0)
    insertion = Insertion(connection, asked, scratch)
    insertion.append(content)
    insertion.finish(Tally())
