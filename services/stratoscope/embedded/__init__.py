"""A broker and a database from wheels, and the processes under `stratoscope up`."""

from stratoscope.embedded.broker import EmbeddedBroker, broker_url
from stratoscope.embedded.database import EmbeddedDatabase
from stratoscope.embedded.errors import EmbeddedError
from stratoscope.embedded.process import Process

__all__ = ["EmbeddedBroker", "EmbeddedDatabase", "EmbeddedError", "Process", "broker_url"]
