"""A broker and a database from wheels, and the processes under `stratoscope up`."""

from stratoscope.embedded.broker import EmbeddedBroker
from stratoscope.embedded.database import EmbeddedDatabase
from stratoscope.embedded.errors import EmbeddedError
from stratoscope.embedded.process import Process
from stratoscope.embedded.stack import Stack, Wanted, running_stack
from stratoscope.embedded.up import default_data_folder, run_up

__all__ = [
    "EmbeddedBroker",
    "EmbeddedDatabase",
    "EmbeddedError",
    "Process",
    "Stack",
    "Wanted",
    "default_data_folder",
    "run_up",
    "running_stack",
]
