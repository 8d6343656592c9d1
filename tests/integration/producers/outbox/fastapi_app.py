"""A FastAPI application that counts its requests and publishes the counts itself.

python fastapi_app.py PORT TOPIC BROKERS
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI

from producers.fastapi import RequestCounting, get_project_token
from producers.outbox import (
    Drain,
    ProjectReference,
    ProjectTokenModel,
    Queue,
    UsagePublisher,
    aadd_job_to_queue_for_token,
)

PORT, TOPIC, SERVERS = sys.argv[1:]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Publish for as long as the application runs."""
    with Drain(publisher=UsagePublisher(SERVERS, topic=TOPIC, delivery_timeout=5)):
        yield


def find_project(scope: Any) -> ProjectReference:
    """Whose request it is."""
    return ProjectReference(organization_id=7, project_id=scope["query_string"].decode())


app = FastAPI(lifespan=lifespan)
app.add_middleware(RequestCounting, find_project=find_project)


@app.get("/maps")
async def maps(token: Annotated[ProjectTokenModel, Depends(get_project_token)]) -> str:
    await aadd_job_to_queue_for_token(token, "MAPS", "load")
    return "map"


@app.get("/counts")
def counts() -> dict[str, int]:
    return asdict(Queue().counts())


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(PORT), log_level="warning")
