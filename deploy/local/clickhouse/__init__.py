"""The embedded ClickHouse: the real engine (chDB) in this process, behind ClickHouse's HTTP protocol.

Read in the order a request goes: `server` takes it, `call` reads what it asks for, `statement` finds where
its SQL ends and its data begins, `execution` runs it on a connection from `lending`, `reply` shapes
what goes back.

Every request has a connection of its own to the one engine of the process, so neither its settings nor its
database reach another; queries run side by side on threads (chDB lets go of Python's lock while it works),
and a long one holds up nobody.
"""
