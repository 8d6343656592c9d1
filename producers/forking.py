"""Clients of librdkafka do not survive a fork: their threads stay in the parent."""

import ctypes

from confluent_kafka import Producer


def abandon(client: Producer) -> None:
    """Keep a forked child from ever freeing a client it inherited.

    Freeing waits a second for threads that are not there and complains on stderr, so the child holds one
    reference for ever: a few kilobytes it shares with its parent anyway.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(client))
