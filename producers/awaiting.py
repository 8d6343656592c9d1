"""One event awaited in asyncio, and what is said of one that was not stored."""

import asyncio
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from producers.deliveries import Delivery
from producers.errors import DeliveryError, InvalidEventError, ProducerError, TransactionError
from producers.event_encoder import Encoded
from producers.volume_clients import reason_of

_WAIT_SECONDS: Final = 0.05


async def deliver(client: Producer, topic: str, encoded: Encoded) -> Delivery:
    """Produce, and wait for the report that another thread takes from the client.

    Raises:
        InvalidEventError, DeliveryError: it could not even be queued.
    """
    event_id, key, value = encoded
    loop = asyncio.get_running_loop()
    reported: asyncio.Future[Delivery] = loop.create_future()

    def report(error: KafkaError | None, message: Message) -> None:
        delivery = _delivery(event_id, error, message)
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, reported, delivery)

    while True:
        try:
            client.produce(topic, value, key, on_delivery=report)
            break
        except BufferError:
            await asyncio.sleep(_WAIT_SECONDS)
        except KafkaException as error:
            raise refused(event_id, error) from error
    return await reported


def stored(delivery: Delivery) -> Delivery:
    """Give back a delivery that was stored; raises DeliveryError for one that was not."""
    if delivery.error is not None:
        raise DeliveryError([(delivery.event_id, delivery.error)], 1)
    return delivery


def refused(event_id: str, error: KafkaException) -> ProducerError:
    """Say why an event was not queued."""
    reason = reason_of(error)
    if reason.code() == KafkaError._STATE:  # noqa: SLF001 - librdkafka's own codes begin so
        return TransactionError("no transaction is open: send in a `with producer.transaction():` block")
    if reason.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return InvalidEventError(f"event {event_id} is too large for its topic: shorten its properties")
    return DeliveryError([(event_id, reason.str())], 1)


def _delivery(event_id: str, error: KafkaError | None, message: Message) -> Delivery:
    if error is not None:
        return Delivery(event_id, -1, -1, error.str())
    return Delivery(event_id, message.partition() or 0, message.offset() or 0)


def _resolve(reported: "asyncio.Future[Delivery]", delivery: Delivery) -> None:
    if not reported.done():
        reported.set_result(delivery)
