"""A broker and a database from wheels, and the processes under `stratoscope up`."""
